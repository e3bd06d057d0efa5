// Rollouts under uncertainty through any probabilistic model or ensemble a user writes, in plain Eigen: the
// readable statement of the five propagations that EnsembleRollout runs in vector kernels. Chua et al., "Deep
// reinforcement learning in a handful of trials using probabilistic dynamics models", 2018, section 5.
#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/rollout/model_rollout.hpp"
#include "mbrl/rollout/moment_matching.hpp"
#include "mbrl/rollout/noise.hpp"
#include "mbrl/rollout/particle_checks.hpp"
#include "mbrl/rollout/propagation.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl {

struct ParticleRolloutSettings {
  int horizon = 30;                               // steps a rollout looks ahead
  int particles = 20;                             // rollouts a candidate; a multiple of the members for TSinf
  Propagation propagation = Propagation::kTSinf;  // how uncertainty travels
  bool common_noise = true;  // the same noise for every candidate: comparisons are paired
  double discount = 1.0;     // of rewards, per step
  double risk = 0.0;         // a candidate's return is its particles' mean less this many of their standard
                             // deviations: above 0 plans avoid what members disagree on, below 0 they seek it

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps a rollout looks ahead");
    field("particles", s.particles, "rollouts a candidate; a multiple of the members for TSinf");
    field("propagation", s.propagation, "how uncertainty travels: E, DS, MM, TS1 or TSinf");
    field("common_noise", s.common_noise, "the same noise for every candidate: comparisons are paired");
    field("discount", s.discount, "of rewards, per step; 1: none");
    field(
        "risk", s.risk,
        "plans are worth their particles' mean less this many standard deviations; below 0: they seek risk");
  }
};

/// A RolloutEvaluator and ParticleEvaluator over a ProbabilisticModel (one member) or an EnsembleModel. NaN,
/// termination and aggregation as in EnsembleRollout. The numbers are the same for any number of threads; for
/// any subset of candidates or particles too if the model computes each column by itself. The pool must
/// outlive the evaluator.
template <class Model, class Reward = RewardFunction<typename Model::Scalar>>
  requires(ProbabilisticModel<Model> || EnsembleModel<Model>) && RewardModel<Reward, typename Model::Scalar>
class ParticleRollout {
 public:
  using Scalar = typename Model::Scalar;
  using State = Vec<Scalar>;  // an observation

  ParticleRollout(Model model, Reward reward, TerminationFunction<Scalar> termination,
                  const ParticleRolloutSettings& settings, ThreadPool& pool, std::uint64_t seed)
      : model_(std::move(model)),
        reward_(std::move(reward)),
        termination_(std::move(termination)),
        settings_(settings),
        pool_(&pool),
        noise_stream_(seed, Stream::kModelNoise),
        member_stream_(seed, Stream::kModelMember),
        workspaces_(std::make_unique<WorkspacePool<Workspace>>()) {
    constexpr const char* kWhere = "ParticleRollout";
    require_reward(kWhere, reward_);
    check_particle_settings(kWhere, settings, members());
  }

  int horizon() const { return settings_.horizon; }
  int action_dim() const { return static_cast<int>(model_.action_dim()); }
  int particles() const { return settings_.particles; }
  const ParticleRolloutSettings& settings() const { return settings_; }
  const Model& model() const { return model_; }
  /// From now on, this model (or a view of it). Throws for other dimensions.
  template <class M>
    requires std::constructible_from<Model, const M&> && std::movable<Model>
  void set_model(const M& model) {
    require_same_dims("ParticleRollout::set_model", model_, model);
    model_ = Model(model);
    check_particle_settings("ParticleRollout", settings_, members());
  }
  /// Adds discount^H value(o_H, t + H) to the return of every particle that has not ended; empty: nothing.
  void set_terminal_value(TerminalValueFunction<Scalar> value) { terminal_value_ = std::move(value); }
  const RolloutCounts& counts() const { return counts_; }
  void reset_counts() { counts_ = {}; }

  void evaluate(const State& obs, ConstBatchRef<Scalar> actions, RolloutKey key, VecRef<Scalar> returns) {
    means_.evaluate("ParticleRollout::evaluate", *this, obs, actions, key, returns);
  }

  void evaluate_particles(const State& obs, ConstBatchRef<Scalar> actions, const std::uint32_t* candidate_ids,
                          RolloutKey key, int first, int last, BatchRef<Scalar> returns) {
    constexpr const char* kWhere = "ParticleRollout::evaluate_particles";
    check_start<Scalar>(kWhere, obs, model_.obs_dim(), actions.rows(), horizon() * action_dim());
    check_particle_range(kWhere, settings_, first, last, actions.cols(), returns.rows(), returns.cols());
    run(obs, actions, candidate_ids, key, first, last, returns, nullptr);
    const auto count = static_cast<std::uint64_t>(returns.size());
    counts_.particles += count;
    counts_.rows += count * static_cast<std::uint64_t>(horizon());
    counts_.not_finite += static_cast<std::uint64_t>(returns.array().isNaN().count());
  }

