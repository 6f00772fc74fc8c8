// What every thread of this process is doing.
#pragma once

namespace mm {

/// Makes ready for write_thread_stacks(): takes SIGUSR2, which each thread is asked by. Once, while all is well.
void prepare_thread_stacks();

/// Writes for each thread its name, its state, what it waits for in the kernel, and its calls. A thread that the kernel
/// holds does not answer with its calls.
void write_thread_stacks(int descriptor);

}  // namespace mm
