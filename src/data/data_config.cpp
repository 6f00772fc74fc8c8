// The settings of the section `data`.
#include "data/data_config.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "core/error.h"
#include "core/text.h"

namespace mm {

Reading DataConfig::reading() const {
  Reading reading = {.text_key = text_key, .skip_bad_lines = bad_lines == "skip", .cache = cache};
  if (special_tokens == "parse") reading.special_tokens = SpecialTokensInText::kParse;
  if (special_tokens == "reject") reading.special_tokens = SpecialTokensInText::kReject;
  if (bin_tokens == "uint16") reading.bin_token_bytes = sizeof(uint16_t);
  if (bin_tokens == "uint32") reading.bin_token_bytes = sizeof(uint32_t);
  // A group is of several parts from all over the text.
  constexpr size_t kPartsInGroup = 4;
  if (shuffle_bytes() > 0) reading.part_bytes = std::min(reading.part_bytes, shuffle_bytes() / kPartsInGroup);
  return reading;
}

std::map<std::string, double> DataConfig::weight_of_domain() const {
  std::map<std::string, double> weight_of;
  for (size_t i = 0; i < weights.size(); ++i) {
    const std::string& said = weights[i];
    const size_t sign = said.rfind('=');
    char* end = nullptr;
    const double weight = sign == std::string::npos ? 0 : std::strtod(said.c_str() + sign + 1, &end);
    const bool is_number = end != nullptr && *end == '\0' && std::isfinite(weight) && weight > 0;
    if (!is_number || !weight_of.emplace(said.substr(0, sign), weight).second) {
      throw Error(
          ExitCode::kConfig,
          got_want(format("data.weights[%zu]", i), "\"" + said + "\"", "<domain>=<number above 0>, each domain once",
                   "\"poems=0.3\", with the \"domain\" of data.train or the name of its file without ending"));
    }
  }
  return weight_of;
}

void DataConfig::visit(Fields& fields) {
  fields("train", train,
         "text: JSON Lines with a \"text\" in each line, a JSON array of such objects, CSV with a header, plain text; "
         "each may "
         "be a .gz or .zst; a folder stands for its *.jsonl, *?[] for files that match: \"a.jsonl\" or {\"path\": "
         "\"a.jsonl\", \"domain\": \"poems\"}");
  fields("validation", validation, "files to validate on; none: a part of data.train is held out");
  fields("validation_fraction", validation_fraction, "part of the text held out when data.validation is empty",
         {.min = 0, .max = 0.5, .unit = "of the tokens"});
  fields("hold_out_by", hold_out_by,
         "what says which documents are held out: their text, so that copies of one never lie on both sides (content), "
         "or file name and line, as in runs that began before there was a choice (position)",
         {.choices = {"content", "position"}});
  fields("duplicates", duplicates, "documents of data.train that say exactly what an earlier one says: keep or drop",
         {.choices = {"keep", "drop"}});
  fields("weights", weights,
         "how much of the training is on which domain of data.train, whatever its length: [\"poems=0.3\", "
         "\"code=0.7\"], numbers relative to each other, all domains named; empty: every text as often as every "
         "other. All of the text is tokenized first");
  fields("shuffle_megabytes", shuffle_megabytes,
         "how much text is shuffled together: of a longer one, training starts as soon as that much of it is "
         "tokenized; 0: all of it, as in runs that began before there was a choice",
         {.min = 0, .max = 1 << 20, .unit = "MiB of text"});
  fields("sequence_length", sequence_length, "length of a training sequence",
         {.min = 1, .max = 1 << 20, .unit = "tokens"});
  fields(
      "packing", packing,
      "how documents become sequences: end to end, cut wherever a sequence is full (stream); whole and side by side, "
      "none of them seeing another one (documents); one in each, cut or padded, as MiniMind does (padded)",
      {.choices = {"stream", "documents", "padded"}});
  fields("validation_packing", validation_packing,
         "the same for the validation loss; auto: stream where data.packing is, else documents",
         {.choices = {"auto", "stream", "documents"}});
  fields("text_key", text_key,
         "what the text is called: a key of JSON objects, a column of CSV files; where it is a list of messages "
         "(conversations), they are joined as MiniMind does, with the tokens <|im_start|> and <|im_end|>");
  fields("special_tokens", special_tokens,
         "what control tokens are whose names are written out in a text, such as <|im_end|>: text, so that no text can "
         "end itself, the tokens (parse), as in MiniMind and in runs that began before there was a choice, or a bad "
         "line (reject)",
         {.choices = {"text", "parse", "reject"}});
  fields("bin_tokens", bin_tokens,
         "what .bin files hold that do not say it themselves, as those of llm.c and Megatron do: nothing that is read "
         "(none), or tokens of the run's tokenizer, as nanoGPT writes them (uint16, uint32)",
         {.choices = {"none", "uint16", "uint32"}});
  fields("bad_lines", bad_lines,
         "what becomes of lines without a text, of invalid UTF-8 or JSON: stop, or skip them, counted, as long as they "
         "are no more than one in a hundred",
         {.choices = {"stop", "skip"}});
  fields("cache", cache, "folder for the token files, and for what .gz and .zst hold; empty: beside the text files");
}

}  // namespace mm
