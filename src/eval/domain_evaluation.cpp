// Routes are counted on the model's device, by document and by token, and read once a domain. Axes: n tokens of a
// batch, s slots, e experts.
#include "eval/domain_evaluation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <span>

#include "core/progress.h"
#include "core/text.h"
#include "core/visible_text.h"
#include "data/batch_loader.h"
#include "eval/evaluate.h"

namespace mm {
namespace {

constexpr int64_t kShuffles = 20;
constexpr int64_t kLeastTimes = 8;  // that a token was routed, to be called typical
constexpr size_t kTypicalTokens = 8;

/// How often each row went to each expert of each layer. Rows are documents or tokens.
class RouteCounts {
 public:
  RouteCounts(const ModelConfig& config, int64_t rows, at::Device device)
      : experts_(config.moe.num_experts), layers_(config.is_moe() ? static_cast<size_t>(config.num_hidden_layers) : 0) {
    for (at::Tensor& counts : layers_)
      counts = at::zeros({rows * experts_}, at::TensorOptions(at::kLong).device(device));
  }

  void add(const LayerReports& reports, const at::Tensor& rows_n, const at::Tensor& counted_n) {
    for (size_t layer = 0; layer < layers_.size(); ++layer) {
      const at::Tensor cells_ns = rows_n.unsqueeze(1) * experts_ + reports.experts_ns[layer];
      const at::Tensor counted_ns = counted_n.to(at::kLong).unsqueeze(1).expand_as(cells_ns);
      layers_[layer].scatter_add_(0, cells_ns.flatten(), counted_ns.reshape({-1}));
    }
  }

  size_t layers() const { return layers_.size(); }

  CountTable table(size_t layer) const {
    const at::Tensor counts = layers_[layer].cpu();
    const int64_t* values = counts.const_data_ptr<int64_t>();
    return {.columns = static_cast<size_t>(experts_), .counts = {values, values + counts.numel()}};
  }

 private:
  int64_t experts_;
  std::vector<at::Tensor> layers_;
};

/// The documents of all domains, and where their tokens went.
struct Documents {
  std::vector<uint32_t> domain;
  std::vector<CountTable> of_layer;
};

/// The windows that SequentialLoader gives, by number.
std::vector<int64_t> windows_of(const PackedDataset& text, int64_t max_tokens) {
  const int64_t count = evaluated_windows(text, max_tokens);
  std::vector<int64_t> windows;
  for (int64_t i = 0; i < count; ++i) windows.push_back(i * text.windows() / count);
  return windows;
}

/// The documents that these windows, in ascending order, read something of.
std::vector<int64_t> documents_in(const DomainData& domain, std::span<const int64_t> windows) {
  const int64_t length = domain.text.sequence_length();
  std::vector<int64_t> documents;
  for (const int64_t window : windows) {
    const int64_t end = std::min((window + 1) * length, domain.text.tokens() - 1);  // the last token has no target
    const int64_t last = domain.document_at(end - 1);
    int64_t document = domain.document_at(window * length);
    if (!documents.empty()) document = std::max(document, documents.back() + 1);
    for (; document <= last; ++document) documents.push_back(document);
  }
  return documents;
}

/// Which of `documents` each position of these windows lies in, [windows * time] int64; padding counts with the last.
at::Tensor places_of(const DomainData& domain, std::span<const int64_t> documents, std::span<const int64_t> windows) {
  const int64_t length = domain.text.sequence_length();
  std::vector<int64_t> places;
  for (const int64_t window : windows) {
    const int64_t first = domain.document_at(window * length);
    size_t place = static_cast<size_t>(std::lower_bound(documents.begin(), documents.end(), first) - documents.begin());
    for (int64_t position = window * length; position < (window + 1) * length; ++position) {
      const auto ends = [&] { return domain.document_ends[static_cast<size_t>(documents[place])]; };
      while (place + 1 < documents.size() && position >= ends()) ++place;
      places.push_back(static_cast<int64_t>(place));
    }
  }
  return at::tensor(places, at::kLong);
}

class DomainReader {
 public:
  DomainReader(CausalLm& model, const Tokenizer& tokenizer, const DomainEvaluation& options)
      : model_(model),
        options_(options),
        bytes_v_(bytes_per_token(tokenizer, model.config().vocab_size, model.device())),
        all_(bytes_v_),
        by_token_(model.config(), model.config().vocab_size, model.device()) {
    documents_.of_layer.resize(by_token_.layers(), {.columns = static_cast<size_t>(model.config().moe.num_experts)});
  }

  DomainLoss read(const DomainData& domain, uint32_t index);

  DomainLoss all() const { return loss_of(all_); }
  const Documents& documents() const { return documents_; }
  const RouteCounts& by_token() const { return by_token_; }

 private:
  static DomainLoss loss_of(const LossSums& sums);
  void keep_documents(const RouteCounts& by_document, size_t count, uint32_t domain);

