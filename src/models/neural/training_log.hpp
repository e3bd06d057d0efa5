// A log line from code that cannot include spdlog: LibTorch's wheels bring headers of another version of its
// fmt.
#pragma once

#include <string>

namespace mbrl::training {

void log_info(const std::string& line);

}  // namespace mbrl::training
