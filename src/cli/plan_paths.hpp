// What a planner thinks: the candidates of its last iteration, as paths in the world that the model foresees.
#pragma once

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "mbrl/env/environment.hpp"
#include "mbrl/mujoco/renderer.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl::cli {

// An evaluator that remembers the last candidates it was asked about, and what they came to. The numbers it
// gives are those of the evaluator inside.
class RememberingEvaluator {
 public:
  using Scalar = float;
  using State = Vecf;

  explicit RememberingEvaluator(EnsembleRollout& evaluator) : evaluator_(evaluator) {}

  int horizon() const { return evaluator_.horizon(); }
  int action_dim() const { return evaluator_.action_dim(); }
  int particles() const { return evaluator_.particles(); }
  const EnsembleRolloutSettings& settings() const { return evaluator_.settings(); }

  void evaluate(const State& obs, ConstBatchRef<float> actions, RolloutKey key, VecRef<float> returns) {
    evaluator_.evaluate(obs, actions, key, returns);
    remember(actions, returns);
  }
  // A race begins with all candidates and their first particles.
  void evaluate_particles(const State& obs, ConstBatchRef<float> actions, const std::uint32_t* candidate_ids,
                          RolloutKey key, int first, int last, BatchRef<float> returns) {
    evaluator_.evaluate_particles(obs, actions, candidate_ids, key, first, last, returns);
    if (first == 0) remember(actions, returns.colwise().mean().transpose());
  }

  const Batchf& actions() const { return actions_; }  // (horizon * action_dim) x candidates
  const Vecf& returns() const { return returns_; }
  EnsembleRollout& inside() { return evaluator_; }

 private:
  void remember(ConstBatchRef<float> actions, ConstVecRef<float> returns) {
    actions_ = actions;
    returns_ = returns;
  }

  EnsembleRollout& evaluator_;
  Batchf actions_;
  Vecf returns_;
};

// Draws up to `most` candidates, from the worst (dark) to the best (bright), and the plan itself (white). A
// path is where the mean of the particles, the foreseen observation, puts the scene's traced body.
class PlanPaths {
 public:
  PlanPaths(const mujoco::Scene& scene, double dt) : scene_(scene), tracer_(scene), dt_(dt) {}

  bool possible() const { return static_cast<bool>(scene_.foresee); }

  std::vector<mujoco::Path> draw(RememberingEvaluator& evaluator, const std::vector<double>& physics,
                                 const Vecd& obs, ConstBatchRef<float> plan, int t, int most = 24) {
    std::vector<mujoco::Path> paths;
    if (!possible()) return paths;
    const Index count = evaluator.returns().size();
    std::vector<Index> order;
    for (Index k = 0; k < count; ++k)
      if (std::isfinite(evaluator.returns()(k))) order.push_back(k);
    std::sort(order.begin(), order.end(),
              [&](Index a, Index b) { return evaluator.returns()(a) < evaluator.returns()(b); });
    const auto usable = static_cast<int>(order.size());
    const int shown = std::min(most, usable);
    const RolloutKey key{0, 0, t};
    for (int i = 0; i < shown; ++i) {
      const int rank = shown == 1 ? usable - 1 : i * (usable - 1) / (shown - 1);
      const Batchf actions = evaluator.actions()
                                 .col(order[static_cast<std::size_t>(rank)])
                                 .reshaped(evaluator.action_dim(), evaluator.horizon());
      const float good = usable > 1 ? static_cast<float>(rank) / static_cast<float>(usable - 1) : 1.0f;
      paths.push_back({.points = trace(evaluator.inside(), physics, obs, actions, key),
                       .rgba = {0.15f + 0.75f * good, 0.2f + 0.6f * good, 0.75f - 0.6f * good, 0.75f},
                       .radius = 0.004 + 0.003 * good});
    }
    if (plan.cols() == evaluator.horizon())
      paths.push_back({.points = trace(evaluator.inside(), physics, obs, plan, key),
                       .rgba = {1, 1, 1, 1},
                       .radius = 0.01});
    return paths;
  }

 private:
  std::vector<std::array<double, 3>> trace(EnsembleRollout& evaluator, std::vector<double> physics,
                                           const Vecd& obs, ConstBatchRef<float> actions, RolloutKey key) {
    const Batchf all = evaluator.trajectories(obs.cast<float>(), actions, key);
    const int particles = evaluator.particles(), steps = evaluator.horizon() + 1;
    std::vector<std::array<double, 3>> points = {tracer_(physics)};
    for (int h = 1; h < steps; ++h) {
      Vecd mean = Vecd::Zero(all.rows());
      int finite = 0;
      for (int p = 0; p < particles; ++p) {
        const auto column = all.col(static_cast<Index>(p) * steps + h);
        if (!column.allFinite()) continue;
        mean += column.cast<double>();
        ++finite;
      }
      if (finite == 0) break;
      scene_.foresee(mean / finite, dt_, physics);
      points.push_back(tracer_(physics));
    }
    return points;
  }

  mujoco::Scene scene_;
  mujoco::Tracer tracer_;
  double dt_;
};

}  // namespace mbrl::cli
