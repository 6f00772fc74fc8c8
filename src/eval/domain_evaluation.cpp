// Routes are counted on the model's device, by document and by token, and read once a domain. Axes: n tokens of a
// batch, s slots, e experts.
#include "eval/domain_evaluation.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <span>

#include "core/terminal/progress.h"
#include "core/text.h"
#include "data/batch_loader.h"
#include "eval/evaluate.h"
#include "eval/route_counts.h"

namespace mm {
namespace {

constexpr int64_t kShuffles = 20;
constexpr size_t kTypicalTokens = 8;

/// The documents of all domains, and where their tokens went.
struct Documents {
  std::vector<uint32_t> domain;
  std::vector<CountTable> of_layer;
};

/// The windows that SequentialLoader gives, by number.
std::vector<int64_t> windows_of(const WindowSource& text, int64_t max_tokens) {
  const int64_t count = evaluated_windows(text, max_tokens);
  std::vector<int64_t> windows;
  for (int64_t i = 0; i < count; ++i) windows.push_back(i * text.windows() / count);
  return windows;
}

/// The number of the document at each position of these windows, [windows * time].
std::vector<int64_t> numbers_in(const WindowSource& text, std::span<const int64_t> windows) {
  const auto length = static_cast<size_t>(text.sequence_length());
  std::vector<int64_t> numbers(windows.size() * length);
  for (size_t i = 0; i < windows.size(); ++i) text.number_documents(windows[i], numbers.data() + i * length);
  return numbers;
}

/// The documents that these windows read something of, in the order of the text.
std::vector<int64_t> documents_in(const WindowSource& text, std::span<const int64_t> windows) {
  std::vector<int64_t> documents;
  for (const int64_t window : windows) {
    const std::vector<int64_t> numbers = numbers_in(text, {&window, 1});
    std::unique_copy(numbers.begin(), numbers.end(), std::back_inserter(documents));
  }
  std::sort(documents.begin(), documents.end());
  documents.erase(std::unique(documents.begin(), documents.end()), documents.end());
  return documents;
}

/// Which of `documents` each position of these windows lies in, [windows * time] int64; padding counts with the last.
at::Tensor places_of(const WindowSource& text, std::span<const int64_t> documents, std::span<const int64_t> windows) {
  std::vector<int64_t> places = numbers_in(text, windows);
  for (int64_t& place : places) {
    place = std::lower_bound(documents.begin(), documents.end(), place) - documents.begin();
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
  const WindowSource& text = *domain.text;
  const std::vector<int64_t> windows = windows_of(text, options_.max_tokens);
  const std::vector<int64_t> documents = documents_in(text, windows);
  LossSums sums(bytes_v_);
  RouteCounts by_document(model_.config(), std::ssize(documents), model_.device());
  const BatchLoader loader(text, options_.micro_batch, /*seed=*/0, model_.device());
  Progress progress("evaluating " + domain.name, static_cast<double>(windows.size()));
  for (std::span<const int64_t> left(windows); !left.empty();) {
    progress.done(static_cast<double>(windows.size() - left.size()));
    const auto here = left.first(std::min(left.size(), static_cast<size_t>(options_.micro_batch)));
    left = left.subspan(here.size());
    const Batch batch = loader.batch_of(here);
    const at::Tensor counted_n = (batch.targets_bt >= 0).flatten();
    const at::Tensor documents_n = places_of(text, documents, here).to(model_.device());
    const HiddenStates states = model_.forward(batch.tokens_bt, /*training=*/false, evaluation_layout(batch));
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

LayerDomains layer_domains(const Documents& documents, size_t domains, size_t layer) {
  LayerDomains result;
  result.expert_tokens = sum_by_label(documents.of_layer[layer], documents.domain, domains);
  result.information = mutual_information(result.expert_tokens);
  result.shuffled = shuffled_information(documents.of_layer[layer], documents.domain, domains, kShuffles);
  return result;
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
  report.first_layer = model.config().moe.first_k_dense_replace;
  for (size_t layer = 0; layer < reader.by_token().layers(); ++layer) {
    report.layers.push_back(layer_domains(reader.documents(), domains.size(), layer));
    report.layers.back().typical = typical_tokens(reader.by_token().table(layer),
                                                  model.config().moe.num_experts_per_tok, kTypicalTokens, tokenizer);
  }
  return report;
}

}  // namespace mm
