// The header is made in memory; tensor data is streamed behind it.
#include "interchange/gguf/gguf_file.h"

#include <ATen/ops/isfinite.h>
#include <c10/util/Half.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "core/error.h"
#include "core/files/files.h"
#include "core/json/json_text.h"

namespace mm {
namespace {

constexpr uint64_t kAlignment = 32;  // the format's default

/// The types of settings, as the format numbers them.
enum SettingType : uint32_t { kUint32 = 4, kInt32 = 5, kFloat32 = 6, kBool = 7, kString = 8, kArray = 9 };

/// Numbers are little-endian, as on every machine that this program runs on.
static_assert(std::endian::native == std::endian::little);

class GgufHeader {
 public:
  template <class Number>
  void number(Number value) {
    bytes_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void text(const std::string& value) {
    number(static_cast<uint64_t>(value.size()));
    bytes_ += value;
  }

  void setting(const std::string& key, const GgufValue& value) {
    text(key);
    std::visit([this](const auto& held) { write(held); }, value);
  }

  void align() { bytes_.resize((bytes_.size() + kAlignment - 1) / kAlignment * kAlignment); }
  const std::string& bytes() const { return bytes_; }

 private:
  void write(uint32_t value) {
    number<uint32_t>(kUint32);
    number(value);
  }
  void write(float value) {
    number<uint32_t>(kFloat32);
    number(value);
  }
  void write(bool value) {
    number<uint32_t>(kBool);
    number<uint8_t>(value ? 1 : 0);
  }
  void write(const std::string& value) {
    number<uint32_t>(kString);
    text(value);
  }
  void write(const GgufStrings& values) {
    array(kString, values.size());
    for (const std::string& value : values) text(value);
  }
  void write(const GgufFloats& values) {
    array(kFloat32, values.size());
    for (const float value : values) number(value);
  }
  void write(const GgufInts& values) {
    array(kInt32, values.size());
    for (const int32_t value : values) number(value);
  }
  void array(SettingType type, size_t count) {
    number<uint32_t>(kArray);
    number<uint32_t>(type);
    number(static_cast<uint64_t>(count));
  }

  std::string bytes_;
};

uint64_t bytes_of(const GgufTensor& tensor) {
  uint64_t count = 1;
  for (const int64_t size : tensor.shape) count *= static_cast<uint64_t>(size);
  switch (tensor.type) {
    case GgufType::kF32:
      return 4 * count;
    case GgufType::kQ8:
      return count / kQ8Block * (sizeof(uint16_t) + kQ8Block);
    default:
      return 2 * count;
  }
}

/// Blocks of 32 values: a scale in fp16, largest magnitude / 127, and 32 whole multiples of it.
std::string quantised(const at::Tensor& values) {
  struct Block {
    uint16_t scale;
    int8_t multiples[kQ8Block];
  };
  static_assert(sizeof(Block) == sizeof(uint16_t) + kQ8Block);
  const auto blocks = static_cast<size_t>(values.numel() / kQ8Block);
  std::string bytes(blocks * sizeof(Block), '\0');
  const float* from = values.const_data_ptr<float>();
  for (size_t b = 0; b < blocks; ++b, from += kQ8Block) {
    float largest = 0;
    for (int64_t i = 0; i < kQ8Block; ++i) largest = std::max(largest, std::abs(from[i]));
    const float scale = largest / 127;
    Block block{.scale = c10::Half(scale).x, .multiples = {}};
    for (int64_t i = 0; i < kQ8Block && scale > 0; ++i) {
      block.multiples[i] = static_cast<int8_t>(std::round(from[i] / scale));
    }
    std::memcpy(bytes.data() + b * sizeof(Block), &block, sizeof(Block));
  }
  return bytes;
}

at::ScalarType scalar_type_of(GgufType type) {
  return type == GgufType::kF16 ? at::kHalf : type == GgufType::kBf16 ? at::kBFloat16 : at::kFloat;
}

void write_part(AtomicFile& file, const GgufTensor& tensor, const at::Tensor& part, const std::string& path) {
  const at::Tensor values = part.to(at::kCPU, scalar_type_of(tensor.type)).contiguous();
  if ((at::isfinite(part) != at::isfinite(values)).any().item<bool>()) {
    throw Error(ExitCode::kCheckpoint, got_want(path + ":" + show_key(tensor.name), "values beyond 65504",
                                                "what fp16 can hold", "use --dtype bf16 or fp32"));
  }
  if (tensor.type == GgufType::kQ8) {
    file.write(quantised(values));
  } else {
    file.write(values.const_data_ptr(), values.nbytes());
  }
}

}  // namespace

void write_gguf(const std::string& path, const GgufSettings& settings, const std::vector<GgufTensor>& tensors) {
  GgufHeader header;
  header.number<uint32_t>(0x46554747);  // "GGUF"
  header.number<uint32_t>(3);
  header.number(static_cast<uint64_t>(tensors.size()));
  header.number(static_cast<uint64_t>(settings.size()));
  for (const auto& [key, value] : settings) header.setting(key, value);
  uint64_t offset = 0;
  const auto padding = [](uint64_t bytes) { return (kAlignment - bytes % kAlignment) % kAlignment; };
  for (const GgufTensor& tensor : tensors) {
    header.text(tensor.name);
    header.number(static_cast<uint32_t>(tensor.shape.size()));
    for (auto size = tensor.shape.rbegin(); size != tensor.shape.rend(); ++size) {
      header.number(static_cast<uint64_t>(*size));
    }
    header.number(static_cast<uint32_t>(tensor.type));
    header.number(offset);
    offset += bytes_of(tensor) + padding(bytes_of(tensor));
  }
  header.align();

  AtomicFile file(path);
  file.write(header.bytes());
  for (const GgufTensor& tensor : tensors) {
    for (const at::Tensor& part : tensor.parts) write_part(file, tensor, part, path);
    file.write(std::string(padding(bytes_of(tensor)), '\0'));
  }
  file.commit();
}

}  // namespace mm
