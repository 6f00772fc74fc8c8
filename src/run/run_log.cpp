// Lines of a run's log.
#include "run/run_log.h"

#include <torch/version.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/alive.h"
#include "core/process/machine.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "data/text/files/text_paths.h"
#include "engine/micro_batch_graph.h"
#include "model/parameters/count.h"
#include "recipe/capture.h"
#include "recipe/run_length.h"
#include "run/opening/data_file.h"

namespace mm {

void log_model(const RunConfig& config, const DeviceSetup& setup, const std::string& version) {
  if (!version.empty()) log_info("program   " + version + ", LibTorch " TORCH_VERSION);
  const ParameterCount count = count_parameters(config.model);
  std::string model =
      format("model     %s, %s parameters", config.model.model_type.c_str(), with_commas(count.total).c_str());
  if (config.model.is_moe()) {
    model += format(", %s active; %lld experts, top-%lld", with_commas(count.active).c_str(),
                    static_cast<long long>(config.model.moe.num_experts),
                    static_cast<long long>(config.model.moe.num_experts_per_tok));
    if (config.model.moe.n_shared_experts > 0) {
      model += format(" + %lld shared", static_cast<long long>(config.model.moe.n_shared_experts));
    }
    if (const int64_t dense = config.model.moe.first_k_dense_replace; dense > 0) {
      model += format(" behind %lld dense layer%s", static_cast<long long>(dense), dense == 1 ? "" : "s");
    }
  }
  log_info(model);
  // A step waits for its slowest thread: worth a word before somebody wonders.
  constexpr double kWorthAWord = 0.5;
  const double busy = setup.device.is_cpu() ? busy_processors() : 0;
  log_info("device    " + setup.description +
           (busy < kWorthAWord ? ""
                               : format("; other programs keep %.1f of this machine's processors busy, which makes "
                                        "steps slower",
                                        busy)));
}

void warn_of_idle_settings(const RunConfig& config, const DeviceSetup& setup) {
  if (config.run.device == "cpu") return;  // who says so has been told with the config
  const auto warn = [](const char* key, const char* reason) { log_warning(format("%s: no effect: %s", key, reason)); };
  const char* no_gpu = "there is no GPU";
  const bool lacks_gpu = setup.device.is_cpu();
  if (lacks_gpu && !config.run.deterministic) warn("run.deterministic", no_gpu);
  if (lacks_gpu && config.model.is_moe() && config.run.expert_products != "auto") warn("run.expert_products", no_gpu);
  const char* obstacle = capture_obstacle(setup);
  if (config.train.cuda_graph && capture_obstacle(config) == nullptr && obstacle != nullptr) {
    warn("train.cuda_graph", obstacle);
  }
}

namespace {

/// `documents: 0.02% of the positions are padding; 1,204 documents are longer than a sequence and cut into parts`
std::string packing_in_words(const DataConfig& data, const TextTotals& text) {
  const WindowUse& use = text.use;
  const double positions = static_cast<double>(text.windows * data.sequence_length);
  std::string words = format("%s: %.2f%% of the positions are padding", data.packing.c_str(),
                             100.0 * static_cast<double>(use.padding) / positions);
  if (use.split_documents == 0) return words;
  words += "; " + with_commas(use.split_documents) + " documents are longer than a sequence and ";
  if (use.tokens_left_out == 0) return words + "cut into parts";
  return words + "lose " + with_commas(use.tokens_left_out) + " tokens" +
         format(" (%.2f%%)", 100.0 * static_cast<double>(use.tokens_left_out) / static_cast<double>(text.tokens));
}

/// For who would have to add up the lines of many files.
void log_unusual(const RunConfig& config, const TextTotals& text) {
  const std::string words = what_is_unusual(text.read, config.data.reading().special_tokens);
  if (!words.empty() && text_files(config.data.train).size() > 1) log_info("text      all files: " + words);
}

}  // namespace

void log_packed_data(const RunConfig& config, const TextTotals& text, int64_t step, int64_t position) {
  log_info(format("data      %s tokens in %s documents, %s sequences of %lld; %s", with_commas(text.tokens).c_str(),
                  with_commas(text.documents).c_str(), with_commas(text.windows).c_str(),
                  static_cast<long long>(config.data.sequence_length),
                  describe_length(config, text.windows, step, position).c_str()));
  if (config.data.packing != "stream") log_info("packing   " + packing_in_words(config.data, text));
}

void follow_data(const RunConfig& config, TrainingText& train, int64_t step, int64_t position) {
  if (!train.is_known()) {
    log_info(
        format("data      %lld groups of about %lld MiB of text, of which the first is tokenized; the others are "
               "while the run trains",
               static_cast<long long>(train.groups()), static_cast<long long>(config.data.shuffle_megabytes)));
  }
  const bool in_groups = train.groups() > 1;
  train.when_known([config, step, position, in_groups](const TextTotals& totals) {
    log_unusual(config, totals);
    log_packed_data(config, totals, step, position);
    keep_data_file(config, totals, in_groups);
  });
}

void finish_data(TrainingText& train) {
  constexpr std::chrono::milliseconds kLook{100};
  constexpr int kMostLooks = 100;
  if (!train.is_told_within({})) show_status("reading the rest of the text");
  for (int looks = 0; !train.is_told_within(kLook) && looks < kMostLooks && !stop_requested(); ++looks) still_going();
  train.require_sound();
  if (train.is_told_within({})) return;
  log_warning(
      "data.train: the run was over before all of its text was read, so what is in it is not told, and a run that "
      "goes on from here cannot tell whether all of it is the same");
}

void log_replay(const RunConfig& config, const TextTotals& text, const ReplayPlan& plan) {
  log_info(
      format("data      %s tokens in %s rows of at most %lld; replaying the %s trainer: %lld epochs of %s "
             "micro-steps, %s updates",
             with_commas(text.tokens).c_str(), with_commas(text.windows).c_str(),
             static_cast<long long>(config.data.sequence_length), config.compat.trainer.c_str(),
             static_cast<long long>(config.compat.epochs), with_commas(plan.micro_batches_per_epoch()).c_str(),
             with_commas(plan.updates()).c_str()));
}

std::string standing_alarms(const TrainState& state) {
  constexpr size_t kMost = 4;
  std::vector<std::string> words;
  for (const AlarmSubject& subject : state.alarms.standing()) words.push_back(alarm_in_short(subject));
  if (words.empty()) return "";
  const std::string count = std::to_string(words.size()) + (words.size() == 1 ? " alarm stood: " : " alarms stood: ");
  // Those of the loss come last, and are what everybody wants to know first.
  std::rotate(
      words.begin(),
      std::find_if(words.begin(), words.end(), [](const std::string& word) { return word.starts_with("loss "); }),
      words.end());
  const bool more = words.size() > kMost;
  words.resize(std::min(words.size(), kMost));
  return count + join(words, ", ") + (more ? ", ..." : "");
}

}  // namespace mm
