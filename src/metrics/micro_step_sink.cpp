// The lines of an update are written when it is done.
#include "metrics/micro_step_sink.h"

#include <nlohmann/json.hpp>

namespace mm {

using Json = nlohmann::ordered_json;

MicroStepSink::MicroStepSink(const std::string& run_folder, int64_t last_micro_step)
    : file_(run_folder + "/micro_steps.jsonl", last_micro_step, "micro_step") {}

void MicroStepSink::write(const StepRecord& record) {
  int64_t accumulated = 0;
  for (const MicroStepRecord& micro_step : record.micro_steps) {
    // As PyTorch adds them: in fp32.
    const float loss = static_cast<float>(micro_step.cross_entropy) + static_cast<float>(micro_step.aux_loss);
    Json line = {{"micro_step", micro_step.number},
                 {"epoch", micro_step.epoch},
                 {"step", micro_step.step},
                 {"loss", loss},
                 {"ce", micro_step.cross_entropy},
                 {"aux", micro_step.aux_loss},
                 {"lr", micro_step.learning_rate},
                 {"rows", micro_step.rows},
                 {"update", nullptr}};
    if (++accumulated == record.micro_batches) {
      line["update"] = {{"number", record.step},
                        {"micro_batches", record.micro_batches},
                        {"grad_norm", record.grad_norm},
                        {"lr", record.learning_rate}};
    }
    file_.append(line.dump());
  }
}

}  // namespace mm
