// Log lines for code that cannot include spdlog.
#include "models/neural/training_log.hpp"

#include <spdlog/spdlog.h>

namespace mbrl::training {

void log_info(const std::string& line) { spdlog::info("{}", line); }

}  // namespace mbrl::training
