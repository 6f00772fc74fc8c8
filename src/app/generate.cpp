// generate: text from a model.
#include <charconv>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <string>

#include "app/generate/chat.h"
#include "app/generate/text_output.h"
#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "app/program/opened_model.h"
#include "core/text.h"
#include "eval/generation/chat_template.h"
#include "eval/generation/generate.h"

namespace mm {
namespace {

constexpr const char* kFooter = R"(
examples:
  generate --run output/quickstart --prompt "In the beginning"
  generate --run output/quickstart --prompt - --samples 3 --stop "." < beginning.txt
  generate --run output/quickstart --prompt "In the beginning" --experts
  generate --init out/full_sft_768.pth --tokenizer model --chat
  generate --init out/pretrain_768.pth --tokenizer model/tokenizer.json --prompt "..." --temperature 0

The text goes to standard output, its speed to standard error.)";

struct Options {
  ModelOptions model;
  std::string prompt, system, experts;
  GenerationOptions generation = {.max_new_tokens = 128};
  int64_t context = 0, samples = 1;
  bool chat = false;
};

void declare_options(CommandLine& line, Options& options) {
  SamplingRule& sampling = options.generation.sampling;
  add_model_options(line, options.model);
  line.option("--prompt TEXT", options.prompt,
              "Text to continue; empty: from nothing; -: standard input, without its "
              "last line end")
      .may_be_empty();
  line.flag("--chat", options.chat,
            "A conversation: answers each line of standard input, in the tokenizer's chat template")
      .excludes("--prompt");
  line.option("--system TEXT", options.system, "What the conversation opens with; default: as the template has it");
  line.option("--max-new-tokens", options.generation.max_new_tokens, "Most tokens of a continuation or answer")
      .range(1, 1 << 20)
      .shows_default();
  line.option(
          "--experts [LAYER]", options.experts,
          "Colour every token by the expert that it went to, of that layer of the model, from 0; default: the last one")
      .or_alone("last")
      .excludes("--chat");
  line.option("--samples", options.samples, "So many continuations, with the seeds that follow --seed")
      .range(1, 1 << 20)
      .shows_default()
      .excludes("--chat");
  line.option("--stop TEXT", options.generation.stop, "Ends the text before this; may be repeated").one_at_a_time();
  line.option("--temperature", sampling.temperature, "0: the likeliest token every time")
      .range(0.0, 10.0)
      .shows_default();
  line.option("--top-k", sampling.top_k, "Draw among so many of the likeliest tokens; 0: among all")
      .range(0, 1 << 20)
      .shows_default();
  line.option("--top-p", sampling.top_p, "Draw among the likeliest tokens of this joint probability")
      .range(0.01, 1.0)
      .shows_default();
  line.option("--min-p", sampling.min_p, "Draw among tokens of at least this share of the likeliest one's probability")
      .range(0.0, 1.0)
      .shows_default();
  line.option("--repetition-penalty", sampling.repetition_penalty, "Above 1: tokens that came before are less likely")
      .range(0.01, 100.0)
      .shows_default();
  line.option("--seed", options.generation.seed, "The same seed gives the same text").shows_default();
  line.option("--context", options.context, "Tokens that the model sees; default: as the run was trained, or 512")
      .range(1, 1 << 20);
}

void check_options(const Options& options) {
  if (options.system.empty() || options.chat) return;
  throw Error(ExitCode::kConfig, got_want("--system", "no conversation", "--chat beside it"));
}

std::string read_prompt(const std::string& option) {
  if (option != "-") return option;
  std::string text{std::istreambuf_iterator<char>(std::cin), {}};
  if (text.ends_with('\n')) text.pop_back();
  return text;
}

/// The layer that --experts names, by its number in the model; -1 without it.
int64_t layer_of(const std::string& option, const ModelConfig& config) {
  if (option.empty()) return -1;
  if (!config.is_moe()) {
    throw Error(ExitCode::kConfig, got_want("--experts", "a dense model, which has none", "a mixture of experts"));
  }
  const int64_t layers = config.num_hidden_layers, dense = config.moe.first_k_dense_replace;
  if (option == "last") return layers - 1;
  int64_t layer = -1;
  const char* end = option.data() + option.size();
  const auto [stopped, problem] = std::from_chars(option.data(), end, layer);
  if (problem == std::errc() && stopped == end && layer >= dense && layer < layers) return layer;
  throw Error(ExitCode::kConfig, got_want("--experts", option,
                                          "a layer from " + std::to_string(dense) + " to " + std::to_string(layers - 1),
                                          dense == 0 ? "" : "those before are dense (model.first_k_dense_replace)"));
}

void tell_speed(size_t prompt_tokens, const Continuation& text) {
  const size_t tokens = text.tokens.size();
  std::string line = format("%zu prompt tokens and the first new one in %s", prompt_tokens,
                            short_seconds(text.first_token_seconds).c_str());
  if (tokens > 1) {
    const double rate = static_cast<double>(tokens - 1) / text.later_tokens_seconds;
    line += format(", %zu more at %.1f tokens/s", tokens - 1, rate);
  }
  std::fprintf(stderr, "[%s]\n", line.c_str());
}

///   layer  whose experts colour the text; -1: none
void write_samples(Decoder& decoder, const Tokenizer& tokenizer, Options options, int64_t layer) {
  const std::string text = read_prompt(options.prompt);
  const std::vector<int32_t> prompt = prompt_tokens(tokenizer, text);
  TextOutput output;
  if (layer >= 0) {
    output.colour_by_expert(layer);
    decoder.keep_routes();
  }
  for (int64_t sample = 1; sample <= options.samples; ++sample, ++options.generation.seed) {
    if (options.samples > 1) {
      output.write(format("%s--- sample %lld of %lld, seed %llu ---\n", sample > 1 ? "\n" : "",
                          static_cast<long long>(sample), static_cast<long long>(options.samples),
                          static_cast<unsigned long long>(options.generation.seed)));
    }
    if (layer < 0) output.write(text);
    const auto show = [&](std::string_view piece, const TokenRoute& route) { output.write(piece, route); };
    const Continuation continuation = continue_text(decoder, tokenizer, prompt, options.generation, show);
    output.write("\n");
    if (layer >= 0) std::fprintf(stderr, "[%s]\n", output.take_legend().c_str());
    tell_speed(prompt.size(), continuation);
  }
}

}  // namespace
}  // namespace mm

int main(int argc, char** argv) {
  mm::CommandLine line("Continues a prompt with a model, whatever file its weights come in.", mm::kFooter);
  mm::Options options;
  mm::declare_options(line, options);
  return mm::run_program(line, argc, argv, [&] {
    mm::check_options(options);
    mm::OpenedModel opened(options.model);
    const auto tokenizer = opened.open_tokenizer();
    const int64_t trained_length = opened.weights.sequence_length > 0 ? opened.weights.sequence_length : 512;
    mm::Decoder decoder(opened.model, options.context > 0 ? options.context : trained_length);
    if (options.chat) {
      const mm::ChatTemplate form = mm::read_chat_template(opened.tokenizer_path(), *tokenizer);
      mm::TextOutput output;
      mm::chat(decoder, *tokenizer, form, options.system, options.generation, output);
    } else {
      mm::write_samples(decoder, *tokenizer, options, mm::layer_of(options.experts, opened.model.config()));
    }
    return mm::ExitCode::kFinished;
  });
}
