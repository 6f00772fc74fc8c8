// What the charts of a page do when they are used: axes, smoothing, one cursor in all of them, a file of the values.
#pragma once

#include <string>

namespace mm {

/// A part of page_script(). Its function `startCharts` takes hold of the charts that are there.
std::string chart_script();

}  // namespace mm
