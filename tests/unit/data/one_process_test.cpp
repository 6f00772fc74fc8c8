// LibTorch, spdlog and sentencepiece bring their own copies of fmt, protobuf and abseil: they must live in one process.
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include "core/terminal/log.h"
#include "data/open_tokenizer.h"
#include "data_files.h"

namespace mm {
namespace {

TEST(OneProcess, LibTorchTheLogAndSentencepieceWorkTogether) {
  const std::string folder = test_folder();
  open_log_file(folder + "/train.log");
  TokenizerConfig config;
  config.path = folder + "/tokenizer.model";
  config.train = true;
  DataConfig data;
  data.train = {{write_texts(folder, "a.jsonl", numbered_texts(200)), ""}};
  const std::string text = "x12 and 床前明月光";

  const auto check_torch = [] {
    const at::Tensor a = at::full({2, 3}, 2.0).requires_grad_();
    const at::Tensor b = at::ones({3, 4});
    at::matmul(a, b).sum().backward();
    EXPECT_TRUE(at::equal(a.grad(), at::full({2, 3}, 4.0)));
  };
  const auto check_tokenizer = [&] {
    const std::unique_ptr<Tokenizer> tokenizer = open_tokenizer(config, data, 272);
    EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
  };
  // Each of them before and after the others, so that no order of first use hides a clash.
  check_torch();
  check_tokenizer();
  check_torch();
  check_tokenizer();
  log_info("all three are alive");
  EXPECT_NE(read_file(folder + "/train.log", ExitCode::kData).find("all three are alive"), std::string::npos);
}

}  // namespace
}  // namespace mm
