// The token store of a text file: built once, found again, and rebuilt when it no longer fits.
#include "data/tokens/token_store.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "core/hash.h"
#include "data_files.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

std::string store_path(const std::string& folder, uint64_t fingerprint = 7) {
  return folder + "/a.jsonl." + hex64(fingerprint) + ".tokens";
}

std::string first_part(const std::string& folder) {
  return store_path(folder) + "/000000.part";
}

/// The names in a folder, sorted.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(TokenStore, DocumentsAreTheirTokensBetweenBosAndEos) {
  const std::string folder = test_folder();
  const TokenStore store = TokenStore::open(write_texts(folder, "a.jsonl", {"ab", "", "c"}), "", ByteTokenizer());
  EXPECT_EQ(store.documents(), 2);
  EXPECT_EQ(all_tokens(store), (std::vector<int64_t>{1, 3 + 'a', 3 + 'b', 2, 1, 3 + 'c', 2}));
  EXPECT_EQ(store.document_begin(1), 4);
  EXPECT_EQ(store.document_end(1), 7);
  EXPECT_TRUE(fs::exists(store_path(folder)));
}

TEST(TokenStore, ASecondOpeningUsesTheFile) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab"});
  TokenStore::open(text, "", ByteTokenizer());
  const auto written = fs::last_write_time(first_part(folder));
  ::testing::internal::CaptureStdout();
  EXPECT_EQ(TokenStore::open(text, "", ByteTokenizer()).tokens(), 4);
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(fs::last_write_time(first_part(folder)), written);
}

TEST(TokenStore, AChangedTextIsTokenizedAgain) {
  const std::string folder = test_folder();
  const uint64_t before = TokenStore::open(write_texts(folder, "a.jsonl", {"ab"}), "", ByteTokenizer()).fingerprint();
  const TokenStore store = TokenStore::open(write_texts(folder, "a.jsonl", {"ax"}), "", ByteTokenizer());
  EXPECT_EQ(all_tokens(store), (std::vector<int64_t>{1, 3 + 'a', 3 + 'x', 2}));
  EXPECT_NE(store.fingerprint(), before);
}

TEST(TokenStore, ADamagedFileIsReplacedAndTheLogSaysSo) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab", "cd"});
  const std::vector<int64_t> tokens = all_tokens(TokenStore::open(text, "", ByteTokenizer()));
  const std::string good = read_file(first_part(folder), ExitCode::kData);
  std::string flipped = good;
  flipped[60] = static_cast<char>(flipped[60] ^ 1);
  for (const std::string& bad : {flipped, good.substr(0, 70), std::string("x"), std::string()}) {
    write_file_atomic(first_part(folder), bad);
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(all_tokens(TokenStore::open(text, "", ByteTokenizer())), tokens);
    EXPECT_NE(::testing::internal::GetCapturedStdout().find("is damaged and will be built again"), std::string::npos);
    EXPECT_TRUE(read_file(first_part(folder), ExitCode::kData) == good);
  }
}

TEST(TokenStore, EachTokenizerHasItsOwnFile) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab"});
  const uint64_t first = TokenStore::open(text, "", ByteTokenizer(7)).fingerprint();
  EXPECT_NE(TokenStore::open(text, "", ByteTokenizer(8)).fingerprint(), first);
  EXPECT_TRUE(fs::exists(store_path(folder, 7)));
  EXPECT_TRUE(fs::exists(store_path(folder, 8)));
}

TEST(TokenStore, TheCacheFolderIsMadeAndUsed) {
  const std::string folder = test_folder();
  TokenStore::open(write_texts(folder, "a.jsonl", {"ab"}), folder + "/deep/cache", ByteTokenizer());
  EXPECT_EQ(names_in(folder + "/deep/cache").size(), 1U);
  EXPECT_FALSE(fs::exists(store_path(folder)));
}

TEST(TokenStore, ManyPartsGiveTheSameAsOne) {
  std::vector<std::string> texts;
  for (int i = 0; i < 100; ++i) texts.push_back(std::string(100000, static_cast<char>('a' + i % 26)));
  const TokenStore store = TokenStore::open(write_texts(test_folder(), "a.jsonl", texts), "", ByteTokenizer(7, 100000));
  ASSERT_EQ(store.documents(), 100);
  for (int64_t i = 0; i < 100; ++i) {
    ASSERT_EQ(store.document_end(i), (i + 1) * 100002);
    int64_t edge[4];
    store.read(store.document_begin(i), 2, edge);
    store.read(store.document_end(i) - 2, 2, edge + 2);
    EXPECT_EQ(edge[0], 1);
    EXPECT_EQ(edge[1], 3 + 'a' + i % 26);
    EXPECT_EQ(edge[2], 3 + 'a' + i % 26);
    EXPECT_EQ(edge[3], 2);
  }
}

