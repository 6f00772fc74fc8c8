// The files that settings name: one by one, by folder, by pattern.
#pragma once

#include <string>
#include <vector>

#include "core/config/fields.h"

namespace mm {

/// The remedy where a text is missing.
inline constexpr char kWhereTextComesFrom[] =
    "scripts/get_corpus.sh makes data/corpus/*.jsonl, with --large data/corpus_large/*.jsonl; or name your own file in "
    "data.train";

/// A folder becomes the text files in it, a pattern (`*`, `?`, `[...]`) those that match, both sorted by name; a label
/// goes to all of them. Throws Error(kData) when there is none.
std::vector<LabelledPath> text_files(const std::vector<LabelledPath>& paths);

/// Where what is made from a text is kept: `<file name><ending>` beside it, or in the folder `cache`, with the place of
/// the text in its name.
std::string place_beside(const std::string& text_path, const std::string& cache, const std::string& ending);

}  // namespace mm
