// The model that a weights file holds, as far as it and the files beside it tell; the rest is the user's to say. No
// torch.
#pragma once

#include <string>
#include <vector>

#include "interchange/recognize.h"

namespace mm {

struct FileModel {
  std::string path;                   ///< of the weights
  Recognized recognized;              ///< by keys and shapes
  std::string settings_path;          ///< the file beside the weights that says more, "" when there is none
  std::vector<std::string> settings;  ///< what it says, as `model.key=value`
  ModelConfig model;                  ///< both together, resolved
};

/// Puts the settings over what was recognised. Throws Error(kCheckpoint) when they contradict the shapes or when one of
/// them is wrong in itself; Error(kConfig) when what was recognised alone makes no model, which --set can mend.
FileModel describe_file_model(const std::string& path, const Recognized& recognized, const std::string& settings_path,
                              const std::vector<std::string>& settings);

/// The generation that the user's `model.key=value` point to, of those whose files look like this one: rope_theta tells
/// g1 from g2 where the number of key/value heads does not, router_aux_loss_coef g3a and g3b from g3c. The recognised
/// one when they say nothing.
const Generation& generation_of_flags(const FileModel& file, const std::vector<std::string>& flags);

/// What is to be said of a file that may be of g4 or of g4c, which no byte of it tells: one line with the one that is
/// assumed and how to choose; "" when somebody chose, or when it makes no difference to `model`.
///   key    the option or setting that names a generation
///   flags  the user's `model.key=value`
std::string top1_assumption(const FileModel& file, const ModelConfig& model, const std::vector<std::string>& flags,
                            const std::string& key);

/// The model with the user's `model.key=value` over it: for what no file can tell (head count, theta, top-k).
/// Throws Error(kConfig) for a bad setting, Error(kCheckpoint) for one that contradicts the file.
ModelConfig model_with_flags(const FileModel& file, const std::vector<std::string>& flags);

/// Completes a model that a run config was read into over `file.model`: head counts that the config left open.
void complete_from_file(const FileModel& file, ModelConfig& model);

/// What a run config makes of a file, checked: throws Error(kCheckpoint), one line for each setting with the values of
/// file, config and flags, when the last contradicts the shapes, or when the config gives a constant of a MiniMind file
/// (rope_theta, rms_norm_eps) another value than its generation has and no flag names it.
///   config_path  names the config
///   config       its model without the flags, completed
///   flags        all `a.b=value` of the command line
///   model        the model with them
void check_against_file(const FileModel& file, const std::string& config_path, const ModelConfig& config,
                        const std::vector<std::string>& flags, const ModelConfig& model);

}  // namespace mm
