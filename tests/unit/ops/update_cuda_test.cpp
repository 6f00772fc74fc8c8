// What ends a step on the CUDA path: the norm of all gradients and the update.
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "cuda_op_test.h"
#include "ops/update/adamw_update.h"
#include "ops/update/flat_norm.h"

namespace mm {
namespace {

TEST_F(OnDeviceUnderTest, TheFlatNormEqualsItsDefinition) {
  for (const int64_t rows : {0, 1, 2, 1000, 1027}) {  // more than partial sums
    SCOPED_TRACE(rows);
    const at::Tensor flat = random_tensor({1024 * rows + 1}, 20, 1e-3), on_it = flat.to(device());
    for (const int64_t first : {0, 1}) {  // 1: where no 16-byte load can begin
      if (first == 1 && rows > 1000) continue;
      const Tensors norm =
          on_device_repeatedly([&] { return Tensors{flat_norm(on_it.narrow(0, first, 1024 * rows))}; });
      EXPECT_EQ(norm[0].dim(), 0);
      expect_close({norm[0].cpu()}, {reference::flat_norm(flat.narrow(0, first, 1024 * rows))}, 1e-6);
    }
  }
}

TEST_F(OnDeviceUnderTest, TheFlatNormShowsAnyValueThatIsNotFinite) {
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    at::Tensor flat = random_tensor({4096}, 21);
    flat[3001] = bad;
    const at::Tensor norm = on_device([&] { return flat_norm(flat.to(device())); });
    EXPECT_FALSE(std::isfinite(norm.item<float>())) << bad;
  }
}

struct AdamWCase {
  int64_t size, shadowed, decayed, first = 0;
};

/// Buffers for such a range, with others' elements before and behind it, and updates of them.
class AdamWSubject {
 public:
  AdamWSubject(const AdamWCase& c, at::ScalarType shadow_type, at::Device device) : case_(c), first_(8 + c.first) {
    for (uint64_t i = 0; i < 4; ++i) {
      flats_.push_back(random_tensor({c.size + 17}, 30 + i, i == 3 ? 1e-4 : 1e-2).abs_().to(device));
    }
    if (shadow_type != at::kFloat) shadow_ = random_tensor({c.size + 17}, 35).to(shadow_type).to(device);
  }

  template <class Update>
  void update(const Update& update, uint64_t step, double skip) {
    at::Tensor gradient = random_tensor({case_.size}, 40 + step, 8e-2);
    if (case_.size > 4) gradient[4] = 0;
    if (skip == 1 && case_.size > 0) gradient[case_.size - 1] = kNan;
    part(flats_[1]).copy_(gradient);
    updates_ += 1 - skip;
    const auto scalar = [&](double value) { return at::full({}, value, part(flats_[0]).options()); };
    update({.parameters = part(flats_[0]),
            .gradients = part(flats_[1]),
            .first_moment = part(flats_[2]),
            .second_moment = part(flats_[3]),
            .shadow = shadow_.defined() ? shadow_.narrow(0, first_, case_.shadowed) : shadow_,
            .decayed = case_.decayed},
           {.learning_rate = 1e-2, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .weight_decay = 0.1}, scalar(8),
           scalar(skip), scalar(updates_));
  }

  /// On the CPU: parameters, gradients, moments; and the shadow where there is one.
  Tensors all() const {
    Tensors tensors;
    for (const at::Tensor& flat : flats_) tensors.push_back(flat.cpu());
    if (shadow_.defined()) tensors.push_back(shadow_.cpu());
    return tensors;
  }

  at::Tensor part(const at::Tensor& flat) const { return flat.narrow(0, first_, case_.size); }
  /// What the shadow must be.
  at::Tensor rounded_parameters() const {
    return part(flats_[0]).narrow(0, 0, case_.shadowed).cpu().to(shadow_.scalar_type());
  }
  at::Tensor shadow() const { return shadow_.narrow(0, first_, case_.shadowed).cpu(); }

 private:
  AdamWCase case_;
  int64_t first_;
  double updates_ = 6;
  Tensors flats_;
  at::Tensor shadow_;
};

TEST_P(Cuda, AdamWEqualsItsDefinition) {
  // Wide and narrow packs, borders of what is decayed and shadowed that no pack has, more packs than threads.
  const std::vector<AdamWCase> cases = {
      {0, 0, 0},   {1, 1, 1},    {7, 3, 5},          {8, 8, 8},       {48, 16, 32},      {48, 16, 32, 1},
      {48, 9, 32}, {48, 16, 31}, {4096, 4096, 1024}, {4096, 0, 4096}, {100003, 7000, 0}, {270000, 270000, 270000, 3}};
  for (const AdamWCase& c : cases) {
    SCOPED_TRACE(testing::Message() << c.size << " elements, " << c.shadowed << " shadowed, " << c.decayed
                                    << " decayed, from " << c.first);
    if (c.size > 10000 && dtype() != at::kBFloat16) continue;
    const Tensors actual = on_device_repeatedly([&] {
      AdamWSubject subject(c, dtype(), device());
      for (const uint64_t step : {0, 1, 2}) {
        subject.update(adamw_update, step, /*skip=*/step == 1);
        EXPECT_EQ(subject.part(subject.all()[1]).count_nonzero().item<int64_t>(), 0);
        if (dtype() == at::kFloat) continue;
        EXPECT_TRUE(at::equal(subject.shadow(), subject.rounded_parameters()));
      }
      return subject.all();
    });
    AdamWSubject expected(c, dtype(), at::kCPU);
    for (const uint64_t step : {0, 2}) expected.update(reference::adamw_update, step, /*skip=*/0);
    for (size_t i = 0; i < 4; ++i) {
      SCOPED_TRACE(i);
      expect_close({actual[i]}, {expected.all()[i]}, 1e-6);
      // What lies beside the range is others'.
      const at::Tensor inside = at::zeros({c.size + 17}, at::kBool);
      expected.part(inside).fill_(true);
      EXPECT_TRUE(at::equal(actual[i].masked_fill(inside, 0), expected.all()[i].masked_fill(inside, 0)));
    }
  }
}

TEST_P(Cuda, AdamWLeavesAllButTheGradientsOfASkippedStep) {
  for (const AdamWCase& c : {AdamWCase{48, 16, 32}, AdamWCase{7, 3, 5}}) {
    const AdamWSubject before(c, dtype(), device());
    AdamWSubject subject(c, dtype(), device());
    on_device([&] {
      subject.update(adamw_update, 0, /*skip=*/1);
      return 0;
    });
    Tensors expected = before.all();
    before.part(expected[1]).zero_();
    expect_same_bytes(subject.all(), expected);
  }
}

}  // namespace
}  // namespace mm
