#include "app/command_line.h"

#include <CLI/CLI.hpp>

namespace mm {
namespace {

constexpr const char* kNotEmpty = "not empty";

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

CommandLine::CommandLine(const std::string& purpose, const std::string& footer)
    : app_(std::make_unique<CLI::App>(purpose)) {
  app_->footer(footer);
}

CommandLine::~CommandLine() = default;

CommandLine::Option CommandLine::option(const std::string& usage, std::string& value, const std::string& help) {
  return Option(add_text_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, int64_t& value, const std::string& help) {
  return Option(add_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, uint64_t& value, const std::string& help) {
  return Option(add_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, double& value, const std::string& help) {
  return Option(add_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::option(const std::string& usage, std::vector<std::string>& value,
                                        const std::string& help) {
  return Option(add_text_option(*app_, usage, value, help));
}

CommandLine::Option CommandLine::flag(const std::string& name, bool& value, const std::string& help) {
  return Option(app_->add_flag(name, value, help));
}

void CommandLine::together(const std::string& one, const std::string& other) {
  app_->get_option(one)->needs(app_->get_option(other));
  app_->get_option(other)->needs(app_->get_option(one));
}

void CommandLine::version(const std::string& text) {
  app_->set_version_flag("--version", text);
}

std::optional<ExitCode> CommandLine::read(int argc, char** argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app_->exit(error) == 0 ? ExitCode::kFinished : ExitCode::kConfig;
  }
  return std::nullopt;
}

}  // namespace mm
