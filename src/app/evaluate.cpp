// evaluate: loss, perplexity and bits per byte of a model on text, or its answers to given tokens.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "app/guard.h"
#include "app/opened_model.h"
#include "core/files.h"
#include "core/log.h"
#include "core/text.h"
#include "data/datasets.h"
#include "train/evaluate.h"
#include "train/inspect.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  evaluate --init output/quickstart --data data/corpus/python.jsonl
  evaluate --init out/pretrain_512.pth --tokenizer model/tokenizer.json --data dataset/valid.jsonl
  evaluate --init out/pretrain_512.pth --set model.num_attention_heads=4 --tokens in.json --logits out.json

in.json is {"tokens": [[ids], ...], "positions": [[row, column], ...]}; out.json gets
{"cross_entropy": x, "aux": x, "logits": [[one row of the vocabulary], ...]} in fp32, in the order asked.)";

struct EvaluateOptions {
  mm::ModelOptions model;
  std::vector<std::string> data;
  std::string cache;
  int64_t sequence_length = 0;  // 0: that of the run, or 512
  int64_t max_tokens = 0;
  int64_t micro_batch = 8;
  std::string tokens, logits;
};

void add_options(CLI::App& app, EvaluateOptions& options) {
  mm::add_model_options(app, options.model);
  app.add_option("--data", options.data, "JSONL files with a \"text\" in each line")->option_text("FILE ...");
  app.add_option("--cache", options.cache, "Folder for the token files; default: beside the text")
      ->option_text("FOLDER");
  app.add_option("--sequence-length", options.sequence_length, "Tokens of context; default: that of the run, or 512")
      ->check(CLI::Range(1, 1 << 20));
  app.add_option("--max-tokens", options.max_tokens, "Tokens of each file, taken evenly from the whole; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--micro-batch", options.micro_batch, "Sequences in one forward pass")
      ->check(CLI::Range(1, 1 << 16))
      ->capture_default_str();
  CLI::Option* tokens =
      app.add_option("--tokens", options.tokens, "Token ids to run the model over")->option_text("IN");
  CLI::Option* logits =
      app.add_option("--logits", options.logits, "Where its losses and logits go")->option_text("OUT");
  tokens->needs(logits);
  logits->needs(tokens);
}

void answer(const mm::OpenedModel& opened, const EvaluateOptions& options) {
  const std::string question = mm::read_file(options.tokens, mm::ExitCode::kData);
  mm::write_file_atomic(options.logits,
                        mm::answer_tokens(opened.config, opened.parameters, question, options.tokens,
                                          opened.weights.file.recognized.generation->shift_inside_model));
}

void evaluate_files(mm::OpenedModel& opened, const EvaluateOptions& options) {
  const auto tokenizer = opened.open_tokenizer();
  const int64_t trained_length = opened.weights.sequence_length > 0 ? opened.weights.sequence_length : 512;
  mm::DataConfig data;
  data.sequence_length = options.sequence_length > 0 ? options.sequence_length : trained_length;
  data.cache = options.cache;
  const at::Tensor bytes_v = mm::bytes_per_token(*tokenizer, opened.config.vocab_size, opened.setup.device);
  mm::log_info("      loss  perplexity  bits/byte        tokens  file");
  for (const std::string& file : options.data) {
    data.validation = {{.path = file, .domain = {}}};
    const auto dataset = mm::open_validation(data, *tokenizer);
    const mm::EvaluationRecord record =
        mm::evaluate(opened.model, *dataset, options.max_tokens, options.micro_batch, bytes_v);
    mm::log_info(mm::format("%10.4f  %10.3f  %9.4f  %12s  %s", record.loss, record.perplexity, record.bits_per_byte,
                            mm::with_commas(record.tokens).c_str(), file.c_str()));
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Tells how well a model predicts text, whatever file its weights come in.");
  app.footer(kFooter);
  EvaluateOptions options;
  add_options(app, options);
  return mm::run_program(app, argc, argv, [&] {
    if (options.data.empty() && options.tokens.empty()) {
      throw mm::Error(mm::ExitCode::kConfig, mm::got_want("evaluate", "neither --data nor --tokens", "one of them"));
    }
    mm::OpenedModel opened(options.model);
    mm::log_info("weights   " + opened.weights.file.path + " (" + opened.weights.description + ")");
    if (!options.tokens.empty()) answer(opened, options);
    if (!options.data.empty()) evaluate_files(opened, options);
    return mm::ExitCode::kFinished;
  });
}
