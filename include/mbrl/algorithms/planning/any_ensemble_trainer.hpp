// A trainer chosen at run time: our own, or one of a plug-in.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "mbrl/models/neural/ensemble_training.hpp"

namespace mbrl {

class AnyEnsembleTrainer {
 public:
  template <EnsembleTrainer T>
    requires(!std::same_as<std::remove_cvref_t<T>, AnyEnsembleTrainer>)
  explicit AnyEnsembleTrainer(T trainer) : self_(std::make_unique<Holder<T>>(std::move(trainer))) {}

  TrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {}) {
    return self_->train(data, model, round, on_epoch);
  }
  void save(StateDict& out, const std::string& prefix) const { self_->save(out, prefix); }
  void load(const StateDict& in, const std::string& prefix) { self_->load(in, prefix); }

 private:
  struct Interface {
    virtual ~Interface() = default;
    virtual TrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                                 const EpochCallback& on_epoch) = 0;
    virtual void save(StateDict& out, const std::string& prefix) const = 0;
    virtual void load(const StateDict& in, const std::string& prefix) = 0;
  };
  template <class T>
  struct Holder final : Interface {
    explicit Holder(T t) : trainer(std::move(t)) {}
    TrainingReport train(const TransitionBatch& data, MlpEnsemble& model, std::uint32_t round,
                         const EpochCallback& on_epoch) override {
      return trainer.train(data, model, round, on_epoch);
    }
    void save(StateDict& out, const std::string& prefix) const override { trainer.save(out, prefix); }
    void load(const StateDict& in, const std::string& prefix) override { trainer.load(in, prefix); }
    T trainer;
  };
  std::unique_ptr<Interface> self_;
};

}  // namespace mbrl
