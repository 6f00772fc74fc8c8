// What a sentencepiece `.model` says of itself, beyond what the library tells: scores, kinds of pieces, the prefix.
// Format: https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

struct SentencePiece {
  /// As the file numbers them, and as GGUF does.
  enum class Kind { kNormal = 1, kUnknown = 2, kControl = 3, kUserDefined = 4, kUnused = 5, kByte = 6 };

  std::string text;
  float score = 0;
  Kind kind = Kind::kNormal;
};

struct SentencepieceModel {
  std::vector<SentencePiece> pieces;  ///< by id
  bool is_bpe = false;                ///< else a unigram model, or one of words or characters
  bool adds_space = true;             ///< before a text (add_dummy_prefix)
  bool removes_spaces = true;         ///< at the ends and where there are several
  std::string normalization;          ///< name of its rule: "identity", "nmt_nfkc"
  std::string normalization_table;    ///< what that rule does to characters; "" for none
};

/// Throws Error(kData) when `bytes` is no such model or cut short.
///   name  the file, for messages
SentencepieceModel read_sentencepiece_model(std::string_view bytes, const std::string& name);

}  // namespace mm
