// Attention against the formula written out.
#include "ops/attention.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>

#include "compare.h"

namespace mm {
namespace {

at::Tensor by_formula(const Heads& heads) {
  const int64_t time = heads.q_bthc.size(1), groups = heads.q_bthc.size(2) / heads.k_btkc.size(2);
  const at::Tensor q = heads.q_bthc.transpose(1, 2);
  const at::Tensor k = heads.k_btkc.transpose(1, 2).repeat_interleave(groups, 1);
  const at::Tensor v = heads.v_btkc.transpose(1, 2).repeat_interleave(groups, 1);
  const at::Tensor later = at::ones({time, time}, at::kBool).triu(1);
  const at::Tensor scores = q.matmul(k.transpose(2, 3)) / std::sqrt(static_cast<double>(q.size(3)));
  return scores.masked_fill(later, -kInfinity).softmax(-1).matmul(v).transpose(1, 2).flatten(2);
}

TEST(CausalAttention, EqualsItsFormulaWithGroupedQueryHeads) {
  for (const auto& [heads, kv] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {4, 4}, {6, 2}}) {
    SCOPED_TRACE(testing::Message() << heads << " query heads, " << kv << " key/value heads");
    const Tensors inputs = {random_tensor({2, 19, heads, 8}, 1), random_tensor({2, 19, kv, 8}, 2),
                            random_tensor({2, 19, kv, 8}, 3)};
    expect_equals_definition(
        [](const Tensors& x) {
          return Tensors{causal_attention({x[0], x[1], x[2]}, 0.0)};
        },
        [](const Tensors& x) {
          return Tensors{by_formula({x[0], x[1], x[2]})};
        },
        inputs, 3e-6);
  }
}

/// Lengths as a batch has them: of all documents, with slots to spare.
Documents documents_of_lengths(const std::vector<int64_t>& lengths, int64_t spare) {
  std::vector<int32_t> ends = {0};
  for (const int64_t length : lengths) ends.push_back(ends.back() + static_cast<int32_t>(length));
  ends.insert(ends.end(), static_cast<size_t>(spare), ends.back());
  return lay_out_documents(lengths, at::tensor(ends, at::kInt), 19, ends.back());
}

TEST(Documents, EveryTokenKnowsItsDocumentAndItsPlaceThere) {
  const Documents documents = documents_of_lengths({2, 1, 3}, 2);
  EXPECT_TRUE(at::equal(documents.document_n, at::tensor({0, 0, 1, 2, 2, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(documents.position_n, at::tensor({0, 1, 0, 0, 1, 2}, at::kLong)));
  EXPECT_FALSE(Documents().any());
}

TEST(DocumentAttention, SeesTheOwnDocumentAlone) {
  for (const auto& [heads, kv] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {4, 4}, {6, 2}}) {
    SCOPED_TRACE(testing::Message() << heads << " query heads, " << kv << " key/value heads");
    const Documents documents = documents_of_lengths({5, 1, 19, 2, 1, 11}, 3);
    const Tensors inputs = {random_tensor({1, 39, heads, 8}, 1), random_tensor({1, 39, kv, 8}, 2),
                            random_tensor({1, 39, kv, 8}, 3)};
    expect_equals_definition(
        [&](const Tensors& x) {
          return Tensors{document_attention({x[0], x[1], x[2]}, documents, 0.0)};
        },
        [&](const Tensors& x) {
          return Tensors{reference::document_attention({x[0], x[1], x[2]}, documents, 0.0)};
        },
        inputs, 3e-6);
  }
}

TEST(AttentionToAll, GivesTheLastRowsOfCausalAttention) {
  for (const auto& [heads, kv] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {4, 4}, {6, 2}, {4, 1}}) {
    const Heads all = {random_tensor({2, 19, heads, 8}, 1), random_tensor({2, 19, kv, 8}, 2),
                       random_tensor({2, 19, kv, 8}, 3)};
    const at::Tensor want = causal_attention(all, 0.0);
    for (const int64_t time : {1, 2, 7, 19}) {
      SCOPED_TRACE(testing::Message() << heads << " query heads, " << kv << " key/value heads, the last " << time);
      const at::Tensor got = attention_to_all(all.q_bthc.narrow(1, 19 - time, time), all.k_btkc.transpose(1, 2),
                                              all.v_btkc.transpose(1, 2));
      EXPECT_LE((got - want.narrow(1, 19 - time, time)).abs().max().item<double>(), 3e-6);
    }
  }
}

}  // namespace
}  // namespace mm
