// Whatever a decoder read before, its logits are those of the text that it is asked about.
#include "eval/generation/decoder.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>

#include "tests/unit/model/small_model.h"

namespace mm {
namespace {

std::vector<int32_t> some_ids(int64_t count, uint64_t seed) {
  const at::Tensor ids = some_tokens(1, count, seed)[0].to(at::kInt).contiguous();
  return {ids.const_data_ptr<int32_t>(), ids.const_data_ptr<int32_t>() + count};
}

/// The largest difference from the logits of a pass over `seen` alone.
double error_of(SmallModel& small, const at::Tensor& logits_v, std::span<const int32_t> seen) {
  const at::Tensor ids = at::tensor(at::ArrayRef<int32_t>(seen.data(), seen.size()), at::kLong).unsqueeze(0);
  return (logits_v - evaluation_logits(small.model, ids)[0][-1]).abs().max().item<double>();
}

TEST(Decoder, TextsThatGrowBranchAndStartAnewGiveTheirOwnLogits) {
  SmallModel small(small_config("moe"));
  Decoder decoder(small.model, 64);
  const std::vector<int32_t> ids = some_ids(30, 1), others = some_ids(30, 2);
  const auto expect_exact = [&](const std::vector<int32_t>& text) {
    EXPECT_LE(error_of(small, decoder.next_logits(text), text), 1e-5) << text.size();
  };
  for (const size_t length : {5u, 6u, 7u, 20u, 20u, 7u, 1u}) expect_exact({ids.begin(), ids.begin() + length});
  std::vector<int32_t> branch(ids.begin(), ids.begin() + 10);
  branch.insert(branch.end(), others.begin(), others.begin() + 3);
  expect_exact(branch);
  expect_exact(others);
}

TEST(Decoder, OfALongerTextThanItsContextItSeesTheLastTokensAndAtLeastHalfAContextOfThem) {
  SmallModel small(small_config("dense"));
  Decoder decoder(small.model, 10);
  const std::vector<int32_t> ids = some_ids(40, 1);
  const std::span<const int32_t> text(ids);
  std::vector<size_t> seen_lengths;
  for (size_t length = 1; length <= ids.size(); ++length) {
    const at::Tensor logits = decoder.next_logits(text.first(length));
    size_t seen = 0;
    for (size_t last = 1; last <= std::min<size_t>(length, 10); ++last) {
      if (error_of(small, logits, text.first(length).last(last)) <= 1e-5) seen = last;
    }
    seen_lengths.push_back(seen);
  }
  EXPECT_EQ(std::vector<size_t>(seen_lengths.begin(), seen_lengths.begin() + 16),
            (std::vector<size_t>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 6, 7, 8, 9, 10, 6}));
}

TEST(Decoder, KeepsWhereTokensGoAsOnePassOverAllOfThemHasIt) {
  SmallModel small(small_dense_first_config());
  Decoder decoder(small.model, 64);
  EXPECT_FALSE(decoder.keeps_routes());
  decoder.keep_routes();
  const std::vector<int32_t> ids = some_ids(12, 1);
  // Read in three parts, the second of which is then replaced.
  for (const size_t length : {7u, 9u}) decoder.next_logits(std::span(ids).first(length));
  std::vector<int32_t> text(ids.begin(), ids.begin() + 7);
  const std::vector<int32_t> others = some_ids(4, 2);
  text.insert(text.end(), others.begin(), others.end());
  decoder.next_logits(text);

  const at::NoGradGuard no_grad;
  const at::Tensor tokens_bt = at::tensor(at::ArrayRef<int32_t>(text), at::kLong).unsqueeze(0);
  const LayerReports reports = small.model.forward(tokens_bt, /*training=*/false).reports;
  const ModelConfig& config = small.model.config();
  const int64_t slots = config.moe.num_experts_per_tok;
  ASSERT_EQ(decoder.routes().size(), text.size());
  for (size_t token = 0; token < text.size(); ++token) {
    const TokenRoute& route = decoder.routes()[token];
    EXPECT_EQ(route.experts_per_layer, config.moe.num_experts);
    ASSERT_EQ(route.layers(), config.moe_layers());
    EXPECT_EQ(route.main_expert(0), -1) << "it is dense";
    for (int64_t row = 0; row < route.layers(); ++row) {
      const at::Tensor weights_s = reports.weights_ns[static_cast<size_t>(row)][static_cast<int64_t>(token)];
      const at::Tensor experts_s = reports.experts_ns[static_cast<size_t>(row)][static_cast<int64_t>(token)];
      const int64_t heaviest = weights_s.argmax().item<int64_t>();
      EXPECT_EQ(route.main_expert(1 + row), experts_s[heaviest].item<int64_t>()) << token << " " << row;
      for (int64_t slot = 0; slot < slots; ++slot) {
        const auto place = static_cast<size_t>(row * slots + slot);
        const at::Tensor same_s = experts_s == route.experts[place];
        ASSERT_EQ(same_s.sum().item<int64_t>(), 1);
        EXPECT_NEAR(weights_s.masked_select(same_s).item<double>(), static_cast<double>(route.weights[place]), 1e-5);
      }
    }
  }
}

}  // namespace
}  // namespace mm
