// Lookup of environments by name, with help for a name that is not known.
#include "mbrl/env/registry.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>

#include "mbrl/env/pendulum.hpp"

namespace mbrl {
namespace {

// Levenshtein's edit distance without regard to case.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  const auto lower = [](char c) { return std::tolower(static_cast<unsigned char>(c)); };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substitute = diagonal + (lower(a[i - 1]) == lower(b[j - 1]) ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitute});
    }
  }
  return row[b.size()];
}

}  // namespace

void EnvRegistry::add(EnvSpec spec, Factory factory) {
  require(!spec.name.empty(), "EnvRegistry: an environment needs a name");
  const std::string name = spec.name;
  const bool added = entries_.try_emplace(name, std::move(spec), std::move(factory)).second;
  require(added, "EnvRegistry: an environment named '", name, "' is registered already");
}

std::vector<std::string> EnvRegistry::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : entries_) names.push_back(name);
  return names;
}

const EnvSpec& EnvRegistry::spec(const std::string& name) const { return entry(name).first; }

AnyEnvironment EnvRegistry::make(const std::string& name) const { return entry(name).second(); }

const std::pair<EnvSpec, EnvRegistry::Factory>& EnvRegistry::entry(const std::string& name) const {
  const auto it = entries_.find(name);
  if (it != entries_.end()) return it->second;
  require(!entries_.empty(), "unknown environment '", name, "': none is registered");
  std::string known;
  const std::string* nearest = nullptr;
  std::size_t least = 0;
  for (const auto& [candidate, unused] : entries_) {
    known += (known.empty() ? "" : ", ") + candidate;
    const std::size_t distance = edit_distance(name, candidate);
    if (!nearest || distance < least) nearest = &candidate, least = distance;
  }
  fail("unknown environment '", name, "'; did you mean '", *nearest, "'? Known: ", known);
}

void register_analytic_environments(EnvRegistry& registry) {
  registry.add(Pendulum().spec(), [] { return AnyEnvironment(Pendulum()); });
}

}  // namespace mbrl
