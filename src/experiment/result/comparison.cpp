// Everything is paired: seed by seed, the variant against the base.
#include "experiment/result/comparison.h"

#include <algorithm>

#include "core/error.h"

namespace mm {
namespace {

/// What a run had used when it first passed `loss`; nothing when it never did.
std::optional<double> used_until(const RunResult& run, double loss, double EvaluationPoint::*used) {
  const EvaluationPoint* before = nullptr;
  for (const EvaluationPoint& point : run.evaluations) {
    if (point.loss <= loss) {
      if (before == nullptr) return point.*used;
      const double share = (before->loss - loss) / (before->loss - point.loss);
      return before->*used + share * (point.*used - before->*used);
    }
    before = &point;
  }
  return {};
}

std::optional<double> multiplier(const RunResult& base, const RunResult& run, double EvaluationPoint::*used) {
  const bool ahead = run.end().loss <= base.end().loss;
  const RunResult &first = ahead ? run : base, &second = ahead ? base : run;
  const std::optional<double> until = used_until(first, second.end().loss, used);
  const double whole = second.end().*used;
  if (!until || *until <= 0 || whole <= 0) return {};
  return ahead ? whole / *until : *until / whole;
}

void count_runs(const VariantResults& variant, ComparisonRow& row) {
  std::vector<double> bits, rates, seconds;
  for (const RunResult& run : variant.runs) {
    row.failed += run.state == RunResult::State::kFailed;
    if (run.state == RunResult::State::kFailed && row.failure.empty()) row.failure = run.failure;
    row.missing += run.state == RunResult::State::kMissing || run.state == RunResult::State::kBegun;
    row.alarms += run.alarms;
    row.dead_experts += run.dead_experts;
    if (!run.finished()) continue;
    ++row.finished;
    row.losses.push_back(run.end().loss);
    bits.push_back(run.end().bits_per_byte);
    rates.push_back(run.tokens_per_second);
    seconds.push_back(run.end().seconds);
  }
  row.loss = mean_interval(row.losses);
  row.bits_per_byte = mean_interval(bits);
  row.tokens_per_second = mean_interval(rates);
  row.seconds = mean_interval(seconds);
}

void compare_pairs(const VariantResults& base, const VariantResults& variant, ComparisonRow& row) {
  std::vector<double> differences, tokens, seconds;
  for (size_t i = 0; i < variant.runs.size(); ++i) {
    const RunResult &run = variant.runs[i], &other = base.runs.at(i);
    if (!run.finished() || !other.finished()) continue;
    differences.push_back(run.end().loss - other.end().loss);
    if (const auto ratio = multiplier(other, run, &EvaluationPoint::tokens)) tokens.push_back(*ratio);
    if (const auto ratio = multiplier(other, run, &EvaluationPoint::seconds)) seconds.push_back(*ratio);
  }
  if (!differences.empty()) row.difference = mean_interval(differences);
  if (!tokens.empty()) row.token_multiplier = ratio_interval(tokens);
  if (!seconds.empty()) row.second_multiplier = ratio_interval(seconds);
}

}  // namespace

std::vector<ComparisonRow> compare(const std::vector<VariantResults>& variants, const std::string& compare_to) {
  const auto base =
      std::find_if(variants.begin(), variants.end(), [&](const auto& variant) { return variant.name == compare_to; });
  require(base != variants.end(), "an experiment has the variant that it compares with");
  std::vector<ComparisonRow> rows;
  for (const VariantResults& variant : variants) {
    ComparisonRow& row = rows.emplace_back();
    row.name = variant.name;
    count_runs(variant, row);
    if (&variant != &*base) compare_pairs(*base, variant, row);
  }
  return rows;
}

}  // namespace mm
