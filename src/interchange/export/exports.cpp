// The three judges asked in turn.
#include "interchange/export/exports.h"

#include <vector>

#include "core/text.h"
#include "interchange/config/generation.h"

namespace mm {

std::string describe_exports(const ModelConfig& model) {
  const Fitting<HuggingFaceClass> huggingface = huggingface_class(model);
  const Fitting<GgufArchitecture> gguf = gguf_architecture(model);
  std::vector<std::string> holds, lacks;
  const auto tell = [&](const std::string& where, const std::string& form, const std::string& obstacle) {
    if (obstacle.empty()) {
      holds.push_back(where + " as " + form);
    } else {
      lacks.push_back("no " + where + ": " + obstacle);
    }
  };
  tell("Hugging Face", architecture_of(huggingface.form), huggingface.obstacle);
  tell("GGUF", name_of(gguf.form), gguf.obstacle);
  tell("MiniMind .pth", fitting_generation(model), pth_obstacle(model));
  const std::string separator = holds.empty() || lacks.empty() ? "" : "; ";
  return join(holds, ", ") + separator + join(lacks, "; ");
}

std::string pth_obstacle(const ModelConfig& model) {
  if (!fitting_generation(model).empty()) return "";
  const Generation& nearest = find_generation(model.rope_layout == "interleaved" ? "g2"
                                              : model.qk_norm                    ? "g4"
                                                                                 : "g3",
                                              "");
  return std::string(nearest.name) + " is nearest, but " + misfit(nearest, model);
}

}  // namespace mm
