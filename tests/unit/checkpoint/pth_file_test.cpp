// What a `.pth` file may look like and still be right, and how its values are reached.
#include "checkpoint/pth/pth_file.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/error.h"
#include "core/files/files.h"
#include "tests/support/pth_builder.h"

namespace mm {
namespace {

std::string saved(const std::string& name, const std::string& bytes) {
  const std::string path = testing::TempDir() + "pth_file_" + name + ".pth";
  write_file_atomic(path, bytes);
  return path;
}

std::string entry(const std::string& key, const std::string& value) {
  return pickled_text(key) + value;
}

/// 0, 1, 2, ... as floats.
std::string counted(int64_t elements) {
  const at::Tensor numbers = at::arange(elements, at::kFloat);
  return {static_cast<const char*>(numbers.const_data_ptr()), numbers.nbytes()};
}

BuiltZip good() {
  return pth_parts(pickled_dict({{pickled_text("w"), pickled_tensor({})}}));
}

std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    return error.what();
  }
  return "no error";
}

void expect_good(const std::string& name, const BuiltZip& zip) {
  const PthFile file(saved(name, build_zip(zip)));
  const NamedTensors tensors = file.tensors(file.root());
  ASSERT_EQ(tensors.size(), 1u) << name;
  EXPECT_TRUE(tensors[0].second.equal(at::tensor({1.0f, 2.0f, 3.0f, 4.0f}))) << name;
}

TEST(PthFile, TheArchiveMayBeLaidOutInAnyWay) {
  expect_good("as_built", good());

  BuiltZip zip = good();
  std::reverse(zip.entries.begin(), zip.entries.end());
  zip.entries.push_back({.name = "model/.data/serialization_id", .payload = "0605"});
  zip.entries.push_back({.name = "model/data/"});
  expect_good("other_order_and_more_entries", zip);

  zip = good();
  for (BuiltEntry& each : zip.entries) each.name = "pretrain_512_resume.pth" + each.name.substr(5);
  expect_good("other_folder", zip);
  for (BuiltEntry& each : zip.entries) each.name = each.name.substr(24);
  expect_good("no_folder", zip);

  zip = good();
  zip.comment = "a comment with PK\5\6 in it, too short to be an end record of its own";
  expect_good("comment", zip);

  zip = good();
  zip.zip64 = true;
  expect_good("zip64", zip);

  zip = good();
  zip.entries.erase(zip.entries.begin() + 1);
  expect_good("no_byteorder", zip);
}

TEST(PthFile, SizesMayFollowThePayloadInADescriptor) {
  BuiltZip zip = good();
  for (BuiltEntry& each : zip.entries) {
    each.flags |= 8;
    each.local_bytes = 0;
    each.local_crc32 = 0;
    each.local_extra = zip_extra(0x4246, "ZZZZ");
    each.descriptor = "PK\7\x8" + std::string(12, 'd');
  }
  expect_good("descriptors", zip);
}

TEST(PthFile, AnArchiveWithoutChecksumsIsRead) {
  BuiltZip zip = good();
  for (BuiltEntry& each : zip.entries) each.crc32 = 0;
  expect_good("no_crc", zip);
}

TEST(PthFile, StridesOffsetsAndSharedStoragesAreKept) {
  const std::string body = pickled_dict({
      {pickled_text("rows"), pickled_tensor({.elements = 24, .sizes = {4, 6}, .strides = {6, 1}})},
      {pickled_text("transposed"), pickled_tensor({.elements = 24, .sizes = {6, 4}, .strides = {1, 6}})},
      {pickled_text("block"), pickled_tensor({.elements = 24, .offset = 8, .sizes = {2, 3}, .strides = {6, 1}})},
      {pickled_text("column"), pickled_tensor({.elements = 24, .offset = 3, .sizes = {4}, .strides = {6}})},
      {pickled_text("scalar"), pickled_tensor({.elements = 24, .offset = 23, .sizes = {}, .strides = {}})},
      {pickled_text("empty"), pickled_tensor({.elements = 24, .offset = 24, .sizes = {3, 0}, .strides = {1, 1}})},
  });
  const at::Tensor rows = at::arange(24, at::kFloat).reshape({4, 6});
  const std::vector<at::Tensor> want = {rows,
                                        rows.t(),
                                        rows.slice(0, 1, 3).slice(1, 2, 5),
                                        rows.select(1, 3),
                                        rows.select(0, 3).select(0, 5),
                                        at::empty({3, 0})};
  // Twice: once the record happens to be aligned to nothing, once to its dtype, where nothing is copied.
  for (const bool aligned : {false, true}) {
    BuiltZip zip = pth_parts(body, counted(24));
    const size_t start = build_zip({.entries = {zip.entries[0], zip.entries[1]}}).find("PK\1\2") + 30 + 12;
    zip.entries[2].local_extra = zip_extra(0x4246, std::string(4 - start % 4 + (aligned ? 0 : 1), 'Z'));
    const PthFile file(saved(aligned ? "aligned" : "unaligned", build_zip(zip)));
    const NamedTensors tensors = file.tensors(file.root());
    ASSERT_EQ(tensors.size(), want.size());
    for (size_t i = 0; i < want.size(); ++i) {
      EXPECT_TRUE(tensors[i].second.equal(want[i])) << tensors[i].first;
      EXPECT_EQ(tensors[i].second.strides(), want[i].strides()) << tensors[i].first;
    }
    const bool shared = tensors[0].second.const_data_ptr() == tensors[1].second.const_data_ptr();
    EXPECT_EQ(shared, aligned);
  }
}

