// Planners of a user's own beside the library's: by name, for whatever evaluator an algorithm plans with, and
// with settings of their own.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mbrl/core/any_settings.hpp"
#include "mbrl/planning/registry/registry.hpp"

namespace mbrl {

/// name -> settings and factory. As a member of a settings struct it takes part by key: the members of the
/// planner "climber" stand below `climber.`, beside those of the library's planners.
class OwnPlanners {
 public:
  /// `make(rollout, bounds, settings, seed)` makes the planner for an OpaqueRollout<float> and for an
  /// OpaqueRollout<double>, to which it may keep a reference; the planner is Checkpointable. Where actions
  /// are choices (ActionBounds::choices), the evaluator sees the nearest one. Throws mbrl::Error if the name
  /// is taken, or is not made of letters, digits, '-' and '_'.
  ///   planners.add("climber", ClimberSettings{}, [](auto& rollout, const ActionBounds& bounds,
  ///                const ClimberSettings& s, std::uint64_t seed) { return Climber(rollout, bounds, s, seed);
  ///                });
  template <Settings S, class Make>
  void add(const std::string& name, S settings, Make make) {
    require_new(name);
    entries_[name] = {AnySettings(std::move(settings)), factory<float, S>(make), factory<double, S>(make)};
  }
  /// Everything that another registry holds.
  void add_all(const OwnPlanners& other) {
    for (const auto& entry : other.entries_) {
      require_new(entry.first);
      entries_.insert(entry);
    }
  }

  bool contains(const std::string& name) const { return entries_.contains(name); }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& entry : entries_) all.push_back(entry.first);
    return all;
  }

  /// The planner `settings.name`, one of these or of the library's. Throws mbrl::Error for another name. The
  /// evaluator must outlive it.
  template <RolloutEvaluator E>
  AnyPlanner<typename E::State, typename E::Scalar> make(E& evaluator, const ActionBounds& bounds,
                                                         const PlannerSettings& settings,
                                                         std::uint64_t seed) const {
    using State = typename E::State;
    using Scalar = typename E::Scalar;
    const auto own = entries_.find(settings.name);
    if (own == entries_.end()) {
      require_known(settings.name);
      return make_planner(evaluator, bounds, settings, seed);
    }
    OpaqueRollout<Scalar> rollout(evaluator);
    if constexpr (std::is_same_v<Scalar, float>)
      return AnyPlanner<State, Scalar>(detail::OpaquePlanner<State, Scalar>(
          own->second.make_float(rollout, bounds, own->second.settings, seed)));
    else
      return AnyPlanner<State, Scalar>(detail::OpaquePlanner<State, Scalar>(
          own->second.make_double(rollout, bounds, own->second.settings, seed)));
  }

  /// See AnySettings.
  void append_fields(const std::string& prefix, std::vector<SettingField>& out) {
    for (auto& entry : entries_) entry.second.settings.append_fields(prefix + entry.first + ".", out);
  }

 private:
  template <class Scalar>
  using Factory = std::function<AnyPlanner<OpaqueState, Scalar>(
      const OpaqueRollout<Scalar>&, const ActionBounds&, const AnySettings&, std::uint64_t)>;
  struct Entry {
    AnySettings settings;
    Factory<float> make_float;
    Factory<double> make_double;
  };

  // A planner and the rollout it plans through, which stays where it is.
  template <class P, class Scalar_>
  class Held {
   public:
    using Scalar = Scalar_;
    using State = OpaqueState;
    Held(std::unique_ptr<OpaqueRollout<Scalar>> rollout, P planner)
        : rollout_(std::move(rollout)), planner_(std::move(planner)) {}
    ActionPlan<Scalar> plan(const State& state, int t) { return planner_.plan(state, t); }
    void set_deadline([[maybe_unused]] const Deadline& deadline) {
      if constexpr (requires { planner_.set_deadline(deadline); }) planner_.set_deadline(deadline);
    }
    void advance(int steps) { planner_.advance(steps); }
    void reset() { planner_.reset(); }
    void save(StateDict& out, const std::string& prefix) const { planner_.save(out, prefix); }
    void load(const StateDict& in, const std::string& prefix) { planner_.load(in, prefix); }

   private:
    std::unique_ptr<OpaqueRollout<Scalar>> rollout_;
    P planner_;
  };

  template <class Scalar, class S, class Make>
  static Factory<Scalar> factory(Make make) {
    return [make](const OpaqueRollout<Scalar>& rollout, const ActionBounds& bounds,
                  const AnySettings& settings, std::uint64_t seed) {
      bounds.validate<Scalar>("planners", rollout.action_dim());
      auto held = std::make_unique<OpaqueRollout<Scalar>>(rollout);
      held->set_choices(bounds.choices);
      auto planner = make(*held, bounds, settings.get<S>(), seed);
      using P = decltype(planner);
      static_assert(Checkpointable<P>, "a planner that is chosen by name has save and load");
      return AnyPlanner<OpaqueState, Scalar>(Held<P, Scalar>(std::move(held), std::move(planner)));
    };
  }

  void require_new(const std::string& name) const;
  void require_known(const std::string& name) const;

  std::map<std::string, Entry> entries_;
};

}  // namespace mbrl
