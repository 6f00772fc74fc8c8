// What several programs accept as the value of an option, for shells to offer.
#pragma once

#include <string>
#include <vector>

namespace mm {

/// `run.device`'s, without the number of a GPU.
std::vector<std::string> device_words();
/// The MiniMind generations.
std::vector<std::string> generation_words();
/// `model.hidden_size=` and so on: the settings whose dotted key begins with `prefix`.
std::vector<std::string> setting_words(const std::string& prefix = "");

}  // namespace mm
