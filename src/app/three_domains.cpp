// three_domains: the smallest mixture of experts in which one can watch a router learn. A lesson; read it from top to
// bottom: words, model, training, what came out, the program. The texts are in three_domains/texts.cpp.
// Axes: n texts, w words, d features, i width of an expert, e experts, c domains.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "app/program/command_line.h"
#include "app/program/guard.h"
#include "app/three_domains/heat_map.h"
#include "app/three_domains/texts.h"
#include "core/characters/utf8.h"
#include "core/files/files.h"
#include "core/random.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "model/moe/balance/balance.h"
#include "model/moe/moe_layer.h"
#include "model/moe/router/router.h"
#include "ops/cross_entropy.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "optim/adamw.h"

namespace mm {
namespace {

// ---- 1. Words: from a text to numbers ----

bool is_punctuation(std::string_view character) {
  return character == "，" || character == "。";
}

/// Single characters and pairs of neighbours. Chinese has no spaces between words, and most of its words have two
/// characters: pairs find them without a dictionary, single characters help where a pair was never seen.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string before;
  while (!text.empty()) {
    const std::string character(text.substr(0, first_character(text).length));
    text.remove_prefix(character.size());
    if (is_punctuation(character)) {
      before.clear();
      continue;
    }
    words.push_back(character);
    if (!before.empty()) words.push_back(before + character);
    before = character;
  }
  return words;
}

/// The words of the training texts. Of a held-out text, the model sees only those.
struct Vocabulary {
  std::vector<std::string> words;
  std::unordered_map<std::string, int64_t> index;

  explicit Vocabulary(const std::vector<LabelledText>& texts) {
    for (const LabelledText& text : texts) {
      for (const std::string& word : words_of(text.text)) {
        if (index.emplace(word, words.size()).second) words.push_back(word);
      }
    }
  }
  int64_t size() const { return static_cast<int64_t>(words.size()); }
};

/// Texts as a model takes them.
struct Bags {
  at::Tensor words_nw;   ///< [texts, words] fp32: 1 where the text has the word; order and repeats are lost
  at::Tensor domains_n;  ///< [texts] int64
};

Bags bags_of(const std::vector<LabelledText>& texts, const Vocabulary& vocabulary) {
  const auto count = static_cast<int64_t>(texts.size());
  Bags bags{at::zeros({count, vocabulary.size()}), at::empty({count}, at::kLong)};
  for (int64_t n = 0; n < count; ++n) {
    const LabelledText& text = texts[static_cast<size_t>(n)];
    bags.domains_n[n] = text.domain;
    for (const std::string& word : words_of(text.text)) {
      const auto known = vocabulary.index.find(word);
      if (known != vocabulary.index.end()) bags.words_nw[n][known->second] = 1.0;
    }
  }
  return bags;
}

// ---- 2. Model: a block of the language model without attention, and a head for three answers ----

constexpr int64_t kDomainCount = static_cast<int64_t>(kDomains.size());
constexpr int64_t kFeatures = 32;
/// Experts are small on purpose: one that can do everything needs no colleagues.
constexpr int64_t kExpertWidth = 8;
/// Weights start near zero, so that what a word comes to mean is learned, not drawn.
constexpr double kFirstWeights = 0.01;

struct Classifier {
  ModelConfig config;
  at::Tensor parameters, gradients;  ///< flat: the tensors below are views of the first, their gradients of the second
  at::Tensor embedding_dw;           ///< what each word adds to the features of its text
  MoeWeights moe;
  at::Tensor head_cd;

