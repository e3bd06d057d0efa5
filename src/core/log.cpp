// Logging set-up.
#include "mbrl/core/log.hpp"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>
#include <string>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"

namespace mbrl {
namespace {

spdlog::level::level_enum parse_level(std::string_view name) {
  static const std::vector<std::string> kNames = {"trace", "debug", "info", "warn", "error", "off"};
  static const std::vector<spdlog::level::level_enum> kLevels = {spdlog::level::trace, spdlog::level::debug,
                                                                 spdlog::level::info,  spdlog::level::warn,
                                                                 spdlog::level::err,   spdlog::level::off};
  for (std::size_t i = 0; i < kNames.size(); ++i)
    if (kNames[i] == lower(name)) return kLevels[i];
  fail("log level is '", name, "'", did_you_mean(name, kNames));
}

}  // namespace

void start_logging(std::string_view level) {
  const auto parsed = parse_level(level);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink->set_pattern("%^%v%$");
  auto logger = std::make_shared<spdlog::logger>("mbrl", std::move(sink));
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
}

void log_to_file(const std::filesystem::path& path) {
  try {
    auto sink = std::make_shared<spdlog::sinks::basic_file_sink_mt>(path.string(), false);
    sink->set_pattern("%Y-%m-%d %H:%M:%S %l %v");
    spdlog::default_logger()->sinks().push_back(std::move(sink));
  } catch (const spdlog::spdlog_ex& error) {
    fail("log file '", path.string(), "' cannot be opened: ", error.what());
  }
}

}  // namespace mbrl
