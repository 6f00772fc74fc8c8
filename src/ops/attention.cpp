// Attention is ATen's fused kernels; this file only brings the heads into their layouts.
#include "ops/attention.h"

#include <ATen/ops/_flash_attention_forward.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>

namespace mm {
namespace {

bool is_grouped(const Heads& heads) {
  return heads.q_bthc.size(2) != heads.k_btkc.size(2);
}

/// What the kernel for sequences of different lengths takes: 16-bit heads of a GPU, whose width it knows.
bool takes_any_lengths(const at::Tensor& q_bthc) {
  constexpr int64_t kWidestHead = 256, kWidthStep = 8;
  const int64_t width = q_bthc.size(3);
  return q_bthc.is_cuda() && q_bthc.scalar_type() != at::kFloat && width <= kWidestHead && width % kWidthStep == 0;
}

at::Tensor attention_of_any_lengths(const Heads& heads, const Documents& documents, double dropout) {
  const at::Tensor out_nhc = std::get<0>(at::_flash_attention_forward(
      heads.q_bthc.squeeze(0), heads.k_btkc.squeeze(0), heads.v_btkc.squeeze(0), documents.ends_s, documents.ends_s,
      documents.longest, documents.longest, dropout, /*is_causal=*/true, /*return_debug_mask=*/false));
  return out_nhc.flatten(1).unsqueeze(0);
}

/// A call for each document on views. Split at once: the gradients then meet in one tensor instead of one as large as
/// all heads for each document.
at::Tensor attention_one_by_one(const Heads& heads, const Documents& documents, double dropout) {
  const auto split = [&](const at::Tensor& x_1nhc) { return x_1nhc.split_with_sizes(documents.lengths, 1); };
  const std::vector<at::Tensor> q = split(heads.q_bthc), k = split(heads.k_btkc), v = split(heads.v_btkc);
  std::vector<at::Tensor> mixed;
  mixed.reserve(q.size());
  for (size_t i = 0; i < q.size(); ++i) mixed.push_back(causal_attention({q[i], k[i], v[i]}, dropout));
  return at::cat(mixed, 1);
}

}  // namespace

at::Tensor causal_attention(const Heads& heads, double dropout) {
  const at::Tensor out_bhtc = at::scaled_dot_product_attention(
      heads.q_bthc.transpose(1, 2), heads.k_btkc.transpose(1, 2), heads.v_btkc.transpose(1, 2), std::nullopt, dropout,
      true, std::nullopt, is_grouped(heads));
  return out_bhtc.transpose(1, 2).flatten(2);
}

at::Tensor document_attention(const Heads& heads, const Documents& documents, double dropout) {
  if (takes_any_lengths(heads.q_bthc)) return attention_of_any_lengths(heads, documents, dropout);
  return attention_one_by_one(heads, documents, dropout);
}

at::Tensor attention_to_all(const at::Tensor& q_bthc, const at::Tensor& k_bksc, const at::Tensor& v_bksc) {
  const int64_t batch = q_bthc.size(0), time = q_bthc.size(1), width = q_bthc.size(3);
  const int64_t groups = k_bksc.size(1), group = q_bthc.size(2) / groups, positions = k_bksc.size(2);
  // The queries of one key/value head become rows of one head: no copy of keys and values for each of them.
  const at::Tensor rows_bkgtc =
      q_bthc.view({batch, time, groups, group, width}).permute({0, 2, 3, 1, 4}).reshape({batch, groups, -1, width});
  std::optional<at::Tensor> seen;
  if (time > 1) {
    const at::Tensor seen_ts = at::ones({time, positions}, q_bthc.options().dtype(at::kBool)).tril(positions - time);
    seen = seen_ts.repeat({group, 1});
  }
  const at::Tensor out_bkrc = at::scaled_dot_product_attention(rows_bkgtc, k_bksc, v_bksc, seen);
  return out_bkrc.view({batch, groups, group, time, width}).permute({0, 3, 1, 2, 4}).reshape({batch, time, -1});
}

namespace reference {

at::Tensor document_attention(const Heads& heads, const Documents& documents, double dropout) {
  const at::Tensor& document_n = documents.document_n;
  const at::Tensor seen_nn = document_n.unsqueeze(1).eq(document_n.unsqueeze(0)).tril();
  const at::Tensor out_1hnc = at::scaled_dot_product_attention(
      heads.q_bthc.transpose(1, 2), heads.k_btkc.transpose(1, 2), heads.v_btkc.transpose(1, 2), seen_nn, dropout, false,
      std::nullopt, is_grouped(heads));
  return out_1hnc.transpose(1, 2).flatten(2);
}

}  // namespace reference
}  // namespace mm
