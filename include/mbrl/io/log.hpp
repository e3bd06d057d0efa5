// Where log lines go. Lines are written with spdlog's own functions (spdlog::info("...")); this only sets it
// up.
#pragma once

#include <filesystem>
#include <string_view>

namespace mbrl {

/// Makes spdlog's default logger write to standard error, from `level` on: trace, debug, info, warn, error or
/// off. Warnings and errors begin with that word, in colour on a terminal unless NO_COLOR is set. For
/// programs: the library never calls it. Throws mbrl::Error for an unknown level.
void start_logging(std::string_view level = "info");

/// Adds a file that gets the same lines with the date, appended after what is there (a run folder's log.txt).
/// Throws mbrl::Error if it cannot be opened.
void log_to_file(const std::filesystem::path& path);

}  // namespace mbrl
