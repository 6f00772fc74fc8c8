// Attention within documents as a CUDA graph: captured with some documents, played with others.
#include <ATen/cuda/CUDAGraph.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "device_under_test.h"
#include "ops/attention.h"

namespace mm {
namespace {

constexpr int64_t kTokens = 256, kLongest = 130;

/// Where documents end, for eight of them at most.
at::Tensor ends(const std::vector<int32_t>& of_documents) {
  std::vector<int32_t> padded = {0};
  padded.insert(padded.end(), of_documents.begin(), of_documents.end());
  padded.resize(9, static_cast<int32_t>(kTokens));
  return at::tensor(padded, at::kInt).to(at::kCUDA);
}

/// The output and the gradients of queries, keys and values.
Tensors attend(const Tensors& heads, const at::Tensor& ends_s, const at::Tensor& upstream) {
  Tensors leaves;
  for (const at::Tensor& x : heads) leaves.push_back(x.detach().requires_grad_());
  // Lengths on the host are for devices that go document by document.
  const Documents documents = lay_out_documents({}, ends_s, kLongest, kTokens);
  const at::Tensor out = document_attention({leaves[0], leaves[1], leaves[2]}, documents, 0.0);
  out.backward(upstream);
  Tensors results = {out.detach()};
  for (const at::Tensor& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

TEST_F(OnDeviceUnderTest, AttentionWithinDocumentsIsCapturedOnceForAnyDocuments) {
  const auto random = [&](std::vector<int64_t> shape, int seed) {
    return random_tensor(shape, seed).to(at::kBFloat16).to(device());
  };
  const Tensors heads = {random({1, kTokens, 8, 64}, 1), random({1, kTokens, 2, 64}, 2),
                         random({1, kTokens, 2, 64}, 3)};
  const at::Tensor upstream = random({1, kTokens, 512}, 4);
  const at::Tensor ends_s = ends({40, 41, 44, 173});

  const c10::cuda::CUDAStreamGuard stream(c10::cuda::getStreamFromPool());
  for (int i = 0; i < 3; ++i) attend(heads, ends_s, upstream);  // what is made at the first call is not captured
  at::cuda::CUDAGraph graph;
  graph.capture_begin();
  const Tensors captured = attend(heads, ends_s, upstream);
  graph.capture_end();

  for (const at::Tensor& others : {ends({40, 41, 44, 173}), ends({128}), ends({7, 100, 101, 102, 200, 201, 256})}) {
    ends_s.copy_(others);
    graph.replay();
    const Tensors eager = attend(heads, others, upstream);
    EXPECT_TRUE(at::equal(captured[0], eager[0]));
    for (size_t i = 1; i < eager.size(); ++i) {
      const double largest = eager[i].abs().max().item<double>();
      EXPECT_LE((captured[i] - eager[i]).abs().max().item<double>(), 0.02 * largest) << "its sums are added atomically";
    }
  }
}

}  // namespace
}  // namespace mm
