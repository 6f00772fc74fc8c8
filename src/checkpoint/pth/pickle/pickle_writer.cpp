// One opcode after the other. Nothing is memoised: repeated names cost some bytes and no reader cares.
#include "checkpoint/pth/pickle/pickle_writer.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <vector>

#include "core/characters/utf8.h"
#include "core/error.h"
#include "core/little_endian.h"

namespace mm {

PickleWriter::PickleWriter() : out_("\x80\x02") {}

void PickleWriter::none() {
  out_ += 'N';
}

void PickleWriter::boolean(bool value) {
  out_ += value ? '\x88' : '\x89';
}

void PickleWriter::integer(int64_t value) {
  if (value >= 0 && value <= std::numeric_limits<uint8_t>::max()) {
    out_ += 'K';
    store_le(out_, static_cast<uint8_t>(value));
  } else if (value == static_cast<int32_t>(value)) {
    out_ += 'J';
    store_le(out_, static_cast<int32_t>(value));
  } else {
    out_ += "\x8a\x08";
    store_le(out_, value);
  }
}

void PickleWriter::real(double value) {
  out_ += 'G';
  store_le(out_, __builtin_bswap64(std::bit_cast<uint64_t>(value)));
}

void PickleWriter::string(std::string_view text) {
  require(is_utf8(text) && text.size() <= std::numeric_limits<uint32_t>::max(), "PickleWriter: text is not UTF-8");
  out_ += 'X';
  store_le(out_, static_cast<uint32_t>(text.size()));
  out_ += text;
}

void PickleWriter::open_list() {
  out_ += "](";
}

void PickleWriter::close_list() {
  out_ += 'e';
}

void PickleWriter::open_tuple() {
  out_ += '(';
}

void PickleWriter::close_tuple() {
  out_ += 't';
}

void PickleWriter::open_dict() {
  out_ += "}(";
}

void PickleWriter::open_ordered_dict() {
  global("collections", "OrderedDict");
  out_ += ")R(";
}

void PickleWriter::close_dict() {
  out_ += 'u';
}

void PickleWriter::module_metadata(std::span<const std::string> modules) {
  open_dict();
  string("_metadata");
  open_ordered_dict();
  for (const std::string& module : modules) {
    string(module);
    open_dict();
    string("version");
    integer(1);
    close_dict();
  }
  close_dict();
  close_dict();
  out_ += 'b';
}

void PickleWriter::tensor(StorageDtype dtype, std::string_view key, std::span<const int64_t> sizes) {
  std::vector<int64_t> strides(sizes.size());
  int64_t elements = 1;
  int64_t stride = 1;
  for (size_t i = sizes.size(); i-- > 0;) {
    strides[i] = stride;
    stride *= std::max<int64_t>(sizes[i], 1);
    elements *= sizes[i];
  }
  global("torch._utils", "_rebuild_tensor_v2");
  open_tuple();
  open_tuple();
  string("storage");
  global("torch", storage_class(dtype));
  string(key);
  string("cpu");
  integer(elements);
  close_tuple();
  out_ += 'Q';
  integer(0);  // offset
  shape(sizes);
  shape(strides);
  boolean(false);       // requires_grad
  open_ordered_dict();  // hooks
  close_dict();
  close_tuple();
  out_ += 'R';
}

std::string PickleWriter::finish() {
  out_ += '.';
  return std::move(out_);
}

void PickleWriter::global(std::string_view module, std::string_view name) {
  out_ += 'c';
  out_ += module;
  out_ += '\n';
  out_ += name;
  out_ += '\n';
}

void PickleWriter::shape(std::span<const int64_t> numbers) {
  open_tuple();
  for (const int64_t number : numbers) integer(number);
  close_tuple();
}

}  // namespace mm
