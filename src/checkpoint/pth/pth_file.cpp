// From checked descriptions to tensors on the map.
#include "checkpoint/pth/pth_file.h"

#include <algorithm>
#include <iterator>

#include "checkpoint/mapped_tensor.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

struct StoragePair {
  StorageDtype file;
  at::ScalarType tensor;
};

constexpr StoragePair kStoragePairs[] = {
    {StorageDtype::kDouble, at::kDouble}, {StorageDtype::kLong, at::kLong}, {StorageDtype::kFloat, at::kFloat},
    {StorageDtype::kInt, at::kInt},       {StorageDtype::kHalf, at::kHalf}, {StorageDtype::kBFloat16, at::kBFloat16},
    {StorageDtype::kShort, at::kShort},   {StorageDtype::kChar, at::kChar}, {StorageDtype::kByte, at::kByte},
    {StorageDtype::kBool, at::kBool},
};

}  // namespace

at::ScalarType tensor_dtype(StorageDtype dtype) {
  return std::find_if(std::begin(kStoragePairs), std::end(kStoragePairs),
                      [&](const StoragePair& pair) { return pair.file == dtype; })
      ->tensor;
}

std::optional<StorageDtype> storage_dtype(at::ScalarType dtype) {
  const auto* pair = std::find_if(std::begin(kStoragePairs), std::end(kStoragePairs),
                                  [&](const StoragePair& candidate) { return candidate.tensor == dtype; });
  return pair == std::end(kStoragePairs) ? std::nullopt : std::optional(pair->file);
}

PthFile::PthFile(const std::string& path)
    : map_(std::make_shared<const MappedFile>(path, ExitCode::kCheckpoint)),
      index_(std::make_unique<const PthIndex>(map_->bytes(), path)),
      checked_(index_->record_count()) {}

at::Tensor PthFile::tensor(const PickleValue& value) const {
  const PickleTensor tensor = value.tensor();
  const ZipEntry& record = index_->record(tensor);
  check_once(record, tensor.dtype);

  // The index has checked that this neither overflows nor leaves the record.
  int64_t extent = 1;
  for (size_t i = 0; i < tensor.sizes.size(); ++i) {
    if (tensor.sizes[i] == 0) extent = 0;
    if (extent > 0) extent += (tensor.sizes[i] - 1) * tensor.strides[i];
  }
  const size_t width = dtype_bytes(tensor.dtype);
  const auto bytes =
      record.bytes.subspan(static_cast<size_t>(tensor.offset) * width, static_cast<size_t>(extent) * width);
  return mapped_tensor(map_, bytes, tensor_dtype(tensor.dtype), tensor.sizes, tensor.strides);
}

NamedTensors PthFile::tensors(const PickleValue& dict, std::vector<std::string>* others) const {
  NamedTensors result;
  for (const auto& [key, value] : dict.entries()) {
    if (key.is(PickleKind::kString) && value.is(PickleKind::kTensor)) {
      result.emplace_back(key.string(), tensor(value));
      const std::span<const std::byte> bytes = index_->record(value.tensor()).bytes;
      map_->release(bytes.data(), bytes.size());
    } else if (others != nullptr) {
      others->push_back(key.is(PickleKind::kString) ? std::string(key.string()) : std::to_string(key.integer()));
    }
  }
  return result;
}

void PthFile::check_once(const ZipEntry& record, StorageDtype dtype) const {
  std::atomic<bool>& checked = checked_[index_->number_of(record)];
  if (checked) return;
  index_->check_crc(record);
  if (dtype == StorageDtype::kBool) check_bools(record.bytes, path() + ":" + show_key(record.name));
  checked = true;
}

}  // namespace mm
