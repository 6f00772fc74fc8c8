// A program of ours as a process of its own, which does not outlive this one. No torch.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace mm {

/// Runs until wait() has seen its end. In a process group of its own, so that Ctrl-C on the terminal reaches this
/// process alone; when this process ends, however it ends, the child gets SIGTERM.
class ChildProcess {
 public:
  /// Both outputs are appended to the file `output`. Throws Error(kInternal) when no process can be made,
  /// Error(kStorage) when `output` cannot be opened.
  ChildProcess(const std::string& program, const std::vector<std::string>& arguments, const std::string& output);
  /// Ends the child with SIGTERM and waits for it.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  void ask_to_stop() const;
  /// The exit code when the child has ended, minus a signal's number where that ended it.
  std::optional<int> ended();

 private:
  pid_t process_ = -1;
  std::optional<int> code_;
};

}  // namespace mm
