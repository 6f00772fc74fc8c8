// Who is held out: whatever happens to files, no text is ever on both sides.
#include "data/windows/hold_out.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "data_files.h"

namespace mm {
namespace {

using By = HoldOut::By;

class HeldOutTexts : public testing::Test {
 protected:
  /// A file of these texts, as tokens.
  PackedSource source(const std::string& name, const std::vector<std::string>& texts) {
    return {
        std::make_shared<const TokenStore>(TokenStore::open(write_texts(folder_, name, texts), "", ByteTokenizer())),
        ""};
  }

  /// The texts that something is kept of on either side.
  static std::set<std::string> texts_of(const std::vector<PackedSource>& sources, const HoldOut& hold_out,
                                        bool validation) {
    std::set<std::string> texts;
    for (const PackedSource& source : sources) {
      const TokenStore& store = *source.store;
      for (int64_t document = 0; document < store.documents(); ++document) {
        const DocumentPart part =
            validation ? hold_out.validation(store, document) : hold_out.training(store, document);
        if (part.empty()) continue;
        const int64_t begin = store.document_begin(document) + part.begin;
        const int64_t end = std::min(store.document_begin(document) + std::min(part.end, int64_t{1} << 40),
                                     store.document_end(document));
        std::vector<int64_t> tokens(static_cast<size_t>(end - begin));
        store.read(begin, end - begin, tokens.data());
        texts.insert(ByteTokenizer().decode(std::vector<int32_t>(tokens.begin(), tokens.end())));
      }
    }
    return texts;
  }

  static void expect_disjoint(const std::set<std::string>& a, const std::set<std::string>& b) {
    for (const std::string& text : a) EXPECT_FALSE(b.contains(text)) << text;
  }

  std::string folder_ = test_folder();
};

TEST_F(HeldOutTexts, AboutTheShareThatWasAskedFor) {
  const std::vector<PackedSource> sources = {source("a.jsonl", numbered_texts(3000))};
  for (const double fraction : {0.02, 0.1, 0.5}) {
    const auto held_out = texts_of(sources, {sources, fraction, By::kContent}, true);
    EXPECT_NEAR(static_cast<double>(held_out.size()), 3000 * fraction, 3000 * fraction * 0.3 + 10);
  }
  EXPECT_TRUE(texts_of(sources, {sources, 0, By::kContent}, true).empty());
  EXPECT_TRUE(texts_of(sources, HoldOut(), true).empty());
}

TEST_F(HeldOutTexts, AGreaterShareKeepsWhatASmallerOneHeldOut) {
  const std::vector<PackedSource> sources = {source("a.jsonl", numbered_texts(1000))};
  const auto few = texts_of(sources, {sources, 0.05, By::kContent}, true);
  const auto many = texts_of(sources, {sources, 0.2, By::kContent}, true);
  EXPECT_TRUE(std::includes(many.begin(), many.end(), few.begin(), few.end()));
}

/// 10,000 documents in random files with copies, then renamed, joined and with lines put in between.
TEST_F(HeldOutTexts, NoTextIsEverOnBothSidesWhateverHappensToItsFile) {
  std::mt19937 random(5);
  std::set<std::string> ever_held_out, ever_trained_on;
  for (int round = 0; round < 20; ++round) {
    std::vector<PackedSource> sources;
    for (unsigned file = 0; file < 1 + random() % 3; ++file) {
      std::vector<std::string> texts;
      for (int i = 0; i < 250; ++i) texts.push_back("document " + std::to_string(random() % 1500));
      sources.push_back(source("f" + std::to_string(random() % 1000) + ".jsonl", texts));
    }
    const HoldOut hold_out(sources, 0.1, By::kContent);
    const auto held_out = texts_of(sources, hold_out, true), trained_on = texts_of(sources, hold_out, false);
    expect_disjoint(held_out, trained_on);
    ever_held_out.insert(held_out.begin(), held_out.end());
    ever_trained_on.insert(trained_on.begin(), trained_on.end());
  }
  EXPECT_GT(ever_held_out.size(), 50U);
  expect_disjoint(ever_held_out, ever_trained_on);
}

/// Too few documents for the share: one of them is held out, with its copies.
TEST_F(HeldOutTexts, SmallTextsAlwaysHoldSomethingOutAndNeverAll) {
  std::mt19937 random(6);
  for (int round = 0; round < 60; ++round) {
    std::vector<std::string> texts;
    for (unsigned i = 0; i < 1 + random() % 6; ++i) {
      texts.push_back(std::string(4 + random() % 30, static_cast<char>('a' + random() % 4)));
    }
    const std::vector<PackedSource> sources = {source("a.jsonl", texts)};
    const HoldOut hold_out(sources, 0.02, By::kContent);
    const auto held_out = texts_of(sources, hold_out, true), trained_on = texts_of(sources, hold_out, false);
    EXPECT_FALSE(held_out.empty());
    EXPECT_FALSE(trained_on.empty());
    if (std::set<std::string>(texts.begin(), texts.end()).size() > 2) expect_disjoint(held_out, trained_on);
  }
}

TEST_F(HeldOutTexts, ATailIsNotTrainedOnAndMissesNothing) {
  std::string book;
  for (int i = 0; i < 300; ++i) book += "word " + std::to_string(i) + " ";
  const std::vector<PackedSource> sources = {source("a.jsonl", {book})};
  const HoldOut hold_out(sources, 0.05, By::kContent);
  const std::string front = *texts_of(sources, hold_out, false).begin();
  const std::string tail = *texts_of(sources, hold_out, true).begin();
  EXPECT_EQ(front + tail, book);
  EXPECT_NEAR(static_cast<double>(tail.size()), 0.05 * static_cast<double>(book.size()), 3);
}

/// As runs that began before did it: these numbers are theirs.
TEST_F(HeldOutTexts, ByPositionItIsTheNameAndTheNumberThatCount) {
  const auto held_out = [&](const PackedSource& file, double fraction) {
    std::vector<int64_t> documents;
    const HoldOut hold_out({file}, fraction, By::kPosition);
    for (int64_t document = 0; document < file.store->documents(); ++document) {
      if (!hold_out.validation(*file.store, document).empty()) documents.push_back(document);
      EXPECT_NE(hold_out.validation(*file.store, document).empty(), hold_out.training(*file.store, document).empty());
    }
    return documents;
  };
  const PackedSource a = source("a.jsonl", numbered_texts(200)), b = source("b.jsonl", numbered_texts(200));
  EXPECT_EQ(held_out(a, 0.02), (std::vector<int64_t>{16, 28, 91, 197}));
  EXPECT_NE(held_out(a, 0.1), held_out(b, 0.1));
}

TEST_F(HeldOutTexts, CopiesAreLaterDocumentsOfTheSameText) {
  const std::vector<PackedSource> sources = {source("a.jsonl", {"x", "y", "x"}), source("b.jsonl", {"y", "z"})};
  const FirstCopies first(sources, [](size_t, int64_t) { return true; });
  EXPECT_EQ(first.copies().documents, 2);
  EXPECT_EQ(first.copies().tokens, 6);
  EXPECT_TRUE(first.is_first(0, 0));
  EXPECT_FALSE(first.is_first(0, 2));
  EXPECT_FALSE(first.is_first(1, 0));
  EXPECT_TRUE(first.is_first(1, 1));
}

}  // namespace
}  // namespace mm
