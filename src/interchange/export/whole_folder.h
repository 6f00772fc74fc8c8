// Folders that are either whole or not there. No torch.
#pragma once

#include <string>
#include <vector>

namespace mm {

/// A folder that is written under another name. `commit` gives it its own; without it nothing is left, and what was at
/// the path before is as it was. Throws Error(kStorage).
///
/// A new folder appears by one rename. Into one that is there already, maybe with files of others, the written files
/// are moved one by one: the one called `last` is taken away first and arrives last, so that whoever needs it finds
/// nothing or everything.
class WholeFolder {
 public:
  WholeFolder(const std::string& path, std::string last);
  ~WholeFolder();
  WholeFolder(const WholeFolder&) = delete;
  WholeFolder& operator=(const WholeFolder&) = delete;

  /// Where the files go until then.
  const std::string& path() const { return temporary_; }
  void commit();

 private:
  std::vector<std::string> written_names() const;

  std::string target_;
  std::string last_;
  bool new_ = true;
  std::string temporary_;
};

}  // namespace mm
