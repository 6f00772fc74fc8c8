// What is written is read back, and lies in the file as torch.save would have put it.
#include "checkpoint/pth/pth_writer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "checkpoint/pth/pth_file.h"
#include "checkpoint/pth/zip/zip_writer.h"
#include "core/error.h"
#include "core/files/files.h"

namespace mm {
namespace {

std::string new_path(const std::string& name) {
  return testing::TempDir() + "pth_writer_" + name + ".pth";
}

NamedTensors read_back(const std::string& path) {
  const PthFile file(path);
  return file.tensors(file.root());
}

TEST(PthWriter, EveryDtypeShapeAndNameComesBackInOrder) {
  NamedTensors tensors;
  for (const at::ScalarType type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kBFloat16, at::kHalf, at::kInt,
                                    at::kFloat, at::kLong, at::kDouble}) {
    tensors.emplace_back(at::toString(type), at::arange(7, at::kLong).sub(3).to(type));
  }
  tensors.emplace_back("scalar", at::full({}, 2.5));
  tensors.emplace_back("empty", at::empty({3, 0}));
  tensors.emplace_back("transposed", at::arange(6, at::kFloat).reshape({2, 3}).t());
  tensors.emplace_back("parameter", at::full({2}, 5.0f).requires_grad_());
  tensors.emplace_back("", at::full({1}, 1.0f));
  tensors.emplace_back("中 \"quoted\"\n../..", at::full({1}, 2.0f));
  const std::string path = new_path("round_trip");
  write_pth(path, tensors);
  const NamedTensors read = read_back(path);
  ASSERT_EQ(read.size(), tensors.size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(read[i].first, tensors[i].first);
    EXPECT_EQ(read[i].second.scalar_type(), tensors[i].second.scalar_type()) << read[i].first;
    EXPECT_TRUE(read[i].second.equal(tensors[i].second.detach())) << read[i].first;
    if (read[i].second.numel() > 0) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(read[i].second.const_data_ptr()) % 64, 0u) << read[i].first;
    }
  }
}

TEST(PthWriter, TheTiedPairSharesAStorageOnlyWhenAsked) {
  const at::Tensor embedding = at::randn({10, 4});
  const NamedTensors tensors = {{"embedding", embedding}, {"part", embedding.slice(0, 0, 5)}, {"head", embedding}};
  for (const bool share : {false, true}) {
    const std::string path = new_path(share ? "shared" : "separate");
    write_pth(path, tensors, {.share_storages = share});
    const NamedTensors read = read_back(path);
    EXPECT_EQ(read[0].second.const_data_ptr() == read[2].second.const_data_ptr(), share);
    EXPECT_NE(read[0].second.const_data_ptr(), read[1].second.const_data_ptr());
    for (size_t i = 0; i < read.size(); ++i) EXPECT_TRUE(read[i].second.equal(tensors[i].second));
  }
}

TEST(PthWriter, OnlyFloatingPointIsConverted) {
  const std::string path = new_path("converted");
  const NamedTensors tensors = {{"w", at::tensor({1.0f, 1e-3f})}, {"n", at::arange(3, at::kLong)}};
  for (const at::ScalarType type : {at::kFloat, at::kHalf, at::kBFloat16}) {
    write_pth(path, tensors, {.dtype = type});
    const NamedTensors read = read_back(path);
    EXPECT_TRUE(read[0].second.equal(tensors[0].second.to(type)));
    EXPECT_TRUE(read[1].second.equal(tensors[1].second));
  }
}

TEST(PthWriter, TheSameTensorsGiveTheSameBytes) {
  const NamedTensors tensors = {{"a.w", at::arange(3, at::kFloat)}, {"a.b", at::arange(2, at::kLong)}};
  const std::string path = new_path("same");
  const std::string other = testing::TempDir() + "pth_writer_other/pth_writer_same.pth";
  write_pth(path, tensors, {.ordered_dict = true});
  write_pth(other, tensors, {.ordered_dict = true});
  EXPECT_EQ(read_file(path, ExitCode::kData), read_file(other, ExitCode::kData));
}

TEST(PthWriter, AnOrderedDictNamesTheModulesOfItsTensors) {
  const std::string path = new_path("ordered");
  const NamedTensors tensors = {{"layers.0.w", at::full({1}, 1.0f)}, {"norm.w", at::full({1}, 2.0f)}};
  write_pth(path, tensors, {.ordered_dict = true});
  const std::string bytes = read_file(path, ExitCode::kData);
  const auto text = [](const std::string& word) {
    return std::string("X") + static_cast<char>(word.size()) + std::string(3, '\0') + word;
  };
  std::string modules = text("_metadata") + "ccollections\nOrderedDict\n)R(";
  for (const char* module : {"", "layers", "layers.0", "norm"}) {
    modules += text(module) + "}(" + text("version") + "K\x01u";
  }
  EXPECT_NE(bytes.find(modules), std::string::npos);
  EXPECT_EQ(read_back(path).size(), 2u);

  write_pth(path, tensors);
  EXPECT_EQ(read_file(path, ExitCode::kData).find("_metadata"), std::string::npos);
}

