// Threads as fibers: a block runs by letting each of them run until it waits. A fiber gets its stack from makecontext,
// and is then entered and left by longjmp, which asks nothing of the system.
#undef _FORTIFY_SOURCE  // whose longjmp refuses another stack
#include "ops/cuda/emulator/emulator.h"

#include <setjmp.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "ops/cuda/device_code.h"
#include "ops/cuda/emulator/guarded_buffer.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/common_interface_defs.h>
#endif

namespace mm::cuda {
namespace {

constexpr size_t kStackBytes = 256 << 10;

bool emulation_on = false;
uint64_t emulation_order = 0;
constexpr int kUsualCapability = 90;
int emulated_capability = kUsualCapability;
thread_local int64_t launches_here = 0, bytes_here = 0;

using emulator::Position;

enum class State { kReady, kAtBarrier, kWithWarp, kEnded };

/// What a lane gives to an instruction of its whole warp.
struct Gift {
  alignas(16) std::byte bytes[32];
  size_t size;
};

struct AsyncCopy {
  void* to;
  const void* from;
  size_t size;
  int group;
};

struct Fiber {
  std::unique_ptr<std::byte[]> stack = std::make_unique_for_overwrite<std::byte[]>(kStackBytes);
  ucontext_t start = {};
  jmp_buf place;
  bool begun = false;
  void* sanitizer_frames = nullptr;
  State state = State::kReady;
  Gift gifts[2] = {};  ///< to the instruction before and to this one: a slow lane may still want to read the former
  int turn = 0;        ///< of them
  std::deque<AsyncCopy> copies;  ///< under way
  int copy_group = 0;            ///< the one that is open
};

class Device {
 public:
  void run(int64_t blocks, int block_rows, int threads, const std::function<void()>& kernel) {
    require(threads > 0 && threads <= kMostThreads && threads % kWarp == 0, "a block has 1 to 32 whole warps");
    require(kernel_ == nullptr, "a kernel launches no kernel");
    random_.seed(emulation_order);
    kernel_ = &kernel;
    position_ = {.thread = 0, .threads = threads, .block = 0, .blocks = blocks, .block_row = 0};
    std::vector<int64_t> order(static_cast<size_t>(blocks * block_rows));
    arrange(order);
    try {
      for (const int64_t place : order) {
        position_.block = place % blocks;
        position_.block_row = static_cast<int>(place / blocks);
        run_block(threads);
      }
    } catch (...) {
      fibers_.clear();  // their stacks hold calls that never end
      kernel_ = nullptr;
      throw;
    }
    kernel_ = nullptr;
    shared_.clear();
  }

  bool runs() const { return kernel_ != nullptr; }
  const Position& position() const { return position_; }

  void wait(State where) {
    running().state = where;
    leave();
  }

  void give_to_warp(const void* bytes, size_t size) {
    Fiber& fiber = running();
    fiber.turn = 1 - fiber.turn;
    Gift& gift = fiber.gifts[fiber.turn];
    require(size <= sizeof(gift.bytes), "a lane gives 32 bytes at most");
    if (size > 0) std::memcpy(gift.bytes, bytes, size);
    gift.size = size;
    wait(State::kWithWarp);
  }

  const void* given_by(int lane) {
    const Fiber& giver = fibers_[static_cast<size_t>(position_.thread / kWarp * kWarp + lane)];
    return giver.gifts[running().turn].bytes;
  }

  void copy_async(void* to, const void* from, size_t size) {
    std::memset(to, 0xff, size);
    running().copies.push_back({to, from, size, running().copy_group});
  }

  void end_copies() { ++running().copy_group; }

  void wait_for_copies(int later) {
    std::deque<AsyncCopy>& copies = running().copies;
    for (; !copies.empty() && copies.front().group < running().copy_group - later; copies.pop_front()) {
      const AsyncCopy& copy = copies.front();
      if (copy.from == nullptr) {
        std::memset(copy.to, 0, copy.size);
      } else {
        std::memcpy(copy.to, copy.from, copy.size);
      }
    }
  }

