// A run in a few sentences: what somebody wants to know before any curve.
#pragma once

#include <string>
#include <vector>

#include "view/history/run_history.h"

namespace mm {

/// What the run itself said of it: kBad while a grave alarm stands, kWatch while a milder one does, or while there are
/// no numbers yet to judge by. kNone: it is not judged.
enum class Light { kGood, kWatch, kBad, kNone };

struct Verdict {
  std::string question;
  Light light = Light::kNone;
  std::string answer;       ///< with its numbers
  std::string remedy = {};  ///< of the worst alarm
};

/// Is it learning, is the router, are the experts alive, what does it cost beside a dense model, is the resume exact.
/// No threshold is applied here but in words: alarms are those that the run raised.
/// A dense model has no second and third question.
///   dense  a dense run of the same size to compare the speed with; null: none
std::vector<Verdict> verdicts(const RunHistory& run, const RunHistory* dense);

}  // namespace mm
