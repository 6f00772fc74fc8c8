// Counts what a micro-batch of a config has a GPU do, and an update, without one: ops of ATen, launches of our kernels,
// and the bytes of their inputs and outputs, each once. It runs on the meta device at the config's full size; a layer
// is the difference of two depths. Attention is left out: which kernel computes it, only a GPU says.
//
// usage: step_traffic <config.json> [key=value]...
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/record_function.h>

#include <cstdio>
#include <map>
#include <set>

#include "core/error.h"
#include "engine/training_step.h"
#include "ops/cuda/emulator/emulator.h"
#include "ops/own_gradient.h"
#include "recipe/run_config.h"
#include "tests/support/meta_device.h"

namespace mm {
namespace {

/// Attention as one op that moves nothing.
at::Tensor no_attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, const std::optional<at::Tensor>&,
                        double, bool, std::optional<double>, bool) {
  const auto forward = [&]() -> ForwardPass {
    // As flash attention lays it out: [batch, time, heads, features] in memory.
    return {.outputs = {at::empty({q.size(0), q.size(2), q.size(1), q.size(3)}, q.options()).transpose(1, 2)},
            .saved = {q, k, v}};
  };
  const auto backward = [](const BackwardPass& pass) -> std::vector<at::Tensor> {
    std::vector<at::Tensor> gradients;
    for (const at::Tensor& x : pass.saved) {
      gradients.push_back(at::empty({x.size(0), x.size(2), x.size(1), x.size(3)}, x.options()).transpose(1, 2));
    }
    return gradients;
  };
  return own_gradient({q, k, v}, forward, backward)[0];
}

struct Traffic {
  double calls = 0, bytes = 0;
};
using Table = std::map<std::string, Traffic>;

/// Ops that only make a tensor, or another view of one.
bool allocates(const std::string& op) {
  return op.starts_with("aten::empty") || op == "aten::resize_" || op == "aten::set_";
}
bool views(const std::string& op) {
  static const std::set<std::string> kViews = {
      "aten::_reshape_alias", "aten::_unsafe_view", "aten::alias",     "aten::as_strided", "aten::detach",
      "aten::diagonal",       "aten::expand",       "aten::narrow",    "aten::permute",    "aten::select",
      "aten::slice",          "aten::split",        "aten::squeeze",   "aten::t",          "aten::split_with_sizes",
      "aten::transpose",      "aten::unbind",       "aten::unsqueeze", "aten::view"};
  return kViews.contains(op);
}

/// On the device alone.
double bytes_of(c10::ArrayRef<c10::IValue> values) {
  double bytes = 0;
  const auto add = [&](const at::Tensor& x) {
    if (x.defined() && x.is_meta()) bytes += static_cast<double>(x.nbytes());
  };
  for (const c10::IValue& value : values) {
    if (value.isTensor()) add(value.toTensor());
    if (value.isTensorList()) {
      for (const at::Tensor& x : value.toTensorVector()) add(x);
    }
  }
  return bytes;
}

/// Of what an op reads; what it writes alone is among its outputs.
double bytes_read(const at::RecordFunction& function) {
  const std::string name = function.name();
  const bool overwrites = name == "aten::zero_" || name == "aten::fill_" || name == "aten::copy_";
  c10::ArrayRef<c10::IValue> inputs = function.inputs();
  if (overwrites) inputs = inputs.slice(1);
  const std::optional<c10::FunctionSchema> schema = function.operator_schema();
  if (schema && !schema->arguments().empty() && schema->arguments().back().is_out()) {
    inputs = inputs.slice(0, inputs.size() - 1);
  }
  return bytes_of(inputs);
}

/// An op that runs. Its work is that of the ops it calls, where it calls some.
struct Call final : at::ObserverContext {
  Call* caller = nullptr;
  bool calls_others = false;
  double bytes = 0;
};
thread_local Call* innermost = nullptr;
thread_local Table* counted = nullptr;

std::unique_ptr<at::ObserverContext> begin_call(const at::RecordFunction& function) {
  auto call = std::make_unique<Call>();
  call->caller = innermost;
  innermost = call.get();
  call->bytes = bytes_read(function);
  return call;
}

void end_call(const at::RecordFunction& function, at::ObserverContext* context) {
  auto* call = static_cast<Call*>(context);
  innermost = call->caller;
  const std::string name = function.name();
  call->bytes += bytes_of(function.outputs());
  if (allocates(name) || (call->bytes == 0 && !call->calls_others)) return;
  if (call->caller != nullptr) call->caller->calls_others = true;
  const bool works = !call->calls_others || name == "aten::baddbmm";  // which multiplies behind the copy that it calls
  if (!works || counted == nullptr || views(name) || !name.starts_with("aten::")) return;
  Traffic& traffic = (*counted)[name];
  traffic.calls += 1;
  traffic.bytes += call->bytes;
}

template <class Work>
Table count(const Work& work) {
  Table table;
  counted = &table;
  const int64_t launches = cuda::Emulation::launches(), bytes = cuda::Emulation::bytes();
  work();
  counted = nullptr;
  table["our kernels"] = {static_cast<double>(cuda::Emulation::launches() - launches),
                          static_cast<double>(cuda::Emulation::bytes() - bytes)};
  return table;
}

/// A training step without memory, behind its first micro-batch: that makes the tables which are made once.
struct EmptyStep {
  EmptyStep(const RunConfig& config, int64_t layers)
      : model([&] {
          ModelConfig changed = config.model;
          changed.num_hidden_layers = layers;
          return changed;
        }()),
        trained(model, config.optim, at::kMeta, at::kBFloat16),
        step(model, {.accumulation = 1, .max_grad_norm = 1.0, .replay = false}, trained) {
    const at::Tensor tokens = at::empty({config.train.micro_batch, config.data.sequence_length},
                                        at::TensorOptions().dtype(at::kLong).device(at::kMeta));
    batch = {tokens, at::empty_like(tokens), tokens.numel()};
    step.begin(2);
    train_micro_batch();
  }

