// Tensors to bytes and back; the header's checks are in safetensors_header.cpp.
#include "checkpoint/safetensors.h"

#include <c10/util/strides.h>

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "checkpoint/mapped_tensor.h"
#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"

namespace mm {
namespace {

static_assert(std::endian::native == std::endian::little, "the format is little-endian, and tensors are mapped as is");

constexpr size_t kLengthBytes = 8;
constexpr size_t kDataAlignment = 64;

struct DtypePair {
  SafetensorsDtype file;
  at::ScalarType tensor;
};

constexpr DtypePair kDtypes[] = {
    {SafetensorsDtype::kF64, at::kDouble}, {SafetensorsDtype::kI64, at::kLong},
    {SafetensorsDtype::kF32, at::kFloat},  {SafetensorsDtype::kI32, at::kInt},
    {SafetensorsDtype::kF16, at::kHalf},   {SafetensorsDtype::kBF16, at::kBFloat16},
    {SafetensorsDtype::kI16, at::kShort},  {SafetensorsDtype::kI8, at::kChar},
    {SafetensorsDtype::kU8, at::kByte},    {SafetensorsDtype::kBool, at::kBool},
};

SafetensorsDtype file_dtype(at::ScalarType type) {
  const auto* pair = std::find_if(std::begin(kDtypes), std::end(kDtypes),
                                  [&](const DtypePair& candidate) { return candidate.tensor == type; });
  require(pair != std::end(kDtypes), "write_safetensors: a dtype that the format lacks");
  return pair->file;
}

at::ScalarType tensor_dtype(SafetensorsDtype type) {
  return std::find_if(std::begin(kDtypes), std::end(kDtypes),
                      [&](const DtypePair& candidate) { return candidate.file == type; })
      ->tensor;
}

/// Wider dtypes first: with the data aligned, every tensor then is a multiple of its own width from the start.
std::vector<const NamedTensors::value_type*> file_order(const NamedTensors& tensors) {
  std::vector<const NamedTensors::value_type*> ordered;
  std::unordered_set<std::string_view> names;
  for (const auto& named : tensors) {
    require(names.insert(named.first).second, "write_safetensors: a tensor name given twice");
    ordered.push_back(&named);
  }
  std::stable_sort(ordered.begin(), ordered.end(), [](const auto* a, const auto* b) {
    return dtype_bytes(file_dtype(a->second.scalar_type())) > dtype_bytes(file_dtype(b->second.scalar_type()));
  });
  return ordered;
}

/// The header with its length in front, padded with spaces so that the data that follows is aligned.
std::string header_bytes(const std::vector<const NamedTensors::value_type*>& ordered,
                         const std::map<std::string, std::string>& metadata) {
  std::vector<std::string> members;
  if (!metadata.empty()) members.push_back("\"__metadata__\":" + nlohmann::json(metadata).dump());
  size_t offset = 0;
  for (const auto* named : ordered) {
    const auto& [name, tensor] = *named;
    const SafetensorsDtype dtype = file_dtype(tensor.scalar_type());
    const size_t end = offset + static_cast<size_t>(tensor.numel()) * dtype_bytes(dtype);
    const nlohmann::ordered_json entry = {
        {"dtype", dtype_name(dtype)}, {"shape", tensor.sizes().vec()}, {"data_offsets", {offset, end}}};
    members.push_back(nlohmann::json(name).dump() + ":" + entry.dump());
    offset = end;
  }
  std::string text = "{";
  text += join(members, ",") + "}";
  const size_t unpadded = kLengthBytes + text.size();
  text.append((kDataAlignment - unpadded % kDataAlignment) % kDataAlignment, ' ');

  std::string bytes;
  for (size_t i = 0; i < kLengthBytes; ++i) bytes += static_cast<char>(text.size() >> (8 * i) & 0xff);
  return bytes + text;
}

}  // namespace

void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata) {
  const std::vector<const NamedTensors::value_type*> ordered = file_order(tensors);
  AtomicFile file(path);
  file.write(header_bytes(ordered, metadata));
  for (const auto* named : ordered) {
    const at::Tensor contiguous = named->second.detach().cpu().contiguous();
    file.write(contiguous.const_data_ptr(), contiguous.nbytes());
  }
  file.commit();
}

SafetensorsFile::SafetensorsFile(const std::string& path)
    : map_(std::make_shared<const MappedFile>(path, ExitCode::kCheckpoint)),
      header_(read_safetensors_header(map_->bytes(), path)) {
  for (size_t i = 0; i < header_.entries.size(); ++i) by_name_.emplace(header_.entries[i].name, i);
}

std::vector<std::string> SafetensorsFile::names() const {
  std::vector<std::string> result;
  for (const SafetensorsEntry& entry : header_.entries) result.push_back(entry.name);
  return result;
}

at::Tensor SafetensorsFile::tensor(const std::string& name) const {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    const std::string nearest = nearest_name(name, names());
    throw Error(ExitCode::kCheckpoint, got_want(path() + ":" + show_key(name), "no such tensor",
                                                "one of its " + std::to_string(by_name_.size()),
                                                nearest.empty() ? "" : "the nearest is " + show_key(nearest)));
  }
  return tensor(header_.entries[found->second]);
}

at::Tensor SafetensorsFile::tensor(const SafetensorsEntry& entry) const {
  const auto data = map_->bytes().subspan(header_.data_start + entry.begin, entry.end - entry.begin);
  if (entry.dtype == SafetensorsDtype::kBool) check_bools(data, path() + ":" + show_key(entry.name));
  return mapped_tensor(map_, data, tensor_dtype(entry.dtype), entry.shape, c10::contiguous_strides(entry.shape));
}

NamedTensors SafetensorsFile::tensors() const {
  NamedTensors result;
  for (const SafetensorsEntry& entry : header_.entries) result.emplace_back(entry.name, tensor(entry));
  return result;
}

}  // namespace mm
