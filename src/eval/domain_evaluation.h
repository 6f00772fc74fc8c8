// Loss by domain, and which expert does what.
#pragma once

#include <cstdint>
#include <vector>

#include "eval/domain_data.h"
#include "metrics/domains/domain_report.h"
#include "model/causal_lm.h"
#include "tokenizer/tokenizer.h"

namespace mm {

struct DomainEvaluation {
  int64_t max_tokens = 0;   ///< of each domain, in windows taken evenly from the whole of it; 0: all
  int64_t micro_batch = 8;  ///< windows in one forward pass
};

/// Runs the model over every domain: its losses, as evaluate() defines them, and for each MoE layer where the tokens of
/// each domain went and which tokens each expert is typical of. Routing is that of evaluation: without jitter, drops or
/// dropout. `weights` and `text` of the result are left empty.
DomainReport evaluate_domains(CausalLm& model, const std::vector<DomainData>& domains, const Tokenizer& tokenizer,
                              const DomainEvaluation& options);

}  // namespace mm
