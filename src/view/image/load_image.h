// The layer x expert heat map as an image.
#pragma once

#include "metrics/record.h"
#include "view/image/png.h"

namespace mm {

/// A row a MoE layer from the top, a column an expert from the left, in the colours of colour_map.h; cells are square
/// and as large as keeps the image within 1024 pixels either way, at most 32.
///   load  not empty
Image load_image(const ExpertLoad& load);

}  // namespace mm
