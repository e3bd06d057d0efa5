#include "mbrl/algorithms/registry.hpp"

#include <algorithm>
#include <cctype>
#include <optional>

#include "mbrl/core/text.hpp"

namespace mbrl {
namespace {

// The value of a whole-number setting; nothing if there is no such key or it is of another type.
std::optional<std::int64_t> whole_number(AnySettings settings, const std::string& key) {
  std::vector<SettingField> fields;
  settings.append_fields("", fields);
  const SettingField* field = find_field(fields, key);
  if (!field) return std::nullopt;
  if (const auto* const* value = std::get_if<int*>(&field->value)) return **value;
  if (const auto* const* value = std::get_if<std::int64_t*>(&field->value)) return **value;
  return std::nullopt;
}

}  // namespace

std::vector<std::string> AlgorithmEntry::budget_keys() const {
  if (rounds_key.empty()) return {steps_key};
  return {steps_key, rounds_key};
}

RunBudget AlgorithmEntry::budget(const AnySettings& settings) const {
  RunBudget budget;
  budget.steps = whole_number(settings, steps_key).value_or(0);
  if (!rounds_key.empty()) budget.rounds = whole_number(settings, rounds_key).value_or(0);
  return budget;
}

AnySettings AlgorithmEntry::preset(const std::string& preset_name, const EnvSpec& spec) const {
  if (preset_name.empty() || preset_name == "default") return defaults(spec);
  std::vector<std::string> known = {"default"};
  for (const Preset<AnySettings>& p : presets) {
    if (p.name == preset_name) return p.settings(spec);
    known.push_back(p.name);
  }
  fail("--preset is '", preset_name, "'", did_you_mean(preset_name, known));
}

void AlgorithmRegistry::add_entry(AlgorithmEntry&& entry) {
  const std::string name = entry.name;
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  });
  require(plain && !name.empty() && name.front() != '-', "AlgorithmRegistry: '", name,
          "' cannot be a name, expected letters, digits, '-' and '_'");
  require(static_cast<bool>(entry.make), "AlgorithmRegistry: '", name, "' has no function that makes it");
  for (const std::string& key : entry.budget_keys())
    require(whole_number(entry.blank, key).has_value(), "AlgorithmRegistry: the budget of '", name,
            "' is the setting '", key, "', which is not a whole number (int or int64) of its settings");
  const bool added = entries_.try_emplace(name, std::move(entry)).second;
  require(added, "AlgorithmRegistry: an algorithm named '", name, "' is registered already");
}

void AlgorithmRegistry::add_all(const AlgorithmRegistry& other) {
  for (const auto& entry : other.entries_) add_entry(AlgorithmEntry(entry.second));
}

std::vector<std::string> AlgorithmRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& entry : entries_) names.push_back(entry.first);
  return names;
}

const AlgorithmEntry& AlgorithmRegistry::at(const std::string& name) const {
  const auto it = entries_.find(name);
  if (it != entries_.end()) return it->second;
  require(!entries_.empty(), "unknown algorithm '", name, "': none is registered");
  fail("unknown algorithm '", name, "'", did_you_mean(name, names()));
}

}  // namespace mbrl
