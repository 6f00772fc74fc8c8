// The settings of the section `tokenizer`.
#include "tokenizer/tokenizer_config.h"

#include "core/config/fields.h"

namespace mm {

void TokenizerConfig::visit(Fields& fields) {
  fields("path", path, "the tokenizer file: a Hugging Face tokenizer.json or a sentencepiece .model");
  fields("train", train,
         "train the tokenizer from data.train when there is no file at tokenizer.path: byte-level BPE for a name in "
         ".json, "
         "sentencepiece for one in .model");
  fields("vocab_size", vocab_size, "vocabulary to train; null: as large as the model's",
         {.min = 300, .max = 1 << 20, .unit = "tokens"});
  fields("training_megabytes", training_megabytes, "train on at most this much text, spread evenly over data.train",
         {.min = 1, .max = 1024, .unit = "MB"});
  fields(
      "character_coverage", character_coverage,
      "of a .model to train: share of the characters in the text that get a token of their own; bytes spell the rest",
      {.min = 0.98, .max = 1});
}

}  // namespace mm
