// The whole lines of a file that may be growing.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace mm {

/// Calls `take` with each line that has its end; not at all when there is no such file. A file that is cut back
/// meanwhile ends there.
/// Throws Error(kData) when it cannot be read.
void for_each_line(const std::string& path, const std::function<void(std::string_view line)>& take);

}  // namespace mm
