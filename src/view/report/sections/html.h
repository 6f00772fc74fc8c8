// Text of any origin inside an HTML page.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mm {

/// `text` as the content of an element or of a quoted attribute: nothing of it is markup. Bytes that are not UTF-8 and
/// control characters become U+FFFD; newlines and tabs stay.
std::string escape_html(std::string_view text);

/// What a list of which `count` had no room ends with; empty when that is 0.
std::string more_in_file(int64_t count);

/// RFC 4648, section 4.
std::string base64(std::string_view bytes);

}  // namespace mm
