// One writer per folder: of a run, of the tokens of a text.
#pragma once

#include <functional>
#include <memory>
#include <string>

namespace mm {

/// Holds `<folder>/.lock` (an advisory flock with the process id in it) until destruction or the end of the process,
/// however it ends. Creates the folder when missing.
/// Throws Error(kConfig) when another process holds it and nobody waits, Error(kStorage) when it cannot be written.
class RunLock {
 public:
  ///   wait  where given, called again and again while another process, named by its argument, holds the lock
  explicit RunLock(const std::string& folder, const std::function<void(const std::string& holder)>& wait = {});
  /// The lock, or null while another process, named in `holder`, has it. Throws Error(kStorage) as above.
  static std::unique_ptr<RunLock> if_free(const std::string& folder, std::string& holder);
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// Throws Error(kStorage) when the folder was removed or moved away since: another run may have it now.
  void require_held() const;

 private:
  RunLock() = default;
  void open(const std::string& folder);
  /// Takes it now or names who has it; errno says why where nobody does.
  bool try_to_take(std::string& holder);
  [[noreturn]] void close_and_fail();

  std::string path_;
  int descriptor_ = -1;
};

}  // namespace mm
