// A long piece of work tells how far it is, and a short one nothing.
#include "core/terminal/progress.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "core/terminal/log.h"
#include "tests/support/captured_output.h"
#include "tests/support/screen.h"

namespace mm {
namespace {

TEST(ProgressText, HasABarAndTheTimeThatIsLeft) {
  EXPECT_EQ(progress_text("tokenizing a", 0.35, 7), "tokenizing a  [=======>            ]  35%  eta 0:13");
  EXPECT_EQ(progress_text("tokenizing a", 0, 7), "tokenizing a  [>                   ]   0%  eta ?");
  EXPECT_EQ(progress_text("tokenizing a", 1, 7), "tokenizing a  [====================] 100%  eta 0:00");
  EXPECT_EQ(progress_text("saving", -1, 65), "saving  1:05 so far");
}

TEST(Progress, OfLongWorkIsARowBelowTheStatusUntilItIsOver) {
  const std::string output = output_to_terminal(80, [] {
    show_status("the status");
    {
      Progress progress("long work", 2);
      std::this_thread::sleep_for(std::chrono::milliseconds(1100));
      progress.done(1);
      log_info("a message");
    }
    log_info("the end");
    leave_status();
  });
  Screen after(80);
  after.write(output);
  EXPECT_NE(output.find("long work  [==========>         ]  50%  eta 0:01"), std::string::npos) << output;
  EXPECT_EQ(after.rows(), (std::vector<std::string>{"a message", "the end", "the status"})) << output;
}

TEST(Progress, OfShortWorkIsNotShown) {
  const std::string output = output_to_terminal(80, [] {
    Progress progress("short work", 2);
    progress.done(1);
  });
  EXPECT_EQ(output, "");
}

}  // namespace
}  // namespace mm