  /// Every particle's path under one action sequence (action_dim x horizon): obs_dim x (particles * (horizon +
  /// 1)), particle-major.
  Batch<Scalar> trajectories(const State& obs, ConstBatchRef<Scalar> actions, RolloutKey key) {
    constexpr const char* kWhere = "ParticleRollout::trajectories";
    require_dim(kWhere, "actions", actions.rows(), action_dim());
    const Batch<Scalar> flat = actions.reshaped(actions.size(), 1);
    check_start<Scalar>(kWhere, obs, model_.obs_dim(), flat.rows(), horizon() * action_dim());
    Batch<Scalar> paths(obs.size(), static_cast<Index>(particles()) * (horizon() + 1));
    Batch<Scalar> returns(particles(), 1);
    const std::uint32_t id = 0;
    run(obs, flat, &id, key, 0, particles(), returns, &paths);
    return paths;
  }

 private:
  struct Workspace {
    Batch<Scalar> obs, action, next, mean, variance;
    Batch<Scalar> member_obs, member_action, member_mean, member_variance, spread;
    Vec<Scalar> reward, noise;
    std::vector<bool> alive;
    std::vector<std::uint32_t> member, drawn;
    std::vector<Index> chosen;
    MomentMatching moments;
    typename Model::Workspace model;
  };

  int members() const {
    if constexpr (EnsembleModel<Model>)
      return static_cast<int>(model_.members());
    else
      return 1;
  }

  void predict(int member, ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> mean,
               BatchRef<Scalar> variance, typename Model::Workspace& workspace) const {
    if constexpr (EnsembleModel<Model>)
      model_.predict(member, obs, action, mean, variance, workspace);
    else
      model_.predict(obs, action, mean, variance, workspace);
  }

  // Blocks of whole candidates: about 256 columns, whatever the number of threads.
  void run(const State& obs, ConstBatchRef<Scalar> actions, const std::uint32_t* ids, RolloutKey key,
           int first, int last, BatchRef<Scalar> returns, Batch<Scalar>* paths) {
    require(members() >= 1, "ParticleRollout: the model has no members, expected one that has been trained");
    const Index block = std::max<Index>(1, 256 / (last - first));
    const Index blocks = (actions.cols() + block - 1) / block;
    pool_->run(static_cast<int>(blocks), [&](int i) {
      const Index begin = static_cast<Index>(i) * block;
      const Index count = std::min(block, actions.cols() - begin);
      auto w = workspaces_->take();
      run_block(obs, actions.middleCols(begin, count), ids + begin, key, first, last,
                returns.middleCols(begin, count), paths, *w);
      workspaces_->give(std::move(w));
    });
  }

