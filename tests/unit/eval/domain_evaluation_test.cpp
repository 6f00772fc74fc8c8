// Losses and routes by domain against the same things computed window by window.
#include "eval/domain_evaluation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "data/grouped_text.h"
#include "data/text/files/text_paths.h"
#include "eval/domain_watch.h"
#include "eval/evaluate.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

/// Three files of other words than each other's, of 40, 30 and 20 documents.
class Domains : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::vector<std::string>& words, size_t documents) {
    std::vector<std::string> texts;
    for (size_t i = 0; i < documents; ++i) {
      std::string text;
      for (size_t j = 0; j < 3 + i % 4; ++j) text += words[(i + j * j) % words.size()] + " ";
      texts.push_back(text);
    }
    return write_texts(folder_.path(), name, texts);
  }

  std::vector<DomainData> open(const DomainFiles& files) {
    return open_domains(files, run_.config.data, run_.tokenizer);
  }

  TempFolder folder_;
  TinyRun run_{folder_.path(), tiny_config(moe_settings())};
  const std::string poems_ = file("poems.jsonl", {"moon", "snow", "wine"}, 40);
  const std::string rhymes_ = file("rhymes.jsonl", {"lamb", "wool"}, 30);
  const std::string code_ = file("code.jsonl", {"def", "return", "{}"}, 20);
};

TEST_F(Domains, FilesOfOneLabelAreOneAndAFileWithoutALabelIsCalledByItsStem) {
  const auto domains = open({.files = {{poems_, "verse"}, {code_, ""}, {rhymes_, "verse"}}});
  ASSERT_EQ(domains.size(), 2u);
  EXPECT_EQ(domains[0].name, "verse");
  EXPECT_EQ(domains[0].files, (std::vector<std::string>{poems_, rhymes_}));
  EXPECT_EQ(domains[0].text->documents(), 70);
  EXPECT_EQ(domains[1].name, "code");
  EXPECT_EQ(domains[1].text->documents(), 20);
}

/// The numbers behind `m` in all windows of a text, whose tokens are one for each byte.
std::set<int> marks_in(const WindowSource& text, const Tokenizer& tokenizer) {
  std::set<int> marks;
  const auto length = static_cast<size_t>(text.sequence_length());
  std::vector<int64_t> tokens(length), targets(length);
  for (int64_t window = 0; window < text.windows(); ++window) {
    text.fill(window, tokens.data(), targets.data());
    const std::string said = tokenizer.decode(std::vector<int32_t>(tokens.begin(), tokens.end()));
    for (size_t at = said.find('m'); at < said.size(); at = said.find('m', at + 1)) {
      const size_t end = said.find(' ', at);
      if (end != std::string::npos) marks.insert(std::stoi(said.substr(at + 1, end - at - 1)));
    }
  }
  return marks;
}

