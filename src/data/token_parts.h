// The parts that the tokens of a text are kept in, each a file: which of them are there, and making those that are not.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "core/files.h"
#include "data/text_file.h"
#include "data/token_file.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Whole records of a text, 16 MB of them or more, and where their tokens are kept.
struct PartPlan {
  std::string path;
  size_t begin = 0, end = 0;  ///< bytes of the text
  TokenFileHeader header;
  bool may_have_bad_lines = false;  ///< or is of no use when it passed over some
};

/// Of a tokenizer and of how text is read for it: equal ones make equal tokens of a text. With the settings that there
/// always were it is that of the tokenizer alone.
uint64_t tokens_identity(const Tokenizer& tokenizer, const Reading& reading);

/// The parts of a text in the folder `folder`. Reads all of the text once.
std::vector<PartPlan> plan_parts(const TextFile& text, const std::string& folder, const Tokenizer& tokenizer);

struct TokenPart {
  MappedFile file;
  TokenFileView view;
};

/// The part, if it is there and good.
///   problem  "missing", "stale" or "damaged" when the result is empty
std::optional<TokenPart> open_part(const PartPlan& plan, std::string& problem);

/// Tokenizes these parts, as many at a time as there are threads, and shows how far it is. A part is whole or not
/// there: one that was done when the process is killed need not be done again. The first bad line of the text ends it
/// with its Error(kData); Error(kStorage) when a part cannot be written.
TextCounts build_parts(const TextFile& text, const std::vector<PartPlan>& parts, const Tokenizer& tokenizer,
                       int threads);

}  // namespace mm
