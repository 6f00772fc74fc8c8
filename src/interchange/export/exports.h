// Which programs a model can leave for, and which setting is in the way of the others: the one judge of it. No torch.
#pragma once

#include <string>

#include "interchange/export/gguf_architecture.h"
#include "interchange/huggingface_class.h"

namespace mm {

/// One line: "Hugging Face as Qwen2MoeForCausalLM, GGUF as glm4moe, MiniMind .pth as g1", with "no ..." and the reason
/// where a form does not hold the resolved `model`: "no Hugging Face: a hidden layer in the router
/// (model.router_hidden_size)".
std::string describe_exports(const ModelConfig& model);

/// Why no MiniMind .pth holds the model, naming the setting in the way; "" when one does (fitting_generation).
std::string pth_obstacle(const ModelConfig& model);

}  // namespace mm
