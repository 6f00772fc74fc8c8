// The alarms by name, and what each of them says.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mm {

/// Of the routers and their experts, worst first; then of the loss, worst first; then of time.
enum class AlarmKind {
  kNonFinite,
  kNoLmGradient,
  kBelowFloor,
  kCollapse,
  kBiasFrozen,
  kDead,
  kDying,
  kOverSubscribed,
  kCopies,
  kLossExplosion,
  kLossSpike,
  kLossWorse,
  kLossStuck,
  kLossGap,
  kSlowData,
};

/// Of the routers and their experts.
bool is_of_routing(AlarmKind kind);
/// Of how long things take: no part of what a run computes, so neither metrics.jsonl nor a checkpoint has it.
bool is_of_time(AlarmKind kind);

/// The layer of an alarm that is about none.
inline constexpr int64_t kWholeModel = -1;

/// What an alarm is about.
struct AlarmSubject {
  AlarmKind kind = AlarmKind::kNonFinite;
  int64_t layer = 0;              ///< in the model, from 0; kWholeModel: the model as a whole
  std::optional<int64_t> expert;  ///< from 0; none: the layer's router
  std::optional<int64_t> other;   ///< of two copies, the second

  auto operator<=>(const AlarmSubject&) const = default;
};

/// The name in `metrics.jsonl` and docs: `no_lm_gradient`, `dead`, ...
std::string_view alarm_name(AlarmKind kind);
/// The reverse; none for a name that is not known.
std::optional<AlarmKind> alarm_kind(std::string_view name);

/// `layer 3: expert 2 got no token in 20 steps, a fair share is 12.5%: dead`
///   value      that was judged: a share, a relative gradient, effective experts, a cosine, a loss, a part
///   threshold  that it was judged by
///   patience   how long it has been so, in what the alarm is judged by
std::string alarm_sentence(const AlarmSubject& subject, double value, double threshold, int64_t patience,
                           int64_t experts);

/// `layer 3 expert 2 dead`, `loss exploded`
std::string alarm_in_short(const AlarmSubject& subject);

/// What is likely behind it, and what to do.
std::string_view alarm_cause(AlarmKind kind);
std::string_view alarm_remedy(AlarmKind kind);

}  // namespace mm
