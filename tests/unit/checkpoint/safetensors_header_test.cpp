// Hostile headers: each is refused with the message a user gets, and none crashes.
#include "checkpoint/safetensors_header.h"

#include <gtest/gtest.h>

#include "core/error.h"

namespace mm {
namespace {

/// A file of that header and so many bytes of data.
std::string file_of(const std::string& header, size_t data_bytes) {
  std::string file;
  for (size_t i = 0; i < 8; ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return file + header + std::string(data_bytes, 'x');
}

std::string verdict(const std::string& file) {
  try {
    read_safetensors_header(std::as_bytes(std::span(file)), "f");
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    return error.what();
  }
  return "accepted";
}

/// One tensor `t` with those fields.
std::string tensor(const std::string& dtype, const std::string& shape, const std::string& offsets) {
  return R"({"t":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}";
}

/// A shape of so many ones.
std::string ones(int rank) {
  std::string shape = "[1";
  for (int i = 1; i < rank; ++i) shape += ",1";
  return shape + "]";
}

TEST(SafetensorsHeader, AcceptsWhatTheFormatAllows) {
  EXPECT_EQ(verdict(file_of("{}", 0)), "accepted");
  EXPECT_EQ(verdict(file_of("{}      ", 0)), "accepted");
  EXPECT_EQ(verdict(file_of(tensor("F32", "[2,3]", "[0,24]"), 24)), "accepted");
  EXPECT_EQ(verdict(file_of(tensor("F32", "[]", "[0,4]"), 4)), "accepted");
  EXPECT_EQ(verdict(file_of(tensor("F32", "[5,0]", "[0,0]"), 0)), "accepted");
  EXPECT_EQ(verdict(file_of(R"({"__metadata__":{"format":"pt","note":""}})", 0)), "accepted");
}

TEST(SafetensorsHeader, EntriesComeInTheOrderOfTheirData) {
  const std::string file = file_of(R"({"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]},)"
                                   R"("a":{"data_offsets":[0,1],"shape":[1],"dtype":"I8"}})",
                                   3);
  const SafetensorsHeader header = read_safetensors_header(std::as_bytes(std::span(file)), "f");
  ASSERT_EQ(header.entries.size(), 2u);
  EXPECT_EQ(header.entries[0].name, "a");
  EXPECT_EQ(header.entries[1].name, "b");
  EXPECT_EQ(header.data_start, file.size() - 3);
}

struct HostileCase {
  const char* name;
  std::string file;
  const char* message;  ///< a part of it
};

