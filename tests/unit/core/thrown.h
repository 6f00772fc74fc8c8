// What a call throws, for comparing whole messages.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "core/error.h"

struct Thrown {
  mm::ExitCode code = mm::ExitCode::kFinished;
  std::string message;
};

template <class Call>
Thrown thrown_by(Call call) {
  try {
    call();
  } catch (const mm::Error& error) {
    return {error.code(), error.what()};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}
