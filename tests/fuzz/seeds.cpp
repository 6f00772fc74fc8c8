// Tiny files, because the speed of fuzzing goes with their size.
#include "tests/fuzz/seeds.h"

#include "checkpoint/pth/zip/zip_archive.h"
#include "core/files/files.h"
#include "core/little_endian.h"
#include "tests/support/pth_builder.h"

namespace mm {
namespace {

using namespace std::string_literals;

constexpr size_t kLargestGolden = size_t{1} << 20;

/// "G" and eight bytes, big-endian.
const std::string kHalf = "G\x3f\xe0\0\0\0\0\0\0"s;

std::string state_dict() {
  return pickled_dict({{pickled_text("a.weight"), pickled_tensor({.sizes = {2, 2}, .strides = {2, 1}})},
                       {pickled_text("b.weight"), pickled_tensor({.offset = 1, .sizes = {2}, .strides = {2}})}});
}

std::string training_state() {
  const std::string step = pickled_dict(
      {{pickled_text("step"), pickled_tensor({.sizes = {}, .strides = {}})},
       {pickled_text("exp_avg"),
        pickled_tensor({.storage_class = "DoubleStorage", .elements = 2, .sizes = {1, 2}, .strides = {2, 1}})}});
  const std::string group = pickled_dict({{pickled_text("lr"), kHalf},
                                          {pickled_text("betas"), kHalf + kHalf + "\x86"},
                                          {pickled_text("amsgrad"), "\x89"},
                                          {pickled_text("maximize"), "\x88"},
                                          {pickled_text("params"), "](K\0K\1e"s}});
  return pickled_dict({{pickled_text("model"), state_dict()},
                       {pickled_text("optimizer"), pickled_dict({{pickled_text("state"), "}K\0"s + step + "s"},
                                                                 {pickled_text("param_groups"), "]" + group + "a"}})},
                       {pickled_text("epoch"), "J\xff\xff\xff\xff"s},
                       {pickled_text("wandb_id"), "N"}});
}

std::string ordered_dict_with_metadata() {
  return pickled_global("collections", "OrderedDict") + ")R(" + pickled_text("w") + pickled_tensor({}) + "u}" +
         pickled_text("_metadata") + pickled_global("collections", "OrderedDict") + ")Rsb";
}

/// What later protocols write otherwise: frames, short strings, a memo without numbers, names from the stack.
std::string later_protocol() {
  return "\x95\x40\0\0\0\0\0\0\0}\x94(\x8c\1a\x94K\1\x8c\1b\x94h\1\x8c\1c]\x94(M\0\1C\2xye\x8c\1d"s + "\x8c\x0b" +
         "collections\x8c\x0bOrderedDict\x93)R\x8c\1e)u";
}

std::string shared_values() {
  return "](]q\0h\0h\0N\x85q\1h\1h\1\x86\x87q\2e"s;
}

std::string parameter() {
  return pickled_global("torch._utils", "_rebuild_parameter") + pickled_tensor({}) + "\x88" +
         pickled_global("collections", "OrderedDict") + ")R\x87R";
}

std::vector<std::string> bodies() {
  return {"}",
          pickled_dict({{pickled_text("w"), pickled_tensor({})}}),
          pickled_dict({{pickled_text("w"), pickled_tensor({.storage_class = "HalfStorage", .elements = 8})}}),
          pickled_dict({{pickled_text("w"), pickled_tensor({.storage_class = "BoolStorage", .elements = 16})}}),
          state_dict(),
          training_state(),
          ordered_dict_with_metadata(),
          later_protocol(),
          shared_values(),
          parameter(),
          pickled_global("posix", "system") + "(" + pickled_text("true") + "tR"};
}

std::string golden_pickle(const std::string& file) {
  const std::string bytes = read_file(MM_GOLDEN "/checkpoints/" + file, ExitCode::kCheckpoint, kLargestGolden);
  const ZipArchive archive(std::as_bytes(std::span(bytes)), file);
  for (const ZipEntry& entry : archive.entries()) {
    if (!entry.name.ends_with("/data.pkl")) continue;
    return {reinterpret_cast<const char*>(entry.bytes.data()), entry.bytes.size()};
  }
  return "";
}

std::string safetensors_file(const std::string& header, size_t data_bytes) {
  std::string file;
  store_le(file, uint64_t{header.size()});
  return file + header + std::string(data_bytes, '\0');
}

std::string added_token(int id, const std::string& content, const char* special) {
  return "{\"id\":" + std::to_string(id) + ",\"content\":\"" + content +
         "\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":" + special + "}";
}

/// After the bytes come `<s>` 256, `</s>` 257, then `vocab`; `added` comes after the added tokens of those two.
std::string tokenizer_json(const std::string& added, const std::string& vocab, const std::string& merges) {
  return R"({"version":"1.0","added_tokens":[)" + added_token(256, "<s>", "true") + "," +
         added_token(257, "</s>", "true") + "," + added +
         R"(],"normalizer":null,"pre_tokenizer":{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true},)"
         R"("decoder":{"type":"ByteLevel"},"model":{"type":"BPE","vocab":{)" +
         kByteEntriesMark + R"(,"<s>":256,"</s>":257)" + vocab + R"(},"merges":)" + merges + "}}";
}

}  // namespace

