// Files of ready tokens: llm.c, nanoGPT, Megatron.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "data/text/text_format.h"

namespace mm {

/// A file whose records are token numbers, little-endian, if it is one:
///   llm.c     a header of 1,024 bytes that says how wide they are
///   Megatron  `x.bin` beside `x.idx`, which says how wide they are and where documents end
///   nanoGPT   numbers alone, which nothing tells: only with Reading::bin_token_bytes
/// Documents end where there is a BOS or EOS of Reading::tokenizer, which are no part of them, and where an index says
/// so. Null for any other file. Throws Error(kData) for one that is damaged, and where there is no tokenizer whose
/// tokens they may be.
///   path  of which the index of Megatron is beside
std::unique_ptr<TextFormat> recognize_tokens(const std::string& path, std::string_view file, const Reading& reading);

/// The same of a file whose documents an index of Megatron names.
///   index  what is in the file `index_path`
std::unique_ptr<TextFormat> tokens_by_index(const std::string& index_path, std::string_view index,
                                            const std::string& path, std::string_view file, const Reading& reading);

}  // namespace mm
