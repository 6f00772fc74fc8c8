// What each way of filling sequences makes of documents, told before any is filled.
#pragma once

#include <cstdint>
#include <span>

namespace mm {

/// Counts of positions, unless they are of documents.
struct PackingUse {
  int64_t positions = 0;       ///< of all sequences
  int64_t padding = 0;         ///< of these, where no token is fed
  int64_t cut_documents = 0;   ///< that are whole in no sequence
  int64_t foreign_tokens = 0;  ///< that see a token of another document
  int64_t left_out = 0;        ///< of documents, and in no sequence
};

// Of documents in their order, as PackedDataset and DocumentDataset fill sequences with them.
//   tokens  of each document, BOS and EOS included

/// End to end: `stream`.
PackingUse stream_use(std::span<const uint32_t> tokens, int64_t sequence_length);
/// Whole and side by side: `documents`.
PackingUse documents_use(std::span<const uint32_t> tokens, int64_t sequence_length);
/// One in each, cut or padded: `padded`.
PackingUse padded_use(std::span<const uint32_t> tokens, int64_t sequence_length);

}  // namespace mm
