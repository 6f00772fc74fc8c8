// A verdict at a glance.
#pragma once

#include <string>

#include "view/report/verdict.h"

namespace mm {

/// The class of elements that have its colour: `good`, `watch`, `bad` or `none`.
const char* light_style(Light light);

/// The light as HTML: told by its shape as well, and in words.
std::string light_html(Light light);

}  // namespace mm