  CausalLm& model_;
  const DomainEvaluation& options_;
  at::Tensor bytes_v_;
  LossSums all_;
  RouteCounts by_token_;
  Documents documents_;
};

DomainLoss DomainReader::loss_of(const LossSums& sums) {
  const EvaluationRecord record = sums.record();
  DomainLoss loss;
  loss.tokens = record.tokens;
  loss.loss = record.loss;
  loss.perplexity = record.perplexity;
  loss.bits_per_byte = record.bits_per_byte;
  return loss;
}

void DomainReader::keep_documents(const RouteCounts& by_document, size_t count, uint32_t domain) {
  documents_.domain.insert(documents_.domain.end(), count, domain);
  for (size_t layer = 0; layer < by_document.layers(); ++layer) {
    const std::vector<int64_t> more = by_document.table(layer).counts;
    std::vector<int64_t>& counts = documents_.of_layer[layer].counts;
    counts.insert(counts.end(), more.begin(), more.end());
  }
}

DomainLoss DomainReader::read(const DomainData& domain, uint32_t index) {
  const std::vector<int64_t> windows = windows_of(domain.text, options_.max_tokens);
  const std::vector<int64_t> documents = documents_in(domain, windows);
  LossSums sums(bytes_v_);
  RouteCounts by_document(model_.config(), std::ssize(documents), model_.device());
  const BatchLoader loader(domain.text, options_.micro_batch, /*seed=*/0, model_.device());
  Progress progress("evaluating " + domain.name, static_cast<double>(windows.size()));
  for (std::span<const int64_t> left(windows); !left.empty();) {
    progress.done(static_cast<double>(windows.size() - left.size()));
    const auto here = left.first(std::min(left.size(), static_cast<size_t>(options_.micro_batch)));
    left = left.subspan(here.size());
    const Batch batch = loader.batch_of(here);
    const at::Tensor counted_n = (batch.targets_bt >= 0).flatten();
    const at::Tensor documents_n = places_of(domain, documents, here).to(model_.device());
    const HiddenStates states = model_.forward(batch.tokens_bt, /*training=*/false, batch.targets_bt >= 0);
    sums.add(model_.logits(states.hidden_nd), batch.targets_bt);
    by_document.add(states.reports, documents_n, counted_n);
    by_token_.add(states.reports, batch.tokens_bt.flatten(), counted_n);
  }
  all_.add(sums);
  DomainLoss loss = loss_of(sums);
  loss.name = domain.name;
  loss.files = domain.files;
  loss.documents = std::ssize(documents);
  keep_documents(by_document, documents.size(), index);
  return loss;
}

/// The text of one token. A tokenizer may drop the space that a text begins with, so it is asked for the token twice.
std::string token_text(const Tokenizer& tokenizer, size_t token) {
  const auto id = static_cast<int32_t>(token);
  if (id >= tokenizer.vocab_size()) return format("#%d", id);
  const std::string twice = tokenizer.decode_with_control(std::array{id, id});
  return twice.empty() ? format("#%d", id) : visible_text(std::string_view(twice).substr(twice.size() / 2));
}

LayerDomains layer_domains(const Documents& documents, size_t domains, size_t layer) {
  LayerDomains result;
  result.expert_tokens = sum_by_label(documents.of_layer[layer], documents.domain, domains);
  result.information = mutual_information(result.expert_tokens);
  result.shuffled = shuffled_information(documents.of_layer[layer], documents.domain, domains, kShuffles);
  return result;
}

std::vector<std::vector<TypicalToken>> typical_tokens(const CountTable& by_token, int64_t slots,
                                                      const Tokenizer& tokenizer) {
  std::vector<std::vector<TypicalToken>> typical;
  for (const std::vector<RowLift>& rows : typical_rows(by_token, kLeastTimes * slots, kTypicalTokens)) {
    std::vector<TypicalToken>& tokens = typical.emplace_back();
    for (const RowLift& row : rows) {
      tokens.push_back({.text = token_text(tokenizer, row.row), .count = row.count / slots, .lift = row.lift});
    }
  }
  return typical;
}

}  // namespace

DomainReport evaluate_domains(CausalLm& model, const std::vector<DomainData>& domains, const Tokenizer& tokenizer,
                              const DomainEvaluation& options) {
  const at::NoGradGuard no_grad;
  DomainReader reader(model, tokenizer, options);
  DomainReport report;
  std::vector<int64_t> tokens;
  for (const DomainData& domain : domains) {
    report.domains.push_back(reader.read(domain, static_cast<uint32_t>(report.domains.size())));
    tokens.push_back(report.domains.back().tokens);
  }
  report.all = reader.all();
  report.all.documents = std::ssize(reader.documents().domain);
  report.domain_entropy = entropy(tokens);
  report.shuffles = kShuffles;
  for (size_t layer = 0; layer < reader.by_token().layers(); ++layer) {
    report.layers.push_back(layer_domains(reader.documents(), domains.size(), layer));
    report.layers.back().typical =
        typical_tokens(reader.by_token().table(layer), model.config().moe.num_experts_per_tok, tokenizer);
  }
  return report;
}

}  // namespace mm
