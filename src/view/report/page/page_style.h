// How a report looks: light and dark, on a desk, on a phone and on paper.
#pragma once

#include <string>

namespace mm {

/// The content of the page's `<style>`.
std::string page_style();

}  // namespace mm
