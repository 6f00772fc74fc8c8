// The text and the configs, and what many tests of whole runs ask.
#include "workplace.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "core/text.h"

namespace {

/// 300 lines of twenty words in ever new orders, each with this mark at its end.
std::string text_lines(char mark) {
  const Words words = {"river", "stone",   "amber", "cloud",  "seven", "light", "under",   "song",  "green", "north",
                       "above", "between", "house", "winter", "field", "quiet", "morning", "paper", "glass", "journey"};
  std::string lines;
  for (size_t i = 0; i < 300; ++i) {
    Words sentence;
    for (size_t j = 0; j < 12 + i % 9; ++j) sentence.push_back(words[(i * 7 + j * j * 3 + j) % words.size()]);
    lines += "{\"text\": \"" + mm::join(sentence, " ") + mark + "\"}\n";
  }
  return lines;
}

std::string config(const std::string& model, const std::string& metrics) {
  return R"({
  "run": {"device": "cpu", "threads": 1},
  "data": {"train": ["text.jsonl"], "sequence_length": 32, "validation_fraction": 0.1},
  "tokenizer": {"path": "tokenizer/tokenizer.json", "train": true},
  "model": {
    )" + model +
         R"(,
    "vocab_size": 320,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2
  },
  "train": {"steps": 20, "micro_batch": 4, "accumulation": 2},
  "evaluation": {"every": 5, "tokens": 256},
  "sample": {"every": 5, "prompts": ["river"], "max_new_tokens": 4},
  "metrics": {"log_every": 1)" +
         metrics + R"(},
  "checkpoint": {"every": 5}
}
)";
}

}  // namespace

Workplace::Workplace() {
  write("text.jsonl", text_lines('.'));
  write("other.jsonl", text_lines('!'));
  write("dense.json", config(R"("model_type": "dense", "intermediate_size": 64)", ""));
  write("moe.json", config(R"("model_type": "moe", "num_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1,
    "moe_intermediate_size": 32, "dropout": 0.1)",
                           R"(, "experts_every": 10)"));
}

Finished Workplace::pretrain(const Words& arguments) const {
  return run_program(MM_PRETRAIN, arguments, folder());
}

Finished Workplace::generate(const Words& arguments) const {
  return run_program(MM_GENERATE, arguments, folder());
}

Finished Workplace::evaluate(const Words& arguments) const {
  return run_program(MM_EVALUATE, arguments, folder());
}

Finished Workplace::convert(const Words& arguments) const {
  return run_program(MM_CONVERT, arguments, folder());
}

Finished Workplace::experiment(const Words& arguments) const {
  return run_program(MM_EXPERIMENT, arguments, folder());
}

Program Workplace::start(const Words& arguments) const {
  return Program(MM_PRETRAIN, arguments, folder());
}

Program Workplace::start_experiment(const Words& arguments) const {
  return Program(MM_EXPERIMENT, arguments, folder());
}

std::string Workplace::read(const std::string& name) const {
  return mm::read_file(*this / name, mm::ExitCode::kInternal);
}

void Workplace::write(const std::string& name, const std::string& text) const {
  mm::write_file_atomic(*this / name, text);
}

bool Workplace::exists(const std::string& name) const {
  return std::filesystem::exists(*this / name);
}

Words train(const std::string& config, const std::string& run, const Words& settings) {
  Words words = {"--config", config + ".json", "--set", "run.name=" + run};
  for (const std::string& setting : settings) words.insert(words.end(), {"--set", setting});
  return words;
}

Words differences(const Workplace& workplace, const std::string& run, const std::string& other, int last_step) {
  const std::string checkpoint = mm::format("checkpoints/step_%08d/", last_step);
  Words different;
  for (const std::string& file : {checkpoint + "model.safetensors", checkpoint + "optimizer.safetensors",
                                  checkpoint + "state.json", std::string("metrics.jsonl")}) {
    if (workplace.read("output/" + run + "/" + file) != workplace.read("output/" + other + "/" + file)) {
      different.push_back(file);
    }
  }
  return different;
}

void finish(const Workplace& workplace, const std::string& run, const Words& settings) {
  const Finished program = workplace.pretrain(train("dense", run, settings));
  ASSERT_EQ(program.exit_code, 0) << program.err;
}

void expect_contains(const std::string& text, const std::string& part) {
  EXPECT_NE(text.find(part), std::string::npos) << "no \"" << part << "\" in:\n" << text;
}
