// Algorithms by name, for `mbrl train NAME` and whoever reads what it left.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/algorithms/algorithm.hpp"
#include "mbrl/core/any_settings.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/run/configuration.hpp"
#include "mbrl/run/resume.hpp"

namespace mbrl {

/// What an algorithm is made from besides its settings. The pool outlives it.
struct AlgorithmContext {
  std::function<AnyEnvironment()> make_environment;  // a new one at every call
  ThreadPool& pool;
  std::uint64_t seed = 1;
};

/// Settings to start from, by name: `mbrl train NAME --preset quick`.
template <class S>
struct Preset {
  std::string name, help;
  std::function<S(const EnvSpec&)> settings;
};

/// An algorithm as it is registered; S is its settings struct.
///   registry.add<MySettings>({.name = "mine", .summary = "...", .steps_key = "steps", .make = ...});
template <Settings S>
struct AlgorithmDescription {
  std::string name;           // letters, digits, '-' and '_'
  std::string summary;        // one line
  std::string details{};      // more lines for `mbrl train NAME --help`
  std::string steps_key;      // whole number in S: the budget in environment steps, set by --steps
  std::string rounds_key{};   // the same in rounds, set by --trials; it counts where steps_key is 0
  std::string environment{};  // where a run is that names none; empty: RunConfiguration's default
  S blank{};                  // what a settings file that leaves out a key means by it
  /// What a run on an environment starts from; without it `blank`.
  std::function<S(const EnvSpec&)> defaults{};
  std::vector<Preset<S>> presets{};  // besides "default"
  /// Throws mbrl::Error for settings that make no sense on the environment, before anything is made.
  std::function<void(const S&, const EnvSpec&)> check{};
  std::function<AnyAlgorithm(const S&, const AlgorithmContext&)> make;
  /// What acts, from a checkpoint and without what learning needs; without it the whole algorithm is made and
  /// loaded, and asked for its actor. Throws where nothing was learned yet.
  std::function<AnyActor(const S&, const AlgorithmContext&, const StateDict&, const std::string& prefix)>
      load_actor{};
  /// --device: cpu, cuda, cuda:<index> or auto. Without it the algorithm has no choice of device.
  std::function<void(S&, const std::string& device, const EnvSpec&)> choose_device{};
  /// What a user who gave these keys by hand should know, as sentences: that one has no effect, for instance.
  std::function<std::vector<std::string>(const S&, const std::vector<std::string>& keys)> remarks{};
};

/// The same with the settings behind AnySettings.
struct AlgorithmEntry {
  std::string name, summary, details, steps_key, rounds_key;
  std::string environment = RunConfiguration().environment;  // of a run that names none
  AnySettings blank;  // what a settings file that leaves out a key means by it
  std::function<AnySettings(const EnvSpec&)> defaults;
  std::vector<Preset<AnySettings>> presets;
  std::function<void(const AnySettings&, const EnvSpec&)> check;
  std::function<AnyAlgorithm(const AnySettings&, const AlgorithmContext&)> make;
  std::function<AnyActor(const AnySettings&, const AlgorithmContext&, const StateDict&, const std::string&)>
      load_actor;
  std::function<void(AnySettings&, const std::string&, const EnvSpec&)> choose_device;  // may be empty
  std::function<std::vector<std::string>(const AnySettings&, const std::vector<std::string>&)> remarks;

  /// Keys of the budget, in the settings of a run.
  std::vector<std::string> budget_keys() const;
  RunBudget budget(const AnySettings& settings) const;
  /// The settings of a preset; "" and "default" are the defaults. Throws with the nearest for an unknown one.
  AnySettings preset(const std::string& preset_name, const EnvSpec& spec) const;
};

class AlgorithmRegistry {
 public:
  /// Throws mbrl::Error if the name is taken or cannot be one, nothing makes the algorithm, or a key of the
  /// budget is not a whole number in S.
  template <Settings S>
  void add(AlgorithmDescription<S> d) {
    AlgorithmEntry e;
    e.name = std::move(d.name);
    e.summary = std::move(d.summary);
    e.details = std::move(d.details);
    e.steps_key = std::move(d.steps_key);
    e.rounds_key = std::move(d.rounds_key);
    if (!d.environment.empty()) e.environment = std::move(d.environment);
    e.blank = AnySettings(d.blank);
    e.defaults = [f = std::move(d.defaults), blank = d.blank](const EnvSpec& spec) {
      return AnySettings(f ? f(spec) : blank);
    };
    for (Preset<S>& p : d.presets)
      e.presets.push_back(
          {std::move(p.name), std::move(p.help),
           [f = std::move(p.settings)](const EnvSpec& spec) { return AnySettings(f(spec)); }});
    e.check = [f = std::move(d.check)](const AnySettings& s, const EnvSpec& spec) {
      if (f) f(s.get<S>(), spec);
    };
    const auto make = d.make;
    if (make)
      e.make = [make](const AnySettings& s, const AlgorithmContext& c) { return make(s.get<S>(), c); };
    e.load_actor = [make, f = std::move(d.load_actor)](const AnySettings& s, const AlgorithmContext& c,
                                                       const StateDict& in, const std::string& prefix) {
      if (f) return f(s.get<S>(), c, in, prefix);
      AnyAlgorithm whole = make(s.get<S>(), c);
      whole.load(in, prefix);
      return whole.actor();
    };
    if (d.choose_device)
      e.choose_device = [f = std::move(d.choose_device)](AnySettings& s, const std::string& device,
                                                         const EnvSpec& spec) {
        f(s.get<S>(), device, spec);
      };
    e.remarks = [f = std::move(d.remarks)](const AnySettings& s, const std::vector<std::string>& keys) {
      return f ? f(s.get<S>(), keys) : std::vector<std::string>();
    };
    add_entry(std::move(e));
  }

  /// Everything that another registry holds.
  void add_all(const AlgorithmRegistry& other);

  bool contains(const std::string& name) const { return entries_.contains(name); }
  std::vector<std::string> names() const;  // in alphabetical order
  /// Throws mbrl::Error for an unknown name, with the nearest.
  const AlgorithmEntry& at(const std::string& name) const;

 private:
  void add_entry(AlgorithmEntry&& entry);
  std::map<std::string, AlgorithmEntry> entries_;
};

}  // namespace mbrl
