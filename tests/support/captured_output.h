// What a piece of code writes to a pipe, or to a terminal of a given size.
#pragma once

#include <functional>
#include <string>

/// Standard output and error of `body`, which runs in a child process.
std::string output_to_pipe(const std::function<void()>& body);

/// The same where both are a terminal of TERM=xterm with 24 rows. A terminal turns "\n" into "\r\n".
std::string output_to_terminal(unsigned short columns, const std::function<void()>& body);

/// Makes the terminal of such a `body` another size.
void resize_terminal(unsigned short rows, unsigned short columns);
