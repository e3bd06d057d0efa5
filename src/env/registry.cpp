// Lookup of environments by name, with help for a name that is not known.
#include "mbrl/env/registry.hpp"

#include "mbrl/core/text.hpp"
#include "mbrl/env/check_action.hpp"

namespace mbrl {

void EnvRegistry::add(EnvSpec spec, Factory factory) {
  require(!spec.name.empty(), "EnvRegistry: an environment needs a name");
  check_bounds(spec);
  const std::string name = spec.name;
  std::pair<EnvSpec, Factory> entry(std::move(spec), std::move(factory));
  const bool added = entries_.try_emplace(name, std::move(entry)).second;
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
  fail("unknown environment '", name, "'", did_you_mean(name, names()), " ('mbrl envs' lists all)");
}

}  // namespace mbrl
