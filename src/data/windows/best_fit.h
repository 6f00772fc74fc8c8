// Pieces of text laid into rows of one length.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace mm {

/// The row of each piece, rows numbered from 0 and none empty. Longest first, a piece goes whole into the fullest row
/// that has room for it, else into a new one. Time grows with the pieces alone while rows are of ordinary length.
///   lengths  each from 1 to row_length
/// Source: best-fit decreasing, Johnson 1973; of documents: Ding et al. 2024, arXiv 2404.10830.
std::vector<uint32_t> best_fit(std::span<const uint32_t> lengths, uint32_t row_length);

}  // namespace mm