  void run_block(const State& start, ConstBatchRef<Scalar> actions, const std::uint32_t* ids,
                 const RolloutKey& key, int first, int last, BatchRef<Scalar> returns, Batch<Scalar>* paths,
                 Workspace& w) {
    const Index per_candidate = last - first, n = actions.cols() * per_candidate;
    const Propagation how = settings_.propagation;
    const auto noise_key = evaluation_key(noise_stream_, key);
    const auto member_key = evaluation_key(member_stream_, key);
    const auto id = [&](Index j) { return settings_.common_noise ? 0u : ids[j / per_candidate]; };
    const auto particle = [&](Index j) { return static_cast<std::uint32_t>(first + j % per_candidate); };
    w.obs = start.replicate(1, n);
    w.next.resize(start.size(), n);
    w.mean.resize(start.size(), n);
    w.variance.resize(start.size(), n);
    w.action.resize(action_dim(), n);
    w.reward.resize(n);
    w.noise.resize(start.size());
    w.alive.assign(static_cast<std::size_t>(n), true);
    w.member.resize(static_cast<std::size_t>(n));
    for (Index j = 0; j < n; ++j)
      w.member[static_cast<std::size_t>(j)] = particle(j) % static_cast<std::uint32_t>(members());
    returns.setZero();
    const auto record = [&](int step) {
      if (!paths) return;
      for (Index j = 0; j < n; ++j) paths->col(j * (horizon() + 1) + step) = w.obs.col(j);
    };
    record(0);

    double discount = 1.0;
    for (int step = 0; step < horizon(); ++step, discount *= settings_.discount) {
      for (Index k = 0; k < actions.cols(); ++k)
        w.action.middleCols(k * per_candidate, per_candidate) =
            actions.col(k)
                .segment(static_cast<Index>(step) * action_dim(), action_dim())
                .replicate(1, per_candidate);
      if (how == Propagation::kTS1) {
        for (Index j = 0; j < n; ++j) {
          if (j % per_candidate == 0)
            draw_members(member_key, id(j), static_cast<std::uint32_t>(step), particles(), members(),
                         w.drawn);
          w.member[static_cast<std::size_t>(j)] = w.drawn[particle(j)];
        }
      }
      if (how == Propagation::kTS1 || how == Propagation::kTSinf)
        predict_each(w);
      else
        predict_together(w);

      w.next = w.mean;
      if (how != Propagation::kExpectation) {
        for (Index j = 0; j < n; ++j) {
          particle_noise(noise_key, id(j), particle(j), static_cast<std::uint32_t>(step),
                         static_cast<int>(start.size()), w.noise.data());
          w.next.col(j).array() += w.variance.col(j).array().sqrt() * w.noise.array();
        }
      }
      for (Index j = 0; j < n; ++j) {
        if (w.alive[static_cast<std::size_t>(j)] && !w.next.col(j).allFinite()) {
          w.alive[static_cast<std::size_t>(j)] = false;
          returns(j % per_candidate, j / per_candidate) = std::numeric_limits<Scalar>::quiet_NaN();
        }
        if (!w.alive[static_cast<std::size_t>(j)]) w.next.col(j) = w.obs.col(j);
      }
      reward_(w.obs, w.action, w.next, key.t + step, w.reward);
      for (Index j = 0; j < n; ++j)
        if (w.alive[static_cast<std::size_t>(j)])
          returns(j % per_candidate, j / per_candidate) += static_cast<Scalar>(discount) * w.reward[j];
      if (termination_) {
        termination_(w.obs, w.action, w.next, key.t + step, w.reward);
        for (Index j = 0; j < n; ++j)
          if (w.reward[j] > Scalar(0.5)) w.alive[static_cast<std::size_t>(j)] = false;
      }
      if (how == Propagation::kMomentMatching) {
        for (Index k = 0; k < actions.cols(); ++k) {
          w.chosen.clear();
          for (Index j = k * per_candidate; j < (k + 1) * per_candidate; ++j)
            if (w.alive[static_cast<std::size_t>(j)]) w.chosen.push_back(j);
          if (w.chosen.size() < 2) continue;
          Batchd& x = w.moments.samples(start.size(), static_cast<Index>(w.chosen.size()));
          for (std::size_t s = 0; s < w.chosen.size(); ++s)
            x.col(static_cast<Index>(s)) = w.next.col(w.chosen[s]).template cast<double>();
          w.moments.fit();
          for (const Index j : w.chosen)
            w.next.col(j) = w.moments.draw(noise_key, id(j), particle(j), static_cast<std::uint32_t>(step))
                                .template cast<Scalar>();
        }
      }
      std::swap(w.obs, w.next);
      record(step + 1);
    }
    if (terminal_value_) {
      terminal_value_(w.obs, key.t + horizon(), w.reward);
      for (Index j = 0; j < n; ++j)
        if (w.alive[static_cast<std::size_t>(j)])
          returns(j % per_candidate, j / per_candidate) += static_cast<Scalar>(discount) * w.reward[j];
    }
    for (Index k = 0; k < returns.cols(); ++k)
      for (Index p = 0; p < returns.rows(); ++p)
        if (!std::isfinite(returns(p, k))) returns(p, k) = std::numeric_limits<Scalar>::quiet_NaN();
  }

  // Each column by its own member: the columns of a member are gathered, so that the model sees one batch for
  // each.
  void predict_each(Workspace& w) const {
    for (int m = 0; m < members(); ++m) {
      w.chosen.clear();
      for (std::size_t j = 0; j < w.member.size(); ++j)
        if (w.member[j] == static_cast<std::uint32_t>(m)) w.chosen.push_back(static_cast<Index>(j));
      if (w.chosen.empty()) continue;
      w.member_obs = w.obs(Eigen::all, w.chosen);
      w.member_action = w.action(Eigen::all, w.chosen);
      w.member_mean.resize(w.obs.rows(), w.member_obs.cols());
      w.member_variance.resize(w.obs.rows(), w.member_obs.cols());
      predict(m, w.member_obs, w.member_action, w.member_mean, w.member_variance, w.model);
      w.mean(Eigen::all, w.chosen) = w.member_mean;
      w.variance(Eigen::all, w.chosen) = w.member_variance;
    }
  }

  // The ensemble as one Gaussian: mean of the means; mean of the variances plus the variance of the means.
  void predict_together(Workspace& w) const {
    w.mean.setZero();
    w.variance.setZero();
    w.spread.setZero(w.mean.rows(),
                     w.mean.cols());  // sum of squared differences from the running mean (Welford)
    w.member_mean.resize(w.obs.rows(), w.obs.cols());
    w.member_variance.resize(w.obs.rows(), w.obs.cols());
    for (int m = 0; m < members(); ++m) {
      predict(m, w.obs, w.action, w.member_mean, w.member_variance, w.model);
      w.member_obs = w.member_mean - w.mean;
      w.mean += w.member_obs / static_cast<Scalar>(m + 1);
      w.spread.array() += w.member_obs.array() * (w.member_mean - w.mean).array();
      w.variance += w.member_variance;
    }
    w.variance = (w.variance + w.spread) / static_cast<Scalar>(members());
  }

  Model model_;
  Reward reward_;
  TerminationFunction<Scalar> termination_;
  TerminalValueFunction<Scalar> terminal_value_;
  ParticleRolloutSettings settings_;
  ThreadPool* pool_;
  RandomStream noise_stream_, member_stream_;
  ParticleMeans<Scalar> means_;
  RolloutCounts counts_;
  std::unique_ptr<WorkspacePool<Workspace>> workspaces_;
};

}  // namespace mbrl
