// Safetensors files: the bytes we write, and that what is read is what was written.
#include "checkpoint/safetensors.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "core/error.h"
#include "core/files/files.h"

namespace mm {
namespace {

std::string new_path(const std::string& name) {
  return testing::TempDir() + "safetensors_" + name + ".safetensors";
}

TEST(Safetensors, AWrittenFileHasTheseBytes) {
  const std::string path = new_path("layout");
  write_safetensors(path, {{"i", at::tensor({-1, 2}, at::kChar)}, {"w", at::tensor({1.0f, -2.0f}).reshape({2, 1})}},
                    {{"format", "pt"}});
  const std::string header =
      R"({"__metadata__":{"format":"pt"},"w":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]},)"
      R"("i":{"dtype":"I8","shape":[2],"data_offsets":[8,10]}})";
  const std::string want = std::string("\xb8\0\0\0\0\0\0\0", 8) + header + std::string(184 - header.size(), ' ') +
                           std::string("\0\0\x80\x3f\0\0\0\xc0\xff\x02", 10);
  EXPECT_EQ(read_file(path, ExitCode::kData), want);
}

TEST(Safetensors, EveryDtypeComesBackBitForBit) {
  const std::string path = new_path("dtypes");
  NamedTensors tensors;
  for (const at::ScalarType type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kBFloat16, at::kHalf, at::kInt,
                                    at::kFloat, at::kLong, at::kDouble}) {
    tensors.emplace_back(at::toString(type), at::arange(7, at::kLong).sub(3).to(type));
  }
  write_safetensors(path, tensors);
  const SafetensorsFile file(path);
  EXPECT_EQ(file.names().front(), "Long");  // the widest come first, so that each is aligned
  for (const auto& [name, tensor] : tensors) {
    const at::Tensor read = file.tensor(name);
    EXPECT_EQ(read.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(read.equal(tensor)) << name;
    EXPECT_EQ(reinterpret_cast<uintptr_t>(read.const_data_ptr()) % read.element_size(), 0u) << name;
  }
}

TEST(Safetensors, NanPayloadsAndNegativeZeroSurviveInBf16) {
  const std::string path = new_path("bf16_bits");
  const at::Tensor bits = at::tensor({0x7fc1, 0xff81, 0x8000, 0x0001}, at::kInt).to(at::kShort);
  write_safetensors(path, {{"x", bits.view(at::kBFloat16)}});
  EXPECT_TRUE(SafetensorsFile(path).tensor("x").view(at::kShort).equal(bits));
}

TEST(Safetensors, EmptyTensorsScalarsAndStridedViewsRoundTrip) {
  const std::string path = new_path("shapes");
  const at::Tensor transposed = at::arange(6, at::kFloat).reshape({2, 3}).t();
  const at::Tensor parameter = at::full({2}, 5.0f).requires_grad_();
  write_safetensors(path, {{"empty", at::empty({3, 0})},
                           {"scalar", at::full({}, 2.5)},
                           {"transposed", transposed},
                           {"parameter", parameter}});
  const SafetensorsFile file(path);
  EXPECT_EQ(file.tensor("empty").sizes(), (std::vector<int64_t>{3, 0}));
  EXPECT_EQ(file.tensor("scalar").item<double>(), 2.5);
  EXPECT_TRUE(file.tensor("transposed").equal(transposed));
  EXPECT_TRUE(file.tensor("parameter").equal(parameter.detach()));
}

TEST(Safetensors, AFileWithoutTensorsIsAFile) {
  const std::string path = new_path("nothing");
  write_safetensors(path, {}, {{"note", "\"quoted\" \n 中文"}});
  const SafetensorsFile file(path);
  EXPECT_TRUE(file.names().empty());
  EXPECT_EQ(file.metadata().at("note"), "\"quoted\" \n 中文");
}

TEST(Safetensors, ATensorOutlivesItsFile) {
  const std::string path = new_path("lifetime");
  write_safetensors(path, {{"x", at::arange(1000)}});
  at::Tensor tensor = SafetensorsFile(path).tensor("x");
  std::filesystem::remove(path);
  EXPECT_TRUE(tensor.equal(at::arange(1000)));
}

TEST(Safetensors, ATensorThatLiesUnalignedIsReadAllTheSame) {
  const std::string path = new_path("unaligned");
  const std::string header = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                             R"("b":{"dtype":"F32","shape":[1],"data_offsets":[1,5]}})";
  std::ofstream(path, std::ios::binary) << static_cast<char>(header.size()) << std::string(7, '\0') << header << "\1"
                                        << std::string("\0\0\x80\x3f", 4);
  EXPECT_EQ(SafetensorsFile(path).tensor("b").item<float>(), 1.0f);
}

TEST(Safetensors, ABoolThatIsNeitherIsRefused) {
  const std::string path = new_path("bool");
  const std::string header = R"({"m":{"dtype":"BOOL","shape":[1],"data_offsets":[0,1]}})";
  std::ofstream(path, std::ios::binary) << static_cast<char>(header.size()) << std::string(7, '\0') << header << "\2";
  EXPECT_THROW(SafetensorsFile(path).tensor("m"), Error);
}

TEST(Safetensors, AMissingTensorNamesTheNearest) {
  const std::string path = new_path("missing");
  write_safetensors(path, {{"model.norm.weight", at::arange(2)}});
  try {
    SafetensorsFile(path).tensor("model.norm.weigth");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    EXPECT_EQ(error.what(), path +
                                ":model.norm.weigth: got no such tensor, want one of its 1 (the nearest is "
                                "model.norm.weight)");
  }
}

TEST(Safetensors, AMissingFileIsACheckpointError) {
  try {
    SafetensorsFile("no/such/file.safetensors");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
  }
}

TEST(Safetensors, ANameGivenTwiceIsOurBug) {
  EXPECT_THROW(write_safetensors(new_path("twice"), {{"x", at::arange(1)}, {"x", at::arange(1)}}), Error);
}

}  // namespace
}  // namespace mm
