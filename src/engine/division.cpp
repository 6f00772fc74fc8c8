// Sections of the flat buffers, and who has which.
#include "engine/division.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "core/error.h"
#include "ops/update/flat_norm.h"
#include "optim/optimizer_table.h"

namespace mm {
namespace {

at::Tensor part_of(const at::Tensor& flat, FlatRange range) {
  return flat.narrow(0, range.begin, range.end - range.begin);
}

ExpertRange experts_of(const ModelConfig& config, const World& world, int64_t rank) {
  const int64_t ranks = world.count(Among::kExperts);
  if (ranks == 1) return {};
  const int64_t count = config.moe.num_experts / ranks;
  return {.first = rank % ranks * count, .count = count};
}

/// The piece, among parts of buffers of the rank whose piece it is.
at::Tensor find_piece(const Piece& piece, const std::vector<FlatPart>& own) {
  const auto part = std::find_if(own.begin(), own.end(), [&](const FlatPart& each) {
    return each.begin <= piece.begin && piece.begin + piece.size <= each.begin + each.values.size(0);
  });
  require(part != own.end(), "a piece of buffers that this rank has");
  return part->values.narrow(0, piece.begin - part->begin, piece.size);
}

}  // namespace

bool shards_optimizer(const RunConfig& config) {
  return config.distributed.shard_optimizer != "off" && can_update_parts(config.optim);
}

/// Over the world.
class Division::Exchange final : public RowExchange {
 public:
  explicit Exchange(const World& world) : world_(world) {}

  at::Tensor rows_for_own(const at::Tensor& rows_e) const override {
    const int64_t members = world_.count(Among::kExperts);
    const std::vector<int64_t> each(static_cast<size_t>(members), 1);
    return world_.exchange(rows_e.view({members, -1}), each, each, Among::kExperts);
  }

  at::Tensor rows(const at::Tensor& rows_rd, const std::vector<int64_t>& sends,
                  const std::vector<int64_t>& receives) const override {
    return world_.exchange(rows_rd, sends, receives, Among::kExperts);
  }

