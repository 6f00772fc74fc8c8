#include "app/gpu_probe/op_table.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>

#include "app/gpu_probe/device_clock.h"
#include "app/gpu_probe/layer_ops.h"
#include "core/terminal/log.h"
#include "core/text.h"

namespace mm {
namespace {

using Tensors = std::vector<at::Tensor>;

/// What the device does in a second at most.
struct Ceilings {
  double bytes = 0, flops = 0;

  double milliseconds(double moved, double computed) const { return 1e3 * std::max(moved / bytes, computed / flops); }
};

/// A product of ones draws less power than one of random numbers, so that a GPU runs it faster: both are told.
Ceilings measure_ceilings(const DeviceSetup& setup) {
  const at::Device device = setup.device;
  const int64_t size = device.is_cpu() ? 1 << 24 : 1 << 30, n = device.is_cpu() ? 512 : 8192;
  const at::Tensor from = at::ones({size}, at::TensorOptions().dtype(at::kFloat).device(device));
  const at::Tensor to = at::empty_like(from);
  const double copy_ms = device_milliseconds(device, [&] { to.copy_(from); });

  const at::TensorOptions computed = at::TensorOptions().dtype(setup.compute_type).device(device);
  const at::Tensor a = at::randn({n, n}, computed), b = at::randn({n, n}, computed);
  const at::Tensor ones = at::ones({n, n}, computed);
  const double random_ms = device_milliseconds(device, [&] { at::mm(a, b); });
  const double ones_ms = device_milliseconds(device, [&] { at::mm(ones, ones); });
  const double flops = 2.0 * static_cast<double>(n * n) * static_cast<double>(n);
  const Ceilings ceilings{8.0 * static_cast<double>(size) / copy_ms * 1e3, flops / random_ms * 1e3};
  log_info(format("ceilings: copy %.1f GB/s, GEMM %lld^3 %.1f TFLOP/s on random numbers, %.1f on ones",
                  ceilings.bytes / 1e9, static_cast<long long>(n), ceilings.flops / 1e12, flops / ones_ms / 1e9));
  return ceilings;
}

double bytes_of(const Tensors& tensors) {
  double bytes = 0;
  for (const at::Tensor& tensor : tensors) bytes += static_cast<double>(tensor.nbytes());
  return bytes;
}

double elements_of(const Tensors& tensors) {
  double elements = 0;
  for (const at::Tensor& tensor : tensors) elements += static_cast<double>(tensor.numel());
  return elements;
}

/// One op forward and backward.
class OpRun {
 public:
  OpRun(const OpCase& op, const LayerOps& layer) : op_(op), layer_(layer) {
    for (const at::Tensor& output : op.run()) upstream_.push_back(at::randn(output.sizes(), output.options()));
  }

  Tensors forward_and_backward() const {
    for (const at::Tensor& input : op_.inputs) input.mutable_grad().reset();
    const Tensors outputs = op_.run();
    torch::autograd::backward(outputs, upstream_);
    return outputs;
  }

  /// The milliseconds that it takes at least: every input, output and gradient moved once, two products for each one of
  /// the forward pass. Gradients of weights are fp32 and are added to.
  double backward_floor(const Ceilings& ceilings) const {
    const double inputs = bytes_of(op_.inputs);
    const double read = op_.backward_reads_inputs ? inputs + bytes_of(op_.weights) : 0;
    return ceilings.milliseconds(read + bytes_of(upstream_) + inputs + 8 * elements_of(op_.weights), 2 * op_.flops);
  }

  bool gives_the_same_bytes() const {
    constexpr int kRepeats = 3;
    const Tensors first = all_results();
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      const Tensors again = all_results();
      for (size_t i = 0; i < first.size(); ++i) {
        if (!at::equal(first[i], again[i])) return false;
      }
    }
    return true;
  }

 private:
  Tensors all_results() const {
    layer_.gradient().zero_();
    Tensors results = forward_and_backward();
    for (const at::Tensor& input : op_.inputs) results.push_back(input.grad());
    results.push_back(layer_.gradient().clone());
    return results;
  }

  const OpCase& op_;
  const LayerOps& layer_;
  Tensors upstream_;
};

std::string table_row(const OpCase& op, const LayerOps& layer, const Ceilings& ceilings, at::Device device) {
  const double moved = op.bytes.value_or(bytes_of(op.inputs) + bytes_of(op.weights) + bytes_of(op.run()));
  const double forward_ms = device_milliseconds(device, [&] { op.run(); });
  const DeviceCalls forward = count_device_calls(device, [&] { op.run(); });
  const double forward_floor = ceilings.milliseconds(moved, op.flops);
  std::string row = format("%-28s| %9.4f %9.4f %8.1f %8lld | ", op.name.c_str(), forward_ms, forward_floor,
                           forward_ms / forward_floor, static_cast<long long>(forward.kernels));
  if (!op.differentiable) {
    return row + format("%9s %9s %8s %8s | %6lld | -", "-", "-", "-", "-", static_cast<long long>(forward.waits));
  }

  const OpRun run(op, layer);
  const double both_ms = device_milliseconds(device, [&] { run.forward_and_backward(); });
  const DeviceCalls both = count_device_calls(device, [&] { run.forward_and_backward(); });
  const double backward_ms = std::max(both_ms - forward_ms, 0.0), backward_floor = run.backward_floor(ceilings);
  return row + format("%9.4f %9.4f %8.1f %8lld | %6lld | %s", backward_ms, backward_floor, backward_ms / backward_floor,
                      static_cast<long long>(both.kernels - forward.kernels), static_cast<long long>(both.waits),
                      run.gives_the_same_bytes() ? "yes" : "NO");
}

}  // namespace

bool print_op_table(const RunConfig& config, const DeviceSetup& setup) {
  LayerOps layer(config, setup);
  log_info(setup.description + "; " + layer.description());
  const Ceilings ceilings = measure_ceilings(setup);
  log_info(format("%-28s| %9s %9s %8s %8s | %9s %9s %8s %8s | %6s | same bytes twice", "op", "forward ms", "floor",
                  "ratio", "kernels", "backward ms", "floor", "ratio", "kernels", "waits"));
  bool all_ran = true;
  for (const OpCase& op : layer.cases()) {
    std::string row;
    try {
      row = table_row(op, layer, ceilings, setup.device);
    } catch (const c10::Error& error) {
      row = format("%-28s| failed: %s", op.name.c_str(), error.what_without_backtrace());
      all_ran = false;
    }
    log_info(row);
  }
  return all_ran;
}

}  // namespace mm
