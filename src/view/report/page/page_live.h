// What makes a served page follow its run.
#pragma once

#include <string>

namespace mm {

/// Where the page says whether it still follows.
std::string live_word();

/// More of the page's script (page_script.h). Every two seconds the page asks for itself, as it does not while nobody
/// sees it; where something is new, its content is exchanged. What somebody has opened, chosen or pointed at stays, and
/// nothing moves while a button is down or text is selected.
std::string live_script();

}  // namespace mm
