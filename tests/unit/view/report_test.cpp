// Reports: files in any state in, one page out that nothing in those files can turn into something else.
#include "view/report/report_page.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "core/text.h"
#include "tests/unit/core/temp_folder.h"
#include "view/history/run_history.h"
#include "view/report/report_sink.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

std::string step_line(int64_t step, const char* more = "") {
  return format(R"({"type":"step","step":%lld,"tokens":64,"tokens_total":%lld,"loss":%.3f,"grad_norm":1.5%s})",
                static_cast<long long>(step), static_cast<long long>(64 * step), 2 + 5.0 / static_cast<double>(step),
                more) +
         "\n";
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

std::string page_of(const std::string& folder) {
  std::vector<RunHistory> runs;
  runs.push_back(read_run_history(folder, limits_for(1)));
  return report_page(runs);
}

TEST(Html, EscapesWhatCouldBeMarkup) {
  EXPECT_EQ(escape_html("<a href=\"x\" b='&'>\n\x1b\xff"),
            "&lt;a href=&quot;x&quot; b=&#39;&amp;&#39;&gt;\n\xef\xbf\xbd\xef\xbf\xbd");
}

TEST(Html, Base64IsThatOfTheStandard) {
  // RFC 4648, section 10.
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(RunHistory, ReadsEveryFileOfARun) {
  const TempFolder folder;
  write_file_atomic(
      folder / "metrics.jsonl",
      step_line(1, R"(,"expert_tokens":[[3,1],[2,2]])") + step_line(2, R"(,"skipped":true)") +
          R"({"type":"evaluation","step":2,"loss":3.5,"perplexity":33,"bits_per_byte":1.25})"
          "\n"
          R"({"type":"sample","step":2,"prompt":"a","text":"b"})"
          "\n"
          R"({"type":"alarm","step":2,"name":"dead","state":"raised","layer":0,"expert":1,"text":"1 is dead"})"
          "\n"
          R"({"type":"event","step":2,"name":"revival","state":"done","layer":0,"text":"revived"})"
          "\n");
  write_file_atomic(
      folder / "timing.jsonl",
      R"({"type":"step","step":1,"seconds":0.5,"tokens_per_second":128,"mfu":0.25,"memory_bytes":1610612736})"
      "\n");
  write_file_atomic(folder / "train.log",
                    "2026-01-01 00:00:00.000 info model     moe, 5 parameters\n"
                    "2026-01-01 00:00:00.000 info resumed   from output/x/checkpoints/step_00000001 (verified), 64\n");
  const RunHistory run = read_run_history(folder.path());
  EXPECT_EQ(run.steps, 2);
  EXPECT_EQ(run.tokens, 128);
  EXPECT_EQ(run.skipped_steps, 1);
  EXPECT_EQ(run.seconds, 0.5);
  EXPECT_EQ(run.memory_gib.buckets().at(0).max, 1.5);
  EXPECT_EQ(run.log.model, "moe, 5 parameters");
  EXPECT_EQ(run.log.resumes, std::vector<int64_t>{1});
  ASSERT_TRUE(run.best);
  EXPECT_EQ(run.best->bits_per_byte, 1.25);
  ASSERT_EQ(run.samples.size(), 1u);
  EXPECT_EQ(run.samples[0].text, "b");
  ASSERT_EQ(run.events.size(), 1u);
  EXPECT_EQ(run.events[0].text, "revived");
  ASSERT_EQ(run.alarms.raised(), 1);
  EXPECT_EQ(run.alarms.alarms()[0].event.text, "1 is dead");
  EXPECT_EQ(run.alarms.groups().front().standing_at.buckets().size(), 2u);
  EXPECT_EQ(run.load.last().tokens, (std::vector<int64_t>{3, 1, 2, 2}));
  EXPECT_EQ(run.unreadable_lines, 0);
}

TEST(Report, SaysWhatTheTextWasFoundToHold) {
  const TempFolder folder;
  write_file_atomic(folder / "metrics.jsonl", step_line(1));
  EXPECT_TRUE(contains(page_of(folder.path()), "<dt>unusual in it</dt><dd>-</dd>"));
  const auto write = [&](const char* bad_lines, int copies) {
    write_file_atomic(folder / "data.json",
                      format(R"({"fingerprint": "1", "read": {"documents": 1300, "bad_lines": %s, "empty_texts": 1,
                                 "lone_surrogates": 0, "special_tokens": 1200, "special_tokens_are": "text"},
                                 "copies": {"documents": %d, "dropped": true},
                                 "trained_on": {"documents": 1250, "tokens": 120000}})",
                             bad_lines, copies));
  };
  write(R"({"total": 3, "bad_json": 2, "<b>": 1})", 2);
  const std::string page = page_of(folder.path());
  EXPECT_TRUE(contains(page, "120 k tokens in 1,250 documents")) << page;
  EXPECT_TRUE(contains(page,
                       "3 bad lines (1 &lt;b&gt;, 2 bad_json), 1 empty text, 2 copies of documents (dropped), "
                       "1,200 names of control tokens (text)"));
  write_file_atomic(folder / "data.json", "{\"read\": [");
  EXPECT_TRUE(contains(page_of(folder.path()), "<dt>unusual in it</dt><dd>-</dd>"));
}

