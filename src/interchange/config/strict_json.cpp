// The strict reader of core/json with the exit code of checkpoints.
#include "interchange/config/strict_json.h"

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

}  // namespace mm
