// What a few seeds say of a mean, and of a difference. No torch.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace mm {

/// A mean and the interval that holds the true one in 95% of all experiments.
struct Interval {
  double mean = 0;
  double low = 0, high = 0;  ///< without end where there is one value
  int64_t count = 0;         ///< of values
};

/// Student's interval: right for values that are normal around their mean, whatever their spread.
Interval mean_interval(const std::vector<double>& values);

/// The same for ratios: of their logarithms. `mean` is the geometric one.
Interval ratio_interval(const std::vector<double>& ratios);

/// What a difference of losses to the base means: "better" when all of the interval is below 0, "worse" when it is
/// above, else "not decided". One seed decides nothing.
std::string_view verdict(const Interval& difference);

/// t with P(|T| <= t) = 0.95 for Student's distribution.
double student_t95(int64_t degrees_of_freedom);

}  // namespace mm
