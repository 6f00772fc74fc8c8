// What a shell offers behind the name of a program.
#pragma once

#include <string>
#include <vector>

namespace mm {

/// One option of a program, or a word that it takes by its place.
struct CompletedOption {
  std::vector<std::string> names;  ///< with their dashes; none: by its place
  bool takes_value = true;
  bool takes_files = false;        ///< the value is a file or folder
  std::vector<std::string> words;  ///< what the value may be; one that ends in `=` is only begun
};

/// A completion script of bash for the command `name`.
std::string bash_completion(const std::string& name, const std::vector<CompletedOption>& options);

}  // namespace mm
