// A PETS run put together from its configuration: environment, ensemble, trainer, evaluator, planner, loop.
#pragma once

#include <memory>
#include <string>

#include "environments.hpp"
#include "mbrl/algorithms/pets.hpp"
#include "mbrl/algorithms/pets_configuration.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/models/native_trainer.hpp"
#include "mbrl/planning/registry.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#if MBRL_HAS_TORCH
#include "mbrl/torch/ensemble_trainer.hpp"
#endif

namespace mbrl::cli {

// The ensemble's settings for an environment: its reward is learned where none is given.
MlpEnsembleSettings model_settings(const PetsConfiguration& configuration, const EnvSpec& spec);

// One trainer behind the type that the loop sees, chosen by the configuration's `trainer`.
class AnyTrainer {
 public:
  AnyTrainer(const PetsConfiguration& configuration, ThreadPool& pool);
  EnsembleTrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                               const EpochCallback& on_epoch) {
    return self_->train(data, model, round, on_epoch);
  }
  void save(StateDict& out, const std::string& prefix) const { self_->save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { self_->load(in, prefix); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual EnsembleTrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                                         const EpochCallback& on_epoch) = 0;
    virtual void save(StateDict& out, const std::string& prefix) const = 0;
    virtual void load(const StateDict& in, const std::string& prefix) = 0;
  };
  template <class T>
  struct Holder final : Interface {
    explicit Holder(T t) : trainer(std::move(t)) {}
    EnsembleTrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                                 const EpochCallback& on_epoch) override {
      return trainer.train(data, model, round, on_epoch);
    }
    void save(StateDict& out, const std::string& prefix) const override { trainer.save(out, prefix); }
    void load(const StateDict& in, const std::string& prefix) override { trainer.load(in, prefix); }
    T trainer;
  };
  std::unique_ptr<Interface> self_;
};

struct PetsSession {
  PetsSession(const PetsConfiguration& configuration, int threads);

  using Planner = AnyPlanner<Vecf, float>;
  ThreadPool pool;
  AnyEnvironment env;
  MlpEnsemble model;
  AnyTrainer trainer;
  EnsembleRollout evaluator;
  Mpc<Planner> controller;
  Pets<AnyEnvironment, AnyTrainer, EnsembleRollout, Planner> pets;
};

}  // namespace mbrl::cli
