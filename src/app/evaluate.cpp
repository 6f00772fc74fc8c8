// evaluate: loss, perplexity and bits per byte of a model on text, and which expert does what; or its answers to given
// tokens.
#include <algorithm>
#include <filesystem>
#include <optional>

#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "app/program/opened_model.h"
#include "core/files/files.h"
#include "core/terminal/log.h"
#include "eval/domain_evaluation.h"
#include "eval/inspect.h"
#include "recipe/resume/resume_policy.h"
#include "view/domain_table.h"
#include "view/report/report_page.h"

namespace {

namespace fs = std::filesystem;

constexpr const char* kFooter = R"(
examples:
  evaluate --init output/quickstart --held-out --report
  evaluate --init output/quickstart --data bible=data/corpus/bible_en.jsonl code=data/corpus/python.jsonl
  evaluate --init out/pretrain_512.pth --tokenizer model/tokenizer.json --data dataset/valid.jsonl
  evaluate --init out/pretrain_512.pth --set model.num_attention_heads=4 --tokens in.json --logits out.json

Files of one label are one domain. Without a name of its own a file has the label that the run's config gives it, or
its stem. With several domains, a mixture of experts also tells which experts the tokens of each domain went to.
in.json is {"tokens": [[ids], ...], "positions": [[row, column], ...]}; out.json gets
{"cross_entropy": x, "aux": x, "logits": [[one row of the vocabulary], ...]} in fp32, in the order asked.)";

struct EvaluateOptions {
  mm::ModelOptions model;
  std::vector<std::string> data;
  bool held_out = false;
  std::string cache;
  int64_t sequence_length = 0;  // 0: that of the run, or 512
  mm::DomainEvaluation evaluation;
  std::string json;
  bool report = false;
  std::string tokens, logits;
};

void add_options(mm::CommandLine& line, EvaluateOptions& options) {
  mm::add_model_options(line, options.model);
  line.option("--data [NAME=]FILE ...", options.data, "JSONL files with a \"text\" in each line, each with a label");
  line.flag("--held-out", options.held_out, "What the run validates on: data.validation, or what it holds out")
      .excludes("--data");
  line.option("--cache FOLDER", options.cache, "Folder for the token files; default: beside the text");
  line.option("--sequence-length", options.sequence_length, "Tokens of context; default: that of the run, or 512")
      .range(1, 1 << 20);
  line.option("--max-tokens", options.evaluation.max_tokens,
              "Tokens of each domain, taken evenly from the whole; 0: all")
      .not_negative()
      .shows_default();
  line.option("--micro-batch", options.evaluation.micro_batch, "Sequences in one forward pass")
      .range(1, 1 << 16)
      .shows_default();
  line.option("--json FILE", options.json, "Also writes all of it to this file");
  line.flag("--report", options.report, "Also writes all of it to domains.json of the run, and its report anew");
  line.option("--tokens IN", options.tokens, "Token ids to run the model over");
  line.option("--logits OUT", options.logits, "Where its losses and logits go");
  line.together("--tokens", "--logits");
}

void check_options(const EvaluateOptions& options) {
  const bool text = options.held_out || !options.data.empty();
  if (!text && options.tokens.empty()) {
    throw mm::Error(mm::ExitCode::kConfig,
                    mm::got_want("evaluate", "neither --data nor --tokens nor --held-out", "one of them"));
  }
  if (!text && (options.report || !options.json.empty())) {
    throw mm::Error(mm::ExitCode::kConfig,
                    mm::got_want(options.report ? "--report" : "--json", "no text", "--data or --held-out beside it"));
  }
}

void answer(const mm::OpenedModel& opened, const EvaluateOptions& options) {
  const std::string question = mm::read_file(options.tokens, mm::ExitCode::kData);
  mm::write_file_atomic(options.logits,
                        mm::answer_tokens(opened.config, opened.parameters, question, options.tokens,
                                          opened.weights.file.recognized.generation->shift_inside_model));
}

/// A path in one spelling, for comparing; as it is where the current folder is gone.
fs::path whole_path(const fs::path& path) {
  std::error_code failed;
  const fs::path whole = fs::absolute(path, failed);
  return (failed ? path : whole).lexically_normal();
}

/// The folder of the run that the weights are a checkpoint of; nothing when they are not.
std::optional<fs::path> run_folder(const mm::Weights& weights) {
  const fs::path checkpoints = whole_path(weights.file.path).parent_path().parent_path();
  const fs::path folder = checkpoints.parent_path();
  const bool inside = checkpoints.filename() == "checkpoints" &&
                      mm::path_kind(folder / "config.json", mm::ExitCode::kCheckpoint) == mm::PathKind::kFile;
  return inside ? std::optional(folder.lexically_proximate(whole_path("."))) : std::nullopt;
}

fs::path run_folder_for(const std::string& option, const mm::Weights& weights) {
  if (const auto folder = run_folder(weights)) return *folder;
  throw mm::Error(mm::ExitCode::kConfig,
                  mm::got_want(option, "weights that belong to no run (" + weights.file.path + ")",
                               "--init with a folder such as output/quickstart"));
}