TEST(RunHistory, BrokenLinesAreCountedAndATornLastOneIsNot) {
  const TempFolder folder;
  write_file_atomic(folder / "metrics.jsonl", step_line(1) + "nonsense\n[1]\n{\"step\":-1}\n{\"step\":\"2\"}\n" +
                                                  R"({"type":"step","step":2,"loss":null,"expert_tokens":[[1],[1,2]]})"
                                                  "\n" +
                                                  step_line(3).substr(0, 20));
  const RunHistory run = read_run_history(folder.path());
  EXPECT_EQ(run.unreadable_lines, 4);
  EXPECT_EQ(run.steps, 2);
  EXPECT_EQ(run.loss.buckets().size(), 1u);
  EXPECT_TRUE(run.load.last().empty());
  EXPECT_TRUE(contains(page_of(folder.path()), "4 lines of its files could not be read"));
}

TEST(RunHistory, AFolderThatIsNotThereIsAnErrorThatNamesIt) {
  try {
    read_run_history("/nowhere/at/all");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_TRUE(contains(error.what(), "/nowhere/at/all"));
  }
}

TEST(RunHistory, OfManySamplesTheFirstAndTheLastAreKept) {
  const TempFolder folder;
  std::string lines;
  for (int step = 1; step <= 300; ++step) {
    lines += format(R"({"type":"sample","step":%d,"prompt":"p","text":"%s"})", step, std::string(9999, 'x').c_str());
    lines += '\n';
  }
  write_file_atomic(folder / "metrics.jsonl", lines);
  const RunHistory run = read_run_history(folder.path(), {.text_bytes = 12000});
  ASSERT_EQ(run.samples.size(), 12u);
  EXPECT_EQ(run.samples.front().step, 1);
  EXPECT_EQ(run.samples.back().step, 300);
  EXPECT_EQ(run.samples[0].text.size(), 500u);
}

/// A line as JsonlSink writes it of an alarm that is raised, or over.
std::string alarm_line(int64_t step, bool raised, int64_t expert) {
  return format(R"({"type":"%s","step":%lld,"name":"dead","state":"%s","layer":0,"expert":%lld,"value":0.0,)"
                R"("threshold":0.0,"text":"expert %lld%s"%s})",
                raised ? "alarm" : "event", static_cast<long long>(step), raised ? "raised" : "cleared",
                static_cast<long long>(expert), static_cast<long long>(expert), raised ? " died" : ": no longer",
                raised ? R"(,"cause":"why","remedy":"what to do")" : "") +
         "\n";
}

