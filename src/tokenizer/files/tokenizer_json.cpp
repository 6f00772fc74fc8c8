// A tokenizer.json key by key. Every key that could change a token is either understood or refused.
#include "tokenizer/files/tokenizer_json.h"

#include "core/json/json_reader.h"
#include "core/json/json_text.h"
#include "core/text.h"
#include "tokenizer/files/pre_tokenizer_json.h"

namespace mm {
namespace {

constexpr std::string_view kHarmlessElsewhere = "set it to null; transformers overrides it in every call";
constexpr std::string_view kByteLevel = "ByteLevel";

/// Real ones have some 30 bytes; those of a hostile file may not make tables of any size.
constexpr size_t kMaxAddedTokenBytes = 1024;

/// The first line of a merges.txt. The library skips what begins like it, and so does not count it as a rank.
constexpr std::string_view kVersionLine = "#version";

void expect_text(JsonReader& value, std::string_view wanted) {
  const std::string_view text = value.string();
  if (text != wanted) value.refuse(show_text(text), show_text(wanted), kNotSupported);
}

void expect_flag(JsonReader& value, bool wanted) {
  const bool boolean = value.boolean();
  const auto word = [](bool flag) { return flag ? "true" : "false"; };
  if (boolean != wanted) value.refuse(word(boolean), word(wanted), kNotSupported);
}

void expect_null(JsonReader& value, std::string_view remedy) {
  if (!value.null()) value.refuse_value("null", remedy);
}

/// A prefix or suffix that is empty changes nothing.
void expect_no_affix(JsonReader& value) {
  if (value.is_string()) {
    expect_text(value, "");
  } else {
    expect_null(value, kNotSupported);
  }
}

void read_normalizer(JsonReader& value, TokenizerJson& file) {
  if (value.null()) return;
  value.members({.required = {"type"}, .optional = {}}, [&](std::string_view, JsonReader& type) {
    expect_text(type, "NFC");
    file.nfc = true;
  });
}

/// As decoder and as post-processor the same object has options that concern offsets or nothing at all.
void read_byte_level(JsonReader& value) {
  value.members({.required = {"type"}, .optional = {"add_prefix_space", "trim_offsets", "use_regex"}},
                [](std::string_view key, JsonReader& option) {
                  if (key == "type") {
                    expect_text(option, kByteLevel);
                  } else {
                    option.boolean();
                  }
                });
}

/// The first and the last token of `[{"SpecialToken": {"id": ...}}, {"Sequence": ...}, {"SpecialToken": ...}]`.
void read_template(JsonReader& value, TokenizerJson& file) {
  bool text_seen = false;
  value.items([&](JsonReader& piece) {
    piece.members(
        {.required = {}, .optional = {"SpecialToken", "Sequence"}}, [&](std::string_view kind, JsonReader& part) {
          if (kind == "Sequence") {
            text_seen = true;
            return;
          }
          std::string& name = text_seen ? file.template_end : file.template_begin;
          part.members({.required = {"id"}, .optional = {"type_id"}}, [&](std::string_view key, JsonReader& id) {
            if (key == "id" && name.empty()) name = id.string();
          });
        });
  });
}

/// None of them changes the tokens of the text itself.
void read_post_processor(JsonReader& value, TokenizerJson& file) {
  value.members(
      {.required = {"type"},
       .optional = {"add_prefix_space", "trim_offsets", "use_regex", "single", "pair", "special_tokens", "processors"}},
      [&](std::string_view key, JsonReader& option) {
        if (key == "type") {
          const std::string_view type = option.string();
          if (type != kByteLevel && type != "TemplateProcessing" && type != "Sequence") {
            option.refuse(show_text(type), "\"ByteLevel\", \"TemplateProcessing\" or a \"Sequence\" of them",
                          kNotSupported);
          }
        } else if (key == "single") {
          read_template(option, file);
        } else if (key == "processors") {
          option.items([&](JsonReader& processor) { read_post_processor(processor, file); });
        }
      });
}

AddedToken read_added_token(JsonReader& value) {
  AddedToken token{};
  value.members({.required = {"id", "content", "single_word", "lstrip", "rstrip", "normalized", "special"}},
                [&](std::string_view key, JsonReader& part) {
                  if (key == "id") {
                    token.id = part.integer();
                  } else if (key == "content") {
                    token.content = part.string();
                    if (token.content.empty()) part.refuse("no characters", "some");
                    if (token.content.size() > kMaxAddedTokenBytes) {
                      part.refuse(with_commas(static_cast<int64_t>(token.content.size())) + " bytes", "at most 1,024");
                    }
                  } else if (key == "special") {
                    token.special = part.boolean();
                  } else {
                    expect_flag(part, false);
                  }
                });
  return token;
}

/// Appends `["a", "b"]` or "a b", in which no part has a space.
void read_merge(JsonReader& value, std::vector<std::pair<std::string, std::string>>& merges) {
  constexpr std::string_view kWanted = "a pair of tokens";
  if (!value.is_string()) {
    std::vector<std::string> parts;
    value.items([&](JsonReader& part) {
      if (parts.size() == 2) value.refuse("a list of more than two", kWanted);
      parts.emplace_back(part.string());
    });
    if (parts.size() < 2) value.refuse("a list of less than two", kWanted);
    merges.emplace_back(std::move(parts[0]), std::move(parts[1]));
    return;
  }
  const std::string_view text = value.string();
  if (text.starts_with(kVersionLine)) return;
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
    value.refuse(show_text(text), kWanted, "with one space between them");
  }
  merges.emplace_back(text.substr(0, space), text.substr(space + 1));
}

void read_model(JsonReader& model, TokenizerJson& file) {
  model.members(
      {.required = {"vocab", "merges"},
       .optional = {"type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk",
                    "byte_fallback", "ignore_merges"}},
      [&](std::string_view key, JsonReader& value) {
        if (key == "type") {
          expect_text(value, "BPE");
        } else if (key == "vocab") {
          value.members([&](std::string_view token, JsonReader& id) { file.vocab.emplace_back(token, id.integer()); });
        } else if (key == "merges") {
          value.items([&](JsonReader& merge) { read_merge(merge, file.merges); });
        } else if (key == "continuing_subword_prefix" || key == "end_of_word_suffix") {
          expect_no_affix(value);
        } else if (key == "dropout" || key == "unk_token") {
          expect_null(value, kNotSupported);
        } else {
          expect_flag(value, false);
        }
      });
}

void read_part(std::string_view key, JsonReader& value, TokenizerJson& file) {
  if (key == "version") {
    expect_text(value, "1.0");
  } else if (key == "truncation" || key == "padding") {
    expect_null(value, kHarmlessElsewhere);
  } else if (key == "added_tokens") {
    value.items([&](JsonReader& token) { file.added_tokens.push_back(read_added_token(token)); });
  } else if (key == "normalizer") {
    read_normalizer(value, file);
  } else if (key == "pre_tokenizer") {
    file.words = read_pre_tokenizer(value);
  } else if (key == "post_processor") {
    if (!value.null()) read_post_processor(value, file);
  } else if (key == "decoder") {
    read_byte_level(value);
  } else {
    read_model(value, file);
  }
}

}  // namespace

TokenizerJson read_tokenizer_json(std::string_view json, const std::string& name) {
  TokenizerJson file;
  read_json(json, name, [&](JsonReader& root) {
    root.members({.required = {"model", "pre_tokenizer", "decoder"},
                  .optional = {"version", "truncation", "padding", "added_tokens", "normalizer", "post_processor"}},
                 [&](std::string_view key, JsonReader& value) { read_part(key, value, file); });
  });
  return file;
}

}  // namespace mm
