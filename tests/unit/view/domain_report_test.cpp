// domains.json there and back, its table, and its part of a report, whatever state the file is in.
#include "metrics/domains/domain_report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "core/characters/visible_text.h"
#include "core/files/files.h"
#include "core/text.h"
#include "tests/unit/core/temp_folder.h"
#include "view/domain_table.h"
#include "view/report/report_page.h"

namespace mm {
namespace {

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

/// Two domains and two experts; "a" goes to expert 0 in 3 of 4, "b" in 1 of 4.
DomainReport small_report() {
  DomainReport report;
  report.weights = "output/x/checkpoints/best/model.safetensors";
  report.text = "the files named";
  const auto loss = [](const std::string& name, double nats) {
    return DomainLoss{.name = name,
                      .files = {name + ".jsonl"},
                      .documents = 3,
                      .tokens = 4000,
                      .loss = nats,
                      .perplexity = std::exp(nats),
                      .bits_per_byte = 1.5};
  };
  report.domains = {loss("a", 1.25), loss("b", 2.5)};
  report.all = loss("", 1.875);
  report.all.files.clear();
  report.domain_entropy = std::log(2.0);
  report.shuffles = 20;
  LayerDomains layer;
  layer.expert_tokens = {2, {3000, 1000, 1000, 3000}};
  layer.information = 0.130812;
  layer.shuffled = {.mean = 0.001, .max = 0.0125};
  layer.typical = {{{.text = " import", .count = 40, .lift = 1.75}}, {}};
  report.layers = {layer};
  return report;
}

class DomainFile : public testing::Test {
 protected:
  std::string page_of(const std::string& domains_json) {
    write_file_atomic(folder_ / "domains.json", domains_json);
    write_report({folder_.path()}, folder_ / "report.html");
    return read_file(folder_ / "report.html", ExitCode::kInternal);
  }