 private:
  const World& world_;
};

Division::Division(const ModelConfig& config, const World& world, bool shards_optimizer)
    : config_(config),
      world_(world),
      shards_optimizer_(shards_optimizer && !world.is_alone()),
      exchange_(std::make_unique<Exchange>(world)),
      layout_(parameter_layout(config, experts_of(config, world, world.rank()))),
      whole_layout_(parameter_layout(config)) {
  if (divides_experts()) sections_.push_back({{0, layout_.experts_end}, Among::kReplicas});
  sections_.push_back({{layout_.experts_end, layout_.size}, Among::kAll});
}

Division::~Division() = default;

ExpertShare Division::experts() const {
  return {experts_of(config_, world_, world_.rank()), divides_experts() ? exchange_.get() : nullptr};
}

std::vector<FlatRange> Division::updated_by(int64_t rank) const {
  std::vector<FlatRange> ranges;
  if (!shards_optimizer_) return ranges;
  for (const auto& [range, among] : sections_) {
    const int64_t index = among == Among::kAll ? rank : rank / world_.count(Among::kExperts);
    const Shard shard = world_.shard(range.end - range.begin, index, among);
    ranges.push_back({range.begin + shard.begin, range.begin + shard.end});
  }
  return ranges;
}

at::Tensor Division::sum_gradients(const at::Tensor& gradient) const {
  // Sums are taken part by part, sharded or not, so that both give the same bytes.
  std::vector<at::Tensor> own;
  for (const auto& [range, among] : sections_) {
    const at::Tensor section = part_of(gradient, range);
    world_.reduce_scatter(section, among);
    const Shard shard = world_.shard(section.size(0), among);
    own.push_back(section.narrow(0, shard.begin, shard.size()));
  }
  const at::Tensor norm = norm_of(own, Among::kAll);
  if (!shards_optimizer_) share_update(gradient);
  return norm;
}

void Division::share_update(const at::Tensor& master) const {
  for (const auto& [range, among] : sections_) world_.all_gather(part_of(master, range), among);
}

/// Of these parts of all ranks together.
at::Tensor Division::norm_of(const std::vector<at::Tensor>& parts, Among among) const {
  at::Tensor squares = at::zeros({1}, parts.front().options().dtype(at::kDouble));
  for (const at::Tensor& part : parts) {
    if (part.size(0) > 0) squares += flat_norm(part).to(at::kDouble).square();
  }
  world_.all_reduce(squares, among);
  return squares.sqrt().to(at::kFloat).squeeze(0);
}

at::Tensor Division::norm_of_same_batch(const at::Tensor& gradient) const {
  if (!divides_experts()) return flat_norm(gradient);
  // Every rank has sent the experts the same rows.
  const auto copies = static_cast<double>(world_.count(Among::kExperts));
  const at::Tensor experts = norm_of({part_of(gradient, sections_.front().range)}, Among::kExperts) / copies;
  return (experts.square() + flat_norm(part_of(gradient, sections_.back().range)).square()).sqrt();
}

at::Tensor Division::of_all_experts(const at::Tensor& own_en) const {
  if (!divides_experts()) return own_en;
  const int64_t members = world_.count(Among::kExperts);
  const std::vector<int64_t> each(static_cast<size_t>(members), own_en.size(0));
  return world_.exchange(own_en.repeat({members, 1}), each, each, Among::kExperts);
}

void Division::add_pieces(int64_t rank, FlatRange range, std::vector<Piece>& pieces) const {
  if (range.begin == range.end) return;
  if (!divides_experts()) {
    pieces.push_back({rank, range.begin, range.end - range.begin, range.begin});
    return;
  }
  const int64_t first_expert = experts_of(config_, world_, rank).first;
  for (size_t i = 0; i < layout_.stored.size(); ++i) {
    const StoredTensor &stored = layout_.stored[i], &whole = whole_layout_.stored[i];
    const int64_t size = element_count(stored.shape);
    const int64_t begin = std::max(range.begin, stored.offset), end = std::min(range.end, stored.offset + size);
    if (begin >= end) continue;
    const int64_t before = stored.per_expert ? first_expert * (size / stored.shape[0]) : 0;
    pieces.push_back({rank, begin, end - begin, whole.offset + before + begin - stored.offset});
  }
}

std::vector<Piece> Division::parameter_pieces() const {
  std::vector<Piece> pieces;
  for (const auto& [range, among] : sections_) {
    const int64_t owners = among == Among::kAll ? 1 : world_.count(Among::kExperts);
    for (int64_t rank = 0; rank < owners; ++rank) add_pieces(rank, range, pieces);
  }
  return pieces;
}

std::vector<Piece> Division::moment_pieces() const {
  if (!shards_optimizer_) return parameter_pieces();
  std::vector<Piece> pieces;
  for (int64_t rank = 0; rank < world_.size(); ++rank) {
    for (const FlatRange& range : updated_by(rank)) add_pieces(rank, range, pieces);
  }
  return pieces;
}

void Division::collect(const std::vector<Piece>& pieces, const std::vector<FlatPart>& own,
                       const at::Tensor& whole) const {
  for (const Piece& piece : pieces) {
    const at::Tensor part = piece.rank == world_.rank() ? find_piece(piece, own) : at::Tensor();
    const at::Tensor to = world_.is_first() ? whole.narrow(0, piece.whole, piece.size) : at::Tensor();
    world_.collect(part, piece.rank, to);
  }
}

void Division::deliver(const std::vector<Piece>& pieces, const std::vector<FlatPart>& own,
                       const at::Tensor& whole) const {
  for (const Piece& piece : pieces) {
    const at::Tensor to = piece.rank == world_.rank() ? find_piece(piece, own) : at::Tensor();
    const at::Tensor part = world_.is_first() ? whole.narrow(0, piece.whole, piece.size) : at::Tensor();
    world_.deliver(part, piece.rank, to);
  }
}

void Division::copy_from_first(const at::Tensor& flat, int64_t begin) const {
  for (const auto& [range, among] : sections_) {
    const int64_t first = std::max<int64_t>(range.begin - begin, 0);
    const int64_t last = std::min(range.end - begin, flat.size(0));
    if (first < last) world_.broadcast(part_of(flat, {first, last}), among);
  }
}

}  // namespace mm
