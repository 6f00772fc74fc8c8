// Which program this is.
#pragma once

#include <string>

namespace mm {

/// `minimind.cpp 0.1.0, commit 0123456789ab`; without the commit where the sources were no git clone when they were
/// configured.
std::string program_version();

/// The folder that the program is in, as a user would write it here: relative where it is below the current one.
std::string program_folder();

}  // namespace mm
