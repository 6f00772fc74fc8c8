// How long a thread of OpenMP spins while it waits for the others. Its runtime reads the answer from the environment
// when it is loaded, before any code of a program runs, and its default of three milliseconds makes a step many times
// slower where another program wants the processor. So the answer is given before the libraries are initialised, by
// starting the program once more, in the same process, with one variable more. What the user has set stays.
#include <unistd.h>

#include <climits>
#include <cstring>

namespace {

/// About a millisecond, a third of the default: with less, waking up costs an idle machine 10 to 30% of a step.
constexpr char kSpin[] = "GOMP_SPINCOUNT=100000";

bool names(const char* variable, const char* name) {
  const size_t length = std::strlen(name);
  return std::strncmp(variable, name, length) == 0 && variable[length] == '=';
}

void set_waiting_policy(int /*argc*/, char** argv, char** environment) {
  size_t count = 0;
  for (; environment[count] != nullptr; ++count) {
    if (names(environment[count], "GOMP_SPINCOUNT") || names(environment[count], "OMP_WAIT_POLICY")) return;
  }
  // On the stack: no library is ready yet.
  auto** more = static_cast<char**>(__builtin_alloca((count + 2) * sizeof(char*)));
  std::memcpy(more, environment, count * sizeof(char*));
  more[count] = const_cast<char*>(kSpin);
  more[count + 1] = nullptr;
  // By its path first: what is started as /proc/self/exe is called "exe" by ps, top and pkill.
  char path[PATH_MAX];
  const ssize_t read = readlink("/proc/self/exe", path, sizeof(path) - 1);
  if (read > 0) {
    path[read] = '\0';
    execve(path, argv, more);
  }
  execve("/proc/self/exe", argv, more);
  // Where it cannot be started again it goes on as it is: slower on a busy machine, and right.
}

}  // namespace

// Run by the loader before the initialisers of all libraries.
[[gnu::section(".preinit_array"), gnu::used]] static void (*const at_start)(int, char**, char**) = set_waiting_policy;
