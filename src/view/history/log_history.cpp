// `2026-01-01 12:00:00.000 info resumed   from output/x/checkpoints/step_00000120 (verified), ...`
#include "view/history/log_history.h"

#include <cstdlib>
#include <string_view>

#include "view/history/file_lines.h"

namespace mm {
namespace {

constexpr size_t kTimeBytes = 23, kSecondBytes = 19;
constexpr size_t kMostMessageBytes = 300;  // of a text
constexpr size_t kMostTexts = 40;       // of a list

/// A line without its time and level; empty where it has none of ours.
std::string_view message_of(std::string_view line) {
  constexpr std::string_view kInfo = " info ";
  if (line.size() <= kTimeBytes || !line.substr(kTimeBytes).starts_with(kInfo)) return {};
  return line.substr(kTimeBytes + kInfo.size());
}

void take(LogHistory& log, std::string_view message) {
  const auto is = [&](std::string_view word) { return message.starts_with(word); };
  constexpr size_t kWordBytes = 10;  // words are padded to it
  const std::string text(message.substr(std::min(kWordBytes, message.size()), kMostMessageBytes));
  if (is("run       ")) log.ended.clear();  // it has been taken up again
  if (is("program   ")) log.program = text;
  if (is("model     ")) log.model = text;
  if (is("data      ")) log.data = text;
  if (is("weights   ")) log.weights = text;
  // What follows is about the moment: other programs that keep the machine busy.
  if (is("device    ") && log.devices.size() < kMostTexts) log.devices.push_back(text.substr(0, text.find(';')));
  if (is("changed   ") && log.changes.size() < kMostTexts) log.changes.push_back(text);
  for (const std::string_view end : {"finished  ", "stopped   ", "failed    "}) {
    if (is(end)) log.ended = end.substr(0, end.find(' '));
  }
  constexpr std::string_view kStep = "/step_";
  const size_t step = message.find(kStep);
  if (!is("resumed   from ") || step == std::string_view::npos) return;
  log.resumes.push_back(std::atoll(std::string(message.substr(step + kStep.size())).c_str()));
}

}  // namespace

LogHistory read_log_history(const std::string& path) {
  LogHistory log;
  for_each_line(path, [&](std::string_view line) {
    const std::string_view message = message_of(line);
    if (message.empty()) return;
    log.last = line.substr(0, kSecondBytes);
    if (log.began.empty()) log.began = log.last;
    take(log, message);
  });
  return log;
}

}  // namespace mm
