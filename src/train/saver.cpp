#include "train/saver.h"

#include "interchange/state_dict.h"

namespace mm {

void Saver::save(TrainState& state, const std::optional<double>& loss) {
  if (saved_step_ == state.step) return;
  const bool best = loss && *loss < state.best_saved_loss;
  if (best) state.best_saved_loss = *loss;
  store_.save(state.step, state.checkpoint(), best);
  if (pth_) {
    write_generation_pth(pth_->path, state.parameters.named(state.parameters.master()), state.model.config(),
                         pth_->generation, generation_dtype(pth_->generation));
  }
  saved_step_ = state.step;
}

}  // namespace mm
