// generate: text from a model.
#include <CLI/CLI.hpp>

#include "app/guard.h"
#include "app/opened_model.h"
#include "core/log.h"
#include "train/generate.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  generate --run output/quickstart --prompt "In the beginning"
  generate --init out/pretrain_768.pth --tokenizer model/tokenizer.json --prompt "..." --temperature 0)";

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Continues a prompt with a model, whatever file its weights come in.");
  app.footer(kFooter);
  mm::ModelOptions model;
  std::string prompt;
  mm::GenerationOptions options;
  options.max_new_tokens = 128;
  options.context = 0;
  mm::add_model_options(app, model);
  app.add_option("--prompt", prompt, "Text to continue; empty: from nothing")->option_text("TEXT");
  app.add_option("--max-new-tokens", options.max_new_tokens, "Length of the continuation")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--temperature", options.temperature, "0: the likeliest token every time")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  app.add_option("--top-p", options.top_p, "Draw among the likeliest tokens of this joint probability")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed gives the same text")->capture_default_str();
  app.add_option("--context", options.context, "Tokens that the model sees; default: as the run was trained, or 512")
      ->check(CLI::Range(1, 1 << 20));
  return mm::run_program(app, argc, argv, [&] {
    mm::OpenedModel opened(model);
    const auto tokenizer = opened.open_tokenizer();
    const int64_t trained_length = opened.weights.sequence_length > 0 ? opened.weights.sequence_length : 512;
    if (options.context == 0) options.context = trained_length;
    mm::log_info(prompt + mm::generate(opened.model, *tokenizer, prompt, options));
    return mm::ExitCode::kFinished;
  });
}
