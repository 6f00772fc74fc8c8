// What a dashboard answers, and to whom.
#include "dashboard/site.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/error.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/dashboard/runs.h"

namespace mm {
namespace {

PageRequest get(const std::string& path, const std::vector<std::string>& runs = {}) {
  return {.method = "GET", .host = "localhost:8642", .path = path, .runs = runs, .known = ""};
}

TEST(Site, ListsRunsWithALinkAndABoxForEach) {
  const TempFolder folder;
  write_run(folder / "first");
  write_run(folder / "sweep/lr 3");
  Site site(folder.path(), "127.0.0.1");
  const PageAnswer answer = site.answer(get("/"));
  ASSERT_EQ(answer.status, 200);
  EXPECT_TRUE(contains(*answer.text, "<a href=\"/run/first\">first</a>"));
  EXPECT_TRUE(contains(*answer.text, "<a href=\"/run/sweep/lr%203\">sweep/lr 3</a>"));
  EXPECT_TRUE(contains(*answer.text, "name=\"run\" value=\"sweep/lr 3\""));
  EXPECT_TRUE(contains(*answer.text, "class=\"light good\""));
}

TEST(Site, AnEmptyFolderSaysHowToMakeARun) {
  const TempFolder folder;
  Site site(folder.path(), "127.0.0.1");
  EXPECT_TRUE(contains(*site.answer(get("/")).text, "There is no run here yet"));
}

TEST(Site, AFolderThatIsNotThereIsRefused) {
  EXPECT_THROW(Site("/nowhere/at/all", "127.0.0.1"), Error);
}

TEST(Site, ARunHasTheReportsPageWhichFollowsIt) {
  const TempFolder folder;
  write_run(folder / "run", 5);
  Site site(folder.path(), "127.0.0.1");
  const PageAnswer answer = site.answer(get("/run/run"));
  ASSERT_EQ(answer.status, 200);
  EXPECT_TRUE(contains(*answer.text, "<h1>run</h1>"));
  EXPECT_TRUE(contains(*answer.text, "Does it learn?"));
  EXPECT_TRUE(contains(*answer.text, "If-None-Match"));
}

TEST(Site, SeveralRunsAreComparedOnOnePage) {
  const TempFolder folder;
  write_run(folder / "a");
  write_run(folder / "b");
  Site site(folder.path(), "127.0.0.1");
  EXPECT_TRUE(contains(*site.answer(get("/compare", {"b", "a"})).text, "<h1>b, a</h1>"));
  EXPECT_EQ(site.answer(get("/compare")).status, 400);
  EXPECT_EQ(site.answer(get("/compare", std::vector<std::string>(33, "a"))).status, 400);
  EXPECT_EQ(site.answer(get("/compare", {"a", "../a"})).status, 404);
}

TEST(Site, WhatIsKnownIsNotSentAgainUntilTheRunHasWritten) {
  const TempFolder folder;
  write_run(folder / "run", 3);
  Site site(folder.path(), "127.0.0.1");
  for (const char* path : {"/", "/run/run"}) {
    PageRequest request = get(path);
    request.known = site.answer(request).tag;
    ASSERT_FALSE(request.known.empty());
    EXPECT_EQ(site.answer(request).status, 304) << path;
    EXPECT_EQ(site.answer(request).text, nullptr);
  }
  PageRequest request = get("/run/run");
  request.known = site.answer(request).tag;
  write_run(folder / "run", 7);
  // Making a page takes at most a tenth of the time.
  const auto begun = std::chrono::steady_clock::now();
  PageAnswer answer = site.answer(request);
  while (answer.status == 304 && std::chrono::steady_clock::now() - begun < std::chrono::minutes(1)) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    answer = site.answer(request);
  }
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.tag, request.known);
}

TEST(Site, NothingOfARunIsMarkup) {
  const std::string attack = "</script><script>alert(1)<";
  const TempFolder folder;
  write_run(folder / "<script>alert(2)<");
  write_file_atomic(folder / "<script>alert(2)</config.json", "{\"a\": \"" + attack + "\"}");
  Site site(folder.path(), "127.0.0.1");
  for (const char* path : {"/", "/run/<script>alert(2)<", "/run/<script>alert(3)</script>"}) {
    const PageAnswer answer = site.answer(get(path));
    EXPECT_FALSE(contains(*answer.text, "<script>alert")) << path;
    EXPECT_TRUE(contains(*answer.text, "&lt;script&gt;alert(")) << path;
    EXPECT_TRUE(contains(*answer.text, "script-src 'nonce-")) << path;
  }
  EXPECT_TRUE(contains(*site.answer(get("/")).text, "href=\"/run/%3Cscript%3Ealert%282%29%3C\""));
}

TEST(Site, OnlyTheNameOfARunLeadsSomewhere) {
  const TempFolder folder;
  write_run(folder / "output/run");
  write_run(folder / "outside");
  Site site(folder / "output", "127.0.0.1");
  for (const char* path :
       {"/run/../outside", "/run/run/../run", "/run/./run", "/run//run", "/run/run/", "/run/", "/run", "/run/run",
        "/../outside", "//", "", "run", "/run/run/metrics.jsonl", "/run/run/config.json", "/etc/passwd"}) {
    const PageAnswer answer = site.answer(get(path));
    EXPECT_EQ(answer.status, std::string_view(path) == "/run/run" ? 200 : 404) << path;
  }
  EXPECT_EQ(site.answer(get(std::string("/run/run\0", 9))).status, 404);
}

TEST(Site, ReadsOnly) {
  const TempFolder folder;
  Site site(folder.path(), "127.0.0.1");
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", ""}) {
    PageRequest request = get("/");
    request.method = method;
    EXPECT_EQ(site.answer(request).status, 405) << method;
  }
}

TEST(Site, ANameThatWasMadeToLeadHereIsNotAnswered) {
  const TempFolder folder;
  Site site(folder.path(), "dashboard.example");
  PageRequest request = get("/");
  for (const char* host : {"localhost", "LOCALHOST:1", "127.0.0.1:8642", "[::1]:8642", "10.0.0.7",
                           "dashboard.example:8642", "x.localhost"}) {
    request.host = host;
    EXPECT_EQ(site.answer(request).status, 200) << host;
  }
  for (const char* host : {"", ":8642", "::1", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8642",
                           "evil.example:127.0.0.1", "[evil]", "[", "127.0.0", "0x7f.1"}) {
    request.host = host;
    EXPECT_EQ(site.answer(request).status, 403) << host;
  }
}

}  // namespace
}  // namespace mm
