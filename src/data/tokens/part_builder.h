// Threads that see to it that the tokens of texts are there, those first that are wanted first.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/process/run_lock.h"
#include "data/tokens/token_parts.h"

namespace mm {

/// Every part of some texts is looked at in full, once: one that is good stays, any other is made. Of several processes
/// one makes the parts of a text, and the others take them as they come; when it is killed, another one goes on.
///
/// Parts are numbered from 0 on, text by text. All functions may be called from any thread.
class PartBuilder {
 public:
  /// What becomes of the file of a part when it was looked at.
  enum class Files { kClose, kKeepOpen };

  /// Begins with the first part. The tokenizer must outlive it.
  PartBuilder(std::vector<PartedText> texts, const Tokenizer& tokenizer, int threads, Files files = Files::kClose);
  /// Ends at the next document; whole parts stay.
  ~PartBuilder();
  PartBuilder(const PartBuilder&) = delete;
  PartBuilder& operator=(const PartBuilder&) = delete;

  const std::vector<PartedText>& texts() const { return texts_; }
  size_t parts() const { return parts_.size(); }
  size_t text_of(size_t part) const { return parts_[part].text; }

  /// These first, in this order, then all others.
  void expect(const std::vector<size_t>& parts);

  /// Returns when these parts are there. Shows how far that is, if wanted: one thread at a time may. Throws
  /// the first Error that making any part ended in (PartMaker::make), StopRequested where `stop` does.
  enum class Show { kNothing, kProgress };
  void wait(std::span<const size_t> parts, Show show, std::stop_token stop = {});

  /// Throws what making some part ended in, if anything did.
  void require_sound() const;

  /// From now on other threads are to go first.
  void step_back();

  /// Of a part that is there: the file, which is read in full again unless it was kept open.
  TokenPart open(size_t part);
  const TextContents& contents(size_t part) const { return parts_[part].contents; }
  uint64_t source_hash(size_t part) const { return parts_[part].header->source_hash; }

 private:
  enum class State { kToDo, kAtWork, kDone };
  using Clock = std::chrono::steady_clock;

  struct Part {
    size_t text, number;  ///< of the text, and within it
    State state = State::kToDo;
    Clock::time_point not_before = {};  ///< another process may be making it
    std::optional<TokenFileHeader> header = {};
    TextContents contents = {};
    std::optional<TokenPart> opened = {};
  };
  /// What becomes of one text.
  struct Build {
    std::unique_ptr<RunLock> lock;
    size_t left = 0, made = 0;
    std::string holder;  ///< who has the lock, if another process does
    bool holder_told = false, problem_told = false;
    TextCounts counts;
    int64_t tokens = 0;
    Clock::time_point begun = {};
  };

  void begin_work();
  void end_work();
  void work(std::stop_token stop);
  std::optional<size_t> next_part() const;
  bool see_to(Part& part, std::unique_ptr<PartMaker>& maker, std::stop_token stop);
  bool lock_folder(size_t text);
  void tell_problem(const Part& part, const std::string& problem);
  void finish(Part& part);
  void log_build(size_t text) const;
  void tell_of_the_rest();
  void throw_if_failed() const;
  std::string path_of(const Part& part) const { return texts_[part.text].parts[part.number].path; }

  std::vector<PartedText> texts_;
  const Tokenizer& tokenizer_;
  Files files_;
  std::vector<Part> parts_;
  std::vector<Build> builds_;
  std::atomic<size_t> done_ = 0;  ///< bytes of text tokenized
  size_t all_bytes_ = 0, bytes_left_ = 0;
  size_t at_work_ = 0;
  Clock::time_point told_ = Clock::now();

  mutable std::mutex mutex_;  // of all that is not atomic
  std::condition_variable_any changed_;
  bool behind_others_ = false;
  std::set<pid_t> running_;  ///< workers
  std::vector<size_t> order_;
  std::map<size_t, std::exception_ptr> failures_;
  std::vector<std::jthread> workers_;
};

}  // namespace mm