mm::RunConfig read_run_config(const fs::path& folder, mm::Problems& problems) {
  mm::RunConfig config;
  const auto visit = [&](mm::Fields& fields) { config.visit(fields); };
  const std::string path = (folder / "config.json").string();
  mm::read_config(path, {}, visit, problems);
  mm::keep_older_ways(mm::read_file(path, mm::ExitCode::kConfig), config.data);
  return config;
}

/// `poems=a.jsonl`; a word that is the name of a file is that file.
mm::LabelledPath labelled_path(const std::string& word) {
  const size_t sign = word.find('=');
  std::error_code no_path;  // a word with a label may be no path at all
  if (sign == std::string::npos || fs::exists(word, no_path)) return {.path = word, .domain = {}};
  return {.path = word.substr(sign + 1), .domain = word.substr(0, sign)};
}

/// Gives files without a label that of the same file in the run's config.
void add_labels(const mm::DataConfig& known, std::vector<mm::LabelledPath>& files) {
  for (mm::LabelledPath& file : files) {
    if (!file.domain.empty()) continue;
    for (const auto* list : {&known.train, &known.validation}) {
      const auto same = std::find_if(list->begin(), list->end(), [&](const mm::LabelledPath& other) {
        return whole_path(other.path) == whole_path(file.path);
      });
      if (same != list->end()) file.domain = same->domain;
    }
  }
}

struct EvaluatedText {
  mm::DomainFiles files;
  mm::DataConfig settings;  // how to read them
  std::string words;
};

/// A model is asked what it was trained for: documents by themselves, or a stream of them; and what it did not see.
void read_as_trained(const mm::DataConfig& trained, mm::DataConfig& settings) {
  settings = trained;
  settings.train.clear();
  settings.validation.clear();
  settings.validation_fraction = 0;
}

EvaluatedText text_of(const mm::OpenedModel& opened, const EvaluateOptions& options) {
  EvaluatedText text;
  if (options.held_out) {
    const fs::path folder = run_folder_for("--held-out", opened.weights);
    mm::Problems problems;
    const mm::RunConfig config = read_run_config(folder, problems);
    problems.throw_if_any();
    text.files = mm::validation_files(config, (folder / "config.json").string());
    read_as_trained(config.data, text.settings);
    text.words = "the text that the run validates on";
  } else {
    for (const std::string& word : options.data) text.files.files.push_back(labelled_path(word));
    mm::Problems ignored;  // a label that cannot be read is not worth a failure
    const auto folder = run_folder(opened.weights);
    if (folder) {
      const mm::RunConfig config = read_run_config(*folder, ignored);
      add_labels(config.data, text.files.files);
      read_as_trained(config.data, text.settings);
      text.settings.cache.clear();
    }
    text.words = "the files named";
  }
  if (!options.cache.empty()) text.settings.cache = options.cache;
  const int64_t trained_length = opened.weights.sequence_length > 0 ? opened.weights.sequence_length : 512;
  text.settings.sequence_length = options.sequence_length > 0 ? options.sequence_length : trained_length;
  return text;
}

void evaluate_text(mm::OpenedModel& opened, const EvaluateOptions& options) {
  const std::string folder = options.report ? run_folder_for("--report", opened.weights).string() : "";
  const auto tokenizer = opened.open_tokenizer();
  const EvaluatedText text = text_of(opened, options);
  const auto domains = mm::open_domains(text.files, text.settings, *tokenizer);
  mm::DomainReport report = mm::evaluate_domains(opened.model, domains, *tokenizer, options.evaluation);
  std::error_code failed;
  const fs::path weights = fs::proximate(opened.weights.file.path, failed);  // names the step that `best` stands for
  report.weights = failed ? opened.weights.file.path : weights.string();
  report.text = text.words;
  mm::log_info(mm::domain_loss_table(report));
  if (report.domains.size() > 1 && !report.layers.empty()) {
    mm::log_info("");
    mm::log_info(mm::domain_expert_table(report));
  }

  if (!options.json.empty()) mm::write_file_atomic(options.json, mm::domain_report_json(report));
  if (!options.report) return;
  mm::write_file_atomic(folder + "/domains.json", mm::domain_report_json(report));
  mm::write_report({folder}, folder + "/report.html");
  mm::log_info("report    " + folder + "/report.html");
}

}  // namespace

int main(int argc, char** argv) {
  mm::CommandLine line(
      "Tells how well a model predicts text, whatever file its weights come in, and which expert does what.", kFooter);
  EvaluateOptions options;
  add_options(line, options);
  return mm::run_program(line, argc, argv, [&] {
    check_options(options);
    mm::OpenedModel opened(options.model);
    mm::log_info("weights   " + opened.weights.file.path + " (" + opened.weights.description + ")");
    if (!options.tokens.empty()) answer(opened, options);
    if (options.held_out || !options.data.empty()) evaluate_text(opened, options);
    return mm::ExitCode::kFinished;
  });
}
