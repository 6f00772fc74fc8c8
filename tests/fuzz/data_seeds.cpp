// Tiny files of text, tokens and archives.
#include <unistd.h>

#include <filesystem>

#include "core/files/files.h"
#include "data/tokens/token_file.h"
#include "tests/fuzz/seeds.h"
#include "tests/support/foreign_bytes.h"

namespace mm {
namespace {

using namespace std::string_literals;

std::string token_file(int64_t vocab_size, const std::vector<int32_t>& tokens, const std::vector<uint64_t>& ends) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("mm_seed_" + std::to_string(::getpid()))).string();
  const std::string source = "text";
  TokenFileWriter writer(path, token_file_header(std::as_bytes(std::span(source)), 0, 7, vocab_size));
  writer.add(tokens, ends, std::vector<uint64_t>(ends.size(), 5));
  writer.commit();
  std::string bytes = read_file(path, ExitCode::kData);
  std::filesystem::remove(path);
  return bytes;
}

}  // namespace

std::vector<std::string> text_seeds() {
  std::string llmc = bytes_of<uint32_t>({20240520, 1, 3});
  llmc.resize(1024);
  llmc += bytes_of<uint16_t>({2, 10, 11});
  const std::string index = "MMIDIDX\0\0"s + bytes_of<uint64_t>({1}) + '\x08' + bytes_of<uint64_t>({2, 3}) +
                            bytes_of<int32_t>({16, 16}) + bytes_of<uint64_t>({0, 32}) + bytes_of<uint64_t>({0, 1, 2});
  return {"\0{\"text\": \"a \\u4f60\\n\"}\r\n{\"x\": [1, {\"y\": null}], \"text\": \"b\"}"s,
          "\0{\"text\": \"\\ud83d\"}\n\n{\"n\": NaN, \"text\": \"\"}\n{\"text\": 1}\n"s,
          "\0\xEF\xBB\xBF{\"text\": \"床前明月光\", \"text\": \"twice\"}\n"s,
          "\1[{\"text\": \"a, [b]\"}, {\"text\": \"c\\\"d\"}]\n"s,
          "\1[]"s,
          "\2id,text\r\n1,plain\r\n2,\"a, \"\"b\"\"\nc\"\r\n3,\n"s,
          "\3text\tid\nx,y\t1\n"s,
          "\4one\n<|endoftext|>\ntwo\nthree\n"s,
          "\5"s + llmc,
          "\6"s + bytes_of<uint16_t>({10, 11, 2, 2, 12, 1, 258}),
          "\7"s + index};
}

std::vector<std::string> token_file_seeds() {
  return {token_file(259, {1, 5, 2, 1, 6, 7, 2}, {3, 7}), token_file(70000, {1, 69999, 2}, {3}),
          token_file(259, {}, {})};
}

std::vector<std::string> archive_seeds() {
  const std::string text = "{\"text\": \"some text, some text, some more text\"}\n";
  return {gzipped(text), gzipped("") + gzipped(text), zstandard(text), zstandard(text) + zstandard("")};
}

}  // namespace mm