TEST(Report, AlarmsAreThoseThatTheRunRaised) {
  const TempFolder folder;
  // By every threshold there is, this load is bad; the run said nothing of it.
  std::string lines = step_line(1, R"(,"expert_tokens":[[1000,0,0,0]])");
  write_file_atomic(folder / "metrics.jsonl", lines);
  EXPECT_TRUE(contains(page_of(folder.path()), "<p>No alarm was raised.</p>"));
  lines += step_line(2) + alarm_line(2, true, 1) + alarm_line(2, true, 2) + step_line(3) + alarm_line(3, false, 1);
  write_file_atomic(folder / "metrics.jsonl", lines);
  const std::string page = page_of(folder.path());
  EXPECT_FALSE(contains(page, "No alarm was raised."));
  EXPECT_TRUE(contains(page, "<summary>Alarms: 2</summary>"));
  EXPECT_TRUE(contains(page, "<td class=\"text\">expert 1 died</td><td>2</td><td>3</td><td class=\"text\">why</td>"));
  EXPECT_TRUE(contains(page, "<td class=\"text\">expert 2 died</td><td>2</td><td>stands</td>"));
  EXPECT_TRUE(contains(page, "<summary>Events: 1</summary>"));
  EXPECT_TRUE(contains(page, "expert 1: no longer"));
  // Two died, then one stood: kinds that did not occur have no curve.
  EXPECT_TRUE(contains(page, "data-name=\"dead\""));
  EXPECT_FALSE(contains(page, "data-name=\"dying\""));
}

TEST(Report, MoreAlarmsThanThereIsRoomForAreStillCounted) {
  const TempFolder folder;
  std::string lines = alarm_line(1, true, 7);
  for (int64_t step = 2; step <= 1200; ++step) lines += alarm_line(step, true, 1) + alarm_line(step, false, 1);
  write_file_atomic(folder / "metrics.jsonl", lines);
  const std::string page = page_of(folder.path());
  EXPECT_TRUE(contains(page, "<summary>Alarms: 1,200</summary>"));
  EXPECT_TRUE(contains(page, "<td class=\"text\">expert 7 died</td><td>1</td><td>stands</td>"));
  EXPECT_TRUE(contains(page, "<p>and 1,160 more in metrics.jsonl</p>"));
  EXPECT_TRUE(contains(page, "<summary>Events: 1,199</summary>"));
  EXPECT_TRUE(contains(page, "<p>and 699 more in metrics.jsonl</p>"));
}

TEST(Report, NothingFromTheFilesIsMarkup) {
  const std::string attack = "</script></pre><script>alert(1)</script><img src=x onerror=alert(1)>";
  const TempFolder folder;
  const std::string run = folder / "<script>alert(2)<";
  std::filesystem::create_directories(run);
  write_file_atomic(run + "/metrics.jsonl", step_line(1) + R"({"type":"sample","step":1,"prompt":")" + attack +
                                                R"(","text":")" + attack + "\"}\n" +
                                                R"({"type":"alarm","step":1,"text":")" + attack + "\"}\n" +
                                                R"({"type":"event","step":1,"text":")" + attack + "\"}\n");
  write_file_atomic(run + "/config.json", "{\"" + attack + "\": \"" + attack + "\"}");
  write_file_atomic(run + "/train.log", "2026-01-01 00:00:00.000 info model     " + attack + "\n");
  std::filesystem::create_directories(folder / "plain");
  write_report({run, folder / "plain"}, folder / "report.html");
  const std::string page = read_file(folder / "report.html", ExitCode::kInternal);
  EXPECT_FALSE(contains(page, "<script>alert"));
  EXPECT_FALSE(contains(page, "<img"));
  EXPECT_TRUE(contains(page, "&lt;script&gt;alert(1)&lt;/script&gt;"));
  EXPECT_TRUE(contains(page, "<title>&lt;script&gt;alert(2)&lt;, plain</title>"));
}

