// Experts that are divided among processes: their rows go there and come back.
// Axes: r rows, d features, e experts, m members of the group that divides them.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "model/parameters/parameter_layout.h"

namespace mm {

/// Carries rows between the processes that divide the experts of a layer. All of them call the same in the same order.
class RowExchange {
 public:
  virtual ~RowExchange() = default;

  /// How many rows each member sends here, by expert: [members, own experts] int64, on the host.
  ///   rows_e  [experts] int64 on the host: how many go from here to each expert, of all
  virtual at::Tensor rows_for_own(const at::Tensor& rows_e) const = 0;

  /// The first sends[0] rows go to member 0 and so on; what it sends stands first of what is returned, receives[0]
  /// rows.
  virtual at::Tensor rows(const at::Tensor& rows_rd, const std::vector<int64_t>& sends,
                          const std::vector<int64_t>& receives) const = 0;
};

/// The experts that a process has.
struct ExpertShare {
  ExpertRange range = {};
  const RowExchange* exchange = nullptr;  ///< to where the others are; null: this process has all
};

/// What the experts of all members make of `rows_rd`, [rows, d] sorted by expert: in the same order, and with the
/// gradient of it.
///   ends_e       [experts] int32: one past the last row of each expert, of all
///   own_experts  the same of the experts of this process: rows sorted by own expert, and their ends
/// Waits for the device: how many rows come is not known before.
at::Tensor exchange_experts(const at::Tensor& rows_rd, const at::Tensor& ends_e, const RowExchange& exchange,
                            const std::function<at::Tensor(const at::Tensor&, const at::Tensor&)>& own_experts);

}  // namespace mm