  Classifier(int64_t words, const MoeConfig& moe_config, uint64_t seed);
  bool gate_is_dense() const { return config.moe.num_experts_per_tok == config.moe.num_experts; }
};

Classifier::Classifier(int64_t words, const MoeConfig& moe_config, uint64_t seed) {
  config.moe = moe_config;
  const int64_t experts = moe_config.num_experts;
  const int64_t size = kFeatures * (words + experts + 3 * experts * kExpertWidth + kDomainCount);
  auto generator = at::detail::createCPUGenerator(derive_seed(seed, "first weights"));
  parameters = at::empty({size}).normal_(0.0, kFirstWeights, generator);
  gradients = at::zeros({size});
  int64_t used = 0;
  const auto take = [&](at::IntArrayRef shape) {
    const int64_t count = c10::multiply_integers(shape);
    at::Tensor weight = parameters.narrow(0, used, count).view(shape).detach();
    weight.set_requires_grad(true);
    weight.mutable_grad() = gradients.narrow(0, used, count).view(shape);
    used += count;
    return weight;
  };
  embedding_dw = take({kFeatures, words});
  moe.router.gate = take({experts, kFeatures});
  moe.experts_gate_up = take({experts, 2 * kExpertWidth, kFeatures});
  moe.experts_down = take({experts, kFeatures, kExpertWidth});
  head_cd = take({kDomainCount, kFeatures});
}

/// The features of a text: the sum over its words, brought to one length as in the language model. [texts, features]
at::Tensor features(const Classifier& model, const at::Tensor& words_nw) {
  return rms_norm(mm::linear(words_nw, model.embedding_dw), at::ones({kFeatures}), model.config.rms_norm_eps,
                  at::kFloat);
}

/// Scores of the domains, [texts, domains]. Nothing leads past the experts: whatever the head sees, they have made.
at::Tensor scores(const Classifier& model, const at::Tensor& x_nd, bool training, MoeReport& report) {
  const at::Tensor every_text_counts = at::ones({1, x_nd.size(0)});
  const at::Tensor y_nd = moe_layer(x_nd, every_text_counts, model.moe, model.config, {.training = training}, report);
  return mm::linear(y_nd, model.head_cd);
}

// ---- 3. Training: the labels teach the answers, and through them the gate; no label ever enters the gate ----

constexpr int64_t kSteps = 300;
constexpr double kLearningRate = 0.02;
/// Each step hides half of the words: no single one may decide, and what does then carries over to new texts.
constexpr double kHiddenWords = 0.5;

/// What keeps one expert from taking everything. A top-k gate is balanced as in the language model, by counting
/// choices. With a dense gate, where everybody is chosen always, counts say nothing: there the load is the weight.
at::Tensor balance_loss(const Classifier& model, const at::Tensor& x_nd, const MoeReport& report) {
  if (!model.gate_is_dense()) return report.balance_loss;
  const Routing routing = route(x_nd, model.moe.router, model.config.moe, true);
  const at::Tensor load_be = routing.probabilities_ne.detach().sum(0, true);
  return scaled_balance_loss({routing, at::ones({1, x_nd.size(0)}), load_be}, model.config.moe);
}

void train(Classifier& model, const Bags& bags, uint64_t seed) {
  OptimConfig optim;
  optim.weight_decay = 0.01;
  AdamW optimizer({model.parameters, model.gradients}, model.parameters.size(0), optim);
  auto generator = at::detail::createCPUGenerator(derive_seed(seed, "hidden words"));
  const at::Tensor one = at::ones({}), never_skip = at::zeros({});
  for (int64_t step = 0; step < kSteps; ++step) {
    const at::Tensor shown_nw = at::empty_like(bags.words_nw).bernoulli_(1.0 - kHiddenWords, generator);
    const at::Tensor x_nd = features(model, bags.words_nw * shown_nw);
    MoeReport report;
    at::Tensor loss = cross_entropy(scores(model, x_nd, true, report), bags.domains_n).mean();
    const at::Tensor balance = balance_loss(model, x_nd, report);
    if (balance.defined()) loss = loss + balance;
    loss.backward();
    optimizer.step(kLearningRate, one, never_skip);
  }
}

// ---- 4. What came out ----

/// [domain][expert], in percent.
using Table = std::vector<std::vector<double>>;

struct Findings {
  int64_t training_right = 0, held_out_right = 0;
  Table weight;                                 ///< mean gate weight of the held-out texts of each domain
  Table first_choice;                           ///< how many of them give this expert the largest weight
  std::vector<size_t> top_expert;               ///< of each domain, by weight
  std::vector<std::vector<std::string>> words;  ///< what draws texts to each expert
};

int64_t count_right(const Classifier& model, const Bags& bags) {
  MoeReport report;
  const at::Tensor answer_n = scores(model, features(model, bags.words_nw), false, report).argmax(-1);
  return (answer_n == bags.domains_n).sum().item<int64_t>();
}

/// The mean over the texts of each domain, in percent.
Table mean_by_domain(const at::Tensor& values_ne, const at::Tensor& domains_n) {
  const at::Tensor member_cn = at::one_hot(domains_n, kDomainCount).to(at::kFloat).t();
  const at::Tensor mean_ce = member_cn.matmul(values_ne) / member_cn.sum(1, true);
  Table table(kDomains.size());
  for (int64_t domain = 0; domain < kDomainCount; ++domain) {
    for (int64_t expert = 0; expert < mean_ce.size(1); ++expert) {
      table[static_cast<size_t>(domain)].push_back(100.0 * mean_ce[domain][expert].item<double>());
    }
  }
  return table;
}

/// The gate is linear in the features, and those are a sum over words: how far a word draws its texts to an expert,
/// beyond what it does for the others, can be read off the weights. Times its number of texts, and pairs only, because
/// they read as words.
std::vector<std::vector<std::string>> typical_words(const Classifier& model, const Vocabulary& vocabulary,
                                                    const Bags& bags) {
  constexpr int64_t kShown = 5;
  const at::Tensor gate_ed = model.moe.router.gate - model.moe.router.gate.mean(0, true);
  const at::Tensor pull_ew = gate_ed.matmul(model.embedding_dw) * bags.words_nw.sum(0);
  const at::Tensor order_ew = pull_ew.argsort(1, /*descending=*/true);
  std::vector<std::vector<std::string>> words;
  for (int64_t expert = 0; expert < order_ew.size(0); ++expert) {
    std::vector<std::string> shown;
    for (int64_t rank = 0; rank < order_ew.size(1) && std::ssize(shown) < kShown; ++rank) {
      const std::string& word = vocabulary.words[static_cast<size_t>(order_ew[expert][rank].item<int64_t>())];
      if (first_character(word).length < word.size()) shown.push_back(word);
    }
    words.push_back(shown);
  }
  return words;
}

Findings look_into(const Classifier& model, const Vocabulary& vocabulary, const Bags& training, const Bags& held_out) {
  const at::NoGradGuard reading_only;
  Findings findings;
  findings.training_right = count_right(model, training);
  findings.held_out_right = count_right(model, held_out);
  const at::Tensor weights_ne =
      route(features(model, held_out.words_nw), model.moe.router, model.config.moe, false).probabilities_ne;
  const at::Tensor first_ne = at::one_hot(weights_ne.argmax(-1), weights_ne.size(1)).to(at::kFloat);
  findings.weight = mean_by_domain(weights_ne, held_out.domains_n);
  findings.first_choice = mean_by_domain(first_ne, held_out.domains_n);
  for (const std::vector<double>& row : findings.weight) {
    findings.top_expert.push_back(static_cast<size_t>(std::max_element(row.begin(), row.end()) - row.begin()));
  }
  findings.words = typical_words(model, vocabulary, training);
  return findings;
}

std::string accuracy(int64_t right, const Bags& bags) {
  const int64_t all = bags.domains_n.size(0);
  return format("%.1f%% (", 100.0 * static_cast<double>(right) / static_cast<double>(all)) + std::to_string(right) +
         " of " + std::to_string(all) + ")";
}

std::string cells(const char* pattern, const std::vector<double>& row) {
  std::string text;
  for (const double percent : row) text += format(pattern, percent);
  return text;
}

void print_table(const Findings& findings) {
  std::string numbers;
  for (size_t expert = 0; expert < findings.words.size(); ++expert) numbers += format("%6zu", expert);
  log_info("held-out texts: mean gate weight of each expert in % | texts in % that it is the first choice of");
  log_info("domain        |" + numbers + " |" + numbers + " | top expert");
  for (size_t domain = 0; domain < kDomains.size(); ++domain) {
    log_info(format("%-13s |", std::string(kDomains[domain]).c_str()) + cells("%6.1f", findings.weight[domain]) + " |" +
             cells("%6.0f", findings.first_choice[domain]) + format(" | %zu", findings.top_expert[domain]));
  }
}

/// The domains whose top expert this is.
std::vector<std::string> domains_of(const Findings& findings, size_t expert) {
  std::vector<std::string> names;
  for (size_t domain = 0; domain < kDomains.size(); ++domain) {
    if (findings.top_expert[domain] == expert) names.emplace_back(kDomains[domain]);
  }
  return names;
}

void print_experts(const Findings& findings) {
  bool shared = false;
  for (size_t expert = 0; expert < findings.words.size(); ++expert) {
    const std::vector<std::string> domains = domains_of(findings, expert);
    shared = shared || domains.size() > 1;
    log_info(format("expert %zu: ", expert) + (domains.empty() ? "first for no domain" : join(domains, " and ")) +
             "; drawn to it by " + join(findings.words[expert], " "));
  }
  log_info(shared ? "domains share a top expert: this gate has not told all three apart"
                  : "each domain has a top expert of its own");
}

// ---- 5. The program: the same texts for a dense gate and for a sparse one ----

struct Settings {
  int64_t experts = 3, top_k = 1;
  double aux = 0.1;
  int64_t seed = 1;
  std::string picture = "output/three_domains.svg";
};

MoeConfig gate_config(const Settings& settings, int64_t chosen) {
  MoeConfig config;
  config.num_experts = settings.experts;
  config.num_experts_per_tok = chosen;
  config.aux_loss = "token";
  config.router_aux_loss_coef = settings.aux;
  return config;
}

void check(const Settings& settings) {
  const auto refuse = [](const char* option, const std::string& got, const std::string& want, const char* remedy) {
    throw Error(ExitCode::kConfig, got_want(option, got, want, remedy));
  };
  if (settings.top_k >= settings.experts) {
    refuse("--top-k", std::to_string(settings.top_k), "fewer than the " + std::to_string(settings.experts) + " experts",
           "the dense gate, which weighs all of them, is shown in any case");
  }
  if (std::isnan(settings.aux)) refuse("--aux", "nan", "a number in [0, 100]", "0 switches balancing off");
  if (settings.picture.empty()) refuse("--picture", "nothing", "a file name", "as in --picture map.svg");
}

HeatMap empty_picture(const Settings& settings) {
  HeatMap picture;
  picture.title = "Which expert reads which domain";
  picture.note = "mean gate weight in %, held-out texts; " + std::to_string(settings.experts) + " experts, balancing " +
                 format("%g", settings.aux) + ", seed " + std::to_string(settings.seed);
  picture.rows.assign(kDomains.begin(), kDomains.end());
  for (int64_t expert = 0; expert < settings.experts; ++expert) {
    picture.columns.push_back("expert " + std::to_string(expert));
  }
  return picture;
}

ExitCode run(const Settings& settings) {
  check(settings);
  // Tensors of a few kilobytes: a second thread would only be waited for.
  at::set_num_threads(1);
  const Vocabulary vocabulary(training_texts());
  const Bags training = bags_of(training_texts(), vocabulary), held_out = bags_of(held_out_texts(), vocabulary);
  log_info(format("texts     %zu to learn from, %zu held out, of %zu domains; %zu words (single characters and pairs)",
                  training_texts().size(), held_out_texts().size(), kDomains.size(), vocabulary.words.size()));
  HeatMap picture = empty_picture(settings);
  const auto seed = static_cast<uint64_t>(settings.seed);
  for (const int64_t chosen : {settings.experts, settings.top_k}) {
    Classifier model(vocabulary.size(), gate_config(settings, chosen), seed);
    train(model, training, seed);
    const Findings findings = look_into(model, vocabulary, training, held_out);
    const std::string gate = model.gate_is_dense() ? "dense gate: every text goes to every expert"
                                                   : "top-" + std::to_string(chosen) + " gate";
    log_info("\n" + gate);
    log_info("right     " + accuracy(findings.training_right, training) + " of the training texts, " +
             accuracy(findings.held_out_right, held_out) + " of the held-out texts");
    print_table(findings);
    print_experts(findings);
    picture.panels.push_back({gate, "held-out texts right: " + accuracy(findings.held_out_right, held_out),
                              findings.weight, findings.words});
  }
  write_file_atomic(settings.picture, heat_map_svg(picture));
  log_info("\npicture   " + settings.picture);
  log_info(
      "A language model here routes each of its tokens with the same code: route() in src/model/moe/router/router.h.");
  return ExitCode::kFinished;
}

constexpr const char* kFooter = R"(
examples:
  three_domains
  three_domains --aux 0 --picture output/collapsed.svg
  three_domains --experts 6 --top-k 2 --seed 7)";

}  // namespace
}  // namespace mm

int main(int argc, char** argv) {
  mm::CommandLine line(
      "Trains a small mixture of experts on medical, finance and manufacturing texts and shows who reads what.",
      mm::kFooter);
  mm::Settings settings;
  line.option("--experts", settings.experts, "Experts to choose from").range(3, 16).shows_default();
  line.option("--top-k", settings.top_k, "Experts that the sparse gate sends a text to").range(1, 15).shows_default();
  line.option("--aux", settings.aux, "Weight of the balancing loss; 0: none").range(0.0, 100.0).shows_default();
  line.option("--seed", settings.seed, "The same seed gives the same output").range(0, 1 << 30).shows_default();
  line.option("--picture FILE.svg", settings.picture, "Where the heat maps go; default: output/three_domains.svg");
  return mm::run_program(line, argc, argv, [&] { return mm::run(settings); });
}
