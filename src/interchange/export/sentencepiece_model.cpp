// Protocol buffers read field by field; what is not asked for is passed over.
#include "interchange/export/sentencepiece_model.h"

#include <bit>
#include <cstring>
#include <functional>

#include "core/error.h"

namespace mm {
namespace {

/// One field of a message: a number, or bytes.
struct Field {
  uint64_t number = 0;
  uint64_t value = 0;      ///< of a varint, or the bits of a fixed one
  std::string_view bytes;  ///< of text and messages
};

class MessageReader {
 public:
  MessageReader(std::string_view bytes, const std::string& name) : rest_(bytes), name_(name) {}

  void fields(const std::function<void(const Field&)>& take) {
    while (!rest_.empty()) take(next());
  }

 private:
  enum WireType { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  Field next() {
    const uint64_t tag = varint();
    Field field;
    field.number = tag >> 3;
    switch (tag & 7) {
      case kVarint:
        field.value = varint();
        break;
      case kFixed64:
        field.value = fixed<uint64_t>();
        break;
      case kFixed32:
        field.value = fixed<uint32_t>();
        break;
      case kBytes:
        field.bytes = take(varint());
        break;
      default:
        refuse();
    }
    return field;
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(take(1)[0]);
      value |= static_cast<uint64_t>(byte & 0x7F) << shift;
      if ((byte & 0x80) == 0) return value;
    }
    refuse();
  }

  template <class Number>
  Number fixed() {
    Number value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }

  std::string_view take(uint64_t count) {
    if (count > rest_.size()) refuse();
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(count);
    return taken;
  }

  [[noreturn]] void refuse() const {
    throw Error(ExitCode::kData, got_want(name_, "a file that is cut short or none of its kind",
                                          "a sentencepiece model", "copy or train it again"));
  }

  std::string_view rest_;
  const std::string& name_;
};

SentencePiece read_piece(std::string_view bytes, const std::string& name) {
  SentencePiece piece;
  MessageReader(bytes, name).fields([&](const Field& field) {
    if (field.number == 1) piece.text = field.bytes;
    if (field.number == 2) piece.score = std::bit_cast<float>(static_cast<uint32_t>(field.value));
    if (field.number == 3) piece.kind = static_cast<SentencePiece::Kind>(field.value);
  });
  return piece;
}

}  // namespace

SentencepieceModel read_sentencepiece_model(std::string_view bytes, const std::string& name) {
  SentencepieceModel model;
  constexpr uint64_t kPieces = 1, kTrainer = 2, kNormalizer = 3;
  MessageReader(bytes, name).fields([&](const Field& part) {
    if (part.number == kPieces) model.pieces.push_back(read_piece(part.bytes, name));
    if (part.number == kTrainer) {
      MessageReader(part.bytes, name).fields([&](const Field& field) {
        if (field.number == 3) model.is_bpe = field.value == 2;
      });
    }
    if (part.number == kNormalizer) {
      MessageReader(part.bytes, name).fields([&](const Field& field) {
        if (field.number == 1) model.normalization = field.bytes;
        if (field.number == 2) model.normalization_table = field.bytes;
        if (field.number == 3) model.adds_space = field.value != 0;
        if (field.number == 4) model.removes_spaces = field.value != 0;
      });
    }
  });
  if (model.pieces.empty()) throw Error(ExitCode::kData, got_want(name, "no pieces", "a sentencepiece model"));
  return model;
}

}  // namespace mm
