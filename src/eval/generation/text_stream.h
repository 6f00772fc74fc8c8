// The text of tokens that come one by one, for somebody who reads along. No torch.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tokenizer/tokenizer.h"

namespace mm {

/// Gives out text as soon as no later token can change it: whole characters, and nothing that may be the beginning of a
/// stop text.
class TextStream {
 public:
  /// The tokenizer must outlive it.
  ///   previous  the token before the text, which decides about a space at its start
  ///   stop      texts that end it, none of them empty
  TextStream(const Tokenizer& tokenizer, int32_t previous, std::vector<std::string> stop);

  /// What is certain with this token, which may be nothing.
  std::string add(int32_t token);
  /// What was kept back, when no more tokens come.
  std::string finish();

  /// Whether a stop text has come. It and what follows are no part of the text.
  bool stopped() const { return stopped_; }

 private:
  size_t certain_bytes() const;

  const Tokenizer& tokenizer_;
  std::vector<std::string> stop_;
  int32_t previous_;
  std::string pending_;
  bool stopped_ = false;
};

}  // namespace mm
