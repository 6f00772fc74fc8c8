// The strict reader of core/json with the exit code of checkpoints.
#include "interchange/strict_json.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace mm {

JsonTree parse_object(const std::string& text, const std::string& file) {
  Problems problems;
  std::optional<JsonTree> tree = parse_json(text, file, problems);
  if (!tree) throw Error(ExitCode::kCheckpoint, join(problems.messages(), "\n"));
  if (!tree->is(JsonTree::Kind::kObject)) {
    throw Error(ExitCode::kCheckpoint, got_want(file, show_json(*tree), "an object", "restore it from a copy"));
  }
  return std::move(*tree);
}

const JsonTree* find_member(const JsonTree& tree, std::string_view key) {
  const auto found = std::find_if(tree.members.begin(), tree.members.end(),
                                  [&](const JsonTree::Member& member) { return member.key == key; });
  return found == tree.members.end() ? nullptr : &found->value;
}

}  // namespace mm
