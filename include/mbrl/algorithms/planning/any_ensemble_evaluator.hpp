// An evaluator of an ensemble chosen at run time: our own on the CPU, or LibTorch's on a GPU. Whole rollouts
// go through it, so the virtual call costs nothing; particles, counts and new models do too, so racing and
// learning work as with the evaluator itself.
#pragma once

#include <concepts>
#include <memory>
#include <utility>

#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"

namespace mbrl {

class AnyEnsembleEvaluator {
 public:
  using Scalar = float;
  using State = Vecf;  // an observation

  template <ParticleEvaluator E>
    requires(!std::same_as<std::remove_cvref_t<E>, AnyEnsembleEvaluator>)
  explicit AnyEnsembleEvaluator(E evaluator) : self_(std::make_unique<Holder<E>>(std::move(evaluator))) {}

  void set_model(const MlpEnsemble& model) {
    self_->set_model(model);
    if (kept_) keep_model(model);
  }
  /// From now on it keeps a copy of the model, for planners that descend in it: another object for another model.
  void keep_model(const MlpEnsemble& model) { kept_ = std::make_shared<const MlpEnsemble>(model); }
  const std::shared_ptr<const MlpEnsemble>& model() const { return kept_; }  // null: none is kept

  int horizon() const { return self_->settings().horizon; }
  int action_dim() const { return self_->action_dim(); }
  int particles() const { return self_->settings().particles; }
  const EnsembleRolloutSettings& settings() const { return self_->settings(); }
  void evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key, VecRef<float> returns) {
    self_->evaluate(obs, actions, key, returns);
  }
  void evaluate_particles(const State& obs, ConstBatchRef<float> actions, const std::uint32_t* candidate_ids,
                          RolloutKey key, int first, int last, BatchRef<float> returns) {
    self_->evaluate_particles(obs, actions, candidate_ids, key, first, last, returns);
  }
  const RolloutCounts& counts() const { return self_->counts(); }
  void reset_counts() { self_->reset_counts(); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual void set_model(const MlpEnsemble& model) = 0;
    virtual int action_dim() const = 0;
    virtual const EnsembleRolloutSettings& settings() const = 0;
    virtual void evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key,
                          VecRef<float> returns) = 0;
    virtual void evaluate_particles(const State& obs, ConstBatchRef<float> actions,
                                    const std::uint32_t* candidate_ids, RolloutKey key, int first, int last,
                                    BatchRef<float> returns) = 0;
    virtual const RolloutCounts& counts() const = 0;
    virtual void reset_counts() = 0;
  };
  template <class E>
  struct Holder final : Interface {
    explicit Holder(E e) : evaluator(std::move(e)) {}
    void set_model(const MlpEnsemble& model) override { evaluator.set_model(model); }
    int action_dim() const override { return evaluator.action_dim(); }
    const EnsembleRolloutSettings& settings() const override { return evaluator.settings(); }
    void evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key,
                  VecRef<float> returns) override {
      evaluator.evaluate(obs, actions, key, returns);
    }
    void evaluate_particles(const State& obs, ConstBatchRef<float> actions, const std::uint32_t* ids,
                            RolloutKey key, int first, int last, BatchRef<float> returns) override {
      evaluator.evaluate_particles(obs, actions, ids, key, first, last, returns);
    }
    const RolloutCounts& counts() const override { return evaluator.counts(); }
    void reset_counts() override { evaluator.reset_counts(); }
    E evaluator;
  };
  std::unique_ptr<Interface> self_;
  std::shared_ptr<const MlpEnsemble> kept_;
};

}  // namespace mbrl
