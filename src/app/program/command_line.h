// The command line of a program: what it takes, its help, and reading it. CLI11 does the work. Its header takes seconds
// to compile, so only command_line.cpp includes it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/error.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace mm {

class CommandLine {
 public:
  /// What more there is to say of an option, in any order.
  class Option {
   public:
    Option(CommandLine& line, CLI::Option* option) : line_(line), option_(option) {}

    /// Of text, which else may not be empty.
    Option may_be_empty();
    Option required();
    /// Refuses the option beside another one, which is declared already.
    Option excludes(const std::string& other);
    /// The help tells the value that it has without the option; where it has a placeholder, only that is told.
    Option shows_default();
    /// Both ends belong to the range, which the help tells as it tells the default.
    Option range(int low, int high);
    Option range(double low, double high);
    Option not_negative();
    /// The option may stand without a value, and then has this one.
    Option or_alone(const std::string& value);
    /// Of a list: one value each time the option is given. Else it takes all words up to the next option.
    Option one_at_a_time();
    /// Of a list: a word is several values.
    Option split_at(char separator);
    /// What a shell offers as its value. It may be something else: this checks nothing.
    Option words(std::vector<std::string> words);

   private:
    CommandLine& line_;
    CLI::Option* option_;
  };

  /// The help begins with `purpose` and ends with `footer`, whose examples begin with the name of the program. Declares
  /// --version and --completion, too.
  CommandLine(const std::string& purpose, const std::string& footer);
  ~CommandLine();

  /// Declares an option, or without dashes a word by its place, as the help writes it: its names and what stands for
  /// its value. Without such a placeholder, the help tells the type.
  ///   usage  "--config FILE", "--init,--run PATH", "--device", "input"
  ///   value  set by read(), and left as it is without the option; outlives this object
  Option option(const std::string& usage, std::string& value, const std::string& help);
  Option option(const std::string& usage, int64_t& value, const std::string& help);
  Option option(const std::string& usage, uint64_t& value, const std::string& help);
  Option option(const std::string& usage, double& value, const std::string& help);
  Option option(const std::string& usage, std::vector<std::string>& value, const std::string& help);
  Option flag(const std::string& name, bool& value, const std::string& help);

  /// Refuses either option without the other.
  void together(const std::string& one, const std::string& other);

  /// Sets the values. Returns the exit code where the program ends here: after --help, --version or --completion, or,
  /// having said what is wrong, with kConfig.
  std::optional<ExitCode> read(int argc, char** argv);

 private:
  void print_completion(const std::string& name) const;

  std::unique_ptr<CLI::App> app_;
  std::string footer_;
  std::map<const CLI::Option*, std::vector<std::string>> words_;
};

}  // namespace mm
