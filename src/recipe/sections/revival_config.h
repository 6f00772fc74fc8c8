// The `revival` section of a run's config: what is done for experts that no longer get tokens. No torch.
#pragma once

#include <cstdint>
#include <string>

namespace mm {

class Fields;

struct RevivalConfig {
  std::string method = "none";
  double boost = 0.1;
  double noise = 0.2;
  int64_t cooldown = 50;

  void visit(Fields& fields);
};

}  // namespace mm
