// Where this program is, and what lies beside it: in a build folder, or installed.
#pragma once

#include <string>

namespace mm {

/// The folder that the program is in, as a user would write it here: relative where it is below the current one.
std::string program_folder();

/// What stands before the name of another of our programs when a user types it: `build/release/bin/`, or installed
/// `minimind-`, with its folder where that is not on PATH.
std::string program_prefix();

/// A program's name as it is in a build folder: `minimind-generate` -> `generate`.
std::string short_program_name(const std::string& name);

/// A config that a user names: `path`, or, where nothing of that name is here, the installed one. Both exist as
/// `configs/quickstart.json`.
std::string shipped_file(const std::string& path);

}  // namespace mm
