// The settings of other programs' trainers, and what they are called here. No torch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/config/config.h"

namespace mm {

/// A setting of MiniMind's, nanoGPT's or Hugging Face's.
struct ForeignWord {
  std::string_view word;
  std::string_view programs;  ///< who calls it so
  std::string_view setting;   ///< ours for the same purpose; "" when there is none
  /// Whether it means the same, so that it is read as ours. Else it is refused with the note as a hint.
  bool same;
  std::string_view note;  ///< what is to be known of it
};

/// All of them, those of the model section included.
const std::vector<ForeignWord>& foreign_words();

/// Puts words of the same meaning at the place of ours, in whatever section they stand or at the top; those of another
/// meaning are problems that say what to set instead.
///   names  of all settings, dotted
void put_words_in_our_terms(std::vector<ConfigSource>& sources, const std::vector<std::string>& names,
                            Problems& problems);

/// The table for people: word, programs, our setting, note.
std::string describe_foreign_words();

}  // namespace mm