TEST_F(Domains, NoDocumentThatAnyGroupOfARunIsTrainedOnIsEvaluatedAsHeldOut) {
  const ByteTokenizer tokenizer;
  DataConfig config = run_.config.data;
  config.shuffle_megabytes = 1;
  config.validation_fraction = 0.02;
  config.sequence_length = 4096;
  int hard = 0;  // documents that all of the text would hold out, and the first group does not
  for (int salt = 0; salt < 30 && hard < 2; ++salt) {
    std::vector<std::string> texts;
    for (int i = 0; i < 36; ++i) {
      std::string text = std::to_string(salt);
      while (text.size() < 100'000) text += " m" + std::to_string(i) + " ";
      texts.push_back(text);
    }
    config.train = {{write_texts(folder_.path(), format("long%d.jsonl", salt), texts), ""}};
    GroupedText run(text_files(config.train), config, {}, tokenizer, 1);
    std::set<int> trained;
    for (int64_t group = 0; group < run.groups(); ++group) trained.merge(marks_in(*run.group(group), tokenizer));
    EXPECT_GT(trained.size(), 30u);
    const std::set<int> validated = marks_in(*run.validation(), tokenizer);

    const DomainFiles files = {.files = config.train, .held_out_fraction = config.validation_fraction};
    const std::set<int> evaluated = marks_in(*open_domains(files, config, tokenizer).front().text, tokenizer);
    EXPECT_TRUE(std::ranges::includes(evaluated, validated));
    for (const int mark : evaluated) EXPECT_FALSE(trained.contains(mark)) << "document " << mark << " of " << salt;

    const auto store = std::make_shared<const TokenStore>(TokenStore::open(config.train.front().path, "", tokenizer));
    const HoldOut all({{store, ""}}, config.validation_fraction, HoldOut::By::kContent);
    for (int64_t i = 0; i < store->documents(); ++i) {
      hard += !all.validation(*store, i).empty() && trained.contains(static_cast<int>(i));
    }
  }
  EXPECT_GT(hard, 0) << "else this test tests nothing";
}

TEST_F(Domains, WhatARunHoldsOutIsWhatItValidatesOn) {
  RunConfig config = run_.config;
  config.data.train = {{poems_, ""}, {code_, ""}};
  const Datasets datasets = open_datasets(config.data, run_.tokenizer);
  const auto domains = open(validation_files(config, "config.json"));
  ASSERT_EQ(domains.size(), 2u);
  EXPECT_GT(domains[0].text->documents(), 0);
  EXPECT_EQ(domains[0].text->documents() + domains[1].text->documents(), datasets.validation->documents());
  EXPECT_EQ(domains[0].text->tokens() + domains[1].text->tokens(), datasets.validation->tokens());

  config.data.validation = {{rhymes_, "rhymes"}};
  EXPECT_EQ(open(validation_files(config, "config.json"))[0].text->documents(), 30);
  config.data.validation.clear();
  config.data.validation_fraction = 0;
  EXPECT_THROW(validation_files(config, "config.json"), Error);
}

TEST_F(Domains, AnEvaluationTakesThemDownWithoutAnotherPass) {
  RunConfig config = run_.config;
  config.data.train = {{poems_, ""}, {code_, ""}};
  config.data.validation_fraction = 0.5;
  const Datasets datasets = open_datasets(config.data, run_.tokenizer);
  const WindowSource& data = *datasets.validation;
  const at::Tensor bytes_v = bytes_per_token(run_.tokenizer, run_.config.model.vocab_size, at::kCPU);
  DomainWatch watch(run_.config.model, data, at::kCPU);
  const EvaluationRecord all = evaluate(run_.state.model, data, 0, 3, bytes_v, &watch);
  EXPECT_EQ(all.loss, evaluate(run_.state.model, data, 0, 3, bytes_v).loss);

  const DomainsRecord record = watch.record(run_.tokenizer);
  ASSERT_EQ(record.domains, data.domains());
  ASSERT_EQ(record.domains.size(), 2u);
  EXPECT_EQ(record.tokens[0] + record.tokens[1], all.tokens);
  const double sum = record.losses[0] * static_cast<double>(record.tokens[0]) +
                     record.losses[1] * static_cast<double>(record.tokens[1]);
  EXPECT_NEAR(sum / static_cast<double>(all.tokens), all.loss, 1e-9);
  const MoeConfig& moe = run_.config.model.moe;
  ASSERT_EQ(record.layers, run_.config.model.num_hidden_layers);
  ASSERT_EQ(std::ssize(record.expert_tokens), record.layers * 2 * moe.num_experts);
  for (int64_t layer = 0; layer < record.layers; ++layer) {
    for (int64_t domain = 0; domain < 2; ++domain) {
      int64_t pairs = 0;
      for (int64_t expert = 0; expert < moe.num_experts; ++expert) {
        pairs += record.expert_tokens[static_cast<size_t>((layer * 2 + domain) * moe.num_experts + expert)];
      }
      EXPECT_EQ(pairs, moe.num_experts_per_tok * record.tokens[static_cast<size_t>(domain)]);
    }
  }
  EXPECT_EQ(std::ssize(record.typical), record.layers * moe.num_experts);
}

TEST_F(Domains, LossesAreThoseOfEachDomainAlone) {
  const auto domains = open({.files = {{poems_, ""}, {code_, ""}}});
  const DomainReport report = evaluate_domains(run_.state.model, domains, run_.tokenizer, {.micro_batch = 3});
  const at::Tensor bytes_v = bytes_per_token(run_.tokenizer, run_.config.model.vocab_size, at::kCPU);
  double sum = 0;
  for (size_t i = 0; i < domains.size(); ++i) {
    const EvaluationRecord alone = evaluate(run_.state.model, *domains[i].text, 0, 3, bytes_v);
    EXPECT_EQ(report.domains[i].name, domains[i].name);
    EXPECT_EQ(report.domains[i].tokens, alone.tokens);
    EXPECT_EQ(report.domains[i].documents, domains[i].text->documents());
    EXPECT_DOUBLE_EQ(report.domains[i].loss, alone.loss);
    EXPECT_DOUBLE_EQ(report.domains[i].bits_per_byte, alone.bits_per_byte);
    sum += alone.loss * static_cast<double>(alone.tokens);
  }
  EXPECT_EQ(report.all.tokens, report.domains[0].tokens + report.domains[1].tokens);
  EXPECT_EQ(report.all.documents, 60);
  EXPECT_NEAR(report.all.loss, sum / static_cast<double>(report.all.tokens), 1e-12);
}

TEST_F(Domains, RoutesAreCountedOncePerTokenAndSlotWithoutPadding) {
  const auto domains = open({.files = {{poems_, ""}, {code_, ""}}});
  const DomainReport report = evaluate_domains(run_.state.model, domains, run_.tokenizer, {.micro_batch = 3});
  ASSERT_EQ(report.layers.size(), 2u);
  const at::NoGradGuard no_grad;
  for (size_t domain = 0; domain < domains.size(); ++domain) {
    std::vector<std::vector<int64_t>> counted(2, std::vector<int64_t>(4));
    std::vector<int64_t> tokens(32), targets(32);
    for (int64_t window = 0; window < domains[domain].text->windows(); ++window) {
      const int64_t real = domains[domain].text->fill(window, tokens.data(), targets.data());
      const at::Tensor tokens_bt = at::tensor(tokens).narrow(0, 0, real).unsqueeze(0);
      const LayerReports reports = run_.state.model.forward(tokens_bt, /*training=*/false).reports;
      for (size_t layer = 0; layer < 2; ++layer) {
        const at::Tensor experts = reports.experts_ns[layer].flatten();
        for (int64_t i = 0; i < experts.numel(); ++i) ++counted[layer][static_cast<size_t>(experts[i].item<int64_t>())];
      }
    }
    for (size_t layer = 0; layer < 2; ++layer) {
      const std::span<const int64_t> row = report.layers[layer].expert_tokens.row(domain);
      EXPECT_EQ(std::vector<int64_t>(row.begin(), row.end()), counted[layer]);
    }
  }
}

TEST_F(Domains, OnlyDocumentsThatWereReadCount) {
  const auto domains = open({.files = {{poems_, ""}, {code_, ""}}});
  const DomainReport report =
      evaluate_domains(run_.state.model, domains, run_.tokenizer, {.max_tokens = 64, .micro_batch = 1});
  EXPECT_EQ(report.domains[0].tokens, 64);
  EXPECT_LT(report.domains[0].documents, 10);
  EXPECT_GE(report.domains[0].documents, 2);
}

TEST_F(Domains, TypicalTokensAreCalledByTheirText) {
  const auto domains = open({.files = {{poems_, ""}, {code_, ""}}});
  const DomainReport report = evaluate_domains(run_.state.model, domains, run_.tokenizer, {});
  int64_t named = 0;
  for (const std::vector<TypicalToken>& tokens : report.layers[0].typical) {
    for (const TypicalToken& token : tokens) {
      named += token.text.size() == 1;
      EXPECT_TRUE(token.text.size() == 1 || token.text.starts_with("#")) << token.text;
      EXPECT_GE(token.count, 8);
      EXPECT_GT(token.lift, 1);
      EXPECT_LE(token.lift, 4);
    }
  }
  EXPECT_GT(named, 4);
}

TEST_F(Domains, LayersHaveTheirNumbersInAModelThatBeginsWithDenseOnes) {
  TinyRun run(folder_ / "dense_first", tiny_config(moe_settings({"model.first_k_dense_replace=1"})));
  const auto domains = open({.files = {{poems_, ""}, {code_, ""}}});
  const DomainReport report = evaluate_domains(run.state.model, domains, run_.tokenizer, {});
  EXPECT_EQ(report.layers.size(), 1u);
  EXPECT_EQ(report.first_layer, 1);
  DomainWatch watch(run.config.model, *domains[0].text, at::kCPU);
  EXPECT_EQ(watch.record(run_.tokenizer).layers, 1);
  EXPECT_EQ(watch.record(run_.tokenizer).first_layer, 1);
}

TEST_F(Domains, ADenseModelHasNoLayers) {
  TinyRun dense(folder_ / "dense", tiny_config());
  const auto domains = open({.files = {{poems_, ""}}});
  const DomainReport report = evaluate_domains(dense.state.model, domains, run_.tokenizer, {});
  EXPECT_TRUE(report.layers.empty());
  EXPECT_EQ(report.domains[0].documents, 40);
}

}  // namespace
}  // namespace mm