  TempFolder folder_;
};

TEST_F(DomainFile, ReadsBackWhatWasWritten) {
  const DomainReport report = small_report();
  write_file_atomic(folder_ / "domains.json", domain_report_json(report));
  const DomainReport read = read_domain_report(folder_ / "domains.json");
  EXPECT_EQ(domain_report_json(read), domain_report_json(report));
  EXPECT_EQ(read.domains[1].name, "b");
  EXPECT_EQ(read.layers[0].expert_tokens.counts, report.layers[0].expert_tokens.counts);
  EXPECT_EQ(read.layers[0].typical[0][0].text, " import");
  EXPECT_TRUE(contains(domain_report_json(report), R"("expert_tokens":[[3000,1000],[1000,3000]])"));
}

TEST_F(DomainFile, WhatIsNotFiniteIsNullAndADashOnThePage) {
  DomainReport report = small_report();
  report.domains[0].bits_per_byte = std::numeric_limits<double>::infinity();
  report.layers[0].information = std::nan("");
  const std::string page = page_of(domain_report_json(report));
  EXPECT_TRUE(contains(page, "<td>-</td>"));
  EXPECT_FALSE(contains(page, "nan"));
}

TEST_F(DomainFile, TheReportShowsLossesSharesInformationAndTokens) {
  const std::string page = page_of(domain_report_json(small_report()));
  EXPECT_TRUE(contains(page, "<h3>Who does what</h3>"));
  EXPECT_TRUE(contains(page, "<tr><td>b</td><td>2.5000</td>"));
  EXPECT_TRUE(contains(page, "<tr><td>all of them</td><td>1.8750</td>"));
  EXPECT_TRUE(contains(page, "0.131, 18.9 % of the entropy; shuffled 0.001, at most 0.013"));
  EXPECT_TRUE(contains(page, "<title>expert 1: 25.00 %</title>"));
  EXPECT_TRUE(contains(page, "<code> import</code> <i>1.8</i>"));
}

TEST_F(DomainFile, ADenseModelHasLossesAlone) {
  DomainReport report = small_report();
  report.layers.clear();
  const std::string page = page_of(domain_report_json(report));
  EXPECT_TRUE(contains(page, "<tr><td>b</td><td>2.5000</td>"));
  EXPECT_FALSE(contains(page, "What an expert tells"));
  EXPECT_FALSE(contains(page, "typical tokens"));
}

TEST_F(DomainFile, NothingInItIsMarkup) {
  const std::string attack = "</title></svg><script>alert(1)</script><img src=x>";
  DomainReport report = small_report();
  report.weights = report.text = report.domains[0].name = report.layers[0].typical[0][0].text = attack;
  const std::string page = page_of(domain_report_json(report));
  EXPECT_FALSE(contains(page, "<script>alert"));
  EXPECT_FALSE(contains(page, "<img"));
}

TEST_F(DomainFile, ADamagedOneIsToldOfAndTheRestIsShown) {
  const std::string good = domain_report_json(small_report());
  const auto without = [&](const std::string& part, const std::string& instead) {
    std::string damaged = good;
    const size_t at = damaged.find(part);
    EXPECT_NE(at, std::string::npos) << part;
    return damaged.replace(at, part.size(), instead);
  };
  for (const std::string& damaged :
       {std::string(), std::string("[]"), std::string("{}"), good.substr(0, good.size() / 2),
        without("[3000,1000]", "[3000]"), without("[3000,1000],", ""), without("3000", "-1"), without("3000", "1e99"),
        without("\"layers\"", "\"lairs\""), without("[3000,1000]", "[]"), without("{\"text\"", "{\"test\"")}) {
    const std::string page = page_of(damaged);
    EXPECT_TRUE(contains(page, "domains.json: got ")) << damaged;
    EXPECT_TRUE(contains(page, "</html>"));
    EXPECT_FALSE(contains(page, "What an expert tells")) << damaged;
  }
}

TEST_F(DomainFile, OneOfAnySizeLeavesThePageBelowTwoMegabytes) {
  DomainReport report = small_report();
  DomainLoss domain = report.domains[0];
  domain.name = std::string(9999, '<');
  LayerDomains layer = report.layers[0];
  for (const size_t experts : {size_t{5}, size_t{16}, size_t{128}}) {
    report.domains.assign(std::min<size_t>(500, 2000 / experts), domain);
    layer.expert_tokens = {experts, std::vector<int64_t>(report.domains.size() * experts, 5)};
    layer.typical.assign(experts, std::vector<TypicalToken>(3, {std::string(999, '&'), 5, 2.0}));
    report.layers.assign(60, layer);
    const std::string page = page_of(domain_report_json(report));
    EXPECT_LT(page.size(), size_t{1} << 20) << experts;
    EXPECT_TRUE(contains(page, "more layers are in domains.json alone")) << experts;
  }
  report.domains.assign(2000, domain);
  report.layers.clear();
  EXPECT_TRUE(contains(page_of(domain_report_json(report)), "got 2000 domains and layers, want at most 600"));
}

TEST(DomainTable, RowsAreDomainsAndTheLastOneIsAll) {
  EXPECT_EQ(domain_loss_table(small_report()),
            "      loss  perplexity  bits/byte        tokens  documents  domain\n"
            "    1.2500       3.490     1.5000         4,000          3  a  a.jsonl\n"
            "    2.5000      12.182     1.5000         4,000          3  b  b.jsonl\n"
            "    1.8750       6.521     1.5000         4,000          3  all of them");
}

TEST(DomainTable, EveryLayerHasSharesInformationAndTokens) {
  EXPECT_EQ(domain_expert_table(small_report()),
            "share of each domain's tokens per expert in %, a fair share is 50; below, tokens that go to an expert x "
            "times as often as others do\n"
            "\n"
            "layer 0\n"
            "     0     1 | domain\n"
            "  75.0  25.0 | a\n"
            "  25.0  75.0 | b\n"
            "I(domain; expert) = 0.1308 nats, 18.9 % of the domain's entropy; with shuffled labels 0.0010, at most "
            "0.0125\n"
            "expert 0: \" import\" 1.8\n"
            "expert 1: -");
}

TEST(DomainTable, OfManyExpertsTheBusiestAreNamed) {
  DomainReport report = small_report();
  report.layers[0].expert_tokens = {20, std::vector<int64_t>(40, 1)};
  report.layers[0].expert_tokens.counts[7] = 81;
  const std::string table = domain_expert_table(report);
  EXPECT_TRUE(contains(table, "    7:81.0     0:1.0      1:1.0      2:1.0   | a\n")) << table;
  EXPECT_FALSE(contains(table, "import"));
}

TEST(VisibleText, ShowsWhatCannotBeSeenAndKeepsWhatCan) {
  EXPECT_EQ(visible_text(" the \xe6\x98\xa5"), " the \xe6\x98\xa5");
  EXPECT_EQ(visible_text("a\n\t\r\\n\x1b[0m"), "a\\n\\t\\r\\\\n\\x1b[0m");
  EXPECT_EQ(visible_text("\xe6\x98"), "\\xe6\\x98");
  EXPECT_EQ(visible_text("\xe2\x80\xae"), "\\u{202e}");
}

TEST(DomainTables, ShowNamesAsTextThatATerminalDoesNotObey) {
  DomainReport report = DomainReport();
  report.domains = {{.name = "\x1b[2J", .files = {"a\nerror: fake"}}};
  EXPECT_TRUE(contains(domain_loss_table(report), "  \\x1b[2J  a\\nerror: fake"));
}

TEST(TerminalText, KeepsLinesAndDisarmsTheRest) {
  EXPECT_EQ(terminal_text("床前\n\t\x1b[2J\x7f\xc2\x9b\xff\r\\"), "床前\n\t\\x1b[2J\\x7f\\xc2\\x9b\\xff\\x0d\\");
}

}  // namespace
}  // namespace mm
