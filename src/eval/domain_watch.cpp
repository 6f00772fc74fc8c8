// Sums stay on the device and are read once. Axes: d domains, n tokens of a batch.
#include "eval/domain_watch.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>

#include "engine/device/host_values.h"

namespace mm {
namespace {

constexpr int64_t kMostCells = 4 << 20;  // layers x tokens x experts that are counted
constexpr size_t kToldTokens = 4;

}  // namespace

DomainWatch::DomainWatch(const ModelConfig& config, const WindowSource& data, at::Device device)
    : config_(config), data_(data), by_domain_(config, std::ssize(data.domains()), device) {
  const int64_t cells = config.moe_layers() * config.vocab_size * config.moe.num_experts;
  if (config.is_moe() && cells <= kMostCells) by_token_.emplace(config, config.vocab_size, device);
}

void DomainWatch::add(const std::vector<int64_t>& windows, const LayerReports& reports, const at::Tensor& tokens_bt,
                      const at::Tensor& targets_bt, const at::Tensor& loss_n) {
  const auto length = static_cast<size_t>(data_.sequence_length());
  std::vector<int64_t> domains(windows.size() * length);
  for (size_t row = 0; row < windows.size(); ++row) data_.label_domains(windows[row], domains.data() + row * length);
  const at::Tensor domains_n = at::tensor(domains, at::kLong).to(tokens_bt.device());
  const at::Tensor counted_n = (targets_bt >= 0).flatten();
  // A sum for each domain, and those in their order on the host: on a GPU index_add_ would sum in any order.
  const at::Tensor losses_n = loss_n.to(at::kDouble);
  std::vector<at::Tensor> losses, counts;
  for (int64_t domain = 0; domain < std::ssize(data_.domains()); ++domain) {
    const at::Tensor chosen_n = domains_n.eq(domain).logical_and(counted_n).to(at::kDouble);
    losses.push_back((losses_n * chosen_n).sum());
    counts.push_back(chosen_n.sum());
  }
  sums_2d_.push_back(at::stack({at::stack(losses), at::stack(counts)}));
  by_domain_.add(reports, domains_n, counted_n);
  if (by_token_) by_token_->add(reports, tokens_bt.flatten(), counted_n);
}

DomainsRecord DomainWatch::record(const Tokenizer& tokenizer) const {
  DomainsRecord record;
  record.domains = data_.domains();
  std::vector<double> losses(record.domains.size()), counts = losses;
  for (const at::Tensor& sums_2d : sums_2d_.empty() ? std::vector<at::Tensor>() : at::stack(sums_2d_).cpu().unbind()) {
    const std::vector<double> sums = host_values(sums_2d);
    for (size_t domain = 0; domain < losses.size(); ++domain) {
      losses[domain] += sums[domain];
      counts[domain] += sums[losses.size() + domain];
    }
  }
  for (size_t domain = 0; domain < losses.size(); ++domain) {
    record.losses.push_back(losses[domain] / counts[domain]);
    record.tokens.push_back(static_cast<int64_t>(counts[domain]));
  }
  record.layers = static_cast<int64_t>(by_domain_.layers());
  record.experts = record.layers > 0 ? config_.moe.num_experts : 0;
  record.first_layer = config_.moe.first_k_dense_replace;
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
