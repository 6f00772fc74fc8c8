// What writes that never ended left behind.
#pragma once

#include <string>

namespace mm {

/// Takes a file that was just created under a temporary name for this process, for as long as it is open. False when
/// somebody who took it for a leftover was quicker: then it is gone, and another name does.
bool claim_temporary(int descriptor);

/// Removes from `folder` the temporary files (AtomicFile) that no process holds any more. Quiet: a folder that cannot
/// be read, or a file that cannot be removed, stays as it is.
void remove_leftover_files(const std::string& folder);
/// Only those that were to become `path`.
void remove_leftovers_of(const std::string& path);

/// Whether `process` is this one or gone: what it was writing nobody writes any more. In a container every run may be
/// process 1, so that our own number says nothing; only for a folder that is locked.
bool is_process_gone(long process);

}  // namespace mm