const HostileCase kHostileCases[] = {
    {"Empty", "", "f: got 0 bytes, want at least the 8 bytes"},
    {"ShorterThanItsLength", std::string("\2\0\0", 3), "f: got 3 bytes"},
    {"HeaderBehindTheEnd", std::string("\x10\0\0\0\0\0\0\0{}", 10), "a header of 16 bytes in a file of 10 bytes"},
    {"LengthOfAllOnes", std::string(8, '\xff') + "{}",
     "a header of 18446744073709551615 bytes, want at most 100000000"},
    {"LengthJustAboveTheCap", std::string("\x01\xe1\xf5\x05\0\0\0\0{}", 10), "a header of 100000001 bytes"},
    {"NoHeader", std::string(8, '\0'), "does not open with '{'"},
    {"AnArray", file_of("[]", 0), "does not open with '{'"},
    {"SpaceInFront", file_of(" {}", 0), "does not open with '{'"},
    {"ByteOrderMark", file_of("\xef\xbb\xbf{}", 0), "does not open with '{'"},
    {"TruncatedJson", file_of(R"({"t":{"dtype":)", 0), "no valid JSON at byte"},
    {"TwoDocuments", file_of("{}{}", 0), "no valid JSON at byte"},
    {"NulBytesHideTheRest", file_of(std::string("{}\0junk", 7), 0), "a NUL byte"},
    {"NotUtf8", file_of("{\"\xff\":{}}", 0), "no valid JSON"},
    {"DeepNesting", file_of("{\"t\":" + std::string(1'000'000, '['), 0), "f:t: got an array where"},
    {"DeepObjects", file_of(R"({"t":{"dtype":{"a":{"a":{}}}}})", 0), "f:t: got an object where"},
    {"NameTwice",
     file_of(
         R"({"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"t":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
         1),
     "f:t: got the name twice"},
    {"FieldTwice", file_of(R"({"t":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1),
     "f:t: got dtype twice"},
    {"MetadataKeyTwice", file_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "the metadata key a twice"},
    {"MetadataTwice", file_of(R"({"__metadata__":{},"__metadata__":{}})", 0), "the name twice"},
    {"MetadataNumber", file_of(R"({"__metadata__":{"a":1}})", 0), "got 1 where the format has none"},
    {"UnknownField", file_of(R"({"t":{"stride":[1]}})", 0), "f:t: got the unknown field stride"},
    {"TensorIsNoObject", file_of(R"({"t":"F32"})", 0), "f:t: got a string where"},
    {"NoDtype", file_of(R"({"t":{"shape":[1],"data_offsets":[0,1]}})", 1), "f:t: got no dtype"},
    {"NoShape", file_of(R"({"t":{"dtype":"U8","data_offsets":[0,1]}})", 1), "f:t: got no shape"},
    {"NoOffsets", file_of(R"({"t":{"dtype":"U8","shape":[1]}})", 1), "f:t: got no pair of data_offsets"},
    {"OneOffset", file_of(tensor("U8", "[1]", "[1]"), 1), "f:t: got no pair of data_offsets"},
    {"ThreeOffsets", file_of(tensor("U8", "[1]", "[0,1,2]"), 1), "more than 2 numbers in data_offsets"},
    {"UnknownDtype", file_of(tensor("F31", "[1]", "[0,4]"), 4), "the dtype F31"},
    {"NegativeSize", file_of(tensor("U8", "[-1]", "[0,1]"), 1), "got -1 where"},
    {"FractionalSize", file_of(tensor("U8", "[1.0]", "[0,1]"), 1), "got 1.0 where"},
    {"SizeAboveInt64", file_of(tensor("U8", "[9223372036854775808]", "[0,1]"), 1), "got 9223372036854775808 where"},
    {"SizeOutOfEveryRange", file_of(tensor("U8", "[1e999]", "[0,1]"), 1), "no valid JSON"},
    {"ShapeOverflowsToZero", file_of(tensor("F32", "[4294967296,4294967296]", "[0,0]"), 0), "whose size overflows"},
    {"DtypeOverflows", file_of(tensor("F64", "[2305843009213693952]", "[0,0]"), 0), "whose size overflows"},
    {"ZeroHidesAnOverflow", file_of(tensor("F32", "[0,4294967296,4294967296]", "[0,0]"), 0), "whose size overflows"},
    {"RankBeyondReason", file_of(tensor("U8", ones(65), "[0,1]"), 1), "more than 64 numbers in shape"},
    {"OffsetsFall", file_of(tensor("U8", "[1]", "[1,0]"), 1), "data_offsets 1 to 0"},
    {"OffsetsBehindTheData", file_of(tensor("U8", "[2]", "[0,2]"), 1), "within the 1 bytes of data"},
    {"LengthIsNotShapeTimesDtype", file_of(tensor("F32", "[2]", "[0,4]"), 4), "f:t: got 4 bytes of data, want 8"},
    {"HoleInFront", file_of(tensor("U8", "[1]", "[1,2]"), 2), "f:t: got data from byte 1, want 0"},
    {"Overlap",
     file_of(
         R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}})",
         3),
     "f:b: got data from byte 1, want 2"},
    {"HoleBetween",
     file_of(
         R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"b":{"dtype":"U8","shape":[1],"data_offsets":[2,3]}})",
         3),
     "f:b: got data from byte 2, want 1"},
    {"BytesLeftOver", file_of(tensor("U8", "[1]", "[0,1]"), 2), "f: got 2 bytes of data, want 1"},
    {"TerminalEscapeInAName", file_of(R"({"\u001b[2J":1})", 0), R"(f:"\u001b[2J": got 1)"},
    {"ControlCodeOfTwoBytesInAName", file_of(R"({"\u009b2J":1})", 0), R"(f:"\u009b2J": got 1)"},
};

TEST(SafetensorsHeader, RefusesEachHostileFileWithItsReason) {
  for (const HostileCase& hostile : kHostileCases) {
    const std::string got = verdict(hostile.file);
    EXPECT_NE(got.find(hostile.message), std::string::npos) << hostile.name << ": " << got;
  }
}

TEST(SafetensorsHeader, MoreTensorsThanAnyModelHasAreRefusedBeforeTheyAreRead) {
  std::string header = "{";
  for (int i = 0; i <= 200'000; ++i) {
    header += (i > 0 ? ",\"t" : "\"t") + std::to_string(i) + R"(":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  }
  EXPECT_NE(verdict(file_of(header + "}", 0)).find("more than 200000 tensors"), std::string::npos);
}

TEST(SafetensorsHeader, EveryTruncationAndEveryFlippedHeaderByteIsSurvived) {
  const std::string whole = file_of(tensor("F32", "[2,3]", "[0,24]"), 24);
  for (size_t length = 0; length < whole.size(); ++length) {
    EXPECT_NE(verdict(whole.substr(0, length)), "accepted") << length;
  }
  for (size_t i = 0; i < whole.size() - 24; ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = whole;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      verdict(flipped);  // a few are harmless (another name); none may crash
    }
  }
}

}  // namespace
}  // namespace mm
