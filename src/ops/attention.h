// Causal self-attention, of rows or of documents in them.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/documents.h"
#include "ops/rotary.h"

namespace mm {

/// softmax(q k^T / sqrt(head_dim)) v over the earlier positions of the same sequence; query head h reads key/value head
/// h * kv_heads / heads. Returns [batch, time, heads * head_dim].
///   dropout  probability on the attention weights; draws from the default generator
at::Tensor causal_attention(const Heads& heads, double dropout);

/// The same within each document: a token sees the earlier ones of its own document and nothing else. On a GPU one call
/// with shapes that do not depend on the documents, where the products are of 16 bits; elsewhere a call for each.
///   heads  of all documents end to end: [1, tokens, heads, head_dim]
/// Returns [1, tokens, heads * head_dim].
at::Tensor document_attention(const Heads& heads, const Documents& documents, double dropout);

namespace reference {
/// By a mask over all pairs of tokens.
at::Tensor document_attention(const Heads& heads, const Documents& documents, double dropout);
}  // namespace reference

/// The same as causal_attention() for the last tokens of a sequence alone: query t of T reads the keys and values of
/// all positions but the T - 1 - t behind it. No gradient, no dropout.
///   q_bthc [batch, T, heads, head_dim]; k_bksc and v_bksc [batch, kv_heads, positions, head_dim], T <= positions
/// Returns [batch, T, heads * head_dim].
at::Tensor attention_to_all(const at::Tensor& q_bthc, const at::Tensor& k_bksc, const at::Tensor& v_bksc);

}  // namespace mm
