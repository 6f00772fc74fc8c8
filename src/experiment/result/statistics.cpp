// Student's distribution for whole degrees of freedom has a finite sum: Abramowitz & Stegun 26.7.3 and 26.7.4.
#include "experiment/result/statistics.h"

#include <cmath>
#include <limits>
#include <numbers>

#include "core/error.h"

namespace mm {
namespace {

/// P(|T| <= t).
double student_within(double t, int64_t degrees) {
  const double angle = std::atan(t / std::sqrt(static_cast<double>(degrees)));
  const double cosine = std::cos(angle), squared = cosine * cosine;
  const bool odd = degrees % 2 == 1;
  double term = odd ? cosine : 1, sum = degrees == 1 ? 0 : term;
  for (int64_t k = odd ? 3 : 2; k <= degrees - 2; k += 2) {
    term *= squared * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return odd ? 2 / std::numbers::pi * (angle + std::sin(angle) * sum) : std::sin(angle) * sum;
}

}  // namespace

double student_t95(int64_t degrees_of_freedom) {
  require(degrees_of_freedom >= 1, "a spread needs two values");
  double low = 0, high = 20;  // 12.7 for one degree
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (student_within(middle, degrees_of_freedom) < 0.95 ? low : high) = middle;
  }
  return high;
}

Interval mean_interval(const std::vector<double>& values) {
  constexpr double kEndless = std::numeric_limits<double>::infinity();
  Interval interval = {0, -kEndless, kEndless, static_cast<int64_t>(values.size())};
  if (values.empty()) return interval;
  const auto count = static_cast<double>(values.size());
  for (const double value : values) interval.mean += value / count;
  if (values.size() == 1) return interval;
  double squares = 0;
  for (const double value : values) squares += (value - interval.mean) * (value - interval.mean);
  const double half = student_t95(interval.count - 1) * std::sqrt(squares / (count - 1) / count);
  interval.low = interval.mean - half;
  interval.high = interval.mean + half;
  return interval;
}

Interval ratio_interval(const std::vector<double>& ratios) {
  std::vector<double> logarithms;
  for (const double ratio : ratios) logarithms.push_back(std::log(ratio));
  const Interval interval = mean_interval(logarithms);
  return {std::exp(interval.mean), std::exp(interval.low), std::exp(interval.high), interval.count};
}

std::string_view verdict(const Interval& difference) {
  if (difference.count < 2) return "not decided";
  if (difference.high < 0) return "better";
  if (difference.low > 0) return "worse";
  return "not decided";
}

}  // namespace mm
