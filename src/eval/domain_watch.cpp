// Sums stay on the device and are read once. Axes: d domains, n tokens of a batch.
#include "eval/domain_watch.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "engine/host_values.h"

namespace mm {
namespace {

constexpr int64_t kMostCells = 4 << 20;  // layers x tokens x experts that are counted
constexpr size_t kToldTokens = 4;

}  // namespace

DomainWatch::DomainWatch(const ModelConfig& config, const PackedDataset& data, at::Device device)
    : config_(config), data_(data), by_domain_(config, std::ssize(data.domains()), device) {
  const int64_t cells = config.num_hidden_layers * config.vocab_size * config.moe.num_experts;
  if (config.is_moe() && cells <= kMostCells) by_token_.emplace(config, config.vocab_size, device);
}

void DomainWatch::add(const std::vector<int64_t>& windows, const LayerReports& reports, const at::Tensor& tokens_bt,
                      const at::Tensor& targets_bt, const at::Tensor& loss_n) {
  std::vector<int64_t> domains;
  for (const int64_t window : windows) {
    domains.push_back(data_.domain(window));
    domains_.push_back(static_cast<size_t>(domains.back()));
  }
  const at::Tensor domains_n =
      at::tensor(domains, at::kLong).to(tokens_bt.device()).unsqueeze(1).expand_as(tokens_bt).reshape({-1});
  const at::Tensor counted_n = (targets_bt >= 0).flatten();
  // Row by row, and those in their order on the host: sums on a GPU would come in any order.
  const at::Tensor loss_bt = loss_n.to(at::kDouble).view_as(targets_bt), counted_bt = counted_n.view_as(targets_bt);
  losses_2b_.push_back(at::stack({(loss_bt * counted_bt).sum(1), counted_bt.sum(1).to(at::kDouble)}));
  by_domain_.add(reports, domains_n, counted_n);
  if (by_token_) by_token_->add(reports, tokens_bt.flatten(), counted_n);
}

DomainsRecord DomainWatch::record(const Tokenizer& tokenizer) const {
  DomainsRecord record;
  record.domains = data_.domains();
  std::vector<double> losses(record.domains.size()), counts = losses;
  const std::vector<double> rows = losses_2b_.empty() ? std::vector<double>() : host_values(at::cat(losses_2b_, 1));
  for (size_t row = 0; row < domains_.size(); ++row) {
    losses[domains_[row]] += rows[row];
    counts[domains_[row]] += rows[domains_.size() + row];
  }
  for (size_t domain = 0; domain < losses.size(); ++domain) {
    record.losses.push_back(losses[domain] / counts[domain]);
    record.tokens.push_back(static_cast<int64_t>(counts[domain]));
  }
  record.layers = static_cast<int64_t>(by_domain_.layers());
  record.experts = record.layers > 0 ? config_.moe.num_experts : 0;
  for (size_t layer = 0; layer < by_domain_.layers(); ++layer) {
    const CountTable table = by_domain_.table(layer);
    record.expert_tokens.insert(record.expert_tokens.end(), table.counts.begin(), table.counts.end());
    if (!by_token_) continue;
    for (const std::vector<TypicalToken>& tokens :
         typical_tokens(by_token_->table(layer), config_.moe.num_experts_per_tok, kToldTokens, tokenizer)) {
      std::vector<std::string>& texts = record.typical.emplace_back();
      for (const TypicalToken& token : tokens) texts.push_back(token.text);
    }
  }
  return record;
}

}  // namespace mm
