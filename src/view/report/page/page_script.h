// What a report does when it is used: axes, smoothing, one cursor in all charts, heat maps of the expert loads.
#pragma once

#include <string>

namespace mm {

/// The content of the page's `<script>`. Without it the page shows the same numbers, but for the heat maps. Its
/// function `start` makes the script take hold of a content that is new.
std::string page_script();

}  // namespace mm
