// Names, ranges and help of the training loop's settings.
#include "recipe/sections/train_config.h"

#include "core/config/fields.h"

namespace mm {

bool is_device_name(std::string_view name) {
  constexpr std::string_view kNumbered = "cuda:";
  if (name == "auto" || name == "cpu" || name == "cuda") return true;
  if (!name.starts_with(kNumbered)) return false;
  name.remove_prefix(kNumbered.size());
  return !name.empty() && name.size() <= 3 && name.find_first_not_of("0123456789") == std::string_view::npos;
}

void RunSection::visit(Fields& fields) {
  fields("name", name, "folder of the run below output/; empty: the name of the config file");
  fields("device", device, "where to train: auto (a GPU if there is one), cpu, cuda or cuda:N");
  fields("threads", threads, "CPU threads; 0: one for each processor that the process may use",
         {.min = 0, .max = 4096, .unit = "threads"});
  fields("seed", seed, "seed of the initialisation, the order of the data, dropout and samples", {.min = 0});
  fields("deterministic", deterministic,
         "on a GPU: ops that give the same bytes every time, so that a run that was stopped ends as one that was not; "
         "false: whatever LibTorch takes for fastest. On a CPU it is so anyway");
  fields("expert_products", expert_products,
         "on a GPU: what multiplies the rows of experts; auto: the first of the three that can (docs/gpu.md)",
         {.choices = {"auto", "grouped_mm", "tensor_cores", "by_expert"}});
  fields(
      "hang_seconds", hang_seconds,
      "end with exit code 9, and tell where, when training does not get on for that long: a disk or a GPU that hangs; "
      "0: never",
      {.min = 0, .unit = "seconds"});
}

void TrainConfig::visit(Fields& fields) {
  fields("steps", steps,
         "length of the run in optimizer steps; null: train.epochs or train.tokens say it, and without them it is 1000",
         {.min = 1, .max = 1e12, .unit = "steps", .short_counts = true});
  fields("epochs", epochs, "length of the run in passes over the training text, in place of train.steps",
         {.min = 1e-6, .max = 1e6, .unit = "epochs"});
  fields("tokens", tokens, "length of the run in trained tokens, in place of train.steps",
         {.min = 1, .max = 1e17, .unit = "tokens", .short_counts = true});
  fields("micro_batch", micro_batch, "sequences in one forward and backward pass",
         {.min = 1, .max = 1 << 20, .unit = "sequences"});
  fields("accumulation", accumulation, "micro-batches whose gradients make one optimizer step",
         {.min = 1, .max = 1 << 20, .unit = "micro-batches"});
  fields("shrink_micro_batch", shrink_micro_batch,
         "where memory does not suffice, go on from the newest checkpoint with a smaller micro_batch and as much more "
         "accumulation, in place of ending with exit code 6");
  fields("precision", precision,
         "type of the matrix products; auto: fp32 on a CPU, bf16 on a GPU. Weights and moments are fp32",
         {.choices = {"auto", "fp32", "bf16", "fp16"}});
  fields(
      "cuda_graph", cuda_graph,
      "on a GPU: capture a micro-batch once and launch it as one from then on, to the same bytes; keeps the memory of "
      "one to itself");
  fields("stop_after", stop_after, "stop after this step as a signal would, to be resumed; 0: never",
         {.min = 0, .unit = "steps"});
}

bool split_micro_batch(TrainConfig& train) {
  for (int64_t parts = 2; parts <= train.micro_batch; ++parts) {
    if (train.micro_batch % parts != 0) continue;
    train.micro_batch /= parts;
    train.accumulation *= parts;
    return true;
  }
  return false;
}

void EvaluationConfig::visit(Fields& fields) {
  fields("every", every, "validation loss every so many steps, and at the end; 0: never", {.min = 0, .unit = "steps"});
  fields("tokens", tokens, "validation tokens, taken evenly from the whole set; 0: all of it",
         {.min = 0, .unit = "tokens"});
}

void SampleConfig::visit(Fields& fields) {
  fields("every", every, "text samples every so many steps, and at the end; 0: never", {.min = 0, .unit = "steps"});
  fields("prompts", prompts, "beginnings that the model continues; none: it starts from nothing");
  fields("max_new_tokens", max_new_tokens, "length of a sample", {.min = 1, .max = 1 << 16, .unit = "tokens"});
  fields("temperature", temperature, "0 takes the likeliest token, 1 draws from the distribution as it is",
         {.min = 0, .max = 10});
  fields("top_p", top_p, "draw among the likeliest tokens that together have this probability",
         {.min = 0.01, .max = 1});
}

void InitConfig::visit(Fields& fields) {
  fields(
      "from", from,
      "weights to start from: a MiniMind .pth of any generation, a .safetensors file, a Hugging Face folder, a run or "
      "a checkpoint; empty: from scratch. What the model section leaves out comes from there too");
  fields("generation", generation, "MiniMind generation of the file; auto: recognised from its keys and shapes",
         {.choices = {"auto", "g0", "g1", "g2", "g3", "g3a", "g3b", "g3c", "g4", "g4c"}});
  fields("optimizer", optimizer,
         "take AdamW's moments, the step and the position in the data from a _resume.pth as well");
}

}  // namespace mm
