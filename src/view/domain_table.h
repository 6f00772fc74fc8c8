// An evaluation by domains as text for the terminal.
#pragma once

#include <string>

#include "metrics/domains/domain_report.h"

namespace mm {

/// Loss, perplexity, bits per byte and tokens, one row a domain, and one of all together when there are several.
std::string domain_loss_table(const DomainReport& report);

/// For each MoE layer: the share of each domain's tokens per expert (with more than 16 experts, of the four that get
/// most), what the domain says of the expert beside what chance gives, and the most typical tokens of each expert (with
/// more than 16, left out). Of a single domain there is nothing to tell but shares and tokens. Lines are separated by
/// newlines; there is none at the end.
///   report  with at least one layer
std::string domain_expert_table(const DomainReport& report);

}  // namespace mm
