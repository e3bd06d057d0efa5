// Whole rollouts through an MLP ensemble with LibTorch: everything stays on the device from the first step to
// the last. On a GPU a rollout is one CUDA graph, captured once a shape.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "mbrl/core/error.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl::libtorch {

struct TensorTask;  // reward and termination on tensors: mbrl/torch/interop.hpp, mbrl/torch/tasks.hpp

/// A RolloutEvaluator and ParticleEvaluator with the meaning of mbrl::EnsembleRollout in everything:
/// propagation, the box of the data, the treatment of particles that diverge or terminate, and the random
/// numbers themselves. The two agree up to the rounding of float.
class EnsembleRollout {
 public:
  using Scalar = float;
  using State = Vecf;  // an observation

  /// device: "cpu", "cuda" or "cuda:<index>". A task without reward (or none at all) asks for a learned one; one
  /// without termination takes the ensemble's where it has learned it.
  /// Throws mbrl::Error if there is no such device or the settings do not fit the model.
  EnsembleRollout(const MlpEnsemble& model, std::shared_ptr<const TensorTask> task,
                  const EnsembleRolloutSettings& settings, const std::string& device, std::uint64_t seed);
  ~EnsembleRollout();
  EnsembleRollout(EnsembleRollout&&) noexcept;
  EnsembleRollout& operator=(EnsembleRollout&&) noexcept;

  void set_model(const MlpEnsemble& model);  // after training
  /// Refused unless empty: throws mbrl::Error.
  void set_terminal_value(const TerminalValueFunction<float>& value) {
    require(!value,
            "libtorch::EnsembleRollout: a terminal value is a function on the CPU, which rollouts on a "
            "device cannot call; "
            "use mbrl::EnsembleRollout");
  }

  int horizon() const;
  int action_dim() const;
  int particles() const;
  const EnsembleRolloutSettings& settings() const;

  void evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key, VecRef<float> returns);
  void evaluate_particles(const State& obs, ConstBatchRef<float> actions, const std::uint32_t* candidate_ids,
                          RolloutKey key, int first, int last, BatchRef<float> returns);

  const RolloutCounts& counts() const;
  void reset_counts();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl::libtorch
