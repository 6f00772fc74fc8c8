// The form of messages.
#include "core/error.h"

#include <gtest/gtest.h>

#include "thrown.h"

namespace {

TEST(Error, MessageNamesPlaceValueWantAndRemedy) {
  EXPECT_EQ(mm::got_want("a.json:model.x", "3", "an integer in [4, 8] heads", "x: number of heads"),
            "a.json:model.x: got 3, want an integer in [4, 8] heads (x: number of heads)");
  EXPECT_EQ(mm::got_want("a.json", "3", "an object"), "a.json: got 3, want an object");
}

TEST(Error, RequireThrowsAnInternalErrorOnlyWhenBroken) {
  EXPECT_NO_THROW(mm::require(true, "fine"));
  const Thrown thrown = thrown_by([] { mm::require(false, "rows must match"); });
  EXPECT_EQ(thrown.code, mm::ExitCode::kInternal);
  EXPECT_EQ(thrown.message, "internal error: rows must match");
}

// Scripts and cluster schedulers decide by these numbers.
TEST(Error, ExitCodesNeverChange) {
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kConfig), 2);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kData), 3);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kCheckpoint), 4);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kDiverged), 5);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kMemory), 6);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kStorage), 7);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kDevice), 8);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kHang), 9);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kStopped), 75);
  EXPECT_EQ(static_cast<int>(mm::ExitCode::kSecondInterrupt), 130);
}

}  // namespace