  void* shared(const void* site, size_t bytes) { return shared_.try_emplace(site, bytes).first->second.data(); }

 private:
  /// 0 .. size - 1 in the order of the emulation.
  template <class T>
  void arrange(std::vector<T>& order) {
    std::iota(order.begin(), order.end(), T{0});
    if (emulation_order == 1) std::reverse(order.begin(), order.end());
    if (emulation_order > 1) std::shuffle(order.begin(), order.end(), random_);
  }

  void run_block(int threads) {
    for (auto& [site, memory] : shared_) memory.poison();
    const auto count = static_cast<size_t>(threads);
    if (fibers_.size() < count) fibers_ = std::vector<Fiber>(count);
    for (size_t i = 0; i < count; ++i) {
      fibers_[i].state = State::kReady;
      fibers_[i].turn = 0;  // warps of the block before may have ended at different ones
    }
    std::vector<int> order(count);
    do {
      arrange(order);
      for (const int i : order) {
        if (fibers_[static_cast<size_t>(i)].state == State::kReady) resume(i);
        if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
      }
    } while (release(threads));
  }

  /// Lets threads go on whose wait is over. False when all have ended.
  bool release(int threads) {
    const auto all = [&](int first, int count, State state) {
      return std::all_of(fibers_.begin() + first, fibers_.begin() + first + count,
                         [&](const Fiber& fiber) { return fiber.state == state; });
    };
    if (all(0, threads, State::kEnded)) return false;
    bool released = false;
    const auto let_go = [&](int first, int count) {
      for (int i = first; i < first + count; ++i) fibers_[static_cast<size_t>(i)].state = State::kReady;
      released = true;
    };
    if (all(0, threads, State::kAtBarrier)) let_go(0, threads);
    for (int warp = 0; warp < threads; warp += kWarp) {
      if (all(warp, kWarp, State::kWithWarp) && gave_as_much(warp)) let_go(warp, kWarp);
    }
    if (!released) {
      throw Error(ExitCode::kInternal,
                  format("CUDA emulator: block %lld: got threads that wait at a barrier, or at an instruction of their "
                         "warp, which others do not reach, want all of the block or of the warp there",
                         static_cast<long long>(position_.block)));
    }
    return true;
  }

  /// Whether the lanes of a warp wait at the same kind of instruction, as far as what they gave tells.
  bool gave_as_much(int first) const {
    const auto gift = [&](int thread) -> const Gift& {
      const Fiber& fiber = fibers_[static_cast<size_t>(thread)];
      return fiber.gifts[fiber.turn];
    };
    for (int thread = first; thread < first + kWarp; ++thread) {
      if (gift(thread).size != gift(first).size) return false;
    }
    return true;
  }

  Fiber& running() { return fibers_[static_cast<size_t>(position_.thread)]; }

  /// What every fiber runs: the kernel, again and again.
  static void body();

  [[noreturn]] static void enter(Fiber& fiber) {
    if (fiber.begun) _longjmp(fiber.place, 1);
    fiber.begun = true;
    getcontext(&fiber.start);
    fiber.start.uc_stack.ss_sp = fiber.stack.get();
    fiber.start.uc_stack.ss_size = kStackBytes;
    fiber.start.uc_link = nullptr;
    makecontext(&fiber.start, &Device::body, 0);
    setcontext(&fiber.start);
    std::abort();  // never: the context was made here
  }

  void resume(int index) {
    position_.thread = index;
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&sanitizer_frames_, running().stack.get(), kStackBytes);
#endif
    if (_setjmp(scheduler_) == 0) enter(running());
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(sanitizer_frames_, nullptr, nullptr);
#endif
  }

