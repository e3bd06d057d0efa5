// Environments by name, for programs that choose one at run time.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/env/environment.hpp"

namespace mbrl {

/// name -> specification and factory. Filled by register_analytic_environments, mujoco::register_environments
/// and users.
class EnvRegistry {
 public:
  using Factory = std::function<AnyEnvironment()>;

  /// The name is the specification's. Throws if it is empty or taken.
  void add(EnvSpec spec, Factory factory);

  /// Everything that another registry holds. Throws if a name is taken.
  void add_all(const EnvRegistry& other) {
    for (const auto& entry : other.entries_) add(entry.second.first, entry.second.second);
  }

  bool contains(const std::string& name) const { return entries_.contains(name); }
  std::vector<std::string> names() const;  // in alphabetical order

  /// Dimensions, bounds, episode length and source, without building the environment.
  /// This and make throw on an unknown name, naming those that contain it or the nearest one.
  const EnvSpec& spec(const std::string& name) const;
  AnyEnvironment make(const std::string& name) const;

 private:
  const std::pair<EnvSpec, Factory>& entry(const std::string& name) const;

  std::map<std::string, std::pair<EnvSpec, Factory>> entries_;
};

}  // namespace mbrl
