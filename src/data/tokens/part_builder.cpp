// Each thread takes the first part of the order that nobody is at, so that a slow one holds up nobody.
#include "data/tokens/part_builder.h"

#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <utility>

#include "core/alive.h"
#include "core/error.h"
#include "core/process/go_last.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/terminal/progress.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr std::chrono::milliseconds kPatience{100};

Error with_remedy(const Error& error) {
  if (error.code() != ExitCode::kStorage) return error;
  return {ExitCode::kStorage, std::string(error.what()) + "; data.cache names another folder for token files"};
}

}  // namespace

PartBuilder::PartBuilder(std::vector<PartedText> texts, const Tokenizer& tokenizer, int threads, Files files)
    : texts_(std::move(texts)), tokenizer_(tokenizer), files_(files), builds_(texts_.size()) {
  for (size_t text = 0; text < texts_.size(); ++text) {
    builds_[text].left = texts_[text].parts.size();
    for (size_t number = 0; number < texts_[text].parts.size(); ++number) {
      parts_.push_back({.text = text, .number = number});
      const PartPlan& plan = texts_[text].parts[number];
      all_bytes_ += plan.end - plan.begin;
    }
  }
  bytes_left_ = all_bytes_;
  order_.resize(parts_.size());
  std::iota(order_.begin(), order_.end(), size_t{0});
  const size_t count = std::min(static_cast<size_t>(std::max(threads, 1)), parts_.size());
  for (size_t i = 0; i < count; ++i) {
    workers_.emplace_back([this](const std::stop_token& stop) {
      begin_work();
      work(stop);
      end_work();
    });
  }
}

PartBuilder::~PartBuilder() {
  for (std::jthread& worker : workers_) worker.request_stop();
  workers_.clear();
}

void PartBuilder::expect(const std::vector<size_t>& parts) {
  const std::lock_guard lock(mutex_);
  std::vector<bool> named(parts_.size());
  for (const size_t part : parts) named[part] = true;
  order_ = parts;
  for (size_t part = 0; part < parts_.size(); ++part) {
    if (!named[part]) order_.push_back(part);
  }
}

void PartBuilder::throw_if_failed() const {
  // The text has one first bad line, whichever thread was quicker.
  if (!failures_.empty() && at_work_ == 0) std::rethrow_exception(failures_.begin()->second);
}

void PartBuilder::step_back() {
  const std::lock_guard lock(mutex_);
  if (std::exchange(behind_others_, true)) return;
  for (const pid_t thread : running_) go_last(thread);
}

void PartBuilder::require_sound() const {
  const std::lock_guard lock(mutex_);
  throw_if_failed();
}

void PartBuilder::wait(std::span<const size_t> parts, Show show, std::stop_token stop) {
  std::unique_lock lock(mutex_);
  size_t bytes = 0;
  const size_t first = parts.empty() ? 0 : parts.front();
  for (const size_t part : parts) {
    const PartPlan& plan = texts_[parts_[part].text].parts[parts_[part].number];
    if (parts_[part].state != State::kDone) bytes += plan.end - plan.begin;
  }
  const bool one_text =
      std::all_of(parts.begin(), parts.end(), [&](size_t part) { return text_of(part) == text_of(first); });
  std::optional<Progress> progress;
  if (show == Show::kProgress && bytes > 0) {
    progress.emplace(one_text ? "tokenizing " + texts_[text_of(first)].text.path() : "tokenizing text",
                     static_cast<double>(bytes));
  }
  const size_t before = done_;
  while (true) {
    throw_if_failed();
    if (stop.stop_requested()) throw StopRequested();
    const auto missing =
        std::find_if(parts.begin(), parts.end(), [&](size_t part) { return parts_[part].state != State::kDone; });
    if (missing == parts.end()) return;
    if (Build& build = builds_[text_of(*missing)]; show == Show::kProgress && !build.holder.empty()) {
      if (!std::exchange(build.holder_told, true)) {
        log_info("waiting for " + build.holder + ", which tokenizes " + texts_[text_of(*missing)].text.path());
      }
      still_going();  // it has a watchdog of its own
    }
    changed_.wait_for(lock, kPatience);
    if (progress) progress->done(static_cast<double>(done_ - before));
  }
}

TokenPart PartBuilder::open(size_t number) {
  Part& part = parts_[number];
  if (part.opened) return *std::exchange(part.opened, {});
  std::string problem;
  if (auto opened = open_part(texts_[part.text], part.number, *part.header, problem)) return std::move(*opened);
  throw Error(ExitCode::kStorage,
              got_want(path_of(part), "a part that is " + problem + " since it was looked at last",
                       "files that stay as they are", "start again: what is missing is made again"));
}

void PartBuilder::begin_work() {
  const std::lock_guard lock(mutex_);
  running_.insert(::gettid());
  if (behind_others_) go_last(::gettid());
}

/// From now on the number of this thread may be that of another one.
void PartBuilder::end_work() {
  const std::lock_guard lock(mutex_);
  running_.erase(::gettid());
}

