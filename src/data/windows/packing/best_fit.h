// Pieces of text laid into rows of one length.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace mm {

/// Pieces of a large text are laid block by block: enough of them that all but a few rows get full, whatever the
/// documents are.
constexpr size_t kBestFitPieces = size_t{1} << 17;

/// The row of each piece, rows numbered from 0 and none empty. Longest first, a piece goes whole into the fullest row
/// that has room for it, else into a new one. Time grows with the pieces alone while rows are of ordinary length.
///   lengths  each from 1 to row_length
/// Source: best-fit decreasing, Johnson 1973; of documents: Ding et al. 2024, arXiv 2404.10830.
std::vector<uint32_t> best_fit(std::span<const uint32_t> lengths, uint32_t row_length);

}  // namespace mm
