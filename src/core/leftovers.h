// What writes that never ended left behind.
#pragma once

#include <string>

namespace mm {

/// Removes from `folder` the temporary files (AtomicFile) of processes that are gone. Quiet: a folder that cannot be
/// read, or a file that cannot be removed, stays as it is.
void remove_leftover_files(const std::string& folder);

/// Whether `process` is this one or gone: what it was writing nobody writes any more. In a container every run may be
/// process 1, so that our own number says nothing.
bool is_process_gone(long process);

}  // namespace mm
