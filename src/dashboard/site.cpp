#include "dashboard/site.h"

#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <utility>

#include "core/files/files.h"
#include "core/hash.h"
#include "core/text.h"
#include "view/report/report_page.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

constexpr size_t kMostCompared = 32;

PageUse served() {
  return {.served = true, .links = "<nav><a href=\"/\">all runs</a></nav>\n"};
}

/// A page that says what cannot be shown.
PageAnswer refusal(int status, const std::string& title, const std::string& reason) {
  const std::string text =
      page_frame(title, "<p>" + escape_html(reason) + "</p>\n", {.links = "<nav><a href=\"/\">all runs</a></nav>\n"});
  return {.status = status, .text = std::make_shared<const std::string>(text)};
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address;
  return ::inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// `localhost:8642` -> `localhost`, `[::1]:8642` -> `::1`.
std::string without_port(const std::string& host) {
  if (host.starts_with('[')) return host.substr(1, std::min(host.find(']'), host.size()) - 1);
  return host.substr(0, host.find(':'));
}

std::string machine_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string quoted_hash(const std::string& text) {
  return '"' + hex64(hash64(text)) + '"';
}

std::string state_of(const std::vector<RunFolder>& runs) {
  std::string state;
  for (const RunFolder& run : runs) state += state_of_files(run.folder);
  return state;
}

}  // namespace

bool is_host_of_ours(const std::string& host, const std::string& bound) {
  const std::string name = lower(without_port(host));
  if (name.empty()) return false;
  return is_address(name) || name == "localhost" || name.ends_with(".localhost") || name == lower(bound) ||
         name == lower(machine_name());
}

Site::Site(const std::string& root, std::string host) : shown_root_(root), host_(std::move(host)) {
  if (path_kind(root, ExitCode::kConfig) != PathKind::kFolder) {
    throw Error(ExitCode::kConfig, got_want(root, "no folder there", "the folder that runs are in, such as output",
                                            "train one first, or name the folder"));
  }
  root_ = std::filesystem::canonical(root).string();
}

PageAnswer Site::answer(const PageRequest& request) {
  if (!is_host_of_ours(request.host, host_)) {
    return refusal(403, "Not from there",
                   "This dashboard answers to the address of this machine alone; to another name with --host <name>.");
  }
  if (request.method != "GET" && request.method != "HEAD") {
    return refusal(405, "Only for reading", "A dashboard shows runs and changes nothing.");
  }
  constexpr std::string_view kRun = "/run/";
  PageAnswer answer;
  if (request.path == "/") {
    answer = list();
  } else if (request.path == "/compare") {
    answer = runs(request.runs);
  } else if (request.path.starts_with(kRun)) {
    answer = runs({request.path.substr(kRun.size())});
  } else if (request.path == "/favicon.ico") {
    return {.status = 204};
  } else {
    return refusal(404, "No such page", "There is a list of all runs, a page for each, and one of several to compare.");
  }
  if (!answer.tag.empty() && request.known == answer.tag) return {.status = 304, .tag = answer.tag};
  return answer;
}

ListedRun Site::listed(const RunFolder& run) {
  constexpr HistoryLimits kSmall = {.buckets = 60, .load_cells = 4000, .text_bytes = 100000, .domain_items = 100};
  return *rows_.get(run.folder, state_of_files(run.folder), [&] {
    try {
      return list_run(run.name, read_run_history(run.folder, kSmall));
    } catch (const Error& error) {
      return list_unreadable_run(run.name, error.what());
    }
  });
}

PageAnswer Site::list() {
  const RunFolders found = find_runs(root_);
  std::vector<ListedRun> rows;
  for (const RunFolder& run : found.runs) rows.push_back(listed(run));
  const std::string body = run_list(std::move(rows), found.left_out);
  const std::string tag = quoted_hash(body);
  const std::string page = page_frame("Runs in " + shown_root_, body, {.served = true});
  return {.text = std::make_shared<const std::string>(page), .tag = tag};
}

PageAnswer Site::runs(const std::vector<std::string>& names) {
  if (names.empty() || names.size() > kMostCompared) {
    return refusal(400, "Nothing to compare",
                   format("Got %zu runs, want 1 to %zu: check their boxes in the list.", names.size(), kMostCompared));
  }
  const RunFolders found = find_runs(root_);
  std::vector<RunFolder> chosen;
  for (const std::string& name : names) {
    const auto run =
        std::find_if(found.runs.begin(), found.runs.end(), [&](const RunFolder& each) { return each.name == name; });
    if (run == found.runs.end()) return refusal(404, "No such run", "There is no run of that name: " + name);
    chosen.push_back(*run);
  }
  const auto make = [&]() -> Page {
    std::vector<RunHistory> histories;
    for (const RunFolder& run : chosen) histories.push_back(read_run_history(run.folder, limits_for(chosen.size())));
    const std::string text = report_page(histories, served());
    return {std::make_shared<const std::string>(text), quoted_hash(text)};
  };
  try {
    const std::shared_ptr<const Page> page = pages_.get(join(names, "\n"), state_of(chosen), make);
    return {.text = page->text, .tag = page->tag};
  } catch (const Error& error) {
    return refusal(500, "This run cannot be shown", error.what());
  }
}

}  // namespace mm
