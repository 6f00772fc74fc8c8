// From the batches of the data to what the model wants to know of them.
#pragma once

#include "data/batch.h"
#include "model/causal_lm.h"

namespace mm {

inline BatchLayout layout_of(const Batch& batch) {
  BatchLayout layout = {.counted_bt = batch.counted_bt};
  if (batch.document_ends_s.defined()) {
    layout.documents = lay_out_documents(batch.document_lengths, batch.document_ends_s, batch.tokens_bt.size(1),
                                         batch.tokens_bt.numel());
  }
  return layout;
}

}  // namespace mm
