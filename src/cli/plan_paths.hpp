// What a planner thinks: the candidates it looked at, as paths in the world that the model foresees.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "mbrl/env/environment.hpp"
#include "mbrl/mujoco/render/renderer.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"

namespace mbrl::cli {

// An evaluator that remembers all candidates of the latest plan, and what they came to. The numbers it gives
// are those of the evaluator inside.
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
    remember(actions, returns, key);
  }
  // A race begins with all candidates and their first particles.
  void evaluate_particles(const State& obs, ConstBatchRef<float> actions, const std::uint32_t* candidate_ids,
                          RolloutKey key, int first, int last, BatchRef<float> returns) {
    evaluator_.evaluate_particles(obs, actions, candidate_ids, key, first, last, returns);
    if (first == 0) remember(actions, returns.colwise().mean().transpose(), key);
  }

  struct Candidate {
    Vecf actions;  // horizon * action_dim
    float value = 0;
  };
  // Those with a usable return, the worst first.
  std::vector<const Candidate*> ranked() const {
    std::vector<const Candidate*> order;
    for (const Candidate& candidate : candidates_)
      if (std::isfinite(candidate.value)) order.push_back(&candidate);
    std::stable_sort(order.begin(), order.end(),
                     [](const Candidate* a, const Candidate* b) { return a->value < b->value; });
    return order;
  }
  EnsembleRollout& inside() { return evaluator_; }

 private:
  void remember(ConstBatchRef<float> actions, ConstVecRef<float> returns, RolloutKey key) {
    if (key.plan != plan_) candidates_.clear();
    plan_ = key.plan;
    for (Index k = 0; k < returns.size(); ++k) candidates_.push_back({actions.col(k), returns(k)});
  }

  EnsembleRollout& evaluator_;
  std::uint32_t plan_ = 0;
  std::vector<Candidate> candidates_;
};

// Draws up to `most` candidates, evenly from the worst (blue) to the best (yellow), and the plan itself
// (white). A path is where the mean of the particles, the foreseen observation, puts the scene's traced body.
class PlanPaths {
 public:
  PlanPaths(const mujoco::Scene& scene, double dt) : scene_(scene), tracer_(scene), dt_(dt) {}

  bool possible() const { return static_cast<bool>(scene_.foresee); }

  std::vector<mujoco::Path> draw(RememberingEvaluator& evaluator, const std::vector<double>& physics,
                                 const Vecd& obs, ConstBatchRef<float> plan, int t, int most = 24) {
    std::vector<mujoco::Path> paths;
    if (!possible()) return paths;
    const auto ranked = evaluator.ranked();
    const auto usable = static_cast<int>(ranked.size());
    const int shown = std::min(most, usable);
    const RolloutKey key{0, 0, t};
    for (int i = 0; i < shown; ++i) {
      const int rank = shown == 1 ? usable - 1 : i * (usable - 1) / (shown - 1);
      const Batchf actions = ranked[static_cast<std::size_t>(rank)]->actions.reshaped(evaluator.action_dim(),
                                                                                      evaluator.horizon());
      const float good = usable > 1 ? static_cast<float>(rank) / static_cast<float>(usable - 1) : 1.0f;
      paths.push_back({.points = trace(evaluator.inside(), physics, obs, actions, key),
                       .rgba = {0.1f + 0.85f * good, 0.15f + 0.6f * good, 0.8f - 0.7f * good, 0.8f},
                       .radius = 0.005 + 0.002 * good});
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