  void train_micro_batch() { step.backward(step.forward(batch), batch); }

  const cuda::Emulation emulation{};
  ModelConfig model;
  TrainedModel trained;
  TrainingStep step;
  Batch batch;
};

/// Of forward and backward of one micro-batch.
Table traffic_of(const RunConfig& config, int64_t layers) {
  EmptyStep empty(config, layers);
  return count([&] { empty.train_micro_batch(); });
}

/// What stands between the last micro-batch of a step and the first of the next.
void print_update(const RunConfig& config) {
  EmptyStep empty(config, config.model.num_hidden_layers);
  const Table table = count([&] {
    empty.step.finish_gradients();
    empty.step.update(1e-3);
    empty.step.begin(2);
  });
  Traffic sum;
  for (const auto& [name, traffic] : table) {
    sum.calls += traffic.calls;
    sum.bytes += traffic.bytes;
    std::printf("%-34s %12.0f %12.1f\n", name.c_str(), traffic.calls, traffic.bytes / 1e6);
  }
  const auto parameters = static_cast<double>(empty.trained.parameters.layout().size);
  std::printf("an update of %.1f M parameters: %.0f calls, %.1f MB, %.1f bytes a parameter\n", parameters / 1e6,
              sum.calls, sum.bytes / 1e6, sum.bytes / parameters);
}

void print_table(const Table& one, const Table& two) {
  Traffic rest, products;
  std::printf("%-34s %12s %12s %14s %12s\n", "", "calls/layer", "MB/layer", "calls besides", "MB besides");
  for (const auto& [name, with_two] : two) {
    const Traffic with_one = one.contains(name) ? one.at(name) : Traffic{};
    const Traffic layer{with_two.calls - with_one.calls, with_two.bytes - with_one.bytes};
    const bool product = name == "aten::mm" || name.starts_with("aten::addmm") || name == "aten::_grouped_mm";
    Traffic& sum = product ? products : rest;
    sum.calls += layer.calls;
    sum.bytes += layer.bytes;
    std::printf("%-34s %12.0f %12.1f %14.0f %12.1f\n", name.c_str(), layer.calls, layer.bytes / 1e6,
                with_one.calls - layer.calls, (with_one.bytes - layer.bytes) / 1e6);
  }
  std::printf(
      "a layer without attention: %.0f calls, %.1f MB, of them products %.0f calls, %.1f MB; the rest %.1f MB\n",
      rest.calls + products.calls, (rest.bytes + products.bytes) / 1e6, products.calls, products.bytes / 1e6,
      rest.bytes / 1e6);
}

}  // namespace
}  // namespace mm

TORCH_LIBRARY_IMPL(aten, AutogradMeta, library) {
  library.impl("scaled_dot_product_attention", mm::no_attention);
}

int main(int argc, char** argv) try {
  if (argc < 2) throw mm::Error(mm::ExitCode::kConfig, "usage: step_traffic <config.json> [key=value]...");
  std::vector<std::string> notes;
  const mm::RunConfig config = mm::load_run_config(argv[1], {argv + 2, argv + argc}, notes);
  at::addThreadLocalCallback(
      at::RecordFunctionCallback(mm::begin_call, mm::end_call).needsInputs(true).needsOutputs(true));
  mm::print_table(mm::traffic_of(config, 1), mm::traffic_of(config, 2));
  mm::print_update(config);
} catch (const std::exception& error) {
  std::fprintf(stderr, "step_traffic: %s\n", error.what());
  return 2;
}
