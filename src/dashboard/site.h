// What a dashboard answers: pages of runs, and nothing else.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "dashboard/fresh_cache.h"
#include "dashboard/run_list.h"

namespace mm {

/// A request as far as it matters.
struct PageRequest {
  std::string method;
  std::string host;               ///< its Host header
  std::string path;               ///< decoded, without the query
  std::vector<std::string> runs;  ///< `run` in the query
  std::string known;              ///< its If-None-Match header
};

struct PageAnswer {
  int status = 200;
  std::shared_ptr<const std::string> text = {};  ///< HTML; null where there is none
  std::string tag = {};                          ///< of the text: what is known already need not be sent
  std::string location = {};                     ///< of a redirection
};

/// Whether a request that names `host` was meant for a dashboard that listens at `bound`: an address, `localhost`, this
/// machine's name, or that name itself. A page of elsewhere whose name is made to lead here (DNS rebinding) is told
/// apart by it.
bool is_host_of_ours(const std::string& host, const std::string& bound);

/// The pages `/` (a list), `/run/<name>` and `/compare?run=<name>&run=<name>`, for GET and HEAD. A path is never
/// opened: a run is shown when it is one of those below the root by its very name. Called by any number of threads.
class Site {
 public:
  /// Throws Error(kConfig) where `root` is no folder.
  Site(const std::string& root, std::string host);

  PageAnswer answer(const PageRequest& request);

 private:
  struct Page {
    std::shared_ptr<const std::string> text;
    std::string tag;
  };

  PageAnswer list();
  PageAnswer runs(const std::vector<std::string>& names);
  ListedRun listed(const RunFolder& run);

  std::string root_;
  std::string shown_root_;  ///< as the user wrote it
  std::string host_;
  FreshCache<Page> pages_{24};
  FreshCache<ListedRun> rows_{4096};
};

}  // namespace mm