TEST(Report, LoadsNothingAndForbidsIt) {
  const TempFolder folder;
  write_file_atomic(folder / "metrics.jsonl", step_line(1, R"(,"expert_tokens":[[3,1]])"));
  const std::string page = page_of(folder.path());
  EXPECT_TRUE(contains(page, "Content-Security-Policy\" content=\"default-src 'none'"));
  for (const char* loader : {" src=", " href=", "url(", "@import", "fetch(", "https://"}) {
    EXPECT_FALSE(contains(page, loader)) << loader;
  }
}

TEST(Report, StaysBelowTwoMegabytesHoweverLongAndWideTheRuns) {
  const TempFolder folder;
  std::string tokens = ",\"expert_tokens\":[";
  for (int layer = 0; layer < 24; ++layer) {
    tokens += layer == 0 ? "[0" : ",[0";
    for (int expert = 1; expert < 128; ++expert) tokens += format(",%d", expert);
    tokens += ']';
  }
  tokens += ']';
  std::string lines;
  for (int64_t i = 0; i < 400; ++i) lines += step_line(1 + 250 * i, tokens.c_str());
  for (int64_t step = 100000; step < 110000; ++step) lines += step_line(step);
  write_file_atomic(folder / "metrics.jsonl", lines);
  for (const size_t runs : {size_t{1}, size_t{8}}) {
    write_report(std::vector<std::string>(runs, folder.path()), folder / "report.html");
    EXPECT_LE(std::filesystem::file_size(folder / "report.html"), 2u << 20) << runs << " runs";
  }
}

TEST(Report, ADenseRunAndAnEmptyFolderHaveNoExperts) {
  const TempFolder folder;
  EXPECT_FALSE(contains(page_of(folder.path()), "<div class=\"load\">"));
  write_file_atomic(folder / "metrics.jsonl", step_line(1) + step_line(2));
  const std::string page = page_of(folder.path());
  EXPECT_TRUE(contains(page, "<polyline"));
  EXPECT_FALSE(contains(page, "<div class=\"load\">"));
  EXPECT_FALSE(contains(page, "nan"));
}

TEST(Report, ACurveThatIsFlatButForRoundingHasAnAxisLikeAFlatOne) {
  const TempFolder folder;
  std::string lines;
  for (const char* norm : {"1.9844961240310077", "1.9844961240310079"}) {
    lines += format("{\"type\":\"step\",\"step\":%zu,\"grad_norm\":%s}\n", lines.size(), norm);
  }
  write_file_atomic(folder / "metrics.jsonl", lines);
  EXPECT_LT(page_of(folder.path()).size(), 100000u);
}

TEST(Report, CurvesHaveTheValuesThatTheyAreReadBy) {
  const TempFolder folder;
  write_file_atomic(folder / "config.json",
                    R"({"model": {"vocab_size": 1000}, "alarms": {"over_subscribed_share": 3}})");
  std::string lines;
  for (int64_t step = 1; step <= 9; ++step) {
    lines += step_line(
        step, R"(,"expert_tokens":[[30,10,10,10]],"token_entropy":[1.2],"aux_loss":0.05,"aux_loss_floor":0.04)");
  }
  write_file_atomic(folder / "metrics.jsonl", lines);
  const std::string page = page_of(folder.path());
  EXPECT_TRUE(contains(page, "data-value=\"6.90775528\""));  // ln 1000
  EXPECT_TRUE(contains(page, "data-value=\"1.38629436\""));  // ln 4
  EXPECT_TRUE(contains(page, ">ln E: undecided</text>"));
  EXPECT_TRUE(contains(page, "data-value=\"0.04\""));
  EXPECT_TRUE(contains(page, ">floor: every load even</text>"));
  // A curve that stands in a file says where, for the CSV; one that was worked out does not.
  EXPECT_TRUE(contains(page, "data-name=\"training\" data-field=\"step.loss\""));
  EXPECT_TRUE(contains(page, "data-name=\"aux\" data-field=\"step.aux_loss\""));
  EXPECT_TRUE(contains(page, "data-name=\"\" data-field=\"\""));
}

