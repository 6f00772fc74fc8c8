// Rows in the order in which somebody who ports a configuration would look for them.
#include "recipe/foreign_words.h"

#include <algorithm>
#include <array>

#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr std::string_view kMiniMind = "MiniMind", kNanoGpt = "nanoGPT", kHuggingFace = "Hugging Face";
constexpr std::string_view kMiniMindAndNanoGpt = "MiniMind, nanoGPT", kAll = "MiniMind, nanoGPT, Hugging Face";

/// Types by their names in PyTorch, which are the values of `dtype`.
constexpr std::array kTypeNames = {std::pair("float32", "fp32"), std::pair("bfloat16", "bf16"),
                                   std::pair("float16", "fp16")};

const ForeignWord* find_word(std::string_view word) {
  const auto& table = foreign_words();
  const auto found = std::find_if(table.begin(), table.end(), [&](const ForeignWord& row) { return row.word == word; });
  return found == table.end() ? nullptr : &*found;
}

class Translation {
 public:
  Translation(ConfigSource& source, const std::vector<std::string>& names, Problems& problems)
      : source_(source), names_(names), problems_(problems) {}

  void run() {
    if (!source_.tree.is(JsonTree::Kind::kObject)) return;
    take_from(source_.tree, "");
    for (JsonTree::Member& member : source_.tree.members) {
      if (member.value.is(JsonTree::Kind::kObject) && is_section(member.key)) take_from(member.value, member.key);
    }
    for (auto& [setting, word] : moved_) put(std::string(setting.substr(0, setting.find('.'))), setting, word);
  }

 private:
  bool is_known(const std::string& key) const { return std::find(names_.begin(), names_.end(), key) != names_.end(); }
  bool is_section(const std::string& key) const { return is_known(key); }

  void take_from(JsonTree& object, const std::string& section) {
    std::erase_if(object.members, [&](JsonTree::Member& member) {
      const ForeignWord* word = is_known(dotted(section, member.key)) ? nullptr : find_word(member.key);
      if (word == nullptr) return false;
      const std::string where = source_.name + ":" + dotted(section, member.key);
      if (!word->same) {
        problems_.add(where, "a setting of " + std::string(word->programs),
                      word->setting.empty() ? "none of that kind" : std::string(word->setting), word->note);
      } else {
        moved_.push_back({std::string(word->setting), {member.key, where, std::move(member.value)}});
      }
      return true;
    });
  }

  struct Word {
    std::string name, where;
    JsonTree value;
  };

  void put(const std::string& section, const std::string& setting, Word& word) {
    // Where the section knows the word, its reader may do more than rename it.
    const std::string key = is_known(dotted(section, word.name)) ? word.name : setting.substr(section.size() + 1);
    JsonTree* object = find_member(source_.tree, section);
    if (object == nullptr) {
      source_.tree.members.push_back({section, {}});
      object = &source_.tree.members.back().value;
      object->kind = JsonTree::Kind::kObject;
    }
    if (!object->is(JsonTree::Kind::kObject)) return;  // which is told when it is read
    if (find_member(*object, key) != nullptr) {
      problems_.add(word.where, "both `" + word.name + "` and `" + setting + "`", "one of them",
                    "they are names of one setting");
      return;
    }
    for (const auto& [theirs, ours] : kTypeNames) {
      if (setting == "train.precision" && word.value.text == theirs) word.value.text = ours;
    }
    object->members.push_back({key, std::move(word.value)});
  }

  ConfigSource& source_;
  const std::vector<std::string>& names_;
  Problems& problems_;
  std::vector<std::pair<std::string, Word>> moved_;
};

}  // namespace

