// Loading tensors by name: all of them or none, and one message for everything that does not fit.
#include "checkpoint/named_access.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include "core/error.h"

namespace mm {
namespace {

std::string error_of(const NamedTensors& from, const NamedTensors& into) {
  try {
    copy_named(from, into, "model.safetensors");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    return error.what();
  }
  return "no error";
}

TEST(CopyNamed, CopiesByNameIntoParametersAndViewsAndConverts) {
  at::Tensor flat = at::zeros({5});
  flat.requires_grad_();
  const NamedTensors into = {{"a", flat.slice(0, 0, 2)}, {"b", flat.slice(0, 2, 5)}};
  copy_named({{"b", at::arange(3, at::kHalf)}, {"a", at::full({2}, 7, at::kLong)}}, into, "file");
  const at::Tensor want = at::tensor({7.0f, 7.0f, 0.0f, 1.0f, 2.0f});
  EXPECT_TRUE(flat.detach().equal(want));
}

TEST(CopyNamed, ListsEverythingThatDoesNotFitAndCopiesNothing) {
  const at::Tensor fitting = at::zeros({2});
  EXPECT_EQ(error_of({{"fits", at::ones({2})}, {"wide", at::ones({3, 4})}, {"extra", at::ones({})}},
                     {{"fits", fitting}, {"wide", at::ones({4, 3})}, {"lacking", at::ones({1})}}),
            "model.safetensors: got tensors that do not fit the model (1 missing: lacking [1]; 1 unexpected: extra []; "
            "1 of another shape: wide is [3, 4], want [4, 3]), want 3 tensors with the model's names and shapes "
            "(use the config that the weights were trained with)");
  EXPECT_TRUE(fitting.equal(at::zeros({2})));
}

TEST(CopyNamed, LongListsEndInACount) {
  NamedTensors into;
  for (int i = 0; i < 12; ++i) into.emplace_back(std::to_string(i) + "_t", at::zeros({1}));
  const std::string error = error_of({}, into);
  EXPECT_NE(error.find("12 missing: 0_t [1], "), std::string::npos) << error;
  EXPECT_NE(error.find("9_t [1] and 2 more"), std::string::npos) << error;
}

}  // namespace
}  // namespace mm
