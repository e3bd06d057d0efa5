// The lists of a command line, and every combination of them.
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "command_line.hpp"
#include "mbrl/core/text.hpp"
#include "registries.hpp"
#include "sweep.hpp"

namespace mbrl::cli {
namespace {

std::uint64_t seed_of(const std::string& text, const std::string& all) {
  const std::optional<std::uint64_t> seed = whole_number(text);
  require(seed.has_value(), "--seed is '", all,
          "', expected a whole number, a list (1,4,7) or a range (1..5)");
  return *seed;
}

std::vector<std::string> seeds_of(const std::string& text) {
  if (text.empty()) return {""};
  std::vector<std::string> seeds;
  for (const std::string& part : split(text, ",")) {
    const std::vector<std::string> ends = split(part, "..");
    const std::uint64_t first = seed_of(ends.front(), text), last = seed_of(ends.back(), text);
    require(ends.size() <= 2 && first <= last && last - first < 10000, "--seed is '", text,
            "', expected ranges like 1..5, of at most 10000 seeds");
    for (std::uint64_t i = 0; i <= last - first; ++i) seeds.push_back(std::to_string(first + i));
  }
  return seeds;
}

// The values of "key=1,2" as assignments of their own. Where the setting is a list itself, only lists in
// brackets are several values.
std::vector<std::string> values_of(const std::string& assignment, const std::string& algorithm) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos) return {assignment};  // an error that is reported elsewhere
  const std::string key = assignment.substr(0, equals), trimmed = assigned_key(assignment),
                    text(trim(assignment.substr(equals + 1)));
  RunConfiguration configuration{.algorithm = algorithm, .eval = {}, .own = algorithms().at(algorithm).blank};
  std::vector<SettingField> fields = setting_fields(configuration);
  const SettingField* field = find_field(fields, trimmed);
  const bool list = field && (std::holds_alternative<std::vector<int>*>(field->value) ||
                              std::holds_alternative<std::vector<float>*>(field->value) ||
                              std::holds_alternative<std::vector<double>*>(field->value) ||
                              std::holds_alternative<std::vector<std::string>*>(field->value));
  std::vector<std::string> values;
  if (!list) {
    values = split(text, ",");
  } else if (text.starts_with('[')) {
    std::string_view rest = text;
    while (true) {
      const std::size_t end = rest.find(']');
      require(rest.starts_with('[') && end != std::string_view::npos, "--set ", key, " is '", text,
              "', expected lists in brackets between commas, e.g. [64,64],[200,200]");
      values.emplace_back(rest.substr(0, end + 1));
      rest = trim(rest.substr(end + 1));
      if (rest.empty()) break;
      if (rest.starts_with(',')) rest = trim(rest.substr(1));
    }
  } else {
    values = {text};
  }
  // What one of them sets, as settings files have it: 0.9 of 0.90, true of yes.
  const auto meant = [&](const std::string& value) {
    set_value(configuration, trimmed, value, "--set");
    const std::vector<SettingInfo> now = list_keys(configuration);
    return std::ranges::find(now, trimmed, &SettingInfo::key)->value;  // there, or it was not set
  };
  std::set<std::string> known;
  for (const std::string& value : values) {
    require(!value.empty() || values.size() == 1, "--set ", trimmed, " is '", text,
            "', expected values between commas");
    require(values.size() == 1 || known.insert(meant(value)).second, "sweep: '", trimmed, "=", value,
            "' comes twice; give each value once");
  }
  for (std::string& value : values) value = key + "=" + value;
  return values.empty() ? std::vector<std::string>{assignment} : values;
}

// Part of a folder's name.
std::string plain(std::string text) {
  for (char& c : text)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 &&
        std::string_view("._=+-").find(c) == std::string::npos)
      c = '-';
  return text;
}

}  // namespace

std::vector<SweepRun> sweep_runs(const SweepOptions& options, const std::string& algorithm) {
  const std::vector<std::string> environments = split(options.environments, ","),
                                 seeds = seeds_of(options.seeds);
  for (const std::string& environment : environments)
    require(!environment.empty() || environments.size() == 1, "--env is '", options.environments,
            "', expected names between commas");
  std::vector<SweepRun> runs(1);
  const auto cross = [&](std::size_t count, auto&& choose) {
    std::vector<SweepRun> all;
    for (const SweepRun& run : runs)
      for (std::size_t i = 0; i < count; ++i) {
        all.push_back(run);
        choose(all.back(), i);
      }
    runs = std::move(all);
  };
  const auto name = [](SweepRun& run, const std::string& part, std::size_t count) {
    if (count > 1) run.name += (run.name.empty() ? "" : "_") + plain(part);
  };
  cross(environments.size(), [&](SweepRun& run, std::size_t i) {
    run.environment = environments[i];
    name(run, environments[i], environments.size());
  });
  std::set<std::string> lists;  // keys that have several values; what comes later would replace each of them
  for (const std::string& assignment : options.assignments) {
    const std::vector<std::string> values = values_of(assignment, algorithm);
    const std::string key = assigned_key(assignment);
    require(!lists.contains(key), "sweep: '", key,
            "' is given again after its list; give all its values at once, ", key, "=A,B");
    if (values.size() > 1) lists.insert(key);
    cross(values.size(), [&](SweepRun& run, std::size_t i) {
      run.assignments.push_back(values[i]);
      name(run, values[i], values.size());
    });
  }
  cross(seeds.size(), [&](SweepRun& run, std::size_t i) {
    run.seed = seeds[i];
    name(run, "seed=" + seeds[i], seeds.size());
  });
  std::set<std::string> names;
  for (const SweepRun& run : runs)
    require(names.insert(run.name).second, "sweep: '", run.name, "' comes twice; give each value once");
  return runs;
}

}  // namespace mbrl::cli
