// The nearest matrix with orthogonal rows, by matrix products alone.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace mm {

/// For a matrix U S V^T about U V^T: singular values above a thousandth of the Frobenius norm become 0.85 to 1.15,
/// smaller ones up to 990 times what they were. A matrix of zeros stays one. Quintic Newton-Schulz iterations
/// X = a X + b (X X^T) X + c (X X^T)^2 X, each with the best coefficients for where the one before left the singular
/// values. Source: Amsel et al. 2025 (Polar Express), arXiv 2505.16932; for Muon's use of such iterations Jordan et al.
/// 2024 (Muon).
///   x_nrc  [matrices, rows, columns], rows <= columns; computed in its type
at::Tensor orthogonalize(const at::Tensor& x_nrc);

/// Floating-point operations of that for one matrix.
double orthogonalize_flops(int64_t rows, int64_t columns);

}  // namespace mm
