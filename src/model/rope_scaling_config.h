// Positions beyond those that a model was trained on: the settings `model.rope_scaling`. No torch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/config/config.h"

namespace mm {

/// In the words of Hugging Face's `rope_scaling`; the defaults are what MiniMind's `inference_rope_scaling` stands for.
struct RopeScalingConfig {
  std::string rope_type = "default";
  double factor = 16;
  int64_t original_max_position_embeddings = 2048;
  double beta_fast = 32;
  double beta_slow = 1;
  std::optional<double> attention_factor;  ///< null: 0.1 ln(factor) + 1

  bool is_yarn() const { return rope_type == "yarn"; }
  /// Positions that it is made for.
  int64_t positions() const {
    return static_cast<int64_t>(factor * static_cast<double>(original_max_position_embeddings));
  }

  void visit(Fields& fields);
};

/// Gives attention_factor its value and checks what no single range can.
void resolve_rope_scaling(RopeScalingConfig& config, const std::string& where, Problems& problems);

}  // namespace mm
