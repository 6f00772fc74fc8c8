// What makers of GPUs promise.
#pragma once

#include <c10/core/ScalarType.h>

#include <string_view>

namespace mm {

/// FLOP/s of matrix products in `type`, summed in fp32 and without sparsity, by the data sheet of the GPU that calls
/// itself `name`; 0 where no data sheet is known here. In fp32, which the tensor cores do not take, it is 0.
double data_sheet_rate(std::string_view name, at::ScalarType type);

}  // namespace mm
