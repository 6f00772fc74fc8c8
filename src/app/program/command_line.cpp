#include "app/program/command_line.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>

#include "app/program/completion.h"
#include "app/program/place.h"
#include "app/program/version.h"

namespace mm {
namespace {

constexpr const char* kNotEmpty = "not empty";
constexpr const char* kCompletion = "--completion";

template <class Value>
CLI::Option* add_option(CLI::App& app, const std::string& usage, Value& value, const std::string& help) {
  const size_t space = usage.find(' ');
  CLI::Option* option = app.add_option(usage.substr(0, space), value, help);
  if (space != std::string::npos) option->option_text(usage.substr(space + 1));
  return option;
}

/// What an unset variable of a shell leaves is no value.
template <class Value>
CLI::Option* add_text_option(CLI::App& app, const std::string& usage, Value& value, const std::string& help) {
  const auto refuse_empty = [](const std::string& text) {
    return std::string(text.empty() ? "got nothing, want a value (is a variable not set?)" : "");
  };
  return add_option(app, usage, value, help)->check(refuse_empty, "", kNotEmpty);
}

/// Whether the value of a text option is a file or folder, by what stands for it in the help.
bool names_files(const std::string& placeholder) {
  constexpr const char* kOfFiles[] = {"FILE", "PATH", "FOLDER", "RUN", "IN", "OUT"};
  return placeholder.empty() || std::ranges::any_of(kOfFiles, [&](std::string_view word) {
           return placeholder.find(word) != std::string::npos;
         });
}

/// The examples with the name that the program was called by: `generate` is installed as `minimind-generate`.
std::string with_own_name(const std::string& footer, const std::string& name) {
  const std::string short_name = " " + short_program_name(name);
  std::string text;
  size_t from = 0;
  for (size_t at; (at = footer.find(short_name, from)) != std::string::npos;) {
    const size_t end = at + short_name.size();
    const bool whole = end == footer.size() || footer[end] == ' ' || footer[end] == '\n';
    text += footer.substr(from, at - from) + (whole ? " " + name : short_name);
    from = end;
  }
  return text + footer.substr(from);
}

}  // namespace

CommandLine::Option CommandLine::Option::may_be_empty() {
  option_->get_validator(kNotEmpty)->active(false);
  return *this;
}

CommandLine::Option CommandLine::Option::required() {
  option_->required();
  return *this;
}

CommandLine::Option CommandLine::Option::excludes(const std::string& other) {
  option_->excludes(other);
  return *this;
}

CommandLine::Option CommandLine::Option::shows_default() {
  option_->capture_default_str();
  return *this;
}

CommandLine::Option CommandLine::Option::range(int low, int high) {
  option_->check(CLI::Range(low, high));
  return *this;
}

CommandLine::Option CommandLine::Option::range(double low, double high) {
  option_->check(CLI::Range(low, high));
  return *this;
}

CommandLine::Option CommandLine::Option::not_negative() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}

CommandLine::Option CommandLine::Option::or_alone(const std::string& value) {
  option_->expected(0, 1)->default_str(value);
  return *this;
}

CommandLine::Option CommandLine::Option::one_at_a_time() {
  option_->take_all()->expected(1)->allow_extra_args(false);
  return *this;
}

CommandLine::Option CommandLine::Option::split_at(char separator) {
  option_->delimiter(separator);
  return *this;
}

CommandLine::Option CommandLine::Option::words(std::vector<std::string> words) {
  line_.words_[option_] = std::move(words);
  return *this;
}

CommandLine::CommandLine(const std::string& purpose, const std::string& footer)
    : app_(std::make_unique<CLI::App>(purpose)), footer_(footer) {
  app_->set_version_flag("--version", version_text());
  app_->add_option(kCompletion, "Print a completion script of bash for this program, or for it under another name")
      ->option_text("[NAME]")
      ->expected(0, 1);
}

CommandLine::~CommandLine() = default;

CommandLine::Option CommandLine::option(const std::string& usage, std::string& value, const std::string& help) {
  return Option(*this, add_text_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, int64_t& value, const std::string& help) {
  return Option(*this, add_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, uint64_t& value, const std::string& help) {
  return Option(*this, add_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, double& value, const std::string& help) {
  return Option(*this, add_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, std::vector<std::string>& value,
                                        const std::string& help) {
  return Option(*this, add_text_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(*this, app_->add_flag(name, value, help));
}

void CommandLine::together(const std::string& one, const std::string& other) {
  app_->get_option(one)->needs(app_->get_option(other));
  app_->get_option(other)->needs(app_->get_option(one));
}

void CommandLine::print_completion(const std::string& name) const {
  std::vector<CompletedOption> options;
  for (const CLI::Option* option : app_->get_options()) {
    CompletedOption& completed = options.emplace_back();
    for (const std::string& each : option->get_snames()) completed.names.push_back("-" + each);
    for (const std::string& each : option->get_lnames()) completed.names.push_back("--" + each);
    completed.takes_value = option->get_items_expected_max() > 0;
    completed.takes_files = option->get_type_name() == "TEXT" && names_files(option->get_option_text());
    if (const auto words = words_.find(option); words != words_.end()) completed.words = words->second;
  }
  std::cout << bash_completion(name, options);
}

std::optional<ExitCode> CommandLine::read(int argc, char** argv) {
  const std::string name = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "";
  app_->footer(with_own_name(footer_, name));
  // Whatever else is there or missing.
  for (int i = 1; i < argc; ++i) {
    if (argv[i] != std::string_view(kCompletion)) continue;
    print_completion(i + 1 < argc ? argv[i + 1] : name);
    return ExitCode::kFinished;
  }
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? ExitCode::kFinished : ExitCode::kConfig;
  }
  return std::nullopt;
}

}  // namespace mm
