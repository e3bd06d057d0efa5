#include "settings_list.hpp"

#include <iostream>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"

namespace mbrl::cli {

void add_list_settings(CLI::App& command, SettingsFilter& filter, const std::string& of_what) {
  command
      .add_option_function<std::vector<std::string>>(
          "--list-settings",
          [&filter](const std::vector<std::string>& parts) {
            filter.wanted = true;
            filter.part = parts.empty() ? "" : parts.front();
          },
          "Show every setting " + of_what + ", or those whose key contains FILTER, and stop")
      ->expected(0, 1)
      ->type_name("[FILTER]")
      ->default_str("");
}

void print_settings(const std::vector<SettingInfo>& settings, const std::vector<SettingInfo>& defaults,
                    const SettingsFilter& filter) {
  const std::string part = lower(filter.part);
  bool any = false;
  for (std::size_t i = 0; i < settings.size(); ++i) {
    const SettingInfo& info = settings[i];
    if (lower(info.key).find(part) == std::string::npos) continue;
    any = true;
    const bool changed = info.value != defaults.at(i).value;
    std::cout << (changed ? "* " : "") << info.key << " = " << info.value
              << (changed ? " (default " + defaults[i].value + ")" : "") << "\n    " << info.help << " ("
              << info.expected << ")\n";
  }
  require(any, "--list-settings: no key contains '", filter.part, "'");
}

}  // namespace mbrl::cli
