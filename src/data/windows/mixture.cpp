// The windows of all sources have numbers one behind the other; which of them an epoch has is a list of such numbers.
#include "data/windows/mixture.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

#include "core/error.h"
#include "core/hash.h"
#include "core/random.h"
#include "core/text.h"
#include "data/windows/sample_order.h"

namespace mm {

Mixture::Mixture(std::vector<Source> sources) : sources_(std::move(sources)), begins_{0} {
  require(!sources_.empty(), "a source of a mixture");
  for (const Source& source : sources_) {
    require(source.weight > 0, "a weight above zero");
    begins_.push_back(begins_.back() + source.windows->windows());
    domains_.push_back(source.name);
  }
  share_windows();
  Hasher hasher;
  for (const Source& source : sources_) {
    const std::array fingerprint = {source.windows->fingerprint()};
    hasher.add(std::as_bytes(std::span(fingerprint)));
  }
  hasher.add(std::as_bytes(std::span(shares_)));
  fingerprint_ = hasher.value();
}

/// By largest remainder, so that they add up.
void Mixture::share_windows() {
  double weights = 0;
  for (const Source& source : sources_) weights += source.weight;
  std::vector<double> left;
  for (const Source& source : sources_) {
    const double share = source.weight / weights * static_cast<double>(windows());
    shares_.push_back(static_cast<int64_t>(share));
    left.push_back(share - std::floor(share));
  }
  std::vector<size_t> by_rest(left.size());
  std::iota(by_rest.begin(), by_rest.end(), size_t{0});
  std::stable_sort(by_rest.begin(), by_rest.end(), [&](size_t a, size_t b) { return left[a] > left[b]; });
  const int64_t missing = windows() - std::accumulate(shares_.begin(), shares_.end(), int64_t{0});
  for (size_t i = 0; i < static_cast<size_t>(missing); ++i) ++shares_[by_rest[i % by_rest.size()]];
  for (size_t i = 0; i < shares_.size(); ++i) {
    if (shares_[i] > 0) continue;
    throw Error(ExitCode::kConfig,
                got_want("data.weights", sources_[i].name + format("=%g of %g together", sources_[i].weight, weights),
                         "at least one of the " + with_commas(windows()) + " sequences of an epoch",
                         "raise its weight, or leave the text out"));
  }
}

std::vector<uint32_t> Mixture::windows_of_epoch(int64_t epoch, uint64_t seed) const {
  std::vector<uint32_t> windows;
  windows.reserve(static_cast<size_t>(this->windows()));
  for (size_t i = 0; i < sources_.size(); ++i) {
    SampleOrder order(sources_[i].windows->windows(), derive_seed(seed, "source", i));
    for (int64_t turn = 0; turn < shares_[i]; ++turn) {
      windows.push_back(static_cast<uint32_t>(begins_[i] + order.window_at(epoch * shares_[i] + turn)));
    }
  }
  return windows;
}

Mixture::Place Mixture::place_of(int64_t window) const {
  require(window >= 0 && window < windows(), "a window of the mixture");
  const auto source =
      static_cast<size_t>(std::upper_bound(begins_.begin(), begins_.end(), window) - begins_.begin()) - 1;
  return {source, window - begins_[source]};
}

int64_t Mixture::documents() const {
  int64_t documents = 0;
  for (const Source& source : sources_) documents += source.windows->documents();
  return documents;
}

int64_t Mixture::tokens() const {
  int64_t tokens = 0;
  for (const Source& source : sources_) tokens += source.windows->tokens();
  return tokens;
}

int64_t Mixture::fill(int64_t window, int64_t* tokens, int64_t* targets) const {
  const Place place = place_of(window);
  return sources_[place.source].windows->fill(place.window, tokens, targets);
}

int64_t Mixture::documents_in_window() const {
  int64_t most = 0;
  for (const Source& source : sources_) most = std::max(most, source.windows->documents_in_window());
  return most;
}

void Mixture::append_lengths(int64_t window, std::vector<int64_t>& lengths) const {
  const Place place = place_of(window);
  sources_[place.source].windows->append_lengths(place.window, lengths);
}

WindowUse Mixture::use() const {
  WindowUse sum;
  for (const Source& source : sources_) {
    const WindowUse use = source.windows->use();
    sum.padding += use.padding;
    sum.split_documents += use.split_documents;
    sum.tokens_left_out += use.tokens_left_out;
  }
  return sum;
}

void Mixture::number_documents(int64_t window, int64_t* numbers) const {
  const Place place = place_of(window);
  sources_[place.source].windows->number_documents(place.window, numbers);
  constexpr int kMostDocuments = 40;  // of a source, as a power of two
  for (int64_t i = 0; i < sequence_length(); ++i) numbers[i] += static_cast<int64_t>(place.source) << kMostDocuments;
}

void Mixture::label_domains(int64_t window, int64_t* labels) const {
  std::fill_n(labels, sequence_length(), static_cast<int64_t>(place_of(window).source));
}

std::string Mixture::in_words() const {
  std::vector<std::string> words;
  for (size_t i = 0; i < sources_.size(); ++i) {
    words.push_back(sources_[i].name +
                    format(" %.1f%% of the sequences, %.2f epochs of its own in one of all",
                           100.0 * static_cast<double>(shares_[i]) / static_cast<double>(windows()),
                           static_cast<double>(shares_[i]) / static_cast<double>(sources_[i].windows->windows())));
  }
  return join(words, "; ");
}

}  // namespace mm