const std::vector<ForeignWord>& foreign_words() {
  static const std::vector<ForeignWord> table = {
      {"epochs", kMiniMind, "train.epochs", true, ""},
      {"num_train_epochs", kHuggingFace, "train.epochs", true, ""},
      {"max_iters", kNanoGpt, "train.steps", true, ""},
      {"max_steps", kHuggingFace, "train.steps", true, ""},
      {"batch_size", kMiniMindAndNanoGpt, "train.micro_batch", true, "sequences in one forward and backward pass"},
      {"per_device_train_batch_size", kHuggingFace, "train.micro_batch", true, ""},
      {"accumulation_steps", kMiniMind, "train.accumulation", true, ""},
      {"gradient_accumulation_steps", "nanoGPT, Hugging Face", "train.accumulation", true, ""},
      {"max_seq_len", kMiniMind, "data.sequence_length", true,
       "in the model section it says nothing: any length is computed"},
      {"block_size", kNanoGpt, "data.sequence_length", true, ""},
      {"max_seq_length", kHuggingFace, "data.sequence_length", true, ""},
      {"dtype", kMiniMindAndNanoGpt, "train.precision", true, "float32, bfloat16 and float16 are fp32, bf16 and fp16"},
      {"bf16", kHuggingFace, "train.precision", false, "train.precision=bf16"},
      {"fp16", kHuggingFace, "train.precision", false, "train.precision=fp16"},

      {"lr", kMiniMind, "optim.learning_rate", true, ""},
      {"learning_rate", kAll, "optim.learning_rate", true, ""},
      {"weight_decay", "nanoGPT, Hugging Face", "optim.weight_decay", true, ""},
      {"beta1", kNanoGpt, "optim.beta1", true, ""},
      {"beta2", kNanoGpt, "optim.beta2", true, ""},
      {"adam_beta1", kHuggingFace, "optim.beta1", true, ""},
      {"adam_beta2", kHuggingFace, "optim.beta2", true, ""},
      {"adam_epsilon", kHuggingFace, "optim.eps", true, ""},
      {"grad_clip", kMiniMindAndNanoGpt, "optim.max_grad_norm", true, ""},
      {"max_grad_norm", kHuggingFace, "optim.max_grad_norm", true, ""},

      {"warmup_iters", kMiniMindAndNanoGpt, "schedule.warmup_steps", true, "in optimizer steps"},
      {"warmup_steps", kHuggingFace, "schedule.warmup_steps", true, ""},
      {"warmup_ratio", kHuggingFace, "schedule.warmup_steps", false, "it counts steps: this part of all of them"},
      {"min_lr", kNanoGpt, "schedule.min_ratio", false, "it is a part of the peak: min_lr / learning_rate"},
      {"lr_decay_iters", kNanoGpt, "train.steps", false, "the schedule always ends where the run does"},
      {"decay_lr", kNanoGpt, "schedule.type", false, "schedule.type=constant does not decay"},
      {"lr_scheduler_type", kHuggingFace, "schedule.type", false,
       "cosine, wsd or constant, each after schedule.warmup_steps; cosine ends at schedule.min_ratio of the peak, "
       "theirs "
       "at 0"},

      {"save_interval", kMiniMind, "checkpoint.every", false,
       "it counts optimizer steps, theirs micro-batches: save_interval / train.accumulation"},
      {"save_steps", kHuggingFace, "checkpoint.every", true, ""},
      {"save_total_limit", kHuggingFace, "checkpoint.keep", true, "the best one is kept besides"},
      {"log_interval", kMiniMindAndNanoGpt, "metrics.log_every", false,
       "it counts optimizer steps, as nanoGPT does; MiniMind counts micro-batches: log_interval / train.accumulation"},
      {"logging_steps", kHuggingFace, "metrics.log_every", true, ""},
      {"eval_interval", kNanoGpt, "evaluation.every", true, ""},
      {"eval_steps", kHuggingFace, "evaluation.every", true, ""},
      {"eval_iters", kNanoGpt, "evaluation.tokens", false, "it counts tokens: eval_iters * batch_size * block_size"},

      {"data_path", kMiniMind, "data.train", true, ""},
      {"dataset", kNanoGpt, "data.train", false, "it names text files: JSONL with a \"text\" in each line"},
      {"seed", "nanoGPT, Hugging Face", "run.seed", true, ""},
      {"device", kMiniMindAndNanoGpt, "run.device", true, ""},
      {"run_name", kHuggingFace, "run.name", true, ""},
      {"save_dir", kMiniMind, "run.name", false, "a run lies in output/<run.name>"},
      {"out_dir", kNanoGpt, "run.name", false, "a run lies in output/<run.name>"},
      {"output_dir", kHuggingFace, "run.name", false, "a run lies in output/<run.name>"},
      {"from_weight", kMiniMind, "init.from", false, "it names a file or a folder, theirs a part of a file's name"},
      {"from_resume", kMiniMind, "", false, "the same command again resumes a run"},
      {"resume_from_checkpoint", kHuggingFace, "", false, "the same command again resumes a run"},
      {"init_from", kNanoGpt, "init.from", false, "it names a file or a folder; the same command again resumes a run"},
      {"num_workers", kMiniMind, "", false, "batches come from a memory map; leave it out"},
      {"dataloader_num_workers", kHuggingFace, "", false, "batches come from a memory map; leave it out"},
      {"use_compile", kMiniMind, "", false, "nothing is compiled; leave it out"},
      {"compile", kNanoGpt, "", false, "nothing is compiled; leave it out"},
      {"torch_compile", kHuggingFace, "", false, "nothing is compiled; leave it out"},
      {"gradient_checkpointing", kHuggingFace, "train.micro_batch", false,
       "a smaller micro-batch and a larger train.accumulation need less memory"},
      {"use_wandb", kMiniMind, "metrics.tensorboard", false, "metrics.jsonl and report.html are always written"},
      {"wandb_log", kNanoGpt, "metrics.tensorboard", false, "metrics.jsonl and report.html are always written"},
      {"report_to", kHuggingFace, "metrics.tensorboard", false, "metrics.jsonl and report.html are always written"},

      {"use_moe", kMiniMind, "model.model_type", true, "true is moe, false dense"},
      {"dim", kMiniMind, "model.hidden_size", true, ""},
      {"n_embd", kNanoGpt, "model.hidden_size", true, ""},
      {"n_layers", kMiniMind, "model.num_hidden_layers", true, ""},
      {"n_layer", kNanoGpt, "model.num_hidden_layers", true, ""},
      {"n_heads", kMiniMind, "model.num_attention_heads", true, ""},
      {"n_head", kNanoGpt, "model.num_attention_heads", true, "model.num_key_value_heads has a value of its own"},
      {"n_kv_heads", kMiniMind, "model.num_key_value_heads", true, ""},
      {"hidden_dim", kMiniMind, "model.intermediate_size", true, ""},
      {"norm_eps", kMiniMind, "model.rms_norm_eps", true, ""},
      {"n_routed_experts", kMiniMind, "model.num_experts", true, ""},
      {"aux_loss_alpha", kMiniMind, "model.router_aux_loss_coef", true, ""},
      {"seq_aux", kMiniMind, "model.aux_loss", true, "true is sequence, false token"},
  };
  return table;
}

void put_words_in_our_terms(std::vector<ConfigSource>& sources, const std::vector<std::string>& names,
                            Problems& problems) {
  for (ConfigSource& source : sources) Translation(source, names, problems).run();
}

std::string describe_foreign_words() {
  std::string text = "words of other programs: read as ours where they mean the same, else refused with a hint\n";
  for (const ForeignWord& row : foreign_words()) {
    const std::string ours = row.setting.empty() ? "-" : std::string(row.setting);
    text += format("  %-27s  %-31s  %-28s  %s", std::string(row.word).c_str(), std::string(row.programs).c_str(),
                   ours.c_str(), row.same ? "the same" : "a hint");
    text += (row.note.empty() ? "" : ": " + std::string(row.note)) + "\n";
  }
  return text;
}

}  // namespace mm
