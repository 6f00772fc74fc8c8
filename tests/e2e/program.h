// Running the programs that were built, as a user would: arguments in; exit code, output and error output back.
#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

struct Finished {
  int exit_code = 0;  ///< minus the signal's number for a process that a signal ended
  std::string out;
  std::string err;
  double peak_memory = 0;  ///< bytes
};

/// A program while it runs. Whatever is left of it when this goes out of scope is killed.
class Program {
 public:
  /// Starts `path` in `folder`, with one compute thread. Its output goes to files beside `folder`.
  ///   variables  `NAME=value` of the environment, besides ours
  ///   input      the file that it reads as standard input
  Program(const std::string& path, const std::vector<std::string>& arguments, const std::string& folder,
          const std::vector<std::string>& variables = {}, const std::string& input = "/dev/null");
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  pid_t process() const { return process_; }
  void send(int signal);
  Finished wait();

  /// Waits until `happened` or fails the test: when the program ends first, or after a minute.
  void wait_until(const std::function<bool()>& happened);

 private:
  std::string output_;
  pid_t process_ = -1;
  /// Whether it has ended; without `options` of waitpid() it waits for that.
  bool has_ended(int options);

  int status_ = 0;
  double peak_memory_ = 0;
  bool ended_ = false;
};

/// Runs `path` to its end.
Finished run_program(const std::string& path, const std::vector<std::string>& arguments, const std::string& folder,
                     const std::vector<std::string>& variables = {}, const std::string& input = "/dev/null");