void PartBuilder::work(std::stop_token stop) {
  std::unique_ptr<PartMaker> maker;
  std::unique_lock lock(mutex_);
  while (!stop.stop_requested() && failures_.empty()) {
    if (std::all_of(order_.begin(), order_.end(), [&](size_t i) { return parts_[i].state == State::kDone; })) return;
    const std::optional<size_t> number = next_part();
    if (!number) {
      changed_.wait_for(lock, stop, kPatience, [] { return false; });
      continue;
    }
    Part& part = parts_[*number];
    part.state = State::kAtWork;
    ++at_work_;
    lock.unlock();
    bool done = false;
    std::exception_ptr failure;
    try {
      done = see_to(part, maker, stop);
    } catch (const StopRequested&) {
    } catch (const Error& error) {
      failure = std::make_exception_ptr(with_remedy(error));
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    --at_work_;
    part.state = done ? State::kDone : State::kToDo;
    if (done) finish(part);
    if (failure) failures_[*number] = failure;
    if (!done) part.not_before = Clock::now() + kPatience;
    changed_.notify_all();
  }
  if (failures_.empty() || at_work_ > 0) return;
  for (Build& build : builds_) build.lock.reset();  // somebody else may have more luck
}

std::optional<size_t> PartBuilder::next_part() const {
  const Clock::time_point now = Clock::now();
  for (const size_t i : order_) {
    if (parts_[i].state == State::kToDo && parts_[i].not_before <= now) return i;
  }
  return {};
}

/// False when another process is at the text.
bool PartBuilder::see_to(Part& part, std::unique_ptr<PartMaker>& maker, std::stop_token stop) {
  const PartedText& text = texts_[part.text];
  if (!part.header) part.header = part_header(text, part.number, tokenizer_);
  std::string problem;
  const auto is_good = [&] {
    std::optional<TokenPart> opened = open_part(text, part.number, *part.header, problem);
    if (!opened) return false;
    part.contents = opened->view.contents;
    if (files_ == Files::kKeepOpen) part.opened = std::move(opened);
    return true;
  };
  if (is_good()) return true;
  if (!lock_folder(part.text)) return false;
  if (is_good()) return true;  // another process was quicker
  tell_problem(part, problem);
  if (!maker) maker = make_part_maker(tokenizer_, text.text.reading(), done_);
  const TextCounts counts = maker->make(text, part.number, *part.header, stop);
  if (!is_good()) {
    throw Error(ExitCode::kStorage, got_want(path_of(part), "a part that is " + problem + " right after it was written",
                                             "a disk that keeps what is written"));
  }
  const std::lock_guard lock(mutex_);
  Build& build = builds_[part.text];
  ++build.made;
  build.counts += counts;
  build.tokens += part.contents.tokens;
  return true;
}

/// One of many stands for all.
void PartBuilder::tell_problem(const Part& part, const std::string& problem) {
  const std::lock_guard lock(mutex_);
  if (problem == "missing" || std::exchange(builds_[part.text].problem_told, true)) return;
  log_info(path_of(part) + " is " + problem + " and will be built again, as is every other part that is not good");
}

bool PartBuilder::lock_folder(size_t text) {
  const std::lock_guard lock(mutex_);
  Build& build = builds_[text];
  if (build.lock) return true;
  std::string holder;
  build.lock = RunLock::if_free(texts_[text].folder, holder);
  build.holder = holder;
  if (!build.lock) return false;
  build.begun = Clock::now();
  remove_surplus(texts_[text], tokenizer_);
  return true;
}

/// Called with the mutex held, here and below.
void PartBuilder::finish(Part& part) {
  const PartPlan& plan = texts_[part.text].parts[part.number];
  bytes_left_ -= plan.end - plan.begin;
  Build& build = builds_[part.text];
  if (--build.left > 0) return tell_of_the_rest();
  build.lock.reset();
  if (build.made > 0) log_build(part.text);
}

/// For who looks at a log while text is tokenized behind the training.
void PartBuilder::tell_of_the_rest() {
  constexpr std::chrono::seconds kBetweenLines{60};
  if (!behind_others_ || Clock::now() - told_ < kBetweenLines) return;
  told_ = Clock::now();
  log_info(format("text      %s of %s are tokenized",
                  short_bytes(static_cast<double>(all_bytes_ - bytes_left_)).c_str(),
                  short_bytes(static_cast<double>(all_bytes_)).c_str()));
}

void PartBuilder::log_build(size_t number) const {
  const PartedText& text = texts_[number];
  const Build& build = builds_[number];
  const std::chrono::duration<double> elapsed = Clock::now() - build.begun;
  std::string line = "tokenized " + text.text.path() + ": " + with_commas(build.counts.documents) + " documents, " +
                     short_count(static_cast<double>(build.tokens)) + " tokens" +
                     (text.text.token_bytes() > 0
                          ? ""
                          : format(", %.1f bytes/token", static_cast<double>(build.counts.text_bytes) /
                                                             static_cast<double>(std::max<int64_t>(build.tokens, 1)))) +
                     " in " + short_seconds(elapsed.count());
  if (build.made < text.parts.size()) {
    line += format("; %zu of %zu parts were there", text.parts.size() - build.made, text.parts.size());
  }
  log_info(line);
  for (const std::string& example : build.counts.examples) log_warning(example + "; passed over");
}

}  // namespace mm
