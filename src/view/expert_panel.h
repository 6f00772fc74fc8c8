// The live layer x expert heat map of `pretrain --watch`, as the rows of a terminal.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/terminal/terminal.h"
#include "metrics/record.h"
#include "view/series.h"

namespace mm {

/// What the terminal can show.
struct PanelStyle {
  TerminalSize size;
  TerminalColours colours = TerminalColours::kNone;
  bool utf8 = false;
};

class ExpertPanel {
 public:
  /// Every step of the run, in order: what the curve of the loss and the choice of layers are made of.
  void add(const StepRecord& record);
  /// What the model wrote last: a row of it, in the colours of the experts of the last layer.
  void add(const SampleRecord& record);

  /// The heat map of the last step added, the curve of the loss and the progress line, as rows with newlines between
  /// them and none at the end. They leave some rows of the terminal to messages. Each is at most as wide as it, apart
  /// from one that no terminal of any use is too narrow for.
  ///
  /// A row is a MoE layer, or several rows where it has more experts than the terminal columns; a cell is an expert,
  /// coloured as the report's heat maps are and with its share in percent where that fits; without colours one of nine
  /// characters stands for the share. An `x` is an expert without a token. Behind them stand max/mean and the dead
  /// experts (load_statistics.h). Where not all layers fit, those in the worst state are shown, in their order; the
  /// state is smoothed over steps, so that rows do not come and go. Without layers, or without room for one, there is
  /// no heat map.
  ///   progress  parts of the progress line; rows are broken between them
  std::string draw(const std::vector<std::string>& progress, const PanelStyle& style) const;

 private:
  static constexpr int64_t kLossBuckets = 40;

  std::vector<std::string> heat_map(const PanelStyle& style, size_t most_rows) const;
  std::vector<size_t> worst_layers(size_t count) const;
  std::string loss_row(bool utf8) const;
  std::string sample_of_last_layer(size_t columns, TerminalColours colours) const;

  ExpertLoad load_;
  SampleRecord sample_;
  std::vector<double> badness_;  ///< of each layer, smoothed
  Series loss_{kLossBuckets};
  int64_t first_step_ = 0;
};

}  // namespace mm
