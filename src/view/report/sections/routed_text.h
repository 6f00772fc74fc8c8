// What a model wrote, every token in the colour of its expert.
#pragma once

#include <string>

#include "metrics/record.h"

namespace mm {

/// The pieces of a sample as HTML: coloured by the heaviest expert of the last MoE layer, and with what the script
/// needs for the other layers and for what a piece says when it is pointed at. Empty where there are none, or more than
/// a page has room for.
std::string routed_text(const SampleRecord& sample);

/// The choice of the layer that all such texts of a page are coloured by, of those that `route` knows.
/// HTML, with the key to the colours.
std::string layer_choice(const TokenRoute& route);

/// A part of page_script(). Its function `startRouted` takes hold of the texts that are there.
std::string routed_script();

}  // namespace mm