TEST(TokenStore, ABadLineLeavesNoFileBehind) {
  const std::string folder = test_folder();
  write_file_atomic(folder + "/a.jsonl", "{\"text\": \"a\"}\n{}\n");
  EXPECT_NE(error_of(ExitCode::kData, [&] { TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer()); })
                .find("a.jsonl:2: got no \"text\""),
            std::string::npos);
  EXPECT_EQ(names_in(store_path(folder)), std::vector<std::string>{".lock"});
}

std::vector<std::string> texts_of_10_kilobytes(int count) {
  std::vector<std::string> texts;
  for (int i = 0; i < count; ++i) texts.push_back(std::string(10'000, static_cast<char>('a' + i % 26)));
  return texts;
}

/// In parts of 17 of them.
TokenStore open_in_parts(const std::string& text, int threads = 0) {
  return TokenStore::open(text, "", ByteTokenizer(), threads, {.part_bytes = size_t{16} * 10'000});
}

TEST(TokenStore, OnlyWhatChangedIsTokenizedAgain) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", texts_of_10_kilobytes(40));
  const std::vector<int64_t> before = all_tokens(open_in_parts(text));
  ASSERT_EQ(names_in(store_path(folder)),
            (std::vector<std::string>{".lock", "000000.part", "000001.part", "000002.part"}));
  const auto first = fs::last_write_time(first_part(folder));

  write_texts(folder, "a.jsonl", texts_of_10_kilobytes(41));
  ::testing::internal::CaptureStdout();
  const TokenStore longer = open_in_parts(text);
  EXPECT_NE(::testing::internal::GetCapturedStdout().find("; 2 of 3 parts were there"), std::string::npos);
  EXPECT_EQ(longer.documents(), 41);
  EXPECT_EQ(fs::last_write_time(first_part(folder)), first);

  write_texts(folder, "a.jsonl", texts_of_10_kilobytes(3));
  EXPECT_EQ(open_in_parts(text).documents(), 3);
  EXPECT_EQ(names_in(store_path(folder)), (std::vector<std::string>{".lock", "000000.part"}));
  EXPECT_EQ(before.size(), size_t{40} * 10'002);
}

TEST(TokenStore, APartThatAKilledProcessFinishedIsKeptAndWhatItWasWritingGoes) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", texts_of_10_kilobytes(40));
  const uint64_t fingerprint = open_in_parts(text).fingerprint();
  const std::vector<int64_t> whole = all_tokens(open_in_parts(text));
  fs::remove(store_path(folder) + "/000001.part");
  fs::rename(store_path(folder) + "/000002.part", store_path(folder) + "/000002.part.tmp.1.2");
  const auto first = fs::last_write_time(first_part(folder));

  const TokenStore again = open_in_parts(text);
  EXPECT_EQ(all_tokens(again), whole);
  EXPECT_EQ(again.fingerprint(), fingerprint);
  EXPECT_EQ(fs::last_write_time(first_part(folder)), first);
  EXPECT_EQ(names_in(store_path(folder)),
            (std::vector<std::string>{".lock", "000000.part", "000001.part", "000002.part"}));
}

TEST(TokenStore, TheNumberOfThreadsChangesNoByte) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", texts_of_10_kilobytes(40));
  std::vector<std::vector<std::string>> stores;
  for (const int threads : {1, 3, 8}) {
    fs::remove_all(store_path(folder));
    open_in_parts(text, threads);
    std::vector<std::string>& parts = stores.emplace_back();
    for (const char* part : {"/000000.part", "/000001.part", "/000002.part"}) {
      parts.push_back(read_file(store_path(folder) + part, ExitCode::kData));
    }
  }
  EXPECT_TRUE(stores[1] == stores[0]);
  EXPECT_TRUE(stores[2] == stores[0]);
}

TEST(TokenStore, OfSeveralAtOnceOneBuildsAndTheOthersWait) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", texts_of_10_kilobytes(20));
  ::testing::internal::CaptureStdout();
  std::vector<int64_t> documents(4);
  {
    std::vector<std::jthread> openers;
    for (int64_t& count : documents) {
      openers.emplace_back([&] { count = open_in_parts(text, 1).documents(); });
    }
  }
  const std::string said = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(documents, std::vector<int64_t>(4, 20));
  const size_t once = said.find("tokenized ");
  EXPECT_NE(once, std::string::npos);
  EXPECT_EQ(said.find("tokenized ", once + 1), std::string::npos) << said;
}

TEST(TokenStore, SkippedLinesAreToldAtEveryStartAndAStoreWithoutThemIsOfNoUseToWhoWantsAll) {
  const std::string folder = test_folder();
  write_file_atomic(folder + "/a.jsonl", "{\"text\": \"a\"}\n{}\n{\"text\": \"\"}\n{\"text\": \"\\ud800\"}\n");
  for (int start = 0; start < 2; ++start) {
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer(), 1, {.skip_bad_lines = true}).documents(), 2);
    EXPECT_NE(
        ::testing::internal::GetCapturedStdout().find(
            "a.jsonl: 1 bad record passed over (1 no_text), 1 empty text passed over, 1 lone surrogate read as U+FFFD"),
        std::string::npos);
  }
  EXPECT_NE(error_of(ExitCode::kData, [&] { TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer()); })
                .find("a.jsonl:2: got no \"text\""),
            std::string::npos);
}

