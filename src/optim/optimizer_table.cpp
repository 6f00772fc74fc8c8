// The table. A new optimizer is a file of its own and a row here.
#include "optim/optimizer_table.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "optim/adamw.h"
#include "optim/muon/muon.h"
#include "optim/muon/normuon.h"
#include "optim/optimizer.h"

namespace mm {
namespace {

struct Row {
  std::string_view name;
  bool updates_parts;
  std::unique_ptr<Optimizer> (*make)(const OptimConfig&, FlatBuffers, const ParameterLayout&, std::vector<FlatRange>);
  OptimizerCost (*cost)(const OptimConfig&, const ParameterLayout&);
};

constexpr std::array kTable = {
    Row{"adamw", true, make_adamw, adamw_cost},
    Row{"muon", false, make_muon, muon_cost},
    Row{"normuon", false, make_normuon, normuon_cost},
};

const Row& row_of(const OptimConfig& config) {
  const auto* found =
      std::find_if(kTable.begin(), kTable.end(), [&](const Row& row) { return row.name == config.type; });
  require(found != kTable.end(), "an optimizer of the table");
  return *found;
}

}  // namespace

std::vector<std::string_view> optimizer_names() {
  std::vector<std::string_view> names;
  for (const Row& row : kTable) names.push_back(row.name);
  return names;
}

bool can_update_parts(const OptimConfig& config) {
  return row_of(config).updates_parts;
}

OptimizerCost optimizer_cost(const OptimConfig& config, const ParameterLayout& layout) {
  return row_of(config).cost(config, layout);
}

std::unique_ptr<Optimizer> make_optimizer(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                          std::vector<FlatRange> updated) {
  require(updated.empty() || can_update_parts(config), "an optimizer that updates parts");
  return row_of(config).make(config, std::move(buffers), layout, std::move(updated));
}

}  // namespace mm
