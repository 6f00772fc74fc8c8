// What --check prints.
#include "recipe/forecast.h"

#include <gtest/gtest.h>

#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

TEST(Forecast, SaysWhatARunWillCost) {
  RunConfig config = tiny_config({"run.name=tiny", "train.steps=1000", "train.accumulation=2", "checkpoint.keep=3"});
  // Parameters: 259 * 32 embedding, 2 layers of (32 * 32 q + 2 * 32 * 16 k, v + 32 * 32 o + 3 * 32 * 64 + 2 * 32), 32.
  // FLOPs: 6 * (those without the 160 of norms) + 6 * 2 layers * 32 wide * 32 long; a step is 256 tokens.
  EXPECT_EQ(forecast(config),
            "run         output/tiny\n"
            "parameters  26,880 total, 26,880 active per token\n"
            "exports     Hugging Face as LlamaForCausalLM, GGUF as llama, MiniMind .pth as g3c\n"
            "compute     173 kFLOP per trained token, 44.2 MFLOP per step, 44.2 GFLOP in all\n"
            "tokens      256 per step (4 x 2 x 32), 256,000 in 1,000 steps\n"
            "            9.52 per parameter; compute is spent best at about 20 (Hoffmann et al. 2022)\n"
            "memory      about 1.5 MiB: 420.0 KiB weights, gradients and moments, 819.0 KiB activations of one "
            "micro-batch (fp32; less in 16 bit), 315.0 KiB copy to save from\n"
            "disk        315.0 KiB per checkpoint, at most 4 kept: 1.2 MiB");
}