std::vector<std::string> pth_seeds() {
  std::vector<std::string> seeds;
  for (const std::string& body : bodies()) seeds.push_back(build_zip(pth_parts(body)));
  const std::string state = pickled_dict({{pickled_text("w"), pickled_tensor({})}});
  BuiltZip zip = pth_parts(state);
  zip.zip64 = true;
  zip.comment = "comment";
  seeds.push_back(build_zip(zip));
  zip = pth_parts(state);
  zip.entries[0].local_extra = zip_extra(0x4246, "ZZZZ");
  zip.entries[2].extra = zip_extra(1, "\x10\0\0\0\0\0\0\0"s);
  zip.entries[2].bytes = 0xffffffff;
  seeds.push_back(build_zip(zip));
  zip = pth_parts(state);
  zip.entries[0].flags |= 8;
  zip.entries[0].local_bytes = zip.entries[0].local_crc32 = 0;
  zip.entries[0].descriptor = "PK\7\b" + std::string(12, '\0');
  seeds.push_back(build_zip(zip));
  return seeds;
}

std::vector<std::string> pickle_seeds() {
  std::vector<std::string> seeds;
  for (const std::string& body : bodies()) seeds.push_back(whole_pickle(body));
  for (const char* file : {"g3a_dense_dict_fp16.pth", "g3c_dense_orig_mod_fp16.pth"}) {
    seeds.push_back(golden_pickle(file));
  }
  return seeds;
}

std::vector<std::string> safetensors_seeds() {
  return {
      safetensors_file("{}", 0), safetensors_file(R"({"w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}})", 24),
      safetensors_file(R"({"__metadata__":{"format":"pt","a":""},"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]},)"
                       R"("b":{"data_offsets":[2,2],"dtype":"I64","shape":[0,7]}}  )",
                       2),
      safetensors_file(R"({"\u00e9\n":{"dtype":"U8","shape":[1],"data_offsets":[1,2]},)"
                       R"("z":{"dtype":"BOOL","shape":[1,1],"data_offsets":[0,1]}})",
                       2)};
}

std::vector<std::string> tokenizer_json_seeds() {
  const std::string text = "abc  ab'll 12\xe4\xb8\xad\xe6\x96\x87<s>aab</s>x<s>\r\n \xff"s;
  const std::string run_of_letters = "abcabcbacbbcabcabbbcabcabcabcaaaabcabbabcbcbab"s;
  const std::string usual =
      tokenizer_json(added_token(262, "<x>", "false"), R"(,"ab":258,"bc":259,"abc":260,"Ġab":261)",
                     R"(["a b","b c","ab c",["Ġ","ab"]])");
  const std::string overlapping =
      tokenizer_json(added_token(261, "aba", "false"), R"(,"aa":258,"aaa":259,"ba":260)", R"(["a a","aa a","b a"])");
  const std::string byte_symbol = tokenizer_json(added_token(32, "Ġ", "false"), "", "[]");
  return {usual + '\0' + text, usual + '\0' + run_of_letters, overlapping + '\0' + text, byte_symbol + "\0Ġ"s + text};
}

}  // namespace mm
