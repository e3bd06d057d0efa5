// What the program and every other user of a run ask of an algorithm, and the form in which one is chosen at
// run time.
#pragma once

#include <concepts>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/policy/actor.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

// clang-format off
/// Learns a task, from its first step to the end of its budget. `save` holds everything, so that a loaded
/// algorithm continues with the numbers of one that was never stopped; numbers do not depend on the number of
/// threads.
template <class A>
concept Algorithm = Checkpointable<A> && requires(A& algorithm, const A& calgorithm, RunObserver& observer) {
  { algorithm.run(observer) } -> std::same_as<bool>;                          // true: the budget is spent; false: the observer stopped it, run again
  { calgorithm.metrics() } -> std::convertible_to<const MetricTable&>;        // a row a finished round
  { algorithm.actor() } -> std::same_as<AnyActor>;                            // acts with what was learned so far, without exploring; using it changes
                                                                              // no number of the learning, it stays as it is when learning goes on, and
                                                                              // it owns what it needs (but a thread pool): the algorithm may go first
  { algorithm.environment() } -> std::convertible_to<AnyEnvironment&>;        // what it learns in, for looking at
};
// clang-format on

/// Base of interfaces that an algorithm may offer beyond Algorithm, such as EnsemblePlanning: it derives from
/// the interface, and whoever needs it asks AnyAlgorithm::find.
struct Capability {
  virtual ~Capability() = default;
};

/// Any algorithm behind one type.
class AnyAlgorithm {
 public:
  /// Algorithms hold references to their own parts, so they are made where they stay.
  template <Algorithm A>
  explicit AnyAlgorithm(std::unique_ptr<A> algorithm)
      : self_(std::make_unique<Model<A>>(std::move(algorithm))) {}

  bool run(RunObserver& observer) { return self_->run(observer); }
  const MetricTable& metrics() const { return self_->metrics(); }
  AnyActor actor() { return self_->actor(); }
  AnyEnvironment& environment() { return self_->environment(); }
  void save(StateDict& out, const std::string& prefix) const { self_->save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { self_->load(in, prefix); }

  /// The algorithm as an interface that derives from Capability; null if it does not offer it.
  template <class I>
    requires std::derived_from<I, Capability>
  I* find() {
    return dynamic_cast<I*>(self_->capability());
  }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual bool run(RunObserver& observer) = 0;
    virtual const MetricTable& metrics() const = 0;
    virtual AnyActor actor() = 0;
    virtual AnyEnvironment& environment() = 0;
    virtual void save(StateDict& out, const std::string& prefix) const = 0;
    virtual void load(const StateDict& in, const std::string& prefix) = 0;
    virtual Capability* capability() = 0;
  };
  template <class A>
  struct Model final : Interface {
    explicit Model(std::unique_ptr<A> a) : algorithm(std::move(a)) {
      require(algorithm != nullptr, "AnyAlgorithm: the algorithm is null");
    }
    bool run(RunObserver& observer) override { return algorithm->run(observer); }
    const MetricTable& metrics() const override { return std::as_const(*algorithm).metrics(); }
    AnyActor actor() override { return algorithm->actor(); }
    AnyEnvironment& environment() override { return algorithm->environment(); }
    void save(StateDict& out, const std::string& prefix) const override {
      std::as_const(*algorithm).save(out, prefix);
    }
    void load(const StateDict& in, const std::string& prefix) override { algorithm->load(in, prefix); }
    Capability* capability() override {
      if constexpr (std::derived_from<A, Capability>)
        return algorithm.get();
      else
        return nullptr;
    }
    std::unique_ptr<A> algorithm;
  };
  std::unique_ptr<Interface> self_;
};

}  // namespace mbrl
