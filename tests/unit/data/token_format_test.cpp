// Ready tokens of other programs: their documents as ours, what does not fit the tokenizer refused by name.
#include "data/text/token_format.h"

#include <gtest/gtest.h>

#include "data/text/text_file.h"
#include "data_files.h"
#include "tests/support/foreign_bytes.h"

namespace mm {
namespace {

constexpr uint32_t kBos = 1, kEos = 2;  // of the byte tokenizer

std::string llmc_header(uint32_t magic, uint32_t version, uint64_t tokens) {
  std::string header = bytes_of<uint32_t>({magic, version, tokens});
  header.resize(1024);
  return header;
}

/// Two sequences in the first document, one in the second.
std::string megatron_index(uint8_t type, uint64_t width) {
  return std::string("MMIDIDX\0\0", 9) + bytes_of<uint64_t>({1}) + static_cast<char>(type) +
         bytes_of<uint64_t>({3, 3}) + bytes_of<int32_t>({2, 1, 2}) + bytes_of<uint64_t>({0, 2 * width, 3 * width}) +
         bytes_of<uint64_t>({0, 2, 3});
}

using Tokens = std::vector<int64_t>;

class ReadyTokens : public testing::Test {
 protected:
  std::string write(const std::string& name, const std::string& content) {
    write_file_atomic(folder_ + "/" + name, content);
    return folder_ + "/" + name;
  }
  static Tokens read(const std::string& path, const Reading& reading = {}) {
    return all_tokens(TokenStore::open(path, "", ByteTokenizer(), 1, reading));
  }
  static std::string error(const std::string& path, const Reading& reading = {}) {
    return error_of(ExitCode::kData, [&] { read(path, reading); });
  }

  std::string folder_ = test_folder();
};

TEST_F(ReadyTokens, OfLlmcSayHowWideTheyAreAndBeginTheirDocuments) {
  const Tokens wanted = {1, 10, 11, 2, 1, 12, 2};
  const std::vector<uint64_t> numbers = {kEos, 10, 11, kEos, 12};
  EXPECT_EQ(read(write("a.bin", llmc_header(20240520, 1, 5) + bytes_of<uint16_t>(numbers))), wanted);
  EXPECT_EQ(read(write("b.bin", llmc_header(20240801, 7, 5) + bytes_of<uint32_t>(numbers))), wanted);
}

TEST_F(ReadyTokens, OfNanoGptAreReadWhereTheirWidthIsSaid) {
  const std::string path = write("train.bin", bytes_of<uint16_t>({10, 11, kEos, kEos, 12, kEos}));
  EXPECT_EQ(read(path, {.bin_token_bytes = 2}), (Tokens{1, 10, 11, 2, 1, 12, 2}));
  const std::string refusal = error(path);
  EXPECT_NE(refusal.find("train.bin: got numbers that may be tokens, want "), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("data.bin_tokens=uint16 reads them"), std::string::npos);
  EXPECT_EQ(read(write("wide.bin", bytes_of<uint32_t>({kBos, 10, kBos, 11})), {.bin_token_bytes = 4}),
            (Tokens{1, 10, 2, 1, 11, 2}));
}

TEST_F(ReadyTokens, OfMegatronHaveTheirDocumentsFromTheIndexBesideThem) {
  const std::vector<uint64_t> numbers = {10, 11, 12, 13, 14};
  const Tokens wanted = {1, 10, 11, 12, 2, 1, 13, 14, 2};
  write("a.idx", megatron_index(8, 2));
  EXPECT_EQ(read(write("a.bin", bytes_of<uint16_t>(numbers))), wanted);
  write("b.idx", megatron_index(4, 4));
  EXPECT_EQ(read(write("b.bin", bytes_of<uint32_t>(numbers))), wanted);
  EXPECT_NE(error(folder_ + "/a.idx").find("got the index of a Megatron dataset, want "), std::string::npos);
}

TEST_F(ReadyTokens, AreReadInPartsAsInOne) {
  std::vector<uint64_t> numbers;
  for (uint64_t i = 0; i < 5000; ++i) numbers.push_back(i % 17 == 0 ? kEos : 3 + i % 200);
  const std::string path = write("a.bin", bytes_of<uint16_t>(numbers));
  EXPECT_EQ(read(path, {.bin_token_bytes = 2, .part_bytes = 300}), read(path, {.bin_token_bytes = 2}));
}

TEST_F(ReadyTokens, ThatTheTokenizerLacksAreRefusedWithTheirPlaceAndTheRemedy) {
  const std::string path = write("a.bin", bytes_of<uint16_t>({10, kEos, 11, 50256, kEos, 12}));
  EXPECT_EQ(error(path, {.bin_token_bytes = 2}),
            path +
                ":token 1: got a document with the token 50,256, want tokens below 259, which tokenizer.path has; "
                "name the tokenizer that they were made with (1 of 3 records is bad; data.bad_lines=skip passes over "
                "it)");
}

TEST_F(ReadyTokens, OfDamagedFilesAreRefusedByName) {
  const std::string good = llmc_header(20240520, 1, 2) + bytes_of<uint16_t>({10, 11});
  for (const std::string& bad : {good + "x", good.substr(0, good.size() - 1), llmc_header(20240520, 9, 0)}) {
    EXPECT_NE(error(write("a.bin", bad)).find("a.bin: got "), std::string::npos);
  }
  EXPECT_NE(error(write("odd.bin", "\1\0\2"), {.bin_token_bytes = 2}).find("odd.bin: got 1 bytes"), std::string::npos);
  write("m.bin", bytes_of<uint16_t>({10, 11, 12, 13, 14}));
  const std::string index = megatron_index(8, 2);
  for (size_t length = 9; length < index.size(); ++length) {
    write("m.idx", index.substr(0, length));
    EXPECT_NE(error(folder_ + "/m.bin").find("m.idx: got "), std::string::npos) << length;
  }
  write("m.idx", index.substr(0, 26) + std::string(8, '\xff') + index.substr(34));
  EXPECT_NE(error(folder_ + "/m.bin").find("m.idx: got "), std::string::npos);
  write("m.idx", index);
  write("m.bin", bytes_of<uint16_t>({10}));
  EXPECT_NE(error(folder_ + "/m.bin").find("m.idx: got a document that ends at byte 6 of 2"), std::string::npos);
}

TEST_F(ReadyTokens, AreNothingToTrainATokenizerOn) {
  const std::string path = write("a.bin", llmc_header(20240520, 1, 0));
  const std::string refusal = error_of(ExitCode::kData, [&] { TextFile file(path); });
  EXPECT_NE(refusal.find("a.bin: got tokens, not text, want text (a tokenizer is not trained on tokens"),
            std::string::npos)
      << refusal;
}

}  // namespace
}  // namespace mm
