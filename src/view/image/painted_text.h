// Text on the colours of colour_map.h, for a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/terminal/terminal.h"
#include "metrics/record.h"

namespace mm {

/// `text` on the colour at `position` of the colour map, in black or white, whichever can be read there. Another colour
/// or end_of_paint() ends it. As it is without colours.
std::string painted(const std::string& text, double position, TerminalColours colours);

/// What sets a terminal's own colours again; empty without colours.
std::string end_of_paint(TerminalColours colours);

/// A text of whole rows, which are not painted beyond their ends, on the colour of `expert` among `experts`.
std::string painted_by_expert(const std::string& text, int64_t expert, int64_t experts, TerminalColours colours);

/// The pieces of a sample, each on the colour of its expert in `layer`, on one row of at most `columns` columns.
///   layer  in the model, from 0
std::string sample_row(const SampleRecord& sample, int64_t layer, size_t columns, TerminalColours colours);

}  // namespace mm
