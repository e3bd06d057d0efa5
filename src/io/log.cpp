// Logging set-up.
#include "mbrl/io/log.hpp"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/terminal.hpp"

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

// "warning: " and "error: " before what needs attention, coloured where colours are wanted; the rest stays
// plain.
class LevelWord final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& message, const std::tm&, spdlog::memory_buf_t& out) override {
    if (message.level < spdlog::level::warn) return;
    const std::string_view word = message.level == spdlog::level::warn ? "warning: " : "error: ";
    message.color_range_start = out.size();
    out.append(word.data(), word.data() + word.size());
    message.color_range_end = out.size();
  }
  std::unique_ptr<custom_flag_formatter> clone() const override { return std::make_unique<LevelWord>(); }
};

}  // namespace

void start_logging(std::string_view level) {
  const auto parsed = parse_level(level);
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>();
  sink->set_color_mode(wants_colour(STDERR_FILENO) ? spdlog::color_mode::always : spdlog::color_mode::never);
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<LevelWord>('*').set_pattern("%*%v");
  sink->set_formatter(std::move(formatter));
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
