// By the first bytes, which say more than a name.
#include "data/text/foreign_file.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/characters/utf8.h"

namespace mm {
namespace {

using namespace std::string_view_literals;

struct Magic {
  std::string_view bytes;
  std::string_view what;
  std::string_view remedy;  ///< `%` stands for the name of the file
};

constexpr std::array kMagics = {
    Magic{"\x1f\x8b"sv, "a gzip file in an archive", "unpack it until it is text"},
    Magic{"\x28\xb5\x2f\xfd"sv, "a zstd file in an archive", "unpack it until it is text"},
    Magic{"\xfd"
          "7zXZ"sv,
          "an xz file", "xz -dk %"},
    Magic{"BZh"sv, "a bzip2 file", "bzip2 -dk %"},
    Magic{"PK\x03\x04"sv, "a zip archive", "unzip %"},
    Magic{"PAR1"sv, "a Parquet file",
          "python3 -c \"import pandas; pandas.read_parquet('%').to_json('text.jsonl', orient='records', lines=True, "
          "force_ascii=False)\""},
    Magic{"ARROW1"sv, "an Arrow file",
          "python3 -c \"import pandas; pandas.read_feather('%').to_json('text.jsonl', orient='records', lines=True, "
          "force_ascii=False)\""},
    Magic{"MMIDIDX\0"sv, "the index of a Megatron dataset", "name the .bin beside it"},
    Magic{"MMTOKENS"sv, "a token file of this program", "name the text it was made from"},
    Magic{"\xff\xfe"sv, "UTF-16", "iconv -f UTF-16 -t UTF-8 % > text.jsonl"},
    Magic{"\xfe\xff"sv, "UTF-16", "iconv -f UTF-16 -t UTF-8 % > text.jsonl"},
    Magic{"version https://git-lfs"sv, "a pointer of git-lfs instead of the file it stands for", "git lfs pull"},
    Magic{"<!DOCTYPE html"sv, "a web page", "download the file itself, not the page about it"},
    Magic{"<html"sv, "a web page", "download the file itself, not the page about it"},
    Magic{"\x80\x02"sv, "a Python pickle", "name the text it was made from"},
    Magic{"\x80\x04"sv, "a Python pickle", "name the text it was made from"},
    Magic{"%PDF-"sv, "a PDF file", "pdftotext % text.txt"},
};

std::string with_name(std::string_view remedy, const std::string& path) {
  std::string text(remedy);
  if (const size_t place = text.find('%'); place != std::string::npos) text.replace(place, 1, path);
  return text;
}

/// By the name: numbers have no mark, and hold any bytes.
bool looks_like_tokens(const std::string& path) {
  const std::string ending = std::filesystem::path(path).extension().string();
  return ending == ".bin" || ending == ".npy";
}

/// UTF-16 without a mark: every other byte of Latin text is 0.
bool looks_like_utf16(std::string_view head) {
  if (head.size() < 8) return false;
  size_t zeros = 0;
  for (const char c : head) zeros += c == '\0';
  return 3 * zeros > head.size();
}

/// Two-byte characters of the Chinese encoding: no UTF-8, and pairs of bytes from 0x81 and from 0x40 on.
bool looks_like_gbk(std::string_view head) {
  size_t pairs = 0;
  for (size_t i = 0; i < head.size(); ++i) {
    const auto first = static_cast<unsigned char>(head[i]);
    if (first < 0x80) continue;
    if (i + 1 == head.size()) break;
    const auto second = static_cast<unsigned char>(head[i + 1]);
    if (first == 0x80 || first == 0xFF || second < 0x40 || second == 0x7F || second == 0xFF) return false;
    ++pairs;
    ++i;
  }
  return pairs >= 4;
}

}  // namespace

ForeignFile recognize_foreign(const std::string& path, std::string_view file) {
  for (const Magic& magic : kMagics) {
    if (file.starts_with(magic.bytes)) return {std::string(magic.what), with_name(magic.remedy, path)};
  }
  constexpr size_t kTarMark = 257;
  if (file.size() > kTarMark && file.substr(kTarMark).starts_with("ustar")) {
    return {"a tar archive", with_name("tar -xf %", path)};
  }
  constexpr size_t kHead = 65536;
  std::string_view head = file.substr(0, kHead);
  if (looks_like_tokens(path) && (!is_utf8(head) || head.find('\0') != std::string_view::npos)) {
    if (path.ends_with(".npy")) return {"an array of numpy", "name the text that it was made from"};
    return {"numbers that may be tokens",
            "data.bin_tokens=uint16 reads them as those of tokenizer.path, as nanoGPT writes them; else name the text "
            "that they were made from"};
  }
  if (looks_like_utf16(head)) return {"UTF-16", with_name("iconv -f UTF-16 -t UTF-8 % > text.jsonl", path)};
  if (file.size() > kHead) head = head.substr(0, head.find_last_of('\n') + 1);  // not in the middle of a character
  if (!is_utf8(head) && looks_like_gbk(head)) {
    return {"text in a Chinese encoding such as GBK", with_name("iconv -f GB18030 -t UTF-8 % > text.jsonl", path)};
  }
  return {};
}

}  // namespace mm
