// The families of models whose config.json we read, and what belonging to one says. No torch.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mm {

/// The models of one `model_type`.
struct ModelFamily {
  std::string_view name;
  bool moe = false;
  /// Keys of the model section with their values as JSON: what the class computes without a key for it, and what a key
  /// has that a config.json leaves out. Keys of theirs that ours have no place for are among them, if the value is
  /// one that we cannot do.
  std::vector<std::pair<std::string_view, std::string>> implied;

  /// The value of an implied key; "" when it implies none.
  std::string implied_value(std::string_view key) const;
};

std::vector<std::string> family_names();

/// The family called `name`; nothing when there is none. What MiniMind's own classes imply changed with its
/// generations, which the keys of a config.json tell.
///   keys     those of the config.json
///   use_moe  whether it has that as true
std::optional<ModelFamily> find_family(std::string_view name, const std::vector<std::string>& keys, bool use_moe);

}  // namespace mm
