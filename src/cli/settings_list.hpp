// --list-settings: every key with its value, what it means, and whether it was changed.
#pragma once

#include <CLI/CLI.hpp>

#include <string>
#include <vector>

#include "mbrl/core/settings.hpp"

namespace mbrl::cli {

struct SettingsFilter {
  bool wanted = false;
  std::string part;  // of a key; all if empty
};

// `of_what` ends the sentence "Show every setting ...".
void add_list_settings(CLI::App& command, SettingsFilter& filter, const std::string& of_what);

// To standard output. Those that differ from `defaults` (the same keys in the same order) begin with '*' and
// say the default. Throws if no key contains what was asked for.
void print_settings(const std::vector<SettingInfo>& settings, const std::vector<SettingInfo>& defaults,
                    const SettingsFilter& filter);

}  // namespace mbrl::cli
