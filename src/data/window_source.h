// What batches are made of: windows of one fixed length, each position with the token that follows it.
#pragma once

#include <cstdint>

namespace mm {

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

  /// Equal fingerprints give equal windows.
  virtual uint64_t fingerprint() const = 0;

 protected:
  WindowSource() = default;
  WindowSource(const WindowSource&) = default;
  WindowSource(WindowSource&&) = default;
  WindowSource& operator=(const WindowSource&) = default;
  WindowSource& operator=(WindowSource&&) = default;
};

}  // namespace mm
