// The first inputs of every target, made when they are needed.
#pragma once

#include <string>
#include <vector>

namespace mm {

/// Stands in a tokenizer.json of a seed for the 256 entries of the bytes in the vocabulary.
constexpr char kByteEntriesMark = '\x01';

std::vector<std::string> pth_seeds();
/// Those of pth_seeds() without the archive, and some that Python wrote.
std::vector<std::string> pickle_seeds();
std::vector<std::string> safetensors_seeds();
/// Each is a tokenizer.json, a NUL byte and a text.
std::vector<std::string> tokenizer_json_seeds();
/// Each is a byte that says which format, and the file.
std::vector<std::string> text_seeds();
std::vector<std::string> token_file_seeds();
std::vector<std::string> archive_seeds();

}  // namespace mm