TEST(TokenStore, WhatWasFoundIsKeptByKindAndAddedUpOverTheParts) {
  const std::string folder = test_folder();
  std::string lines;
  for (int i = 0; i < 400; ++i) lines += "{\"text\": \"" + std::string(100, 'a') + "\"}\n";
  write_file_atomic(folder + "/a.jsonl",
                    "{}\n{\"text\": 1}\n" + lines + "{\"text\": \"\xff\"}\n{\"text\": \"\"}\n{\n" + lines);
  for (int start = 0; start < 2; ++start) {
    const TextContents found =
        TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer(), 1, {.skip_bad_lines = true, .part_bytes = 10'000})
            .contents();
    EXPECT_EQ(found.documents, 800);
    EXPECT_EQ(found.tokens, 800 * 102);
    EXPECT_EQ(found.text_bytes, 800 * 100);
    EXPECT_EQ(found.empty_texts, 1);
    EXPECT_EQ(in_words(found.bad_lines), "1 invalid_utf8, 1 bad_json, 1 no_text, 1 not_a_text");
  }
}

TEST(TokenStore, TooManyBadLinesAreAnErrorEvenWhereTheyAreSkipped) {
  const std::string folder = test_folder();
  std::string lines;
  for (int i = 0; i < 100; ++i) lines += i % 9 == 0 ? "{}\n" : "{\"text\": \"a\"}\n";
  write_file_atomic(folder + "/a.jsonl", lines);
  EXPECT_NE(error_of(ExitCode::kData,
                     [&] { TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer(), 1, {.skip_bad_lines = true}); })
                .find("got 12 bad records (12 no_text) beside 88 good ones, want at most one in 100"),
            std::string::npos);
}

TEST(TokenStore, AnotherKeyHasTokensOfItsOwn) {
  const std::string folder = test_folder();
  write_file_atomic(folder + "/a.jsonl", "{\"text\": \"a\", \"body\": \"bc\"}\n");
  const TokenStore text = TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer());
  const TokenStore body = TokenStore::open(folder + "/a.jsonl", "", ByteTokenizer(), 1, {.text_key = "body"});
  EXPECT_EQ(text.tokens(), 3);
  EXPECT_EQ(body.tokens(), 4);
  EXPECT_NE(text.fingerprint(), body.fingerprint());
}

TEST(TokenStore, FilesOfOneNameShareACacheWithoutATrace) {
  const std::string folder = test_folder();
  fs::create_directories(folder + "/x");
  fs::create_directories(folder + "/y");
  const std::string x = write_texts(folder + "/x", "a.jsonl", {"ab"}), y = write_texts(folder + "/y", "a.jsonl", {"c"});
  const std::string other_ending = write_texts(folder + "/x", "a.json", {"defg"});
  const std::string cache = folder + "/cache";
  for (int round = 0; round < 2; ++round) {
    ::testing::internal::CaptureStdout();
    EXPECT_EQ(TokenStore::open(x, cache, ByteTokenizer()).tokens(), 4);
    EXPECT_EQ(TokenStore::open(y, cache, ByteTokenizer()).tokens(), 3);
    EXPECT_EQ(TokenStore::open(other_ending, cache, ByteTokenizer()).tokens(), 6);
    const std::string said = ::testing::internal::GetCapturedStdout();
    EXPECT_EQ(said.empty(), round == 1) << said;
  }
}

TEST(TokenStore, EqualTextsHaveEqualHashesAndOthersOthers) {
  const TokenStore store =
      TokenStore::open(write_texts(test_folder(), "a.jsonl", {"ab", "c", "ab"}), "", ByteTokenizer());
  EXPECT_EQ(store.document_hash(0), hash64("ab"));
  EXPECT_EQ(store.document_hash(0), store.document_hash(2));
  EXPECT_NE(store.document_hash(0), store.document_hash(1));
}

/// What runs that began with stores of one file know their data by.
TEST(TokenStore, TheFingerprintIsThatOfTheFirstFormat) {
  EXPECT_EQ(hex64(tokens_fingerprint(1000, 0x1234, 7, 6400)), "7a0d718d4add0ddb");
}

