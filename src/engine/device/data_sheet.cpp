// Dense TFLOP/s in bf16 and fp16 with sums in fp32, which are the same on all of these. GeForce cards have half of the
// rate that is printed for sums in fp16.
#include "engine/device/data_sheet.h"

#include <array>

namespace mm {
namespace {

struct Card {
  std::string_view name;  ///< the beginning of what it calls itself
  double teraflops;
};

/// A longer name stands before its beginning.
constexpr std::array kCards = {
    Card{"NVIDIA B200", 2250},
    Card{"NVIDIA H200 NVL", 835},
    Card{"NVIDIA H200", 989},
    Card{"NVIDIA GH200", 989},
    Card{"NVIDIA H100 NVL", 835},
    Card{"NVIDIA H100 PCIe", 756},
    Card{"NVIDIA H100", 989},
    Card{"NVIDIA H800 PCIe", 756},
    Card{"NVIDIA H800", 989},
    Card{"NVIDIA H20", 148},
    Card{"NVIDIA A100", 312},
    Card{"NVIDIA A800", 312},
    Card{"NVIDIA A30", 165},
    Card{"NVIDIA A40", 150},
    Card{"NVIDIA A10G", 70},
    Card{"NVIDIA A10", 125},
    Card{"NVIDIA L40S", 362},
    Card{"NVIDIA L40", 181},
    Card{"NVIDIA L4", 121},
    Card{"NVIDIA RTX 6000 Ada", 364},
    Card{"NVIDIA RTX A6000", 155},
    Card{"NVIDIA GeForce RTX 5090", 210},
    Card{"NVIDIA GeForce RTX 4090 D", 147},
    Card{"NVIDIA GeForce RTX 4090", 165},
    Card{"NVIDIA GeForce RTX 4080 SUPER", 104},
    Card{"NVIDIA GeForce RTX 4080", 97.5},
    Card{"NVIDIA GeForce RTX 3090 Ti", 80},
    Card{"NVIDIA GeForce RTX 3090", 71},
};

}  // namespace

double data_sheet_rate(std::string_view name, at::ScalarType type) {
  if (type == at::kFloat) return 0;
  for (const Card& card : kCards) {
    if (!name.starts_with(card.name)) continue;
    const std::string_view rest = name.substr(card.name.size());  // an A100 is no A10
    if (rest.empty() || rest.front() == ' ' || rest.front() == '-') return 1e12 * card.teraflops;
  }
  return 0;
}

}  // namespace mm
