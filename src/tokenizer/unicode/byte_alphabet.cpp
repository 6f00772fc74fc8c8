// Two small tables, one the inverse of the other.
#include "tokenizer/unicode/byte_alphabet.h"

#include <array>

#include "core/characters/utf8.h"

namespace mm {
namespace {

constexpr int kSymbolCount = 0x144;
constexpr int kNoByte = -1;

constexpr bool is_own_symbol(int byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
}

struct Tables {
  std::array<char32_t, 256> symbols{};
  std::array<int, kSymbolCount> bytes{};
};

constexpr Tables make_tables() {
  Tables tables;
  for (int& byte : tables.bytes) byte = kNoByte;
  char32_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const char32_t symbol = is_own_symbol(byte) ? static_cast<char32_t>(byte) : next++;
    tables.symbols[static_cast<size_t>(byte)] = symbol;
    tables.bytes[symbol] = byte;
  }
  return tables;
}

constexpr Tables kTables = make_tables();

}  // namespace

std::string symbol_of_byte(uint8_t byte) {
  std::string symbol;
  append_utf8(kTables.symbols[byte], symbol);
  return symbol;
}

std::optional<std::string> bytes_of_symbols(std::string_view symbols) {
  std::string bytes;
  while (!symbols.empty()) {
    const Utf8Character symbol = first_character(symbols);
    const int byte = symbol.code_point < kSymbolCount ? kTables.bytes[symbol.code_point] : kNoByte;
    if (byte == kNoByte) return std::nullopt;
    bytes += static_cast<char>(byte);
    symbols.remove_prefix(symbol.length);
  }
  return bytes;
}

}  // namespace mm
