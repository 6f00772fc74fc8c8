// One function a question.
#include "view/report/verdict.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <set>

#include "core/text.h"
#include "metrics/alarms/alarm.h"
#include "metrics/load_statistics.h"

namespace mm {
namespace {

using Kinds = std::initializer_list<AlarmKind>;

/// The alarms of some kinds.
struct Found {
  std::vector<const EventRecord*> standing;  // worst kind first
  size_t over = 0;
};

Found find_alarms(const RunHistory& run, Kinds kinds) {
  Found found;
  for (const AlarmKind kind : kinds) {
    for (const RaisedAlarm& alarm : run.alarms.alarms()) {
      if (alarm.event.name != alarm_name(kind)) continue;
      if (alarm.cleared) {
        ++found.over;
      } else {
        found.standing.push_back(&alarm.event);
      }
    }
  }
  return found;
}

std::string plural(size_t count, const std::string& word) {
  return std::to_string(count) + " " + word + (count == 1 ? "" : "s");
}

/// An answer by alarms alone: `grave` ones are bad, `mild` ones are watched, those that are over are told. `numbers`
/// are told in any case.
Verdict judge(const std::string& question, const RunHistory& run, Kinds grave, Kinds mild, const std::string& yes,
              const std::string& no, const std::string& numbers) {
  const Found bad = find_alarms(run, grave), watched = find_alarms(run, mild);
  Verdict verdict{.question = question, .light = Light::kGood, .answer = yes};
  const std::vector<const EventRecord*>& standing = bad.standing.empty() ? watched.standing : bad.standing;
  if (!standing.empty()) {
    verdict.light = bad.standing.empty() ? Light::kWatch : Light::kBad;
    verdict.answer = (bad.standing.empty() ? "Watch it: " : no) + standing.front()->text;
    if (standing.size() > 1) verdict.answer += ", and " + plural(standing.size() - 1, "more alarm") + " of this kind";
    verdict.answer += ".";
    verdict.remedy = standing.front()->remedy;
  }
  if (!numbers.empty()) verdict.answer += " " + numbers;
  if (const size_t over = bad.over + watched.over; over > 0) {
    verdict.answer +=
        " " + plural(over, "alarm") + (over == 1 ? " was raised and is over." : " were raised and are over.");
  }
  return verdict;
}

Verdict unjudged(const std::string& question, Light light, const std::string& answer) {
  return {.question = question, .light = light, .answer = answer};
}

double last_of(const Series& series) {
  const std::vector<Bucket> buckets = series.buckets();
  return buckets.empty() ? NAN : buckets.back().mean();
}

double mean_of(const Series& series) {
  double sum = 0, count = 0;
  for (const Bucket& bucket : series.buckets()) {
    sum += bucket.sum;
    count += static_cast<double>(bucket.count);
  }
  return count > 0 ? sum / count : NAN;
}

Verdict learning(const RunHistory& run) {
  const std::string question = "Does it learn?";
  const std::vector<Bucket> losses = run.loss.buckets();
  if (losses.empty()) return unjudged(question, Light::kWatch, "There is no loss yet.");
  std::string numbers =
      format("The training loss went from %.3f to %.3f nats per token", losses.front().mean(), losses.back().mean());
  if (const double vocabulary = run.setting("model.vocab_size", 0); vocabulary > 1) {
    numbers += format("; guessing among all tokens is %.2f", std::log(vocabulary));
  }
  if (run.best) {
    numbers += format(". Best validation loss: %.4f at step %s, now %.4f", run.best->loss,
                      with_commas(run.best->step).c_str(), last_of(run.validation));
  }
  if (run.skipped_steps > 0) numbers += ". Skipped steps: " + with_commas(run.skipped_steps);
  return judge(question, run,
               {AlarmKind::kNonFinite, AlarmKind::kLossExplosion, AlarmKind::kLossWorse, AlarmKind::kLossStuck},
               {AlarmKind::kLossSpike, AlarmKind::kLossGap}, "Yes.", "No: ", numbers + ".");
}

Verdict router(const RunHistory& run) {
  const std::string question = "Is the router learning?";
  if (run.gate_gradient.empty()) {
    return unjudged(question, Light::kWatch,
                    "Not measured yet: what the gates get of the loss is measured every metrics.router_every steps.");
  }
  std::string numbers = format(
      "The gate that the language-model loss reaches least gets %.2g of the model's mean gradient, per weight; below "
      "%.2g it would be an alarm",
      last_of(run.gate_gradient), run.setting("alarms.gate_gradient", 1e-4));
  if (!run.token_entropy.empty()) {
    numbers += format(". A choice has an entropy of %.2f nats, undecided is ln E = %.2f", last_of(run.token_entropy),
                      std::log(static_cast<double>(run.load.last().experts)));
  }
  if (!run.churn.empty()) {
    numbers += format(". %.1f%% of the probe's pairs have another expert than at the measure before",
                      100 * last_of(run.churn));
  }
  return judge(question, run,
               {AlarmKind::kNoLmGradient, AlarmKind::kBelowFloor, AlarmKind::kCopies, AlarmKind::kBiasFrozen}, {},
               "Yes.", "No: ", numbers + ".");
}

Verdict experts(const RunHistory& run) {
  const std::string question = "Are the experts alive?";
  const LoadColumn column = run.load.columns().back();
  const LoadStatistics statistics = load_statistics(column.load);
  const int64_t experts = column.load.experts * column.load.layers;
  const std::string steps = column.first_step == column.last_step
                                ? "In step " + with_commas(column.last_step)
                                : "In steps " + with_commas(column.first_step) + " to " + with_commas(column.last_step);
  // What may become an alarm: no verdict yet, but the terminal says it too.
  const std::string on_watch = run.verdict.starts_with("watching") ? " The run is " + run.verdict + "." : "";
  const std::string numbers =
      format("%s an expert got %.3g%% to %.3g%% of its layer's tokens, a fair share is %.3g%%; %lld of %lld got none.",
             steps.c_str(), 100 * statistics.min_share, 100 * statistics.max_share,
             100.0 / static_cast<double>(column.load.experts), static_cast<long long>(statistics.dead),
             static_cast<long long>(experts)) +
      on_watch;
  return judge(question, run, {AlarmKind::kCollapse, AlarmKind::kDead}, {AlarmKind::kDying, AlarmKind::kOverSubscribed},
               "Yes.", "No: ", numbers);
}

/// `26` of `moe, 64 parameters, 26 active; ...`, with its commas; empty where there is none.
std::string number_before(const std::string& text, const std::string& word) {
  const size_t end = text.find(" " + word);
  if (end == std::string::npos) return "";
  const size_t begin = text.find_last_of(' ', end - 1);
  return begin == std::string::npos ? "" : text.substr(begin + 1, end - begin - 1);
}

std::string speed_of(const RunHistory& run) {
  return run.seconds > 0 ? short_count(static_cast<double>(run.tokens) / run.seconds) + " tokens/s" : "";
}

/// With a word on the data where that is too slow, and not the model.
Verdict with_data(Verdict verdict, const RunHistory& run) {
  const Found slow = find_alarms(run, {AlarmKind::kSlowData});
  if (!slow.standing.empty()) {
    verdict.light = Light::kWatch;
    verdict.answer = "Watch it: " + slow.standing.front()->text + ". " + verdict.answer;
    verdict.remedy = slow.standing.front()->remedy;
  } else if (slow.over > 0) {
    verdict.answer += " The data was too slow for a while.";
  }
  return verdict;
}

Verdict cost(const RunHistory& run, const RunHistory* dense) {
  const bool routed = !run.load.last().empty();
  const std::string question = routed ? "Why is it slower than a dense model?" : "How fast is it?";
  if (run.seconds <= 0) return unjudged(question, Light::kNone, "No step has been timed.");
  std::string answer = "It trains " + speed_of(run);
  if (const double mfu = mean_of(run.mfu); std::isfinite(mfu)) {
    answer += format(", %.0f%% of what matrix products alone would give on this device", 100 * mfu);
  }
  answer += ".";
  if (!routed) return with_data(unjudged(question, Light::kNone, answer), run);
  const std::string total = number_before(run.log.model, "parameters"), active = number_before(run.log.model, "active");
  if (!total.empty() && !active.empty()) {
    answer += " A token works with " + active + " of " + total +
              " parameters, as in a dense model of that size; but every step updates all of them";
  } else {
    answer += " A token works with a part of the parameters, but every step updates all of them";
  }
  const double rows = run.setting("train.micro_batch", 0) * run.setting("data.sequence_length", 0);
  const double slots = run.setting("model.num_experts_per_tok", 0);
  if (rows > 0 && slots > 0) {
    const auto experts = static_cast<double>(run.load.last().experts);
    answer +=
        format(", and products are of about %.0f rows for each expert in place of %.0f", rows * slots / experts, rows);
  }
  answer += format("; the busiest expert has %.2f fair shares.", last_of(run.load.max_over_mean));
  if (!run.dropped.empty()) answer += format(" %.2f%% of the pairs are dropped.", 100 * mean_of(run.dropped));
  if (dense != nullptr && dense->seconds > 0 && dense->tokens > 0) {
    const double ratio =
        (static_cast<double>(run.tokens) / run.seconds) / (static_cast<double>(dense->tokens) / dense->seconds);
    answer += format(" That is %.2f of the speed of the dense run beside it, %s.", ratio, speed_of(*dense).c_str());
  } else {
    answer += " To compare, train a dense model beside it (model.model_type \"dense\") and put both on one page.";
  }
  return with_data(unjudged(question, Light::kNone, answer), run);
}

Verdict resume(const RunHistory& run) {
  const std::string question = "Is the resume exact?";
  const LogHistory& log = run.log;
  const int64_t odd = run.missing_steps + run.repeated_steps;
  std::string answer;
  if (odd > 0) {
    answer =
        format("No: metrics.jsonl lacks %s of its %s steps and has %s twice.", with_commas(run.missing_steps).c_str(),
               with_commas(run.steps).c_str(), with_commas(run.repeated_steps).c_str());
    return {.question = question,
            .light = Light::kBad,
            .answer = answer,
            .remedy = "metrics.jsonl was edited, or is of several runs: take the checkpoint's step as the truth"};
  }
  const std::string steps = with_commas(run.steps) + " steps are there once each.";
  if (log.resumes.empty()) {
    return unjudged(question, Light::kGood, "It was never interrupted: its " + steps);
  }
  std::vector<std::string> places;
  for (const int64_t step : log.resumes) places.push_back(with_commas(step));
  constexpr size_t kMostPlaces = 5;
  if (places.size() > kMostPlaces) places.erase(places.begin() + 1, places.end() - (kMostPlaces - 1));
  answer = "Taken up " + plural(log.resumes.size(), "time") + ", at step " + join(places, ", ") +
           ", each time from a checkpoint whose hashes were verified: its " + steps;
  const std::set<std::string> devices(log.devices.begin(), log.devices.end());
  if (!log.changes.empty()) {
    answer += " But settings were changed on the way: " + log.changes.front() + ".";
    return unjudged(question, Light::kWatch, answer);
  }
  if (devices.size() > 1) {
    answer +=
        " But on different devices, whose rounding differs: " + join({devices.begin(), devices.end()}, " | ") + ".";
    return unjudged(question, Light::kWatch, answer);
  }
  return unjudged(question, Light::kGood, "Yes. " + answer + " Same settings and same device each time.");
}

}  // namespace

std::vector<Verdict> verdicts(const RunHistory& run, const RunHistory* dense) {
  if (run.load.last().empty()) return {learning(run), cost(run, dense), resume(run)};
  return {learning(run), router(run), experts(run), cost(run, dense), resume(run)};
}

}  // namespace mm
