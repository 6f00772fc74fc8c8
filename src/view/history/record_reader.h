// Records that are read whole, out of lines of metrics.jsonl.
#pragma once

#include <string_view>

#include "metrics/record.h"

namespace mm {

/// What a line told under kFirstLayerKey; 0 for what is the number of no layer.
int64_t bounded_layer(int64_t told);

/// What JsonlSink wrote of a sample. Of a line that is something else, or has been damaged, what can be told: nothing
/// in it is trusted, and what is returned fits together.
SampleRecord read_sample(std::string_view line);

/// The same of a DomainsRecord; without domains where it cannot be told.
DomainsRecord read_domains(std::string_view line);

}  // namespace mm
