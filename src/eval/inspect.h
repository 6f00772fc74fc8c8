// A model's answers to given tokens, as JSON: for comparing checkpoints across implementations.
#pragma once

#include <string>

#include "model/causal_lm.h"

namespace mm {

/// Runs the model over the rows of `question`
///   {"tokens": [[ids], ...], "positions": [[row, column], ...], "pad_token_id": 0, "greedy_tokens": 64}
/// (rows of one length, at least 2; all but tokens may be left out) and answers
///   {"cross_entropy": x, "aux": x, "logits": [[vocabulary], ...], "greedy": [[ids], ...]}
/// cross_entropy: nats, the mean over the next tokens of all rows, but those equal to pad_token_id.
/// aux: the load-balancing loss as the model's trainer adds it, over all layers; 0 for a dense model, null when its
/// trainer adds none. logits: one row of the vocabulary for each position, in the order asked. greedy: the likeliest
/// greedy_tokens tokens that follow each row, one after the other; left out when none are asked for.
/// Losses and logits are in fp32, whatever training rounded.
///   shift_inside_model  the trainer feeds the last column too, so it counts in aux (Generation)
///   where               names the question in messages
/// Throws Error(kData) for a question of another form or with ids outside the vocabulary.
std::string answer_tokens(const ModelConfig& config, const Parameters& parameters, const std::string& question,
                          const std::string& where, bool shift_inside_model);

}  // namespace mm
