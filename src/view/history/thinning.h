// What a page has room for, of what grows with a run or with a model.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "metrics/domains/domain_report.h"
#include "metrics/record.h"

namespace mm {

/// Leaves samples of about a dozen steps, the first and the last among them, and cuts long texts.
void thin_samples(std::vector<SampleRecord>& samples, size_t most_bytes);

/// Leaves the cells and tokens of as many layers as the limit allows. Throws Error(kData), which names `path`, when
/// domains and layers alone are too many.
void thin_domains(DomainReport& report, const std::string& path, size_t most_items);

}  // namespace mm
