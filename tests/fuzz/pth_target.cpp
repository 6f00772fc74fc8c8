// Whole `.pth` files, read as PthFile reads them; it adds only LibTorch's tensors.
#include "checkpoint/pth/pth_index.h"
#include "checkpoint/pth/zip/zip_archive.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/pickle_walk.h"
#include "tests/fuzz/seeds.h"
#include "tests/fuzz/target.h"
#include "tests/support/pth_builder.h"

namespace mm {
namespace {

/// The bytes from the first to the last element that a tensor sees, by the arithmetic of PthFile::tensor().
size_t view_end(const PickleTensor& tensor) {
  int64_t extent = 1;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    if (tensor.sizes[i] == 0) extent = 0;
    if (extent > 0) extent += (tensor.sizes[i] - 1) * tensor.strides[i];
  }
  return static_cast<size_t>(tensor.offset + extent) * dtype_bytes(tensor.dtype);
}

bool run(Bytes input) {
  return allow_refusal(ExitCode::kCheckpoint, [&] {
    const PthIndex index(input, kInputName);
    walk_pickle(index.root(), input.size(), [&](const PickleTensor& tensor) {
      const ZipEntry& record = index.record(tensor);
      expect(index.number_of(record) < index.record_count(), "a record is one of the archive");
      expect(view_end(tensor) <= record.bytes.size(), "a tensor lies in its record");
      expect(record.bytes.empty() || (record.bytes.data() >= input.data() &&
                                      record.bytes.data() + record.bytes.size() <= input.data() + input.size()),
             "a record lies in the file");
      allow_refusal(ExitCode::kCheckpoint, [&] { index.check_crc(record); });
    });
  });
}

BuiltZip parts_of(const std::string& file) {
  const ZipArchive archive(std::as_bytes(std::span(file)), kInputName);
  BuiltZip zip;
  for (const ZipEntry& entry : archive.entries()) {
    const std::string_view payload(reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size());
    zip.entries.push_back({.name = std::string(entry.name), .payload = std::string(payload), .method = entry.method});
  }
  return zip;
}

void change_parts(BuiltZip& zip, std::minstd_rand& random, const MutateBytes& mutate_bytes) {
  constexpr size_t kGrowth = 64;
  const size_t chosen = random() % zip.entries.size();
  BuiltEntry& entry = zip.entries[chosen];
  zip.zip64 = random() % 2 == 0;
  switch (random() % 8) {
    case 0:
      entry.name = mutate_bytes(entry.name, entry.name.size() + kGrowth);
      break;
    case 1:
      zip.entries.push_back(entry);
      zip.entries.back().name += "0";
      break;
    case 2:
      zip.entries.erase(zip.entries.begin() + static_cast<ptrdiff_t>(chosen));
      break;
    case 3:
      entry.payload = mutate_bytes(entry.payload, entry.payload.size() + kGrowth);
      break;
    case 4:
      entry.extra = mutate_bytes(zip_extra(1, "12345678"), kGrowth);
      break;
    default:
      for (BuiltEntry& each : zip.entries) {
        if (!each.name.ends_with("data.pkl")) continue;
        each.payload = mutate_bytes(each.payload, each.payload.size() + kGrowth);
      }
  }
}

/// Takes the archive apart and builds it anew with one part changed, so that offsets, lengths and checksums hold.
std::string mutate(const std::string& input, size_t most_bytes, std::minstd_rand& random,
                   const MutateBytes& mutate_bytes) {
  if (random() % 4 == 0) return mutate_bytes(input, most_bytes);
  std::string changed;
  allow_refusal(ExitCode::kCheckpoint, [&] {
    BuiltZip zip = parts_of(input);
    if (zip.entries.empty()) return;
    change_parts(zip, random, mutate_bytes);
    changed = build_zip(zip);
  });
  return changed.empty() || changed.size() > most_bytes ? mutate_bytes(input, most_bytes) : changed;
}

}  // namespace

const FuzzTarget kPthTarget = {"pth", run, pth_seeds, mutate};

}  // namespace mm
