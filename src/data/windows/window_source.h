// What batches are made of: windows of one fixed length, each position with the token that follows it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace mm {

/// How well the documents fit into the windows.
struct WindowUse {
  int64_t padding = 0;          ///< positions of all windows that no token is fed at
  int64_t split_documents = 0;  ///< documents that are longer than a window
  int64_t tokens_left_out = 0;  ///< of these, where the rest of them is in no window
};

/// Reading is thread-safe.
class WindowSource {
 public:
  virtual ~WindowSource() = default;

  virtual int64_t windows() const = 0;
  /// Positions in a window.
  virtual int64_t sequence_length() const = 0;
  virtual int64_t documents() const = 0;
  /// Tokens of all documents, BOS and EOS included.
  virtual int64_t tokens() const = 0;

  /// Writes the `sequence_length` tokens of a window and the target of each: the token that follows, or kIgnoredTarget.
  /// Returns the number of real targets.
  virtual int64_t fill(int64_t window, int64_t* tokens, int64_t* targets) const = 0;

  /// Which windows an epoch has, as many as there are, before they are put in order; empty: each once.
  ///   epoch  from 0 on; seed: of the run
  virtual std::vector<uint32_t> windows_of_epoch(int64_t /*epoch*/, uint64_t /*seed*/) const { return {}; }

  /// How many documents a window holds at most side by side, of which none sees another one; padding behind them is one
  /// more. 0: a window is one sequence, whatever it is made of.
  virtual int64_t documents_in_window() const { return 0; }
  /// Appends how many positions each of them has, in order: sequence_length together. Nothing where a window is one.
  virtual void append_lengths(int64_t, std::vector<int64_t>&) const {}
  /// Whether padding counts in expert loads and balancing losses, as it does in MiniMind's trainers.
  virtual bool counts_padding() const { return true; }
  virtual WindowUse use() const { return {}; }
  /// Writes a number for each position of a window: equal ones where the document is the same one, ascending in the
  /// order of the text; padding goes with what stands before it.
  virtual void number_documents(int64_t window, int64_t* numbers) const {
    std::fill_n(numbers, sequence_length(), window);
  }

  /// The names of the domains that the documents belong to.
  virtual const std::vector<std::string>& domains() const { return no_domains_; }
  /// Writes the domain of each position of a window, as an index into domains().
  virtual void label_domains(int64_t, int64_t* labels) const { std::fill_n(labels, sequence_length(), int64_t{0}); }

  /// Equal fingerprints give equal windows.
  virtual uint64_t fingerprint() const = 0;

 protected:
  WindowSource() = default;
  WindowSource(const WindowSource&) = default;
  WindowSource(WindowSource&&) = default;
  WindowSource& operator=(const WindowSource&) = default;
  WindowSource& operator=(WindowSource&&) = default;

 private:
  static inline const std::vector<std::string> no_domains_;
};

}  // namespace mm
