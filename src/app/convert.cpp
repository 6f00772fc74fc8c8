// convert: weights from any format that we read to any that can hold them.
#include <charconv>
#include <filesystem>

#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "app/program/opened_model.h"
#include "app/program/option_words.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "interchange/export/export.h"
#include "interchange/export/exports.h"
#include "interchange/gguf/gguf_export.h"
#include "interchange/state_dict.h"
#include "interchange/upcycle.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter = R"(
examples:
  convert out/pretrain_512_moe.pth moe.safetensors
  convert output/minimind3_768 hf/minimind3 --to hf
  convert output/quickstart quickstart.gguf --dtype fp16
  convert old/pretrain_512.pth new/pretrain_512.pth --to g3
  convert out/pretrain_768.pth moe/pretrain_768_moe.pth --upcycle experts=4,noise=0.01

Formats: g1, g2, g3, g4, g4c (MiniMind .pth), safetensors, hf (a folder that transformers opens as it is), gguf (a file
that llama.cpp runs).)";

struct ConvertOptions {
  mm::ModelOptions input;
  std::string output;
  std::string to;  // "": by the name of the output
  std::string dtype = "keep";
  std::string tokenizer;
  std::vector<std::string> upcycle;  // "experts=4", ...
};

/// The generations and the forms beside them.
std::vector<std::string> format_words() {
  std::vector<std::string> words = mm::generation_words();
  words.insert(words.end(), {"safetensors", "hf", "gguf"});
  return words;
}

void add_options(mm::CommandLine& line, ConvertOptions& options) {
  line.option("input", options.input.from, "What --init of the other programs takes").required();
  line.option("output", options.output, "A .pth, a .safetensors, a .gguf, or a folder for hf").required();
  line.option("--to FORMAT", options.to,
              "g1, g2, g3, g4, g4c, safetensors, hf or gguf; default: by the output's name, a .pth as the newest "
              "generation "
              "that can hold the model")
      .words(format_words());
  line.option("--dtype", options.dtype, "keep, fp32, fp16 or bf16; for gguf q8_0 too")
      .shows_default()
      .words({"keep", "fp32", "fp16", "bf16", "q8_0"});
  line.option("--tokenizer PATH", options.tokenizer,
              "A tokenizer.json or .model that goes along; default: that of the input");
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
  if (ending == ".gguf") return "gguf";
  if (ending != ".pth") return "hf";
  const std::string fitting = mm::fitting_generation(model);
  if (!fitting.empty()) return fitting;
  throw mm::Error(
      mm::ExitCode::kCheckpoint,
      mm::got_want(options.output, "a model that no MiniMind generation can hold: " + mm::pth_obstacle(model),
                   "a .safetensors file, which can hold any", "this one can be had: " + mm::describe_exports(model)));
}

/// The path of a tokenizer in a form that holds wherever it is read from.
std::string whole_path(const std::string& path) {
  return path.empty() ? "" : fs::absolute(path).lexically_normal().string();
}

void write_pth(const ConvertOptions& options, const std::string& format, const mm::NamedTensors& tensors,
               const mm::ModelConfig& model, const mm::Origin& origin) {
  const mm::Generation& generation = mm::find_generation(format, "--to");
  const mm::NamedTensors written = mm::in_dtype(tensors, mm::parse_dtype(options.dtype), options.output);
  mm::write_generation_pth(options.output, written, model, generation, {}, origin.tokenizer);
  const std::string constants = mm::constants_to_tell(model, generation);
  if (!constants.empty()) {
    mm::log_warning("a " + std::string(generation.name) + " file cannot say that " + constants +
                    ": tell every program that reads it");
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

  const std::string format = format_of(options, model);
  const std::string& tokenizer = options.tokenizer.empty() ? weights.tokenizer_path : options.tokenizer;
  const int64_t length = weights.sequence_length > 0 ? weights.sequence_length : weights.max_positions;
  const mm::Origin origin{.tokenizer = whole_path(tokenizer), .sequence_length = length};
  if (format == "gguf") {
    mm::write_gguf_model(options.output, tensors, model, options.dtype, origin);
  } else if (format == "hf") {
    mm::write_huggingface_folder(options.output, tensors, model, mm::parse_dtype(options.dtype), origin);
  } else if (format == "safetensors") {
    const mm::NamedTensors written = mm::in_dtype(tensors, mm::parse_dtype(options.dtype), options.output);
    mm::write_model_safetensors(options.output, written, model, origin);
  } else {
    write_pth(options, format, tensors, model, origin);
  }
  mm::log_info("wrote     " + options.output + " (" + format + ", " + std::to_string(tensors.size()) + " tensors)");
  if (origin.tokenizer.empty()) {
    mm::log_warning("no tokenizer goes with " + options.output + " (name one with --tokenizer)");
  }
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
