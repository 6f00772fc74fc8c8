// First bytes to kinds of files, the commonest mistakes first.
#include "checkpoint/pth/pth_foreign.h"

#include <algorithm>
#include <cctype>
#include <string_view>

#include "core/error.h"
#include "core/little_endian.h"

namespace mm {
namespace {

constexpr size_t kSniffed = 512;
constexpr std::string_view kWant = "a .pth file as torch.save writes it";

/// Protocol 2 and the integer 0x1950A86A20F9469CFC6C, which open every file of torch.save before the zip format.
constexpr std::string_view kLegacyMagic("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19", 14);

std::string conversion(const std::string& path) {
  return "convert it once: python3 -c \"import torch; torch.save(torch.load('" + path +
         "', map_location='cpu', weights_only=False), 'new.pth')\", which runs the code in the file, so only for one "
         "you trust";
}

bool is_text(std::string_view head) {
  return std::all_of(head.begin(), head.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte >= 0x20 || std::isspace(byte) != 0;
  });
}

}  // namespace

void refuse_foreign_file(std::span<const std::byte> file, const std::string& path) {
  const std::string_view head(reinterpret_cast<const char*>(file.data()), std::min(file.size(), kSniffed));
  const auto refuse = [&](const char* got, const std::string& remedy) {
    throw Error(ExitCode::kCheckpoint, got_want(path, got, kWant, remedy));
  };
  if (head.starts_with("PK")) return;
  if (head.empty()) refuse("an empty file", "take another copy");
  if (head.starts_with(kLegacyMagic)) refuse("a file in the format of PyTorch before 1.6", conversion(path));
  if (head.size() > 262 && head.substr(257, 5) == "ustar") {
    refuse("a tar archive, the format of PyTorch before 0.1.10 or a packed download",
           "unpack it, or " + conversion(path));
  }
  if (head.size() > 9 && load_le<uint64_t>(file.data()) < file.size() && head[8] == '{') {
    refuse("a safetensors file", "rename it to .safetensors");
  }
  if (head.starts_with("GGUF")) refuse("a GGUF file", "name the weights that it was made of");
  if (head.starts_with("\x1f\x8b")) refuse("a gzip file", "unpack it: gzip -d");
  if (head.starts_with("version https://git-lfs")) refuse("a git-lfs pointer", "fetch the file: git lfs pull");
  if (head.starts_with("<")) refuse("a web page", "download the file itself");
  if (head.starts_with('\x80')) refuse("a bare pickle", "in Python, write it with torch.save");
  if (is_text(head)) refuse("a text file", "check the path");
  refuse("a file of another kind", "check the path, or take another copy");
}

}  // namespace mm
