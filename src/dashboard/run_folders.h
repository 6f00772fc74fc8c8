// The runs below a folder: all that a dashboard can show.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

struct RunFolder {
  std::string name;    ///< the way to it from the folder that is served: `quickstart`, `sweep/lr3/seed_1`
  std::string folder;  ///< where it is
};

struct RunFolders {
  std::vector<RunFolder> runs;  ///< by name
  int64_t left_out = 0;         ///< whose name or files cannot be shown
};

/// Every folder that has metrics.jsonl or train.log, at most four below `root`, or `root` itself. Links are not
/// followed: what a run's files lead to may lie anywhere. A run of which a file that pages are made of is a link, a
/// pipe or the like is left out, and so is one whose name is no UTF-8. Folders that may not be read have no runs.
RunFolders find_runs(const std::string& root);

/// Tells whether a file that the page of the run is made of has changed: lengths and times.
std::string state_of_files(const std::string& folder);

}  // namespace mm
