// What an evaluation by domains has found, and the file that keeps it: `domains.json`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metrics/domains/domain_statistics.h"

namespace mm {

/// A token that prefers an expert (typical_rows() of domain_statistics.h).
struct TypicalToken {
  std::string text;   ///< visible_text()
  int64_t count = 0;  ///< times that it was routed
  double lift = 0;    ///< how many times as often as other tokens it goes to the expert
};

struct DomainLoss {
  std::string name;
  std::vector<std::string> files;
  int64_t documents = 0;  ///< with at least one token read
  int64_t tokens = 0;     ///< targets
  double loss = 0;        ///< nats per token
  double perplexity = 0;
  double bits_per_byte = 0;
};

/// One MoE layer. The counts are exact over all tokens read; a token counts once for each of its k experts.
struct LayerDomains {
  CountTable expert_tokens;  ///< [domain][expert]
  double information = 0;    ///< I(domain; expert), nats
  ShuffledInformation shuffled;
  std::vector<std::vector<TypicalToken>> typical;  ///< of each expert
};

struct DomainReport {
  std::string weights;                    ///< the file they came from
  std::string text;                       ///< what was read, in words
  std::vector<DomainLoss> domains;        ///< in the order of the files
  DomainLoss all;                         ///< together; no name
  double domain_entropy = 0;              ///< of the tokens' domains, nats: the most that an expert could tell of them
  int64_t shuffles = 0;                   ///< that `shuffled` is made of
  std::vector<LayerDomains> layers = {};  ///< empty for a dense model
  int64_t first_layer = 0;                ///< the number of the first of them in the model
};

/// JSON with a final newline. Whatever is not finite is null.
std::string domain_report_json(const DomainReport& report);

/// Reads such a file as hostile input. Throws Error(kData) with one message for anything but what
/// domain_report_json() writes.
DomainReport read_domain_report(const std::string& path);

}  // namespace mm