TEST(PthWriter, TheFolderInTheArchiveIsTheStemOfTheFile) {
  const std::string path = new_path("stem.of");
  write_pth(path, NamedTensors{{"w", at::full({1}, 1.0f)}});
  const std::string bytes = read_file(path, ExitCode::kData);
  for (const char* name : {"data.pkl", "byteorder", "data/0", "version"}) {
    EXPECT_NE(bytes.find(std::string("pth_writer_stem.of/") + name), std::string::npos) << name;
  }
}

TEST(PthWriter, ATrainingStateComesBack) {
  const at::Tensor moment = at::randn({3, 2});
  const NamedTensors model = {{"w", at::randn({2, 2})}};
  const PthDict state = {{int64_t{0}, {PthDict{{"exp_avg", {moment}}, {"step", {at::full({}, 3.0f)}}}}}};
  const PthDict group = {
      {"lr", {4.75e-4}}, {"betas", {PthTuple{{{0.9}, {0.999}}}}}, {"foreach", {}}, {"amsgrad", {false}}};
  const PthDict root = {{"model", {PthStateDict{model}}},
                        {"optimizer", {PthDict{{"state", {state}}, {"param_groups", {PthList{{group}}}}}}},
                        {"epoch", {int64_t{1} << 40}},
                        {"step", {int64_t{-70000}}},
                        {"wandb_id", {std::string("中")}}};
  const std::string path = new_path("state");
  write_pth(path, PthValue{root}, {.ordered_dict = true});

  const PthFile file(path);
  const PickleValue read = file.root();
  EXPECT_TRUE(file.tensors(read.at("model"))[0].second.equal(model[0].second));
  EXPECT_TRUE(file.tensor(read.at("optimizer").at("state").at(0).at("exp_avg")).equal(moment));
  const PickleValue read_group = read.at("optimizer").at("param_groups").elements().at(0);
  EXPECT_EQ(read_group.at("lr").number(), 4.75e-4);
  EXPECT_EQ(read_group.at("betas").elements().at(1).number(), 0.999);
  EXPECT_TRUE(read_group.at("foreach").is(PickleKind::kNone));
  EXPECT_FALSE(read_group.at("amsgrad").boolean());
  EXPECT_EQ(read.at("epoch").integer(), int64_t{1} << 40);
  EXPECT_EQ(read.at("step").integer(), -70000);
  EXPECT_EQ(read.at("wandb_id").string(), "中");
}

TEST(PthWriter, WhatCannotBeWrittenLeavesNoFile) {
  const std::string path = new_path("refused");
  EXPECT_THROW(write_pth(path, NamedTensors{{"w", at::empty({1}, at::kComplexFloat)}}), Error);
  EXPECT_THROW(write_pth(path, NamedTensors{{"w", at::empty({1})}, {"w", at::empty({1})}}), Error);
  EXPECT_THROW(write_pth(path, NamedTensors{{"\xff", at::empty({1})}}), Error);
  EXPECT_NE(::access(path.c_str(), F_OK), 0);
}

/// A file with holes: it takes no space, and its offsets are real.
TEST(ZipWriter, RecordsBeyondFourGibibytesAreFound) {
  const std::string path = new_path("sparse");
  const ZipRecord record{"big/data/0", 4, 0, uint64_t{5} << 30};
  const std::string header = zip_local_header(record);
  const uint64_t payload = record.offset + header.size();
  EXPECT_EQ(payload % 64, 0u);
  const std::string directory = zip_directory({{record}}, payload + record.bytes);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  ASSERT_GE(descriptor, 0);
  const std::string tail = header + "abcd" + directory;
  const ssize_t written = ::pwrite(descriptor, tail.data(), tail.size(), static_cast<off_t>(record.offset));
  ::close(descriptor);
  ASSERT_EQ(written, static_cast<ssize_t>(tail.size()));

  const MappedFile map(path, ExitCode::kCheckpoint);
  const ZipArchive archive(map.bytes(), path);
  ASSERT_EQ(archive.entries().size(), 1u);
  const auto bytes = archive.entries()[0].bytes;
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()), "abcd");
  EXPECT_EQ(bytes.data() - map.bytes().data(), static_cast<ptrdiff_t>(payload));
  ::unlink(path.c_str());
}

TEST(ZipWriter, AnEntryOfMoreThanFourGibibytesHasItsSizeInBothHeaders) {
  const std::string path = new_path("sparse_entry");
  const ZipRecord record{"big/data/0", uint64_t{6} << 30, 7, 0};
  const std::string header = zip_local_header(record);
  const uint64_t end = header.size() + record.bytes;
  const std::string directory = zip_directory({{record}}, end);
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0666);
  ASSERT_GE(descriptor, 0);
  ASSERT_EQ(::pwrite(descriptor, header.data(), header.size(), 0), static_cast<ssize_t>(header.size()));
  ASSERT_EQ(::pwrite(descriptor, directory.data(), directory.size(), static_cast<off_t>(end)),
            static_cast<ssize_t>(directory.size()));
  ::close(descriptor);

  const MappedFile map(path, ExitCode::kCheckpoint);
  EXPECT_EQ(ZipArchive(map.bytes(), path).entries().at(0).bytes.size(), record.bytes);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace mm
