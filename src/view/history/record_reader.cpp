#include "view/history/record_reader.h"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "metrics/record_fields.h"

namespace mm {
namespace {

using Json = nlohmann::json;

constexpr size_t kMostPieces = 4096, kMostNames = 64, kMostTypical = 8, kMostTextBytes = 48;
constexpr int64_t kMostExperts = 4096;

const Json& list_in(const Json& record, const char* key) {
  static const Json none = Json::array();
  const auto found = record.find(key);
  return found != record.end() && found->is_array() ? *found : none;
}

std::string text_in(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_string() ? found->get<std::string>() : "";
}

int64_t integer_in(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}

Json object_in(std::string_view line) {
  Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  return record.is_object() ? record : Json::object();
}

/// Empty unless experts and weights fit together.
TokenRoute route_of(const Json& experts, const Json& weights, const TokenRoute& shape) {
  TokenRoute route = shape;
  const int64_t per_layer = shape.experts_per_layer, slots = shape.slots;
  if (!experts.is_array() || !weights.is_array() || experts.size() != weights.size() || slots < 1 ||
      slots > per_layer || per_layer > kMostExperts) {
    return {};
  }
  for (size_t i = 0; i < experts.size(); ++i) {
    const int64_t expert = experts[i].is_number_integer() ? experts[i].get<int64_t>() : -1;
    if (expert < 0 || expert >= per_layer || !weights[i].is_number()) return {};
    route.experts.push_back(static_cast<int32_t>(expert));
    route.weights.push_back(weights[i].get<float>());
  }
  return route;
}

/// [rows][columns] of counts as one row behind another; empty unless it has that shape.
std::vector<int64_t> counts_of(const Json& table, size_t rows, size_t columns) {
  std::vector<int64_t> counts;
  if (!table.is_array() || table.size() != rows) return {};
  for (const Json& row : table) {
    if (!row.is_array() || row.size() != columns) return {};
    for (const Json& count : row) {
      if (!count.is_number_integer() || count.get<int64_t>() < 0) return {};
      counts.push_back(count.get<int64_t>());
    }
  }
  return counts;
}

/// False, and nothing, unless it is a table of the layers that all have one shape.
bool read_layers(const Json& layers, DomainsRecord& record) {
  for (const Json& layer : layers) {
    const bool first = record.layers == 0;
    const size_t experts = layer.is_array() && !layer.empty() && layer[0].is_array() ? layer[0].size() : 0;
    const std::vector<int64_t> counts = counts_of(layer, record.domains.size(), experts);
    if (counts.empty() || std::ssize(counts) > kMostExperts ||
        (!first && static_cast<int64_t>(experts) != record.experts)) {
      return false;
    }
    record.experts = static_cast<int64_t>(experts);
    record.expert_tokens.insert(record.expert_tokens.end(), counts.begin(), counts.end());
    ++record.layers;
  }
  return true;
}

void read_typical(const Json& layers, DomainsRecord& record) {
  for (const Json& layer : layers) {
    if (!layer.is_array()) continue;
    for (const Json& expert : layer) {
      std::vector<std::string>& tokens = record.typical.emplace_back();
      if (!expert.is_array()) continue;
      for (const Json& token : expert) {
        if (token.is_string() && tokens.size() < kMostTypical) {
          tokens.push_back(token.get<std::string>().substr(0, kMostTextBytes));
        }
      }
    }
  }
  if (std::ssize(record.typical) != record.layers * record.experts) record.typical.clear();
}

}  // namespace

int64_t bounded_layer(int64_t told) {
  constexpr int64_t kMostLayers = 1 << 16;
  return told > 0 && told < kMostLayers ? told : 0;
}

SampleRecord read_sample(std::string_view line) {
  const Json record = object_in(line);
  SampleRecord sample{
      .step = integer_in(record, "step"), .prompt = text_in(record, "prompt"), .text = text_in(record, "text")};
  const Json &pieces = list_in(record, "pieces"), &experts = list_in(record, "piece_experts"),
             &weights = list_in(record, "piece_weights");
  if (pieces.size() != experts.size() || pieces.size() != weights.size() || pieces.size() > kMostPieces) return sample;
  TokenRoute shape{.experts_per_layer = integer_in(record, "routed_experts"), .slots = integer_in(record, "slots")};
  shape.first_layer = bounded_layer(integer_in(record, kFirstLayerKey));
  for (size_t i = 0; i < pieces.size(); ++i) {
    if (!pieces[i].is_string()) continue;
    sample.pieces.push_back({pieces[i].get<std::string>(), route_of(experts[i], weights[i], shape)});
  }
  return sample;
}

DomainsRecord read_domains(std::string_view line) {
  const Json record = object_in(line);
  DomainsRecord domains;
  domains.step = integer_in(record, "step");
  const Json &names = list_in(record, "domains"), &losses = list_in(record, "loss"),
             &tokens = list_in(record, "tokens");
  if (names.empty() || names.size() > kMostNames || losses.size() != names.size() || tokens.size() != names.size()) {
    return domains;
  }
  for (size_t i = 0; i < names.size(); ++i) {
    domains.domains.push_back(names[i].is_string() ? names[i].get<std::string>().substr(0, kMostTextBytes) : "");
    domains.losses.push_back(losses[i].is_number() ? losses[i].get<double>()
                                                   : std::numeric_limits<double>::quiet_NaN());
    domains.tokens.push_back(tokens[i].is_number_integer() ? tokens[i].get<int64_t>() : 0);
  }
  domains.first_layer = bounded_layer(integer_in(record, kFirstLayerKey));
  if (!read_layers(list_in(record, "expert_tokens_by_domain"), domains)) {
    domains.layers = domains.first_layer = domains.experts = 0;
    domains.expert_tokens.clear();
  }
  read_typical(list_in(record, "typical"), domains);
  return domains;
}

}  // namespace mm