  void arrive() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &scheduler_stack_, &scheduler_stack_bytes_);
#endif
  }

  void leave() {
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_start_switch_fiber(&running().sanitizer_frames, scheduler_stack_, scheduler_stack_bytes_);
#endif
    if (_setjmp(running().place) == 0) _longjmp(scheduler_, 1);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(running().sanitizer_frames, nullptr, nullptr);
#endif
  }

  const std::function<void()>* kernel_ = nullptr;
  Position position_ = {};
  std::vector<Fiber> fibers_;
  std::map<const void*, GuardedBuffer> shared_;  ///< by the line that asks for it
  std::exception_ptr failure_;
  std::mt19937_64 random_;
  jmp_buf scheduler_;
  void* sanitizer_frames_ = nullptr;
  const void* scheduler_stack_ = nullptr;
  size_t scheduler_stack_bytes_ = 0;
};

thread_local Device device;

void Device::body() {
  device.arrive();
  for (;;) {
    try {
      (*device.kernel_)();
      require(device.running().copies.empty(), "a thread waits for its copies before it ends");
    } catch (...) {
      device.failure_ = std::current_exception();
    }
    device.wait(State::kEnded);
  }
}

#if !defined(__SANITIZE_ADDRESS__)  // which says more by itself
/// Says which thread it was; the fault comes again, for good, as soon as this returns.
void on_segmentation_fault(int signal) {
  if (device.runs()) {
    const Position& at = device.position();
    const std::string text = format("CUDA emulator: thread %d of block %lld touched memory outside its buffers\n",
                                    at.thread, static_cast<long long>(at.block));
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, text.data(), text.size());
  }
  std::signal(signal, SIG_DFL);
}
#endif

}  // namespace

Emulation::Emulation(uint64_t order, int compute_capability) {
  require(!emulation_on, "one emulation at a time");
  emulation_on = true;
  emulation_order = order;
  emulated_capability = compute_capability;
#if !defined(__SANITIZE_ADDRESS__)
  std::signal(SIGSEGV, on_segmentation_fault);
#endif
}

Emulation::~Emulation() {
  emulation_on = false;
  emulated_capability = kUsualCapability;
#if !defined(__SANITIZE_ADDRESS__)
  std::signal(SIGSEGV, SIG_DFL);
#endif
}

bool Emulation::on() {
  return emulation_on;
}

int Emulation::compute_capability() {
  return emulated_capability;
}

int64_t Emulation::launches() {
  return launches_here;
}

int64_t Emulation::bytes() {
  return bytes_here;
}

void Emulation::count_bytes(size_t bytes) {
  bytes_here += static_cast<int64_t>(bytes);
}

namespace emulator {

Stream nowhere() {
  static char place = 0;
  return &place;
}

void run(int64_t blocks, int block_rows, int threads, Stream stream, const std::function<void()>& kernel) {
  if (blocks == 0) return;
  ++launches_here;
  if (stream != nowhere()) device.run(blocks, block_rows, threads, kernel);
}

const Position& here() {
  return device.position();
}

void barrier() {
  device.wait(State::kAtBarrier);
}

void give_to_warp(const void* bytes, size_t size) {
  device.give_to_warp(bytes, size);
}

const void* given_by(int lane) {
  return device.given_by(lane);
}

void copy_async(void* to, const void* from, size_t size) {
  device.copy_async(to, from, size);
}

void end_copies() {
  device.end_copies();
}

void wait_for_copies(int later) {
  device.wait_for_copies(later);
}

void* shared(const void* site, size_t bytes) {
  return device.shared(site, bytes);
}

void check_aligned(const void* pointer, size_t bytes) {
  if (reinterpret_cast<uintptr_t>(pointer) % bytes == 0) return;
  const Position& at = here();
  throw Error(ExitCode::kInternal,
              format("CUDA emulator: thread %d of block %lld: got address %p, want a multiple of %zu", at.thread,
                     static_cast<long long>(at.block), pointer, bytes));
}

}  // namespace emulator
}  // namespace mm::cuda