TEST(Report, TheBestOfSeveralRunsIsTheOneWithTheFewestBitsPerByte) {
  const TempFolder folder;
  std::vector<RunHistory> runs;
  for (const auto& [name, bits] : {std::pair("a", 1.5), std::pair("b", 1.25), std::pair("c", 2.0)}) {
    write_file_atomic(
        folder / (std::string(name) + "/metrics.jsonl"),
        step_line(1) + format(R"({"type":"evaluation","step":1,"loss":3,"bits_per_byte":%.2f})", bits) + "\n");
    runs.push_back(read_run_history(folder / name, limits_for(3)));
  }
  const std::string page = report_page(runs);
  EXPECT_TRUE(contains(page, "</span>b <b>best</b></h3>"));
  EXPECT_FALSE(contains(page, "</span>a <b>best</b>"));
  EXPECT_FALSE(contains(report_page({runs[0]}), "<b>best</b>"));
}

TEST(Report, TellsWhenWhereAndOnWhatARunTrained) {
  const TempFolder folder;
  write_file_atomic(folder / "config.json",
                    R"({"data": {"train": ["x/one.jsonl", {"path": "x/two.jsonl", "domain": "d"}]},)"
                    R"( "tokenizer": {"path": "x/t.model"}, "train": {"steps": 20}})");
  write_file_atomic(folder / "metrics.jsonl", step_line(1));
  const std::string log =
      "2026-01-01 10:00:00.000 info device    cpu, 2 threads, fp32\n"
      "2026-01-01 10:00:01.000 info program   minimind.cpp 1.2.3, commit abc\n";
  write_file_atomic(folder / "train.log", log);
  for (const char* part : {"<dd>trains, or was cut off</dd>", "<dd>1 of 20</dd>", "<dd>2026-01-01 10:00:00</dd>",
                           "<dd>cpu, 2 threads, fp32</dd>", "<dd>minimind.cpp 1.2.3, commit abc</dd>",
                           "<dd>x/t.model</dd>", "<dd>one.jsonl, two.jsonl</dd>"}) {
    EXPECT_TRUE(contains(page_of(folder.path()), part)) << part;
  }
  write_file_atomic(folder / "train.log", log + "2026-01-01 10:00:02.000 info stopped   at step 1, saved\n");
  EXPECT_TRUE(contains(page_of(folder.path()), "<dd>stopped</dd>"));
  write_file_atomic(folder / "train.log", log + "2026-01-01 10:00:02.000 info failed    at step 1\n");
  EXPECT_TRUE(contains(page_of(folder.path()), "<dd>failed</dd>"));
}

TEST(Report, SharesArePackedAsTwoBytesAndADeadExpertIsExactlyZero) {
  const TempFolder folder;
  write_file_atomic(folder / "metrics.jsonl", step_line(7, R"(,"expert_tokens":[[0,1,9999999]])"));
  // 0; 1 of 65535, the least that is not dead; 65535.
  EXPECT_TRUE(contains(page_of(folder.path()), R"("layers":1,"experts":3,"first":[7],"last":[7],"cells":")" +
                                                   base64(std::string("\0\0\1\0\xff\xff", 6)) + "\""));
}

TEST(ReportSink, TheLastReportIsWrittenHoweverTheRunEnds) {
  const TempFolder folder;
  write_file_atomic(folder / "metrics.jsonl", step_line(1));
  try {
    const ReportSink sink(MetricsConfig{}, folder.path());
    throw Error(ExitCode::kDiverged, "the run diverged");
  } catch (const Error&) {
  }
  EXPECT_TRUE(std::filesystem::exists(folder / "report.html"));
}

TEST(ReportSink, AReportThatCannotBeWrittenIsAWarning) {
  const TempFolder folder;
  std::filesystem::create_directories(folder / "report.html/in_the_way");
  testing::internal::CaptureStderr();
  { const ReportSink sink(MetricsConfig{}, folder.path()); }
  EXPECT_TRUE(contains(testing::internal::GetCapturedStderr(), "warning: the report could not be written"));
}

}  // namespace
}  // namespace mm