TEST(Forecast, SaysWhatIsKnownOfTextAndTime) {
  const RunFacts facts{.sequences = 1000, .seconds = 11'400, .device = "2 CPU threads"};
  const std::string text = forecast(tiny_config({"train.steps=1000", "train.accumulation=2"}), facts);
  EXPECT_NE(text.find("256,000 in 1,000 steps, about 8.00 epochs\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\ntime        about 3 h 10 min on this device (2 CPU threads)\n"), std::string::npos) << text;
}

TEST(Forecast, ALengthInEpochsIsToldAsSoonAsTheTextIsKnown) {
  RunConfig config = tiny_config();
  config.train.steps.reset();
  config.train.epochs = 2;
  EXPECT_EQ(forecast_steps(config, {}), std::nullopt);
  EXPECT_EQ(forecast_steps(config, 1000), 500);
  EXPECT_NE(forecast(config, {.sequences = 1000}).find("about 64,000 in 500 steps, about 2.00 epochs"),
            std::string::npos);
}

TEST(Forecast, SaysHowFewTokensAnExpertSees) {
  // 128 tokens a step, two of four experts each.
  const std::string text = forecast(tiny_config(moe_settings()));
  EXPECT_NE(
      text.find("experts     about 64 tokens for each of 4 in a step, which is little: what it learns and what is "
                "told of its load are noisy\n"
                "            train.accumulation=64 gives 4,096; with so much larger a step, try "
                "optim.learning_rate=0.08 (its square root)\n"),
      std::string::npos)
      << text;
  EXPECT_NE(forecast(tiny_config(moe_settings({"train.accumulation=64"})))
                .find("experts     about 4,096 tokens for each of 4 in a step\n"),
            std::string::npos);
}

TEST(Forecast, TellsWhatMuonsProductsCost) {
  // Of 2 layers: q and o 32 x 32, k and v 16 x 32, gate, up and down 64 x 32, at 5 * (4 r^2 c + 2 r^3) each; one moment
  // of 4 bytes for these 18,432 weights, two for the other 8,448.
  const std::string text = forecast(tiny_config({"train.accumulation=2", "optim.type=muon"}));
  EXPECT_NE(text.find("optimizer   muon: 14.6 MFLOP per step besides, 33.0% of the model's\n"), std::string::npos)
      << text;
  EXPECT_NE(text.find("disk        243.0 KiB per checkpoint"), std::string::npos) << text;
}

TEST(Forecast, SaysWhenMemoryDoesNotHoldIt) {
  const std::string text = forecast(tiny_config({"train.micro_batch=1048576"}));
  EXPECT_NE(text.find("            this process may use "), std::string::npos) << text;
  EXPECT_NE(text.find(": lower train.micro_batch and raise train.accumulation"), std::string::npos) << text;
}

TEST(Forecast, OffersTheSameBatchInPartsThatFit) {
  const RunConfig config = tiny_config({"train.micro_batch=12", "train.accumulation=2", "checkpoint.background=false"});
  const MemoryForecast memory = forecast_memory(config, false);
  const auto offered = [&](double available) {
    const std::string text = explain_memory(config, false, available);
    return text.substr(text.find("; ") + 2);
  };
  EXPECT_EQ(offered(memory.weights + memory.activations / 4),
            "the same batch in smaller parts: train.micro_batch=3 train.accumulation=8");
  EXPECT_EQ(offered(memory.weights + memory.activations / 2 + 1),
            "the same batch in smaller parts: train.micro_batch=6 train.accumulation=4");
  EXPECT_EQ(offered(memory.weights), "no micro-batch fits: the model is too large for this memory");
}

TEST(Forecast, AReplayIsAsLongAsItsData) {
  const std::string text = forecast(tiny_config({"compat.trainer=g4", "data.train=a.jsonl", "train.accumulation=2"}));
  EXPECT_NE(text.find("173 kFLOP per trained token, 44.2 MFLOP per step\n"
                      "tokens      256 per step (4 x 2 x 32), padding included; how many steps that are, the length of "
                      "the text decides\n"),
            std::string::npos)
      << text;
}

TEST(Forecast, SixteenBitHalvesWhatIsKeptForTheBackwardPassAndAddsAShadow) {
  const RunConfig config = tiny_config();
  const MemoryForecast fp32 = forecast_memory(config, false), bf16 = forecast_memory(config, true);
  EXPECT_EQ(fp32.weights, 26880 * 16.0);
  EXPECT_EQ(bf16.weights, 26880 * 18.0);
  EXPECT_LT(bf16.activations, fp32.activations);
  EXPECT_GE(bf16.activations, fp32.activations / 2);
}

TEST(Forecast, ActivationsGrowWithTheMicroBatchAndNotWithAccumulation) {
  const double one = forecast_memory(tiny_config({"train.micro_batch=1"}), false).activations;
  EXPECT_EQ(forecast_memory(tiny_config({"train.micro_batch=8"}), false).activations, 8 * one);
  EXPECT_EQ(forecast_memory(tiny_config({"train.micro_batch=1", "train.accumulation=8"}), false).activations, one);
}

TEST(Forecast, ModelsHaveTheSizesOfTheirGenerations) {
  const std::vector<std::pair<std::string, std::string>> sizes = {
      {"minimind_v1_512", "26,878,464 total, 26,878,464 active"},
      {"minimind_v1_moe_512", "96,100,864 total, 61,497,856 active"},
      {"minimind2_small_512", "25,829,888 total, 25,829,888 active"},
      {"minimind2_moe_640", "145,029,760 total, 91,945,600 active"},
      {"minimind3_768", "63,912,192 total, 63,912,192 active"},
      {"minimind3_moe_768", "198,416,640 total, 63,936,768 active"}};
  for (const auto& [preset, size] : sizes) {
    std::vector<std::string> notes;
    const std::string text = forecast(load_run_config(MM_CONFIGS "/" + preset + ".json", {}, notes));
    EXPECT_NE(text.find("parameters  " + size + " per token\n"), std::string::npos) << preset << ": " << text;
  }
}

TEST(Forecast, MeasuredMemoryStandsInPlaceOfWhatIsCounted) {
  RunFacts facts;
  facts.memory = MemoryForecast{.weights = 1 << 20, .copy = 2 << 20, .activations = 3 << 20, .program = 4 << 20};
  EXPECT_NE(forecast(tiny_config(), facts)
                .find("memory      about 10.0 MiB: 1.0 MiB weights, gradients and moments, 3.0 MiB activations of one "
                      "micro-batch, 2.0 MiB copy to save from, 4.0 MiB program and libraries\n"),
            std::string::npos);
}

}  // namespace
}  // namespace mm
