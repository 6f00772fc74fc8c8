// `.pth` files from parts, each of which can be wrong: for tests and as seeds for fuzzing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mm {

/// An entry of an archive. What is not set is what a correct file would have.
struct BuiltEntry {
  std::string name;
  std::string payload = "";
  uint16_t flags = 0x0800;
  uint16_t method = 0;
  uint16_t disk = 0;
  std::optional<uint32_t> crc32 = {};
  std::optional<uint32_t> bytes = {};         ///< in the directory
  std::optional<uint32_t> stored_bytes = {};  ///< in the directory
  std::optional<uint32_t> offset = {};        ///< of the local header, in the directory
  std::optional<std::string> local_name = {};
  std::optional<uint32_t> local_bytes = {};
  std::optional<uint32_t> local_crc32 = {};
  uint32_t local_signature = 0x04034b50;
  std::string extra = "";  ///< in the directory
  std::string local_extra = "";
  std::string descriptor = "";  ///< behind the payload
};

struct BuiltZip {
  std::vector<BuiltEntry> entries;
  std::string after = "";  ///< bytes behind the archive
  std::string comment = "";
  bool zip64 = false;  ///< with a ZIP64 end record, as torch.save writes it
  uint16_t disk = 0;
  std::optional<uint64_t> count = {};
  std::optional<uint32_t> directory_bytes = {};
  std::optional<uint32_t> directory_offset = {};
  std::optional<uint64_t> end64_offset = {};
};

std::string build_zip(const BuiltZip& zip);

/// A field of a zip header's extra data.
std::string zip_extra(uint16_t id, std::string_view data);

// Pieces of pickles: opcodes with their arguments.
std::string pickled_text(std::string_view text);
std::string pickled_integer(int64_t value);
std::string pickled_global(std::string_view module, std::string_view name);
std::string pickled_tuple(const std::vector<int64_t>& numbers);
/// The items are pickles themselves.
std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items);

/// A tensor of four floats in the storage "0", unless told otherwise.
struct BuiltTensor {
  std::string storage_class = "FloatStorage";
  std::string key = "0";
  std::string location = "cpu";
  int64_t elements = 4;
  int64_t offset = 0;
  std::vector<int64_t> sizes = {4};
  std::vector<int64_t> strides = {1};
};
std::string pickled_tensor(const BuiltTensor& tensor);

/// `body` with the opcodes that open and close a pickle.
std::string whole_pickle(std::string_view body);

/// The parts of a correct file: data.pkl with `body`, byteorder, data/0 with `storage`, version.
BuiltZip pth_parts(std::string_view body,
                   std::string_view storage = std::string_view("\0\0\x80\x3f\0\0\0\x40\0\0\x40\x40\0\0\x80\x40", 16));

/// {"w": tensor} in such a file; the tensor is 1, 2, 3, 4.
std::string pth_of(const BuiltTensor& tensor);

}  // namespace mm
