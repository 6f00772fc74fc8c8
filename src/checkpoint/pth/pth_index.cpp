// What the pickle says of every tensor, against the records that are there.
#include "checkpoint/pth/pth_index.h"

#include <algorithm>

#include "checkpoint/pth/pickle/pickle.h"
#include "checkpoint/pth/pth_foreign.h"
#include "core/error.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

constexpr std::string_view kPickleName = "data.pkl";
constexpr uint64_t kMostCopies = 16;  // of the file, in all tensors together
constexpr const char* kDamaged = "the file is damaged, or not of torch.save; take another copy";

[[noreturn]] void refuse(const std::string& where, const std::string& got, const std::string& want,
                         const char* remedy = kDamaged) {
  throw Error(ExitCode::kCheckpoint, got_want(where, got, want, remedy));
}

ZipArchive open_archive(std::span<const std::byte> file, const std::string& path) {
  refuse_foreign_file(file, path);
  return ZipArchive(file, path);
}

/// The folder of the one data.pkl, with the slash at its end: torch.save names it after the file it wrote.
std::string find_folder(const ZipArchive& archive, const std::string& path) {
  const ZipEntry* pickle = nullptr;
  for (const ZipEntry& entry : archive.entries()) {
    const size_t slash = entry.name.rfind('/');
    if (entry.name.substr(slash == std::string_view::npos ? 0 : slash + 1) != kPickleName) continue;
    if (pickle != nullptr) {
      refuse(path, "both " + show_key(pickle->name) + " and " + show_key(entry.name), "one data.pkl");
    }
    pickle = &entry;
  }
  if (pickle == nullptr) {
    refuse(path, "a zip archive without data.pkl", "a .pth file as torch.save writes it", "check the path");
  }
  return std::string(pickle->name.substr(0, pickle->name.size() - kPickleName.size()));
}

void refuse_torchscript(const ZipArchive& archive, const std::string& folder, const std::string& path) {
  const bool has_code = std::any_of(archive.entries().begin(), archive.entries().end(),
                                    [&](const ZipEntry& entry) { return entry.name.starts_with(folder + "code/"); });
  if (has_code || archive.find(folder + "constants.pkl") != nullptr) {
    refuse(path, "a TorchScript program", "the weights of a model",
           "in Python: torch.save(torch.jit.load(path).state_dict(), new_path)");
  }
}

PickleTree read_data_pickle(const ZipArchive& archive, const std::string& folder, const std::string& path) {
  refuse_torchscript(archive, folder, path);
  archive.require_stored();
  if (const ZipEntry* order = archive.find(folder + "byteorder")) {
    archive.check_crc(*order);
    const std::string_view text(reinterpret_cast<const char*>(order->bytes.data()), order->bytes.size());
    if (text != "little") {
      refuse(path + ":byteorder", show_key(text), "little", "in Python on any machine: load it and save it again");
    }
  }
  const ZipEntry& pickle = *archive.find(folder + std::string(kPickleName));
  archive.check_crc(pickle);
  return read_pickle(pickle.bytes, path);
}

}  // namespace

PthIndex::PthIndex(std::span<const std::byte> file, std::string path)
    : archive_(open_archive(file, path)),
      folder_(find_folder(archive_, path)),
      tree_(read_data_pickle(archive_, folder_, path)) {
  uint64_t bytes = 0;
  check_tensors(root(), kMostCopies * file.size(), bytes);
}

std::string PthIndex::note(const std::string& name) const {
  constexpr size_t kLongest = size_t{64} << 10;
  const ZipEntry* entry = archive_.find(folder_ + std::string(kNoteFolder) + name);
  if (entry == nullptr) return "";
  if (entry->bytes.size() > kLongest) {
    refuse(show_key(entry->name), std::to_string(entry->bytes.size()) + " bytes", "a short text");
  }
  archive_.check_crc(*entry);
  return {reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size()};
}

std::string PthIndex::record_name(const PickleTensor& tensor) const {
  return folder_ + "data/" + std::string(tensor.storage);
}

const ZipEntry& PthIndex::record(const PickleTensor& tensor) const {
  const ZipEntry* entry = archive_.find(record_name(tensor));
  require(entry != nullptr, "PthIndex::record of a tensor of another file");
  return *entry;
}

/// Recursion, repeats and time are bounded by read_pickle().
void PthIndex::check_tensors(const PickleValue& value, uint64_t most_bytes, uint64_t& bytes) const {
  switch (value.kind()) {
    case PickleKind::kTensor:
      bytes += check_tensor(value);  // cannot overflow: a tensor is no longer than its record
      if (bytes > most_bytes) {
        refuse(path(), "tensors of more than " + std::to_string(most_bytes) + " bytes",
               std::to_string(kMostCopies) + " times the file at most");
      }
      return;
    case PickleKind::kList:
    case PickleKind::kTuple:
      for (const PickleValue& element : value.elements()) check_tensors(element, most_bytes, bytes);
      return;
    case PickleKind::kDict:
      for (const auto& [key, item] : value.entries()) check_tensors(item, most_bytes, bytes);
      return;
    default:
      return;
  }
}

/// Checks a tensor against its record and returns its size in bytes, elements that are seen twice counted twice.
uint64_t PthIndex::check_tensor(const PickleValue& value) const {
  const PickleTensor tensor = value.tensor();
  const auto fail = [&](const std::string& got, const std::string& want) { refuse(value.where(), got, want); };

  const ZipEntry* entry = archive_.find(record_name(tensor));
  if (entry == nullptr) fail("no record " + show_key(record_name(tensor)), "the storage of this tensor");
  uint64_t storage_bytes = 0;
  if (tensor.storage_elements < 0 ||
      __builtin_mul_overflow(static_cast<uint64_t>(tensor.storage_elements), dtype_bytes(tensor.dtype),
                             &storage_bytes) ||
      storage_bytes != entry->bytes.size()) {
    fail("a record of " + std::to_string(entry->bytes.size()) + " bytes",
         std::to_string(tensor.storage_elements) + " elements of " + std::to_string(dtype_bytes(tensor.dtype)) +
             " bytes, as the pickle says");
  }

  if (tensor.offset < 0) fail("the negative offset " + std::to_string(tensor.offset), "0 or more");
  int64_t elements = 1;
  int64_t last = tensor.offset;  // the farthest element that is seen
  bool overflows = false;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    if (tensor.sizes[i] < 0) fail("the negative size " + std::to_string(tensor.sizes[i]), "0 or more");
    if (tensor.strides[i] < 0) fail("the negative stride " + std::to_string(tensor.strides[i]), "0 or more");
    int64_t reach = 0;
    overflows |= __builtin_mul_overflow(elements, tensor.sizes[i], &elements);
    overflows |= __builtin_mul_overflow(std::max<int64_t>(tensor.sizes[i] - 1, 0), tensor.strides[i], &reach);
    overflows |= __builtin_add_overflow(last, reach, &last);
  }
  if (overflows) fail("sizes and strides that overflow", "a view of its storage");
  if (elements > tensor.storage_elements) {
    refuse(value.where(), "a tensor of " + std::to_string(elements) + " elements",
           "at most the " + std::to_string(tensor.storage_elements) + " of its storage",
           "in Python, save a clone() of a tensor that expand() made");
  }
  if (elements > 0 ? last >= tensor.storage_elements : tensor.offset > tensor.storage_elements) {
    fail("a view up to element " + std::to_string(last),
         "one within the " + std::to_string(tensor.storage_elements) + " elements of its storage");
  }
  return static_cast<uint64_t>(elements) * dtype_bytes(tensor.dtype);
}

}  // namespace mm
