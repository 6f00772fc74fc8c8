// Safetensors files: header and length of the data.
#include <numeric>

#include "checkpoint/safetensors_header.h"
#include "core/little_endian.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/target.h"

namespace mm {
namespace {

constexpr size_t kLengthBytes = 8;

bool run(Bytes input) {
  return allow_refusal(ExitCode::kCheckpoint, [&] {
    const SafetensorsHeader header = read_safetensors_header(input, kInputName);
    size_t covered = 0;
    for (const SafetensorsEntry& entry : header.entries) {
      expect(entry.begin == covered && entry.begin <= entry.end, "tensors lie end to end");
      const auto elements =
          std::accumulate(entry.shape.begin(), entry.shape.end(), int64_t{1}, std::multiplies<int64_t>());
      expect(static_cast<size_t>(elements) * dtype_bytes(entry.dtype) == entry.end - entry.begin,
             "a tensor has the bytes of its shape");
      covered = entry.end;
    }
    expect(header.data_start + covered == input.size(), "tensors cover the data");
  });
}

/// Changes the header, the data or both, and makes the length in front fit.
std::string mutate(const std::string& input, size_t most_bytes, std::minstd_rand& random,
                   const MutateBytes& mutate_bytes) {
  if (input.size() < kLengthBytes || random() % 4 == 0) return mutate_bytes(input, most_bytes);
  const auto header_bytes = load_le<uint64_t>(reinterpret_cast<const std::byte*>(input.data()));
  if (header_bytes > input.size() - kLengthBytes) return mutate_bytes(input, most_bytes);
  std::string header = input.substr(kLengthBytes, header_bytes);
  std::string data = input.substr(kLengthBytes + header_bytes);
  header = mutate_bytes(header, most_bytes - kLengthBytes);
  if (random() % 4 == 0) data.resize(random() % 64);
  std::string changed;
  store_le(changed, uint64_t{header.size()});
  changed += header + data;
  changed.resize(std::min(changed.size(), most_bytes));
  return changed;
}

}  // namespace

const FuzzTarget kSafetensorsTarget = {"safetensors", run, safetensors_seeds, mutate};

}  // namespace mm