TEST(PthFile, TensorsOutliveTheFile) {
  at::Tensor tensor;
  {
    const PthFile file(saved("outlived", build_zip(good())));
    tensor = file.tensor(file.root().at("w"));
  }
  EXPECT_EQ(tensor.sum().item<float>(), 10.0f);
}

TEST(PthFile, ValuesStayValidWhenTheFileIsMoved) {
  PthFile file(saved("moved", build_zip(good())));
  const PickleValue value = file.root().at("w");
  const PthFile moved = std::move(file);
  EXPECT_EQ(moved.tensor(value).sum().item<float>(), 10.0f);
}

TEST(PthFile, OtherEntriesOfADictAreToldByKey) {
  const std::string body = "}(" + entry("epoch", pickled_integer(3)) + entry("w", pickled_tensor({})) +
                           pickled_integer(7) + pickled_tensor({}) + "u";
  const PthFile file(saved("others", build_zip(pth_parts(body))));
  std::vector<std::string> others;
  const NamedTensors tensors = file.tensors(file.root(), &others);
  ASSERT_EQ(tensors.size(), 1u);
  EXPECT_EQ(tensors[0].first, "w");
  EXPECT_EQ(others, (std::vector<std::string>{"epoch", "7"}));
}

TEST(PthFile, ValuesOfEveryKindAreReached) {
  const std::string real = "G" + std::string("\x3f\xf8\0\0\0\0\0\0", 8);
  const std::string body = pickled_dict(
      {{pickled_text("none"), "N"},
       {pickled_text("true"), "\x88"},
       {pickled_text("small"), "K\xff"},
       {pickled_text("short"), "M\xff\xff"},
       {pickled_text("negative"), "J\xfe\xff\xff\xff"},
       {pickled_text("long"), pickled_integer(int64_t{1} << 40)},
       {pickled_text("three bytes"), "\x8a\x03\xff\xff\xff"},
       {pickled_text("zero"), std::string("\x8a\0", 2)},
       {pickled_text("real"), real},
       {pickled_text("text"), "\x8c\x03\xe4\xb8\xad"},
       {pickled_text("bytes"), "C\x02\xff\x01"},
       {pickled_text("size"), pickled_global("torch", "Size") + pickled_tuple({2, 3}) + "\x85R"},
       {pickled_text("state"), "}(" + pickled_integer(0) + "](NNe" + "u"},
       {pickled_text("parameter"), pickled_global("torch._utils", "_rebuild_parameter") + "(" + pickled_tensor({}) +
                                       "\x88" + pickled_global("collections", "OrderedDict") + ")RtR"}});
  const PthFile file(saved("kinds", build_zip(pth_parts(body))));
  const PickleValue root = file.root();
  EXPECT_TRUE(root.at("none").is(PickleKind::kNone));
  EXPECT_TRUE(root.at("true").boolean());
  EXPECT_EQ(root.at("small").integer(), 255);
  EXPECT_EQ(root.at("short").integer(), 65535);
  EXPECT_EQ(root.at("negative").integer(), -2);
  EXPECT_EQ(root.at("long").integer(), int64_t{1} << 40);
  EXPECT_EQ(root.at("three bytes").integer(), -1);
  EXPECT_EQ(root.at("zero").integer(), 0);
  EXPECT_EQ(root.at("real").number(), 1.5);
  EXPECT_EQ(root.at("small").number(), 255.0);
  EXPECT_EQ(root.at("text").string(), "中");
  EXPECT_EQ(root.at("bytes").bytes(), "\xff\x01");
  EXPECT_EQ(root.at("size").elements().at(1).integer(), 3);
  EXPECT_EQ(root.at("state").at(0).size(), 2u);
  EXPECT_FALSE(root.at("state").find(1));
  EXPECT_EQ(file.tensor(root.at("parameter")).sum().item<float>(), 10.0f);
}

TEST(PthFile, AWrongKindIsToldWithItsPlace) {
  const std::string group = pickled_dict({{pickled_text("lr"), pickled_text("fast")}});
  const std::string body =
      pickled_dict({{pickled_text("optimizer"), pickled_dict({{pickled_text("param_groups"), "](" + group + "e"}})}});
  const std::string path = saved("places", build_zip(pth_parts(body)));
  const PthFile file(path);
  const PickleValue groups = file.root().at("optimizer").at("param_groups");
  EXPECT_EQ(message_of([&] { groups.elements()[0].at("lr").number(); }),
            path + ":optimizer.param_groups[0].lr: got the string fast, want a number");
  EXPECT_EQ(message_of([&] { file.tensors(groups); }), path + ":optimizer.param_groups: got a list of 1, want a dict");
  EXPECT_EQ(message_of([&] { file.tensor(groups); }), path + ":optimizer.param_groups: got a list of 1, want a tensor");
  EXPECT_EQ(message_of([&] { file.root().at("model"); }), path + ": got the keys optimizer, want the key model");
}

TEST(PthFile, AttributesOfAnOrderedDictAreNoEntries) {
  const std::string metadata = pickled_dict({{pickled_text("_metadata"), "}"}});
  const std::string body =
      pickled_global("collections", "OrderedDict") + ")R(" + entry("w", pickled_tensor({})) + "u" + metadata + "b";
  const PthFile file(saved("metadata", build_zip(pth_parts(body))));
  EXPECT_EQ(file.root().size(), 1u);
}

TEST(PthFile, AMissingFileIsToldWithItsName) {
  EXPECT_NE(message_of([] { PthFile("/nowhere/x.pth"); }).find("/nowhere/x.pth: got no such file"), std::string::npos);
}

}  // namespace
}  // namespace mm
