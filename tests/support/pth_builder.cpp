// Written apart from the writer in src/, so that the reader is not tested with its own twin.
#include "tests/support/pth_builder.h"

#include <libdeflate.h>

#include "core/little_endian.h"

namespace mm {
namespace {

template <class T>
void put(std::string& out, uint64_t value) {
  store_le(out, static_cast<T>(value));
}

uint32_t crc32_of(const BuiltEntry& entry) {
  return entry.crc32.value_or(libdeflate_crc32(0, entry.payload.data(), entry.payload.size()));
}

std::string local_entry(const BuiltEntry& entry) {
  std::string out;
  put<uint32_t>(out, entry.local_signature);
  put<uint16_t>(out, 20);
  put<uint16_t>(out, entry.flags);
  put<uint16_t>(out, entry.method);
  put<uint32_t>(out, 0x210000);  // 1980-01-01
  put<uint32_t>(out, entry.local_crc32.value_or(crc32_of(entry)));
  put<uint32_t>(out, entry.local_bytes.value_or(entry.stored_bytes.value_or(entry.payload.size())));
  put<uint32_t>(out, entry.local_bytes.value_or(entry.bytes.value_or(entry.payload.size())));
  const std::string name = entry.local_name.value_or(entry.name);
  put<uint16_t>(out, name.size());
  put<uint16_t>(out, entry.local_extra.size());
  return out + name + entry.local_extra + entry.payload + entry.descriptor;
}

std::string directory_entry(const BuiltEntry& entry, uint64_t offset) {
  std::string out;
  put<uint32_t>(out, 0x02014b50);
  put<uint16_t>(out, 20);
  put<uint16_t>(out, 20);
  put<uint16_t>(out, entry.flags);
  put<uint16_t>(out, entry.method);
  put<uint32_t>(out, 0x210000);
  put<uint32_t>(out, crc32_of(entry));
  put<uint32_t>(out, entry.stored_bytes.value_or(entry.payload.size()));
  put<uint32_t>(out, entry.bytes.value_or(entry.payload.size()));
  put<uint16_t>(out, entry.name.size());
  put<uint16_t>(out, entry.extra.size());
  put<uint16_t>(out, 0);
  put<uint16_t>(out, entry.disk);
  put<uint16_t>(out, 0);
  put<uint32_t>(out, 0);
  put<uint32_t>(out, entry.offset.value_or(offset));
  return out + entry.name + entry.extra;
}

std::string end64(const BuiltZip& zip, uint64_t count, uint64_t bytes, uint64_t offset) {
  std::string out;
  put<uint32_t>(out, 0x06064b50);
  put<uint64_t>(out, 44);
  put<uint16_t>(out, 45);
  put<uint16_t>(out, 45);
  put<uint32_t>(out, 0);
  put<uint32_t>(out, 0);
  put<uint64_t>(out, zip.count.value_or(count));
  put<uint64_t>(out, zip.count.value_or(count));
  put<uint64_t>(out, bytes);
  put<uint64_t>(out, offset);
  put<uint32_t>(out, 0x07064b50);
  put<uint32_t>(out, 0);
  put<uint64_t>(out, zip.end64_offset.value_or(offset + bytes));
  put<uint32_t>(out, 1);
  return out;
}

}  // namespace

std::string build_zip(const BuiltZip& zip) {
  std::string out;
  std::string directory;
  for (const BuiltEntry& entry : zip.entries) {
    directory += directory_entry(entry, out.size());
    out += local_entry(entry);
  }
  const uint64_t offset = out.size();
  const uint64_t count = zip.count.value_or(zip.entries.size());
  out += directory;
  if (zip.zip64) out += end64(zip, zip.entries.size(), directory.size(), offset);
  put<uint32_t>(out, 0x06054b50);
  put<uint16_t>(out, zip.disk);
  put<uint16_t>(out, zip.disk);
  put<uint16_t>(out, count);
  put<uint16_t>(out, count);
  put<uint32_t>(out, zip.directory_bytes.value_or(directory.size()));
  put<uint32_t>(out, zip.directory_offset.value_or(offset));
  put<uint16_t>(out, zip.comment.size());
  return out + zip.comment + zip.after;
}

std::string zip_extra(uint16_t id, std::string_view data) {
  std::string out;
  put<uint16_t>(out, id);
  put<uint16_t>(out, data.size());
  return out.append(data);
}

std::string pickled_text(std::string_view text) {
  std::string out = "X";
  put<uint32_t>(out, text.size());
  return out.append(text);
}

std::string pickled_integer(int64_t value) {
  std::string out = "\x8a\x08";
  store_le(out, value);
  return out;
}

std::string pickled_global(std::string_view module, std::string_view name) {
  return std::string("c").append(module).append("\n").append(name).append("\n");
}

std::string pickled_tuple(const std::vector<int64_t>& numbers) {
  std::string out = "(";
  for (const int64_t number : numbers) out += pickled_integer(number);
  return out + "t";
}

std::string pickled_dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string out = "}(";
  for (const auto& [key, value] : items) out += key + value;
  return out + "u";
}

std::string pickled_tensor(const BuiltTensor& tensor) {
  std::string out = pickled_global("torch._utils", "_rebuild_tensor_v2") + "((" + pickled_text("storage");
  out += pickled_global("torch", tensor.storage_class) + pickled_text(tensor.key) + pickled_text(tensor.location);
  out += pickled_integer(tensor.elements) + "tQ" + pickled_integer(tensor.offset) + pickled_tuple(tensor.sizes);
  out += pickled_tuple(tensor.strides) + "\x89" + pickled_global("collections", "OrderedDict") + ")RtR";
  return out;
}

std::string whole_pickle(std::string_view body) {
  return std::string("\x80\x02").append(body).append(".");
}

BuiltZip pth_parts(std::string_view body, std::string_view storage) {
  return {.entries = {{.name = "model/data.pkl", .payload = whole_pickle(body)},
                      {.name = "model/byteorder", .payload = "little"},
                      {.name = "model/data/0", .payload = std::string(storage)},
                      {.name = "model/version", .payload = "3\n"}}};
}

std::string pth_of(const BuiltTensor& tensor) {
  return build_zip(pth_parts(pickled_dict({{pickled_text("w"), pickled_tensor(tensor)}})));
}

}  // namespace mm
