// The parts that the tokens of a text are kept in, each a file: which of them are there, and making one that is not.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/files/files.h"
#include "data/text/text_file.h"
#include "data/tokens/token_file.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Whole records of a text, and where their tokens are kept.
struct PartPlan {
  std::string path;
  size_t begin = 0, end = 0;  ///< bytes of the text
};

/// Of a tokenizer and of how text is read for it: equal ones make equal tokens of a text. With the settings that there
/// always were it is that of the tokenizer alone.
uint64_t tokens_identity(const Tokenizer& tokenizer, const Reading& reading);

/// Where the tokens of a text are kept: `<file name>.<identity>.tokens` (place_beside).
std::string folder_of_parts(const std::string& text_path, const std::string& cache, uint64_t identity);

/// A text and the parts that it is cut into: `Reading::part_bytes` of text or more. Of a text that is read line by line
/// only the places of the cuts are looked at. The tokenizer must outlive it.
struct PartedText {
  PartedText(const std::string& path, const std::string& cache, const Tokenizer& tokenizer, const Reading& reading);

  TextFile text;
  uint64_t identity;
  std::string folder;
  std::vector<PartPlan> parts;
};

/// What the part must have been made from. Reads its text.
TokenFileHeader part_header(const PartedText& text, size_t part, const Tokenizer& tokenizer);

struct TokenPart {
  MappedFile file;
  TokenFileView view;
};

/// The part, if it is there and good. Reads all of it.
///   problem  "missing", "stale" or "damaged" when the result is empty
std::optional<TokenPart> open_part(const PartedText& text, size_t part, const TokenFileHeader& header,
                                   std::string& problem);

/// Removes from the folder of the parts whatever else is there: parts of a text that was longer, what killed processes
/// were writing, and a store as there was one before there were parts. Only for who has locked it.
void remove_surplus(const PartedText& text, const Tokenizer& tokenizer);

/// Makes parts of texts, one after the other: one for each thread.
class PartMaker {
 public:
  virtual ~PartMaker() = default;

  /// Tokenizes a part and writes it. It is whole or not there. Throws Error(kData) for a bad line that is not to be
  /// skipped, Error(kStorage) when the part cannot be written, StopRequested where `stop` does.
  virtual TextCounts make(const PartedText& text, size_t part, const TokenFileHeader& header, std::stop_token stop) = 0;
};

///   reading  that of the texts
///   done     counts the bytes of text that are dealt with, in all threads
std::unique_ptr<PartMaker> make_part_maker(const Tokenizer& tokenizer, const Reading& reading,
                                           std::atomic<size_t>& done);

}  // namespace mm
