// What a checkpoint keeps of a run besides tensors, as JSON. Keys that came later are missing in older checkpoints.
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/hash.h"
#include "core/json/ordered_json.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "train/train_state.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;

/// JSON has no infinity: a loss that was never measured is null.
Json loss_to_json(double loss) {
  return std::isfinite(loss) ? Json(loss) : Json(nullptr);
}

double loss_from_json(const Json& value) {
  return value.is_null() ? std::numeric_limits<double>::infinity() : value.get<double>();
}

constexpr int64_t kVersion = 1;

void check_version(int64_t version, const std::string& folder) {
  if (version <= kVersion) return;
  throw Error(ExitCode::kCheckpoint,
              got_want(folder + "/state.json:version", std::to_string(version), "at most " + std::to_string(kVersion),
                       "use the version of the program that wrote it; nothing was changed"));
}

void check_data(const std::string& trained_on, uint64_t fingerprint, const std::string& folder) {
  if (trained_on == hex64(fingerprint)) return;
  throw Error(
      ExitCode::kData,
      got_want("data.train", "other text or tokens than " + folder + " was trained on", "the files as they were",
               "restore them, or start another run with --set run.name=<name> --set init.from=" + folder));
}

/// -1 where it is not there.
int64_t integer_of(const std::string& state_json, const char* key) {
  try {
    const Json value = parse_ordered_json(state_json).value(key, Json());
    return value.is_number_integer() ? value.get<int64_t>() : -1;
  } catch (const Json::exception&) {
    return -1;
  }
}

}  // namespace

std::string TrainState::counters() const {
  Json state;
  state["version"] = kVersion;
  state["step"] = step;
  state["tokens_total"] = tokens_total;
  state["data_position"] = loader.position();
  if (loader.groups() > 1) {
    const RunOrder::Visit& visit = loader.place().visit;
    state["data_visit"] = {{"number", visit.number}, {"begin", visit.begin}};
  }
  if (replay_start) state["replay_start"] = {{"epoch", replay_start->epoch}, {"step", replay_start->step}};
  state["data_fingerprint"] = hex64(data_fingerprint);
  state["alarms"] = parse_ordered_json(alarms.state());
  state["revived"] = Json::array();
  for (const auto& [expert, when] : revived) state["revived"].push_back({expert.first, expert.second, when});
  state["best_loss"] = loss_to_json(best_loss);
  state["best_saved_loss"] = loss_to_json(best_saved_loss);
  state["best_saved_step"] = best_saved_step;
  state["validation_fingerprint"] = hex64(validation_fingerprint);
  state["skipped_in_a_row"] = skipped_in_a_row;
  if (watches_spikes) {
    state["spikes"] = parse_ordered_json(spikes.state());
    state["spikes_acted_on"] = spikes_acted_on;
    state["rate_factor"] = rate_factor;
  }
  state["duties_done"] = duties_done;
  if (ranks > 1) state["ranks"] = ranks;
  return write_ordered_json(state, 2) + "\n";
}

void TrainState::restore_counters(const std::string& json, const std::string& folder) {
  try {
    const auto state = parse_ordered_json(json);
    check_version(state.at("version").get<int64_t>(), folder);
    check_data(state.at("data_fingerprint").get<std::string>(), data_fingerprint, folder);
    step = state.at("step").get<int64_t>();
    tokens_total = state.at("tokens_total").get<int64_t>();
    const auto position = state.at("data_position").get<int64_t>();
    if (step < 0 || tokens_total < 0 || position < 0) {
      throw Error(ExitCode::kCheckpoint,
                  got_want(folder + "/state.json",
                           format("step %lld, %lld tokens, data position %lld", static_cast<long long>(step),
                                  static_cast<long long>(tokens_total), static_cast<long long>(position)),
                           "numbers from 0 up", "remove this checkpoint to resume from an older one"));
    }
    BatchLoader::Place place = {.position = position};
    if (state.contains("data_visit")) {
      const auto& visit = state["data_visit"];
      place.visit = {.number = visit.at("number").get<int64_t>(), .begin = visit.at("begin").get<int64_t>()};
    }
    loader.seek(place);
    if (replay_start) {
      const auto& start = state.at("replay_start");
      replay_start = {.epoch = start.at("epoch").get<int64_t>(), .step = start.at("step").get<int64_t>()};
    }
    // Checkpoints from before there were alarms have none.
    if (state.contains("alarms")) alarms.restore(write_ordered_json(state["alarms"]));
    if (state.contains("revived")) {
      revived.clear();
      for (const auto& row : state["revived"]) {
        revived[{row.at(0).get<int64_t>(), row.at(1).get<int64_t>()}] = row.at(2).get<int64_t>();
      }
    }
    if (watches_spikes && state.contains("spikes")) {
      spikes.restore(write_ordered_json(state["spikes"]));
      spikes_acted_on = state.at("spikes_acted_on").get<int64_t>();
      rate_factor = state.at("rate_factor").get<double>();
    }
    skipped_in_a_row = state.value("skipped_in_a_row", skipped_in_a_row);
    duties_done = state.value("duties_done", duties_done);
    ranks = state.value("ranks", int64_t{1});
    // Losses on other text say nothing of those to come.
    const std::string validated_on = state.value("validation_fingerprint", hex64(0));
    if (validated_on != hex64(0) && validated_on != hex64(validation_fingerprint)) {
      log_warning("the validation text is not what it was: the lowest validation loss is looked for anew");
      return;
    }
    best_loss = loss_from_json(state.at("best_loss"));
    best_saved_loss = loss_from_json(state.at("best_saved_loss"));
    best_saved_step = state.value("best_saved_step", best_saved_step);
  } catch (const Json::exception& problem) {
    throw Error(ExitCode::kCheckpoint, got_want(folder + "/state.json", problem.what(), "the state of a run",
                                                "remove this checkpoint to resume from an older one"));
  }
}

int64_t best_saved_step(const std::string& state_json) {
  return integer_of(state_json, "best_saved_step");
}

bool has_duties_left(const std::string& state_json) {
  return integer_of(state_json, "duties_done") >= 0;
}

}  // namespace mm
