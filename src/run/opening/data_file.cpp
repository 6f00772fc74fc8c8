#include "run/opening/data_file.h"

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"
#include "core/hash.h"
#include "core/terminal/log.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;

Json bad_lines_of(const BadLineCounts& counts) {
  Json kinds = {{"total", counts.total()}};
  for (size_t kind = 0; kind < BadLineCounts::kKinds; ++kind) {
    if (counts.of_kind[kind] > 0) kinds[name_of(static_cast<BadLine>(kind))] = counts.of_kind[kind];
  }
  return kinds;
}

std::string text_of_file(const RunConfig& config, const TextTotals& text) {
  const TextContents& read = text.read;
  const Json file = {
      {"fingerprint", hex64(text.fingerprint)},
      {"read",
       {{"documents", read.documents},
        {"tokens", read.tokens},
        {"text_bytes", read.text_bytes},
        {"empty_texts", read.empty_texts},
        {"bad_lines", bad_lines_of(read.bad_lines)},
        {"lone_surrogates", read.lone_surrogates},
        {"special_tokens", read.special_tokens},
        {"special_tokens_are", config.data.special_tokens}}},
      {"copies",
       {{"documents", text.copies.documents},
        {"tokens", text.copies.tokens},
        {"dropped", config.data.duplicates == "drop"}}},
      {"trained_on",
       {{"documents", text.documents},
        {"tokens", text.tokens},
        {"sequences", text.windows},
        {"padding", text.use.padding},
        {"split_documents", text.use.split_documents},
        {"tokens_left_out", text.use.tokens_left_out}}},
  };
  return file.dump(2) + "\n";
}

}  // namespace

void keep_data_file(const RunConfig& config, const TextTotals& text, bool in_groups) {
  const std::string path = config.folder() + "/data.json", now = text_of_file(config, text);
  if (path_kind(path, ExitCode::kData) != PathKind::kMissing) {
    const std::string before = read_file(path, ExitCode::kData);
    if (before == now) return;
    const auto known = nlohmann::json::parse(before, nullptr, /*allow_exceptions=*/false);
    if (in_groups && !(known.is_object() && known.value("fingerprint", "") == hex64(text.fingerprint))) {
      throw OtherText(
          ExitCode::kData,
          got_want("data.train", "other text or tokens than " + config.folder() + " was trained on",
                   "the files as they were", "restore them, or start another run with --set run.name=<name>"));
    }
  }
  try {
    write_file_atomic(path, now);
  } catch (const Error& error) {
    if (in_groups) throw;
    log_warning(error.what());
  }
}

}  // namespace mm
