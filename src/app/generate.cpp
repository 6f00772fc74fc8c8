// generate: text from a run or a checkpoint.
#include <CLI/CLI.hpp>
#include <filesystem>

#include "app/guard.h"
#include "core/log.h"
#include "train/device.h"
#include "train/generate.h"
#include "train/initial_weights.h"
#include "train/run_config.h"

namespace {

namespace fs = std::filesystem;

/// The run folder that `path` is or lies in: the nearest one with a config.json.
std::string run_folder_of(const std::string& path) {
  for (fs::path folder = fs::absolute(path).lexically_normal(); folder != folder.root_path();
       folder = folder.parent_path()) {
    if (fs::exists(folder / "config.json")) return folder.string();
  }
  throw mm::Error(mm::ExitCode::kCheckpoint, mm::got_want("--run", path, "a run below output/, or a checkpoint in one",
                                                          "a run folder has a config.json"));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Continues a prompt with the model of a run.");
  app.footer("\nexample:\n  generate --run output/quickstart --prompt \"In the beginning\"");
  std::string run, prompt, device = "auto";
  mm::GenerationOptions options;
  options.max_new_tokens = 128;
  app.add_option("--run", run, "A run (its best checkpoint, else its newest) or one checkpoint folder")
      ->option_text("PATH")
      ->required();
  app.add_option("--prompt", prompt, "Text to continue; empty: from nothing")->option_text("TEXT");
  app.add_option("--max-new-tokens", options.max_new_tokens, "Length of the continuation")
      ->check(CLI::Range(1, 1 << 20))
      ->capture_default_str();
  app.add_option("--temperature", options.temperature, "0: the likeliest token every time")
      ->check(CLI::Range(0.0, 10.0))
      ->capture_default_str();
  app.add_option("--top-p", options.top_p, "Draw among the likeliest tokens of this joint probability")
      ->check(CLI::Range(0.01, 1.0))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed gives the same text")->capture_default_str();
  app.add_option("--device", device, "auto, cpu, cuda or cuda:N")->capture_default_str();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : static_cast<int>(mm::ExitCode::kConfig);
  }

  return mm::guarded([&] {
    std::vector<std::string> notes;
    const std::string folder = run_folder_of(run);
    const mm::RunConfig config = mm::load_run_config(folder + "/config.json", {"run.device=" + device}, notes);
    const mm::DeviceSetup setup = mm::set_up_device(config.run, config.train.precision);
    const auto tokenizer = mm::load_tokenizer(config.tokenizer.path);
    mm::Parameters parameters(config.model, setup.device, setup.compute_type, /*trainable=*/false);
    mm::load_weights(run, config.model.tie_word_embeddings, parameters, "--run");
    mm::CausalLm model(config.model, parameters);
    options.context = config.data.sequence_length;
    mm::log_info(prompt + mm::generate(model, *tokenizer, prompt, options));
    return mm::ExitCode::kFinished;
  });
}
