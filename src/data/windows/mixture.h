// Texts in given shares, whatever their lengths are.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/windows/window_source.h"

namespace mm {

/// An epoch has as many windows as all sources have together; of these, each source has its share, to the nearest
/// window. A source goes through all of its windows, in an order of its own, before it goes through them again, over
/// the ends of epochs: where its share is larger than its text, it is seen several times in an epoch, where it is
/// smaller, another part of it in each. So a place in the run is a place in each source: epochs gone by times its
/// share, and what came of it in this one.
class Mixture final : public WindowSource {
 public:
  struct Source {
    std::string name;
    double weight = 0;  ///< above 0; relative to those of the others
    std::unique_ptr<const WindowSource> windows;
  };

  /// Throws Error(kConfig) where a weight is too small for a single window in an epoch.
  explicit Mixture(std::vector<Source> sources);

  int64_t windows() const override { return begins_.back(); }
  int64_t sequence_length() const override { return sources_.front().windows->sequence_length(); }
  int64_t documents() const override;
  int64_t tokens() const override;
  int64_t fill(int64_t window, int64_t* tokens, int64_t* targets) const override;
  std::vector<uint32_t> windows_of_epoch(int64_t epoch, uint64_t seed) const override;

  int64_t documents_in_window() const override;
  void append_lengths(int64_t window, std::vector<int64_t>& lengths) const override;
  bool counts_padding() const override { return sources_.front().windows->counts_padding(); }
  WindowUse use() const override;
  void number_documents(int64_t window, int64_t* numbers) const override;
  const std::vector<std::string>& domains() const override { return domains_; }
  void label_domains(int64_t window, int64_t* labels) const override;
  uint64_t fingerprint() const override { return fingerprint_; }

  /// `wiki 70.0% of the sequences, 1.40 epochs of it in one of all; code 30.0% ...`
  std::string in_words() const;

 private:
  struct Place {
    size_t source;
    int64_t window;
  };
  Place place_of(int64_t window) const;
  void share_windows();

  std::vector<Source> sources_;
  std::vector<int64_t> begins_;  ///< the first window of each source, and one past the last
  std::vector<int64_t> shares_;  ///< windows of each in an epoch
  std::vector<std::string> domains_;
  uint64_t fingerprint_ = 0;
};

}  // namespace mm
