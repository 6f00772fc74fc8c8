#include "run/next_steps.h"

#include <filesystem>

namespace mm {
namespace {

namespace fs = std::filesystem;

/// `text` as one word of a shell.
std::string shell_word(const std::string& text) {
  constexpr const char* kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%";
  if (!text.empty() && text.find_first_not_of(kPlain) == std::string::npos) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

/// Another run beside this one that has something to compare with; empty where there is none.
std::string other_run(const std::string& folder) {
  std::error_code ignored;
  std::string newest;
  fs::file_time_type newest_time;
  for (const auto& entry : fs::directory_iterator(fs::path(folder).parent_path(), ignored)) {
    const fs::file_time_type time = fs::last_write_time(entry.path() / "metrics.jsonl", ignored);
    if (ignored || fs::equivalent(entry.path(), folder, ignored)) continue;
    if (newest.empty() || time > newest_time)
      newest = (fs::path(folder).parent_path() / entry.path().filename()).string();
    newest_time = std::max(time, newest_time);
  }
  return newest;
}

}  // namespace

std::vector<std::string> next_steps(const RunConfig& config, const std::string& program_prefix) {
  const std::string folder = config.folder(), run = shell_word(folder);
  const auto program = [&](const std::string& name) { return shell_word(program_prefix + name) + " "; };
  const bool has_page = config.metrics.report_every > 0;
  std::vector<std::string> lines;
  if (has_page) lines.push_back("page      " + folder + "/report.html");
  const std::string prompt = config.sample.prompts.empty() ? "" : config.sample.prompts.front();
  std::vector<std::string> commands = {program("generate") + "--run " + run + " --prompt " + shell_word(prompt)};
  if (!config.data.validation.empty() || config.data.validation_fraction > 0) {
    commands.push_back(program("evaluate") + "--init " + run + " --held-out" + (has_page ? " --report" : ""));
  }
  const std::string other = other_run(folder);
  if (!other.empty()) {
    commands.push_back(program("report") + run + " " + shell_word(other) + " --out " +
                       shell_word((fs::path(folder).parent_path() / "comparison.html").string()));
  } else if (!has_page) {
    commands.push_back(program("report") + run);
  }
  for (const std::string& command : commands)
    lines.push_back((&command == &commands.front() ? "next      " : "          ") + command);
  return lines;
}

}  // namespace mm
