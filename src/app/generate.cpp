// generate: text from a model.
#include <unistd.h>

#include <string>

#include "app/command_line.h"
#include "app/guard.h"
#include "app/opened_model.h"
#include "core/log.h"
#include "core/visible_text.h"
#include "eval/generate.h"

namespace {

constexpr const char* kFooter = R"(
examples:
  generate --run output/quickstart --prompt "In the beginning"
  generate --init out/pretrain_768.pth --tokenizer model/tokenizer.json --prompt "..." --temperature 0)";

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line("Continues a prompt with a model, whatever file its weights come in.", kFooter);
  mm::ModelOptions model;
  std::string prompt;
  mm::GenerationOptions options;
  options.max_new_tokens = 128;
  options.context = 0;
  mm::add_model_options(line, model);
  line.option("--prompt TEXT", prompt, "Text to continue; empty: from nothing").may_be_empty();
  line.option("--max-new-tokens", options.max_new_tokens, "Length of the continuation")
      .range(1, 1 << 20)
      .shows_default();
  line.option("--temperature", options.temperature, "0: the likeliest token every time")
      .range(0.0, 10.0)
      .shows_default();
  line.option("--top-p", options.top_p, "Draw among the likeliest tokens of this joint probability")
      .range(0.01, 1.0)
      .shows_default();
  line.option("--seed", options.seed, "The same seed gives the same text").shows_default();
  line.option("--context", options.context, "Tokens that the model sees; default: as the run was trained, or 512")
      .range(1, 1 << 20);
  return mm::run_program(line, argc, argv, [&] {
    mm::OpenedModel opened(model);
    const auto tokenizer = opened.open_tokenizer();
    const int64_t trained_length = opened.weights.sequence_length > 0 ? opened.weights.sequence_length : 512;
    if (options.context == 0) options.context = trained_length;
    const std::string text = prompt + mm::generate(opened.model, *tokenizer, prompt, options);
    // A model may write what a terminal would obey; whoever reads a pipe gets the bytes as they are.
    mm::log_info(::isatty(STDOUT_FILENO) == 1 ? mm::terminal_text(text) : text);
    return mm::ExitCode::kFinished;
  });
}
