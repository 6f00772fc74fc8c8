// A small tokenizer trained on a few lines of mixed text, for the tests of this folder.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "tokenizer/training/tokenizer_trainer.h"

namespace mm {

inline void add_mixed_text(TokenizerTrainer& trainer) {
  for (int i = 0; i < 20; ++i) {
    trainer.add("the quick brown fox jumps over the lazy dog, and the dog sleeps on.\n\nThe end of story " +
                std::to_string(i) + ".\n");
    trainer.add("床前明月光，疑是地上霜。举头望明月，低头思故乡。\n");
    trainer.add("def add(a, b):\n\treturn a + b\n\n\nif __name__ == '__main__':\n        print(add(1, 22))\n");
  }
}

/// The bytes of the file at `path`, a tokenizer of 400 tokens.
inline std::string train_small_tokenizer(const std::string& path) {
  const auto trainer = make_tokenizer_trainer(path, {.vocab_size = 400, .keep = 1, .character_coverage = 1});
  add_mixed_text(*trainer);
  return trainer->train(path)[0].bytes;
}

/// Shows lines to a trainer that keeps a quarter of the text.
inline void expect_a_quarter_of(TokenizerTrainer& trainer) {
  int64_t shown = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string text = "line " + std::to_string(i) + "\n";
    trainer.add(text);
    shown += static_cast<int64_t>(text.size());
    ASSERT_LE(trainer.kept_bytes(), shown / 4);
    ASSERT_GE(trainer.kept_bytes(), shown / 4 - 10);
  }
}

}  // namespace mm
