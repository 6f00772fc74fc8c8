// convert: weights from any format that we read to any that can hold them.
#include <charconv>
#include <filesystem>

#include "app/command_line.h"
#include "app/guard.h"
#include "app/opened_model.h"
#include "core/log.h"
#include "core/text.h"
#include "interchange/export.h"
#include "interchange/state_dict.h"
#include "interchange/upcycle.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter = R"(
examples:
  convert out/pretrain_512_moe.pth moe.safetensors
  convert output/minimind3_768 hf/minimind3 --to hf
  convert old/pretrain_512.pth new/pretrain_512.pth --to g3
  convert out/pretrain_768.pth moe/pretrain_768_moe.pth --upcycle experts=4,noise=0.01

Formats: g1, g2, g3, g4 (MiniMind .pth), safetensors, hf (a folder that transformers opens as it is).)";

struct ConvertOptions {
  mm::ModelOptions input;
  std::string output;
  std::string to;  // "": by the name of the output
  std::string dtype = "keep";
  std::string tokenizer;
  std::vector<std::string> upcycle;  // "experts=4", ...
};

void add_options(mm::CommandLine& line, ConvertOptions& options) {
  line.option("input", options.input.from, "What --init of the other programs takes").required();
  line.option("output", options.output, "A .pth, a .safetensors, or a folder for hf").required();
  line.option("--to FORMAT", options.to,
              "g1, g2, g3, g4, safetensors or hf; default: by the output's name, a .pth as the newest generation that "
              "can hold the model");
  line.option("--dtype", options.dtype, "keep, fp32, fp16 or bf16").shows_default();
  line.option("--tokenizer PATH", options.tokenizer,
              "tokenizer.json that goes into an hf folder; default: that of the input");
  line.option("--upcycle experts=N,...", options.upcycle,
              "Make a mixture of experts from a dense model: experts=N[,top_k=2][,noise=0][,seed=42]")
      .split_at(',');
  mm::add_weights_options(line, options.input);
}

[[noreturn]] void refuse(const std::string& where, const std::string& got, const std::string& want) {
  throw mm::Error(mm::ExitCode::kConfig, mm::got_want(where, got, want));
}

template <class Number>
Number number_of(const std::string& item, std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < Number{0}) {
    refuse("--upcycle", item, "a number that is not negative");
  }
  return value;
}

mm::UpcycleOptions parse_upcycle(const std::vector<std::string>& items) {
  mm::UpcycleOptions options;
  for (const std::string& item : items) {
    const size_t equals = item.find('=');
    const std::string key = item.substr(0, equals);
    const std::string_view value = equals == std::string::npos ? "" : std::string_view(item).substr(equals + 1);
    if (key == "experts") {
      options.experts = number_of<int64_t>(item, value);
    } else if (key == "top_k") {
      options.top_k = number_of<int64_t>(item, value);
    } else if (key == "noise") {
      options.noise = number_of<double>(item, value);
    } else if (key == "seed") {
      options.seed = number_of<uint64_t>(item, value);
    } else {
      refuse("--upcycle", item, "experts=N, top_k=N, noise=X or seed=N");
    }
  }
  return options;
}

std::string format_of(const ConvertOptions& options, const mm::ModelConfig& model) {
  if (!options.to.empty()) return options.to;
  const std::string ending = fs::path(options.output).extension().string();
  if (ending == ".safetensors") return "safetensors";
  if (ending != ".pth") return "hf";
  const std::string fitting = mm::fitting_generation(model);
  if (!fitting.empty()) return fitting;
  throw mm::Error(mm::ExitCode::kCheckpoint,
                  mm::got_want(options.output, "a model that no MiniMind generation can hold",
                               "a .safetensors file, which can hold any", "--to g3 or g4 says what is in the way"));
}

void write_huggingface(const ConvertOptions& options, const std::string& tokenizer_path,
                       const mm::NamedTensors& tensors, const mm::ModelConfig& model) {
  mm::SpecialTokens tokens;
  const bool copies = tokenizer_path.ends_with(".json");
  if (copies) {
    const auto tokenizer = mm::load_tokenizer(tokenizer_path);
    tokens.bos = tokenizer->bos_id();
    tokens.eos = tokenizer->eos_id();
  }
  mm::write_huggingface_folder(options.output, tensors, model, tokens, copies ? tokenizer_path : "");
  if (!copies) {
    mm::log_warning("no tokenizer.json goes with " + options.output + " (name one with --tokenizer)");
  }
}

void convert(const ConvertOptions& options) {
  mm::Weights weights = mm::open_named_weights(options.input, "input");
  mm::log_info("read      " + weights.file.path + " (" + weights.description + ")");
  mm::ModelConfig model = mm::model_with_flags(weights.file, options.input.settings);
  mm::NamedTensors tensors = mm::checked_tensors(weights, model);
  if (!options.upcycle.empty()) {
    mm::Upcycled upcycled = mm::upcycle(tensors, model, parse_upcycle(options.upcycle));
    tensors = std::move(upcycled.tensors);
    model = upcycled.model;
  }
  tensors = mm::in_dtype(tensors, mm::parse_dtype(options.dtype), options.output);

  const std::string format = format_of(options, model);
  if (format == "hf") {
    write_huggingface(options, options.tokenizer.empty() ? weights.tokenizer_path : options.tokenizer, tensors, model);
  } else if (format == "safetensors") {
    mm::write_model_safetensors(options.output, tensors, model);
  } else {
    const mm::Generation& generation = mm::find_generation(format, "--to");
    mm::write_generation_pth(options.output, tensors, model, generation);
    const std::string constants = mm::constants_to_tell(model, generation);
    if (!constants.empty()) {
      mm::log_warning("a " + std::string(generation.name) + " file cannot say that " + constants +
                      ": tell every program that reads it");
    }
  }
  mm::log_info("wrote     " + options.output + " (" + format + ", " + std::to_string(tensors.size()) + " tensors)");
}

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Converts weights between MiniMind's generations, safetensors and Hugging Face, without loss.",
                       kFooter);
  ConvertOptions options;
  add_options(line, options);
  return mm::run_program(line, argc, argv, [&] {
    convert(options);
    return mm::ExitCode::kFinished;
  });
}
