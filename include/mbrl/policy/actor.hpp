// Who acts in one environment: a planner in its loop, a learned policy, chance.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <utility>

#include "mbrl/core/types.hpp"

namespace mbrl {

// clang-format off
/// Chooses the actions of one environment, step by step. It may remember what it has seen since `begin`.
template <class A>
concept Actor = requires(A& actor, std::uint64_t seed, ConstVecRef<double> obs, int t) {
  actor.begin(seed);                                     // a new episode; the seed is that of whatever is random in acting
  { actor.act(obs, t) } -> std::convertible_to<Vecd>;    // obs (obs_dim) of control step t = 0, 1, ...; the action (action_dim)
};
// clang-format on

/// Any actor behind one type.
class AnyActor {
 public:
  template <Actor A>
    requires(!std::same_as<std::remove_cvref_t<A>, AnyActor>)
  explicit AnyActor(A actor) : self_(std::make_unique<Model<A>>(std::move(actor))) {}

  /// A new episode.
  void begin(std::uint64_t seed) { self_->begin(seed); }
  /// The action (action_dim) for the observation (obs_dim) of control step t; valid until the next call.
  const Vecd& act(ConstVecRef<double> obs, int t) { return self_->act(obs, t); }

  /// The actor inside, or null if it is of another type.
  template <class A>
  A* target() {
    auto* model = dynamic_cast<Model<A>*>(self_.get());
    return model ? &model->actor : nullptr;
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual void begin(std::uint64_t seed) = 0;
    virtual const Vecd& act(ConstVecRef<double> obs, int t) = 0;
  };
  template <class A>
  struct Model final : Interface {
    explicit Model(A a) : actor(std::move(a)) {}
    void begin(std::uint64_t seed) override { actor.begin(seed); }
    const Vecd& act(ConstVecRef<double> obs, int t) override {
      action = actor.act(obs, t);
      return action;
    }
    A actor;
    Vecd action{};
  };
  std::unique_ptr<Interface> self_;
};

}  // namespace mbrl
