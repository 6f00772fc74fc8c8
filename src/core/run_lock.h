// One writer per folder: of a run, of the tokens of a text.
#pragma once

#include <functional>
#include <string>

namespace mm {

/// Holds `<folder>/.lock` (an advisory flock with the process id in it) until destruction or the end of the process,
/// however it ends. Creates the folder when missing.
/// Throws Error(kConfig) when another process holds it and nobody waits, Error(kStorage) when it cannot be written.
class RunLock {
 public:
  ///   wait  where given, called again and again while another process, named by its argument, holds the lock
  explicit RunLock(const std::string& folder, const std::function<void(const std::string& holder)>& wait = {});
  ~RunLock();
  RunLock(const RunLock&) = delete;
  RunLock& operator=(const RunLock&) = delete;

  /// Throws Error(kStorage) when the folder was removed or moved away since: another run may have it now.
  void require_held() const;

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace mm
