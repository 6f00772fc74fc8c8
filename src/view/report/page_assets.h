// The style and the script of a report.
#pragma once

#include <string>

namespace mm {

/// The content of its `<style>`.
std::string page_style();

/// The content of its `<script>`: readouts of the charts, heat maps, the slider.
std::string page_script();

}  // namespace mm
