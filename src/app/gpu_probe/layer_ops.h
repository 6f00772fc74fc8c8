// The ops of one layer, the head and the optimizer, each with inputs at the shapes of a config.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "engine/device/device.h"
#include "engine/trained_model.h"
#include "model/moe/router/batch_routing.h"
#include "model/weights.h"
#include "ops/experts/dispatch.h"
#include "recipe/run_config.h"

namespace mm {

/// One op, ready to run.
struct OpCase {
  std::string name;
  std::function<std::vector<at::Tensor>()> run;
  std::vector<at::Tensor> inputs = {};   ///< leaves with a gradient of their own
  std::vector<at::Tensor> weights = {};  ///< leaves whose gradients add to the model's
  double flops = 0;                      ///< of the matrix products in the forward pass
  bool backward_reads_inputs = true;
  bool differentiable = true;
  std::optional<double> bytes = {};  ///< of the forward pass, where they are not the inputs and outputs
};

class LayerOps {
 public:
  LayerOps(const RunConfig& config, const DeviceSetup& setup);

  /// In the order of a forward pass. They refer to this object.
  std::vector<OpCase> cases();
  const at::Tensor& gradient() const { return trained_.parameters.gradient(); }
  /// What the shapes are, in words.
  std::string description() const;

 private:
  at::Tensor input(at::IntArrayRef shape, at::ScalarType type) const;
  OpCase linear_case(const std::string& name, const at::Tensor& x, const at::Tensor& weight) const;
  /// By the way that a step takes, then by every other one, which the name tells.
  void add_grouped(std::vector<OpCase>& cases, const std::string& name, const at::Tensor& x,
                   const at::Tensor& weight) const;
  OpCase swiglu_case(int64_t rows, int64_t width) const;

  void add_attention(std::vector<OpCase>& cases);
  void add_feed_forward(std::vector<OpCase>& cases);
  void add_experts(std::vector<OpCase>& cases);
  void add_head(std::vector<OpCase>& cases);
  OpCase optimizer_case();

  RunConfig config_;
  at::Device device_;
  at::ScalarType type_;
  TrainedModel trained_;
  ModelWeights weights_;
  at::Tensor x_nd_, residual_nd_;
  BatchRouting routing_;
};

}  // namespace mm
