// One tensor after another; what its neighbours say of it is looked up first.
#include "interchange/huggingface_source.h"

#include <algorithm>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"
#include "interchange/tensors/model_tensors.h"

namespace mm {
namespace {

constexpr std::string_view kSharedGate = ".mlp.shared_expert_gate.weight";

bool is_zero(const at::Tensor& tensor) {
  return tensor.count_nonzero().item<int64_t>() == 0;
}

class HuggingFaceSource {
 public:
  HuggingFaceSource(const NamedTensors& tensors, const std::string& model_type, const std::string& file)
      : tensors_(tensors), next_(model_type == "qwen3_next"), file_(file) {
    half_open_ = std::all_of(tensors.begin(), tensors.end(), [](const auto& entry) {
      return !entry.first.ends_with(kSharedGate) || is_zero(entry.second);
    });
  }

  NamedTensors read() {
    for (const auto& [name, tensor] : tensors_) add(name, tensor);
    return std::move(out_);
  }

 private:
  void add(const std::string& name, const at::Tensor& tensor) {
    const bool norm = name.ends_with("norm.weight");
    if (name.find(".linear_attn.") != std::string::npos) {
      refuse(name, "linear attention", "full attention in every layer");
    } else if (name.ends_with("_proj.bias")) {
      if (!is_zero(tensor)) refuse(name, "a bias that is not 0", "queries, keys and values without one");
    } else if (name.ends_with(kSharedGate) && half_open_) {
      // Its half is taken by down_proj.
    } else if (const size_t at = name.find(".mlp.shared_expert");
               at != std::string::npos && !name.ends_with(kSharedGate)) {
      add_shared(name.substr(0, at), name.substr(name.find('.', at + 5) + 1), tensor);
    } else if (next_ && norm) {
      out_.emplace_back(name, (tensor.to(at::kFloat) + 1).to(tensor.scalar_type()));
    } else if (next_ && name.ends_with(".self_attn.q_proj.weight")) {
      out_.emplace_back(name, without_gate(name, tensor));
    } else if (next_ && name.ends_with(".self_attn.o_proj.weight")) {
      out_.emplace_back(name, scaled(tensor, 0.5, file_ + ":" + name));
    } else {
      out_.emplace_back(name, tensor);
    }
  }

  /// `part` is "down_proj.weight" or the like, of `shared_expert` or `shared_experts`.
  void add_shared(const std::string& layer, const std::string& part, const at::Tensor& tensor) {
    const bool doubled = part.starts_with("down_proj") && half_open_ && has(layer + std::string(kSharedGate));
    const std::string name = layer + ".mlp.shared_experts.0." + part;
    out_.emplace_back(name, doubled ? scaled(tensor, 0.5, file_ + ":" + name) : tensor);
  }

  /// The rows of each head without those of its gate behind them.
  at::Tensor without_gate(const std::string& name, const at::Tensor& tensor) const {
    const at::Tensor* norm = find(name.substr(0, name.size() - std::string_view("proj.weight").size()) + "norm.weight");
    if (norm == nullptr || tensor.size(0) % (2 * norm->size(0)) != 0)
      refuse(name, "no gate", "a gate behind each head");
    const at::Tensor parts = tensor.view({-1, 2, norm->size(0), tensor.size(1)});
    if (!is_zero(parts.select(1, 1))) refuse(name, "a gate before the heads that is not 0", "attention without one");
    return parts.select(1, 0).reshape({tensor.size(0) / 2, tensor.size(1)});
  }

  const at::Tensor* find(std::string_view name) const {
    const auto found =
        std::find_if(tensors_.begin(), tensors_.end(), [&](const auto& entry) { return entry.first == name; });
    return found == tensors_.end() ? nullptr : &found->second;
  }
  bool has(std::string_view name) const { return find(name) != nullptr; }

  [[noreturn]] void refuse(const std::string& name, const std::string& got, const std::string& want) const {
    throw Error(ExitCode::kCheckpoint, got_want(file_ + ":" + show_key(name), got, want));
  }

  const NamedTensors& tensors_;
  bool next_;
  bool half_open_ = true;  ///< every gate before shared experts is 0, as our exports have it
  const std::string& file_;
  NamedTensors out_;
};

}  // namespace

NamedTensors from_huggingface_class(const NamedTensors& tensors, const std::string& model_type,
                                    const std::string& file) {
  if (model_type != "qwen2_moe" && model_type != "qwen3_next" && model_type != "glm4_moe") return tensors;
  return HuggingFaceSource(tensors, model_type, file).read();
}

}  // namespace mm
