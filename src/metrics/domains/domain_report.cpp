// Written with nlohmann's JSON, read with simdjson, whose exceptions say what is missing.
#include "metrics/domains/domain_report.h"

#include <simdjson.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"
#include "metrics/record_fields.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;
using simdjson::dom::element;

constexpr size_t kMaxFileBytes = size_t{64} << 20;

Json to_json(const DomainLoss& domain) {
  Json json = Json::object();
  if (!domain.name.empty()) json = {{"name", domain.name}, {"files", domain.files}};
  json.update({{"documents", domain.documents},
               {"tokens", domain.tokens},
               {"loss", domain.loss},
               {"perplexity", domain.perplexity},
               {"bits_per_byte", domain.bits_per_byte}});
  return json;
}

Json to_json(const LayerDomains& layer) {
  Json counts = Json::array(), typical = Json::array();
  for (size_t domain = 0; domain < layer.expert_tokens.rows(); ++domain) {
    counts.push_back(layer.expert_tokens.row(domain));
  }
  for (const std::vector<TypicalToken>& of_expert : layer.typical) {
    Json tokens = Json::array();
    for (const TypicalToken& token : of_expert) {
      tokens.push_back({{"text", token.text}, {"count", token.count}, {"lift", token.lift}});
    }
    typical.push_back(std::move(tokens));
  }
  return {{"mutual_information", layer.information},
          {"shuffled_mean", layer.shuffled.mean},
          {"shuffled_max", layer.shuffled.max},
          {"expert_tokens", std::move(counts)},
          {"typical_tokens", std::move(typical)}};
}

/// Something that the file says and cannot be so.
struct Contradiction {
  const char* what;
};

void expect(bool condition, const char* otherwise) {
  if (!condition) throw Contradiction{otherwise};
}

double number(element value) {
  return value.is_null() ? std::numeric_limits<double>::quiet_NaN() : double(value);
}

int64_t count_of(element value) {
  constexpr int64_t kMost = int64_t{1} << 40;
  const auto count = int64_t(value);
  expect(count >= 0 && count <= kMost, "a count out of range");
  return count;
}

std::string text_of(element value) {
  return std::string(std::string_view(value));
}

DomainLoss read_loss(element json, bool named) {
  DomainLoss domain;
  if (named) {
    domain.name = text_of(json["name"]);
    for (const element file : simdjson::dom::array(json["files"])) domain.files.push_back(text_of(file));
  }
  domain.documents = count_of(json["documents"]);
  domain.tokens = count_of(json["tokens"]);
  domain.loss = number(json["loss"]);
  domain.perplexity = number(json["perplexity"]);
  domain.bits_per_byte = number(json["bits_per_byte"]);
  return domain;
}

LayerDomains read_layer(element json, size_t domains) {
  LayerDomains layer;
  layer.information = number(json["mutual_information"]);
  layer.shuffled = {.mean = number(json["shuffled_mean"]), .max = number(json["shuffled_max"])};
  const simdjson::dom::array rows = json["expert_tokens"];
  expect(rows.size() == domains, "expert_tokens with another number of domains");
  for (const simdjson::dom::array row : rows) {
    if (layer.expert_tokens.columns == 0) layer.expert_tokens.columns = row.size();
    expect(row.size() > 0 && row.size() == layer.expert_tokens.columns, "rows of expert_tokens of unequal length");
    for (const element count : row) layer.expert_tokens.counts.push_back(count_of(count));
  }
  for (const simdjson::dom::array of_expert : simdjson::dom::array(json["typical_tokens"])) {
    std::vector<TypicalToken>& tokens = layer.typical.emplace_back();
    for (const element token : of_expert) {
      tokens.push_back(
          {.text = text_of(token["text"]), .count = count_of(token["count"]), .lift = number(token["lift"])});
    }
  }
  expect(layer.typical.size() == layer.expert_tokens.columns, "typical_tokens of another number of experts");
  return layer;
}

DomainReport read_report(element json) {
  DomainReport report;
  report.weights = text_of(json["weights"]);
  report.text = text_of(json["text"]);
  for (const element domain : simdjson::dom::array(json["domains"])) report.domains.push_back(read_loss(domain, true));
  expect(!report.domains.empty(), "no domains");
  report.all = read_loss(json["all"], false);
  report.domain_entropy = number(json["domain_entropy"]);
  report.shuffles = count_of(json["shuffles"]);
  if (element first; json[kFirstLayerKey].get(first) == simdjson::SUCCESS) report.first_layer = count_of(first);
  for (const element layer : simdjson::dom::array(json["layers"])) {
    report.layers.push_back(read_layer(layer, report.domains.size()));
  }
  return report;
}

}  // namespace

std::string domain_report_json(const DomainReport& report) {
  Json json = {{"weights", report.weights}, {"text", report.text}, {"domains", Json::array()}};
  for (const DomainLoss& domain : report.domains) json["domains"].push_back(to_json(domain));
  json["all"] = to_json(report.all);
  json["domain_entropy"] = report.domain_entropy;
  json["shuffles"] = report.shuffles;
  if (report.first_layer > 0) json[kFirstLayerKey] = report.first_layer;
  json["layers"] = Json::array();
  for (const LayerDomains& layer : report.layers) json["layers"].push_back(to_json(layer));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

DomainReport read_domain_report(const std::string& path) {
  const auto refuse = [&](const std::string& got) {
    return Error(ExitCode::kData, got_want(path, got, "what evaluate writes there", "evaluate again"));
  };
  const std::string text = read_file(path, ExitCode::kData, kMaxFileBytes);
  simdjson::dom::parser parser;
  try {
    return read_report(parser.parse(text));
  } catch (const simdjson::simdjson_error& error) {
    throw refuse(error.what());
  } catch (const Contradiction& contradiction) {
    throw refuse(contradiction.what);
  }
}

}  // namespace mm
