// Files that are damaged or mean harm: each is refused with what is wrong with it, and nothing else happens.
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <limits>

#include "checkpoint/pth/pth_file.h"
#include "core/error.h"
#include "core/files/files.h"
#include "tests/support/pth_builder.h"

namespace mm {
namespace {

constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();

struct Hostile {
  const char* name;
  std::string bytes;
  const char* fault;  ///< a phrase of the message
};

void PrintTo(const Hostile& hostile, std::ostream* out) {
  *out << hostile.name;
}

std::string good_body() {
  return pickled_dict({{pickled_text("w"), pickled_tensor({})}});
}

BuiltZip good() {
  return pth_parts(good_body());
}

std::string good_file() {
  return build_zip(good());
}

/// A correct file but for what `change` does to its parts.
std::string with(const std::function<void(BuiltZip&)>& change) {
  BuiltZip zip = good();
  change(zip);
  return build_zip(zip);
}

/// A correct archive with another pickle.
std::string with_body(const std::string& body) {
  return build_zip(pth_parts(body));
}

std::string with_pickle(const std::string& pickle) {
  return with([&](BuiltZip& zip) { zip.entries[0].payload = pickle; });
}

std::string repeated(const std::string& text, size_t count) {
  std::string out;
  for (size_t i = 0; i < count; ++i) out += text;
  return out;
}

/// Lists of two references to the list before: 2^levels values in 8 bytes a level.
std::string laughs(size_t levels) {
  std::string body = "(]q" + std::string(1, '\0');
  for (size_t i = 0; i + 1 < levels; ++i) {
    const std::string before(1, static_cast<char>(i)), after(1, static_cast<char>(i + 1));
    body += "]q" + after + "(h" + before + "h" + before + "e";
  }
  return body + "t";
}

/// One tensor of 64 KiB under a thousand keys.
std::string repeated_tensor() {
  std::string body = "}(" + pickled_text("0") + pickled_tensor({.elements = 16384, .sizes = {16384}}) + "q";
  body += '\0';
  for (int i = 1; i < 1000; ++i) body += pickled_text(std::to_string(i)) + std::string("h\0", 2);
  return build_zip(pth_parts(body + "u", std::string(65536, '\0')));
}

std::string lazy_tensor() {
  std::string tensor = pickled_tensor({});
  tensor.resize(tensor.size() - 2);
  return tensor + pickled_dict({{pickled_text("neg"), "\x88"}}) + "tR";
}

std::vector<Hostile> broken_archives() {
  return {
      {"empty", "", "an empty file"},
      {"four_bytes", "PK\3\4", "4 bytes"},
      {"first_half", good_file().substr(0, good_file().size() / 2), "without its end"},
      {"without_last_byte", good_file().substr(0, good_file().size() - 1), "without its end"},
      {"first_header_only", good_file().substr(0, 40), "without its end"},
      {"end_record_only", build_zip({}), "without data.pkl"},
      {"trailing_garbage", with([](BuiltZip& zip) { zip.after = "garbage"; }), "7 bytes after the end"},
      {"two_disks", with([](BuiltZip& zip) { zip.disk = 1; }), "several disks"},
      {"entry_on_disk_1", with([](BuiltZip& zip) { zip.entries[2].disk = 1; }), "on disk 1"},
      {"directory_beyond_file", with([](BuiltZip& zip) { zip.directory_offset = 0x7fffffff; }),
       "a directory that ends"},
      {"directory_too_long", with([](BuiltZip& zip) { zip.directory_bytes = 0x7fffffff; }), "a directory that ends"},
      {"directory_too_short", with([](BuiltZip& zip) { zip.directory_bytes = 20; }), "a directory that ends"},
      {"more_entries_than_room", with([](BuiltZip& zip) { zip.count = 60000; }), "60000 entries"},
      {"fewer_entries", with([](BuiltZip& zip) { zip.count = 3; }), "after the last entry of the directory"},
      {"one_entry_too_many", with([](BuiltZip& zip) { zip.count = 5; }), "entries"},
      {"zip64_count_huge", with([](BuiltZip& zip) {
         zip.zip64 = true;
         zip.count = uint64_t{1} << 40 | 0xffff;
       }),
       "entries, want at most 1048576"},
      {"zip64_end_beyond_file", with([](BuiltZip& zip) {
         zip.zip64 = true;
         zip.end64_offset = std::numeric_limits<uint64_t>::max() - 8;
       }),
       "before its locator"},
      {"zip64_end_elsewhere", with([](BuiltZip& zip) {
         zip.zip64 = true;
         zip.end64_offset = 0;
       }),
       "no ZIP64 end record at byte 0"},
      {"zip64_disagrees", with([](BuiltZip& zip) {
         zip.zip64 = true;
         zip.directory_bytes = 5;
       }),
       "two end records that disagree"},
      {"same_name_twice", with([](BuiltZip& zip) { zip.entries.push_back(zip.entries[2]); }), "the name twice"},
      {"no_name", with([](BuiltZip& zip) { zip.entries[3].name = ""; }), "without a name"},
      {"deflated", with([](BuiltZip& zip) { zip.entries[2].method = 8; }), "\"model/data/0\": got a compressed entry"},
      {"zip_bomb", with([](BuiltZip& zip) {
         zip.entries[2].method = 8;
         zip.entries[2].bytes = 0xfffffff0;
       }),
       "a compressed entry"},
      {"stored_bomb", with([](BuiltZip& zip) { zip.entries[2].bytes = 0xfffffff0; }), "16 bytes in the file for"},
      {"encrypted", with([](BuiltZip& zip) { zip.entries[2].flags |= 1; }), "an encrypted entry"},
      {"wrong_crc_of_tensor", with([](BuiltZip& zip) { zip.entries[2].crc32 = 1; }), "do not have their CRC-32"},
      {"wrong_crc_of_pickle", with([](BuiltZip& zip) { zip.entries[0].crc32 = 1; }), "do not have their CRC-32"},
      {"record_too_long", with([](BuiltZip& zip) { zip.entries[2].bytes = zip.entries[2].stored_bytes = 1000; }),
       "a payload that ends before the directory"},
      {"record_into_next", with([](BuiltZip& zip) { zip.entries[2].bytes = zip.entries[2].stored_bytes = 20; }),
       "overlaps"},
      {"record_of_4_gib", with([](BuiltZip& zip) { zip.entries[2].bytes = zip.entries[2].stored_bytes = 0xfffffffe; }),
       "a payload that ends before the directory"},
      {"two_records_one_place", with([](BuiltZip& zip) {
         zip.entries[3].offset = 0;
         zip.entries[3].local_name = "model/version";
       }),
       "the name in the directory"},
      {"quoted_overlap", with([](BuiltZip& zip) {
         // An entry whose payload is the header and payload of the one behind it.
         zip.entries[1].payload = "little";
         zip.entries[1].bytes = zip.entries[1].stored_bytes = 6 + 30 + 12 + 16;
         zip.entries[1].crc32 = 0;
         zip.entries[1].local_crc32 = 0;
       }),
       "overlaps"},
      {"offset_beyond_file", with([](BuiltZip& zip) { zip.entries[2].offset = 0x7fffffff; }), "before the directory"},
      {"offset_in_directory",
       with([](BuiltZip& zip) { zip.entries[2].offset = static_cast<uint32_t>(good_file().size() - 100); }),
       "before the directory"},
      {"offset_into_payload", with([](BuiltZip& zip) { zip.entries[2].offset = 7; }), "no header at byte 7"},
      {"no_local_header", with([](BuiltZip& zip) { zip.entries[2].local_signature = 0; }), "no header at byte"},
      {"zip64_offset_2_63", with([](BuiltZip& zip) {
         zip.entries[2].offset = 0xffffffff;
         zip.entries[2].extra = zip_extra(1, std::string("\0\0\0\0\0\0\0\x80", 8));
       }),
       "at byte 9223372036854775808"},
      {"zip64_size_2_64", with([](BuiltZip& zip) {
         zip.entries[2].bytes = zip.entries[2].stored_bytes = 0xffffffff;
         zip.entries[2].extra = zip_extra(1, std::string(16, '\xff'));
       }),
       "a payload that ends before the directory"},
      {"zip64_missing", with([](BuiltZip& zip) { zip.entries[2].offset = 0xffffffff; }), "no ZIP64 field"},
      {"extra_cut_short", with([](BuiltZip& zip) { zip.entries[2].extra = std::string("\1\0\x40\0", 4); }),
       "an extra field that is cut short"},
      {"local_size_differs", with([](BuiltZip& zip) { zip.entries[2].local_bytes = 12; }),
       "a local header that disagrees"},
      {"local_crc_differs", with([](BuiltZip& zip) { zip.entries[2].local_crc32 = 12; }),
       "a local header that disagrees"},
      {"local_name_differs", with([](BuiltZip& zip) { zip.entries[2].local_name = "model/data/1"; }),
       "the name in the directory"},
      {"no_pickle", with([](BuiltZip& zip) { zip.entries.erase(zip.entries.begin()); }), "without data.pkl"},
      {"two_pickles", with([](BuiltZip& zip) {
         zip.entries.push_back(zip.entries[0]);
         zip.entries.back().name = "other/data.pkl";
       }),
       "want one data.pkl"},
      {"torchscript", with([](BuiltZip& zip) { zip.entries.push_back({.name = "model/constants.pkl"}); }),
       "a TorchScript program"},
      {"torchscript_code", with([](BuiltZip& zip) { zip.entries.push_back({.name = "model/code/x.py"}); }),
       "a TorchScript program"},
      {"big_endian", with([](BuiltZip& zip) { zip.entries[1].payload = "big"; }), "byteorder: got big, want little"},
  };
}

std::vector<Hostile> foreign_files() {
  return {
      {"legacy", std::string("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15), "before 1.6"},
      {"legacy_tar", std::string(257, '\0') + "ustar" + std::string(300, '\0'), "before 0.1.10"},
      {"safetensors", std::string("\x02\0\0\0\0\0\0\0{}", 10), "a safetensors file"},
      {"gzip", "\x1f\x8b\x08 and so on", "a gzip file"},
      {"git_lfs", "version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a git-lfs pointer"},
      {"web_page", "<!DOCTYPE html><html>", "a web page"},
      {"text", "{\"text\": \"hello\"}\n", "a text file"},
      {"bare_pickle", whole_pickle("}"), "a bare pickle"},
      {"noise", std::string("\x01\x02\x03\xff\x00 noise", 11), "a file of another kind"},
  };
}

std::vector<Hostile> bad_pickles() {
  const std::string self_holding = std::string("]q\0(h\0e", 7);
  return {
      {"os_system", with_body(pickled_global("posix", "system") + "(" + pickled_text("touch pwned") + "tR"),
       "the Python name posix.system"},
      {"eval", with_body(pickled_global("__builtin__", "eval") + "(" + pickled_text("1") + "tR"), "__builtin__.eval"},
      {"global_by_stack", with_body(pickled_text("os") + pickled_text("system") + "\x93"), "the Python name os.system"},
      {"instance", with_body("(" + pickled_text("touch pwned") + "ios\nsystem\n"), "the Python name os.system"},
      {"torch_name_not_listed", with_body(pickled_global("torch.hub", "load") + ")R"), "torch.hub.load"},
      {"name_with_control_codes", with_body(pickled_global("os\x1b[2J", "system")), "the Python name \"os"},
      {"reduce_of_data", with_body("}" + pickled_tuple({1}) + "R"), "another value"},
      {"called_storage", with_body(pickled_global("torch", "FloatStorage") + ")R"), "a storage class that is called"},
      {"class_as_value", with_body(pickled_global("torch", "FloatStorage")), "a class or storage by itself"},
      {"attributes_of_a_dict", with_body("}}b"), "attributes of a value"},
      {"protocol_0", with_pickle("(dp0\n."), "no pickle of protocol 2 to 5"},
      {"protocol_9", with_pickle("\x80\x09}."), "no pickle of protocol 2 to 5"},
      {"empty_pickle", with_pickle(""), "no pickle of protocol 2 to 5"},
      {"unknown_opcode", with_body("\xff"), "the pickle opcode 255"},
      {"no_stop", with_pickle("\x80\x02}"), "an end in the middle"},
      {"bytes_after_stop", with_pickle("\x80\x02}.}"), "after the end of the pickle"},
      {"nothing_at_stop", with_body(""), "an end with 0 values"},
      {"two_values_at_stop", with_body("}}"), "an end with 2 values"},
      {"open_mark_at_stop", with_body("(}"), "an end with 1 values"},
      {"string_longer_than_file", with_body("X\xff\xff\xff\x7f"), "an end in the middle"},
      {"string_of_2_63", with_body("\x8d" + std::string("\0\0\0\0\0\0\0\x80", 8)), "an end in the middle"},
      {"string_not_utf8", with_body(pickled_text("\xc3\x28")), "a string that is not UTF-8"},
      {"integer_too_long", with_body("\x8a\x09" + std::string(9, '\x7f')), "an integer of 9 bytes"},
      {"name_without_end",
       with_pickle("\x80\x02"
                   "cos"),
       "a name without its end"},
      {"pop_from_empty", with_body("a"), "an opcode that wants more values"},
      {"append_to_dict", with_body("}Na"), "items for another value"},
      {"set_item_of_list", with_body("]NNs"), "items for another value"},
      {"items_below_mark", with_body("](\x85"), "an opcode that wants more values"},
      {"tuple_without_mark", with_body("t"), "an opcode that wants a mark"},
      {"key_without_value", with_body("}(" + pickled_text("w") + "u"), "a key without a value"},
      {"key_is_a_list", with_body("}]Ns"), "neither a string nor an integer"},
      {"key_twice", with_body(pickled_dict({{pickled_text("w"), "N"}, {pickled_text("w"), "N"}})), "the key w twice"},
      {"long_key_100000_times",
       with_body("}(" + pickled_text(std::string(100000, 'k')) + "q" + std::string(1, '\0') + "N" +
                 repeated(std::string("h\0N", 3), 100000) + "u"),
       "kkk... twice"},
      {"memo_never_stored", with_body("h\x05"), "the memo key 5"},
      {"memo_key_huge", with_body("}r\xff\xff\xff\x7f"), "the memo key 2147483647"},
      {"deep_marks", with_body(repeated("(", 100000)), "deeper nesting"},
      {"deep_lists", with_body(repeated("]", 3000) + repeated("a", 2999)), "deeper nesting"},
      {"deep_tuples", with_body("N" + repeated("\x85", 100000)), "deeper nesting"},
      {"holds_itself", with_body(self_holding), "a container that holds itself"},
      {"billion_laughs", with_body(laughs(40)), "shared ones counted each time"},
      {"shared_long_list",
       with_body("]q" + std::string(1, '\0') + "(" + repeated("N", 5000) + "e]q\1(" +
                 repeated(std::string("h\0", 2), 5000) + "e\x86"),
       "shared ones counted each time"},
  };
}

/// {"w": tensor} with one number of the tensor changed.
std::vector<Hostile> bad_tensors() {
  return {
      {"no_record", pth_of({.key = "1"}), "w: got no record \"model/data/1\""},
      {"long_storage_key", pth_of({.key = std::string(60000, 'k')}), "a long storage key"},
      {"record_outside_folder", pth_of({.key = "../version"}), "no record"},
      {"elements_differ", pth_of({.elements = 5}), "a record of 16 bytes, want 5 elements"},
      {"other_dtype", pth_of({.storage_class = "HalfStorage"}), "want 4 elements of 2 bytes"},
      {"dtype_unknown", pth_of({.storage_class = "QInt8Storage"}), "the Python name torch.QInt8Storage"},
      {"negative_elements", pth_of({.elements = -4}), "want -4 elements"},
      {"elements_overflow", pth_of({.elements = int64_t{1} << 62}), "a record of 16 bytes"},
      {"negative_offset", pth_of({.offset = -1}), "the negative offset -1"},
      {"offset_2_63", pth_of({.offset = kHuge}), "overflow"},
      {"offset_beyond_storage", pth_of({.offset = 1}), "a view up to element 4"},
      {"negative_size", pth_of({.sizes = {-4}}), "the negative size -4"},
      {"negative_stride", pth_of({.strides = {-1}}), "the negative stride -1"},
      {"stride_beyond_storage", pth_of({.sizes = {2}, .strides = {4}}), "a view up to element 4"},
      {"stride_overflow", pth_of({.sizes = {3}, .strides = {kHuge}}), "overflow"},
      {"sizes_overflow", pth_of({.sizes = {kHuge, kHuge}, .strides = {0, 0}}), "overflow"},
      {"expanded_to_10_9", pth_of({.sizes = {1000000000}, .strides = {0}}), "a tensor of 1000000000 elements"},
      {"empty_far_away", pth_of({.offset = 100, .sizes = {0}}), "a view up to element 100"},
      {"more_sizes_than_strides", pth_of({.sizes = {2, 2}}), "2 sizes and 1 strides"},
      {"rank_65", pth_of({.sizes = std::vector<int64_t>(65, 1), .strides = std::vector<int64_t>(65, 1)}),
       "a tensor of 65 dimensions"},
      {"bool_of_2", pth_of({.storage_class = "BoolStorage", .elements = 16, .sizes = {16}}), "neither 0 nor 1"},
      {"negated_lazily", with_body(pickled_dict({{pickled_text("w"), lazy_tensor()}})), "a tensor with metadata"},
      {"storage_as_offset", with_body(pickled_global("torch._utils", "_rebuild_tensor_v2") + "(NNNNNNtR"),
       "parts of other types"},
      {"tensor_of_nothing", with_body(pickled_global("torch._utils", "_rebuild_tensor_v2") + ")R"),
       "a tensor of 0 parts"},
      {"persistent_id_of_text", with_body(pickled_text("0") + "Q"), "another value"},
      {"persistent_id_of_module", with_body("(" + pickled_text("module") + "NNNNtQ"), "names no storage"},
      {"same_tensor_1000_times", repeated_tensor(), "16 times the file"},
  };
}

class HostilePth : public testing::TestWithParam<Hostile> {};

TEST_P(HostilePth, IsRefusedWithItsFault) {
  const std::string path = testing::TempDir() + "hostile_" + GetParam().name + ".pth";
  write_file_atomic(path, GetParam().bytes);
  try {
    const PthFile file(path);
    file.tensors(file.root());
    ADD_FAILURE() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    const std::string message = error.what();
    EXPECT_TRUE(message.starts_with(path)) << message;
    EXPECT_NE(message.find(GetParam().fault), std::string::npos) << message;
    EXPECT_LT(message.size(), 1000u);
  }
  EXPECT_FALSE(std::filesystem::exists("pwned"));
  std::filesystem::remove(path);
}

std::string name_of(const testing::TestParamInfo<Hostile>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(Archive, HostilePth, testing::ValuesIn(broken_archives()), name_of);
INSTANTIATE_TEST_SUITE_P(Foreign, HostilePth, testing::ValuesIn(foreign_files()), name_of);
INSTANTIATE_TEST_SUITE_P(Pickle, HostilePth, testing::ValuesIn(bad_pickles()), name_of);
INSTANTIATE_TEST_SUITE_P(Tensor, HostilePth, testing::ValuesIn(bad_tensors()), name_of);

TEST(PthFile, AFileThatIsCutAtAnyByteIsRefused) {
  const std::string whole = good_file();
  for (size_t length = 0; length < whole.size(); ++length) {
    const std::string cut = whole.substr(0, length);
    EXPECT_THROW(PthIndex(std::as_bytes(std::span(cut)), "cut.pth"), Error) << length;
  }
}

TEST(PthFile, AFileWithAnyByteChangedIsReadOrRefusedAndNothingElse) {
  const std::string whole = good_file();
  for (size_t i = 0; i < whole.size(); ++i) {
    for (const char flip : {'\x01', '\x80', '\xff'}) {
      std::string changed = whole;
      changed[i] = static_cast<char>(changed[i] ^ flip);
      try {
        const PthIndex index(std::as_bytes(std::span(changed)), "changed.pth");
        index.check_crc(index.record(index.root().at("w").tensor()));
      } catch (const Error& error) {
        EXPECT_EQ(error.code(), ExitCode::kCheckpoint) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace mm