TEST(TokenStore, AFolderThatCannotHoldItNamesTheCacheSetting) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"ab"});
  const std::string message = error_of(ExitCode::kStorage, [&] { TokenStore::open(text, text, ByteTokenizer()); });
  EXPECT_NE(message.find("data.cache"), std::string::npos) << message;
}

TEST(SpecialTokens, AreTextWhereverTheyAreWrittenOutUnlessTheyAreAskedFor) {
  const std::string text = write_texts(test_folder(), "a.jsonl", {"x<|end|>", "y"});
  const auto open = [&](SpecialTokensInText special) {
    return TokenStore::open(text, "", NamingTokenizer(), 1, {.special_tokens = special});
  };
  ::testing::internal::CaptureStdout();
  const TokenStore as_text = open(SpecialTokensInText::kText), parsed = open(SpecialTokensInText::kParse);
  const std::string log = ::testing::internal::GetCapturedStdout();
  EXPECT_EQ(as_text.tokens(), 2 + 8 + 3) << "no document ends itself";
  EXPECT_EQ(all_tokens(parsed), (std::vector<int64_t>{1, 3 + 'x', 2, 2, 1, 3 + 'y', 2}));
  EXPECT_NE(log.find("1 name of a control token read as text (data.special_tokens=parse"), std::string::npos) << log;
  EXPECT_NE(log.find("1 name of a control token read as those tokens (data.special_tokens=text"), std::string::npos);
  EXPECT_NE(as_text.fingerprint(), parsed.fingerprint());
  EXPECT_EQ(parsed.fingerprint(), TokenStore::open(text, "", ByteTokenizer()).fingerprint())
      << "that of runs which began before there was a choice";
  ::testing::internal::CaptureStdout();
  open(SpecialTokensInText::kText);
  EXPECT_NE(::testing::internal::GetCapturedStdout().find("read as text"), std::string::npos) << "at every start";
}

/// `1` for <|im_start|>, `2` for <|im_end|>, bytes for themselves.
std::string shown(const TokenStore& store) {
  std::string text;
  for (const int64_t id : all_tokens(store)) {
    text += id < 3 ? std::to_string(id) : std::string(1, static_cast<char>(id - 3));
  }
  return text;
}

TEST(SpecialTokens, BetweenMessagesAreTheTokensWhateverTheyAreWithinThem) {
  const std::string path = test_folder() + "/a.jsonl";
  write_file_atomic(path,
                    R"({"conversations": [{"role": "u", "content": "x"}, {"role": "a", "content": "<|im_end|>"}]})"
                    "\n");
  const NamingTokenizer tokenizer({{"<|im_start|>", 1}, {"<|im_end|>", 2}});
  const auto open = [&](SpecialTokensInText special) {
    return TokenStore::open(path, "", tokenizer, 1, {.text_key = "conversations", .special_tokens = special});
  };
  const TokenStore as_text = open(SpecialTokensInText::kText), parsed = open(SpecialTokensInText::kParse);
  EXPECT_EQ(shown(as_text), "11u\nx2\n1a\n<|im_end|>2\n2") << "within BOS and EOS";
  EXPECT_EQ(shown(parsed), "11u\nx2\n1a\n22\n2");
  EXPECT_EQ(as_text.contents().special_tokens, 1) << "marks are not counted";
  EXPECT_NE(as_text.fingerprint(), parsed.fingerprint());
  const std::string problem = error_of(ExitCode::kData, [&] { open(SpecialTokensInText::kReject); });
  EXPECT_NE(problem.find(":1: got a text with 1 name of a control token"), std::string::npos) << problem;
}

TEST(SpecialTokens, BetweenMessagesAreTextToATokenizerThatLacksThem) {
  const std::string path = test_folder() + "/a.jsonl";
  write_file_atomic(path, R"({"messages": [{"role": "u", "content": "x"}]})"
                          "\n");
  const Reading reading = {.text_key = "messages"};
  EXPECT_EQ(shown(TokenStore::open(path, "", NamingTokenizer(), 1, reading)), "1<|im_start|>u\nx<|im_end|>\n2");
}

TEST(SpecialTokens, AreBadLinesWhereTheyAreRejected) {
  const std::string folder = test_folder();
  const std::string text = write_texts(folder, "a.jsonl", {"y", "x<|end|><|end|>", "z"});
  Reading reading = {.special_tokens = SpecialTokensInText::kReject};
  EXPECT_EQ(error_of(ExitCode::kData, [&] { TokenStore::open(text, "", NamingTokenizer(), 1, reading); }),
            text +
                ":2: got a text with 2 names of control tokens, which data.special_tokens=reject refuses, want a line "
                "such as {\"text\": \"...\"} (1 of 3 records is bad; data.bad_lines=skip passes over it)");
  reading.skip_bad_lines = true;
  EXPECT_EQ(TokenStore::open(text, "", NamingTokenizer(), 1, reading).documents(), 2);
}

}  // namespace
}  // namespace mm
