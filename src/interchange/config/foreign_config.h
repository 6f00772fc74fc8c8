// The model section of another program's config.json in our terms, wherever it stands: pasted into a config of ours, a
// config by itself, beside weights. No torch.
#pragma once

#include <string>
#include <vector>

#include "core/config/config.h"

namespace mm {

/// Whether tensors are there that tell what shared experts and biases there are, so that a config need not.
enum class TensorsTell { kNo, kYes };

/// Rewrites what the sources say of the model in our terms, in place.
/// - A source that has a `model_type` at its top and no section `model` is such a section itself.
/// - A `model_type` of theirs (family_names()) becomes ours.
/// - A key whose value changes the mathematics in a way that we do not have (another activation, biases, layers of two
///   kinds, sliding windows, scaled positions) is a problem, also where the class has such a value for a key that is
///   left out; with a value that changes nothing it is left out.
/// - Keys that say nothing of the mathematics, and those that nobody knows, are left out with a note.
/// Returns, without tensors, a source that says all that the family implies, to be read before the others so that
/// anything said wins over it; else none.
std::vector<ConfigSource> put_in_our_terms(std::vector<ConfigSource>& sources, TensorsTell tensors, Problems& problems,
                                           std::vector<std::string>& notes);

/// A config.json beside weights as overrides `model.key=value`: put_in_our_terms() with all that the family implies.
///   file   its path, for messages
///   notes  gets lines worth telling
/// Throws Error(kCheckpoint).
std::vector<std::string> read_foreign_config(const std::string& text, const std::string& file,
                                             std::vector<std::string>& notes);

}  // namespace mm
