// The settings of the section `data`.
#include "data/data_config.h"

namespace mm {

void DataConfig::visit(Fields& fields) {
  fields("train", train,
         "JSONL files with a \"text\" in each line: \"a.jsonl\" or {\"path\": \"a.jsonl\", \"domain\": \"poems\"}");
  fields("validation", validation, "files to validate on; none: a part of data.train is held out");
  fields("validation_fraction", validation_fraction, "part of the documents held out when data.validation is empty",
         {.min = 0, .max = 0.5, .unit = "of the documents"});
  fields("sequence_length", sequence_length, "length of a training sequence",
         {.min = 1, .max = 1 << 20, .unit = "tokens"});
  fields("cache", cache, "folder for the token files; empty: beside the text files");
}

}  // namespace mm
