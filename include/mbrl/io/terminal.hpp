// What the person at the other end of a stream sees: whether it is a terminal, how wide, and with colours or
// not.
#pragma once

namespace mbrl {

/// True if the file descriptor is a terminal that understands carriage returns (TERM is set, and not "dumb").
bool is_terminal(int fd);

/// Characters a line of the terminal holds; 80 where that cannot be found out.
int terminal_width(int fd);

/// True on a terminal, unless the environment variable NO_COLOR is set to anything (https://no-color.org).
bool wants_colour(int fd);

}  // namespace mbrl
