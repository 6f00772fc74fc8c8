// When, and in which thread.
#include "view/report/report_sink.h"

#include <exception>
#include <utility>

#include "core/terminal/log.h"
#include "view/report/report_page.h"

namespace mm {
void refresh_report(const std::string& run_folder) {
  const std::string path = run_folder + "/report.html";
  try {
    write_report({run_folder}, path);
  } catch (const std::exception& error) {
    log_warning("the report could not be written: " + std::string(error.what()));
  }
}

ReportSink::ReportSink(const MetricsConfig& config, std::string run_folder)
    : run_folder_(std::move(run_folder)), period_(config.report_every) {}

ReportSink::~ReportSink() {
  if (writing_.valid()) writing_.wait();
  refresh_report(run_folder_);
}

void ReportSink::write(const StepRecord&) {
  const bool busy = writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready;
  if (busy || Clock::now() - written_ < period_) return;
  written_ = Clock::now();
  writing_ = std::async(std::launch::async, refresh_report, run_folder_);
}

}  // namespace mm
