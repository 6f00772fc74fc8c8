// Whatever a decoder read before, its logits are those of the text that it is asked about.
#include "eval/decoder.h"

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

}  // namespace
}  // namespace mm
