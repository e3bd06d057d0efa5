// The loop of PPO and TRPO: a policy acts in many environments at once, and is improved by what it has just done.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/model_free/on_policy_settings.hpp"
#include "mbrl/algorithms/registry.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/normalizer.hpp"
#include "mbrl/env/vector_environment.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/gae.hpp"
#include "mbrl/learning/on_policy_batch.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/learning/unnormalised.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/work_clock.hpp"

namespace mbrl {

/// An Algorithm over what learns from what a policy has just done (BasicPpo, BasicTrpo); a round is an iteration:
/// `horizon` steps of every environment, then an update.
template <class Learner>
class OnPolicyRun final : public PolicyOwner {
 public:
  /// `name` begins its errors; `learner` is that of the environment's dimensions. `fixed_statistics`: those of start_from
  /// normalise observations throughout.
  OnPolicyRun(std::string name, const OnPolicySettings& settings, const AlgorithmContext& context,
              Learner learner, bool fixed_statistics = false)
      : name_(std::move(name)),
        settings_(settings),
        fixed_statistics_(fixed_statistics),
        seed_(context.seed),
        env_(context.make_environment()),
        envs_(context.make_environment, settings.environments, context.pool.size()),
        learner_(std::move(learner)),
        acting_(learner_.policy()),
        obs_statistics_(env_.spec().obs_dim),
        return_statistics_(1),
        discounted_(Vecd::Zero(settings.environments)),
        totals_(Vecd::Zero(settings.environments)),
        lengths_(Vecd::Zero(settings.environments)),
        metrics_(MetricTable::with(WorkClock::columns(columns()))) {
    envs_.reset(context.seed);
  }

  /// Before the first iteration: learns on from a policy that takes observations as they are. `seen` normalises them, for
  /// the value function, too.
  void start_from(const typename Learner::Policy& policy, const Normalizer& seen) {
    acting_ = policy;
    auto own = policy;
    if (settings_.normalise_obs) {
      obs_statistics_ = seen;
      take_normalised_inputs(own.network(), seen.mean().template cast<float>(),
                             seen.scale().template cast<float>());
    }
    StateDict state;
    learner_.save(state, "");
    own.save(state, "policy.");
    learner_.load(state, "");
  }

  bool run(RunObserver& observer) {
    while (steps_ < settings_.steps) {
      collect(observer);  // D <- T steps of the policy in N environments
      const auto report = learn();
      if (!report.finite()) {
        observer.on_failure();
        fail(name_, ": ", learner_.trouble(report));
      }
      finish(observer, report);
      if (!observer.on_safe_point(true)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return mode_actor(acting_); }
  AnyEnvironment& environment() { return env_; }
  LearnedPolicy policy() const override { return &acting_; }

  void save(StateDict& out, const std::string& prefix) const {
    learner_.save(out, prefix + "learner.");
    acting_.save(out, prefix + "acting.");
    obs_statistics_.save(out, prefix + "obs_statistics.");
    return_statistics_.save(out, prefix + "return_statistics.");
    metrics_.save(out, prefix + "metrics");
    out.put(prefix + "environments", envs_.state());
    out.put_scalar(prefix + "steps", steps_);
    Batchd episodes(settings_.environments, 3);
    episodes << discounted_, totals_, lengths_;
    out.put_matrix(prefix + "episodes", episodes);
  }
  void load(const StateDict& in, const std::string& prefix) {
    const Batchd episodes = in.get_matrix<double>(prefix + "episodes");
    require_dim("checkpoint of " + name_, "the environments", episodes.rows(), settings_.environments);
    require_dim("checkpoint of " + name_, "'episodes'", episodes.cols(), 3);
    learner_.load(in, prefix + "learner.");
    acting_.load(in, prefix + "acting.");
    obs_statistics_.load(in, prefix + "obs_statistics.");
    return_statistics_.load(in, prefix + "return_statistics.");
    metrics_.load(in, prefix + "metrics");
    envs_.set_state(in.get<double>(prefix + "environments"));
    steps_ = in.get_scalar<std::int64_t>(prefix + "steps");
    discounted_ = episodes.col(0);
    totals_ = episodes.col(1);
    lengths_ = episodes.col(2);
  }

 private:
  // As the networks see them.
  void normalise(ConstBatchRef<double> obs, BatchRef<float> out) const {
    out = obs.cast<float>();
    if (settings_.normalise_obs) out = ((out.colwise() - mean_).array().colwise() / scale_.array()).matrix();
  }

  void collect(RunObserver& observer) {
    const auto span = clock_.time(WorkKind::kCollect);
    const Index envs = settings_.environments, rows = envs * settings_.horizon;
    const int obs_dim = env_.spec().obs_dim;
    raw_.resize(obs_dim, rows);
    batch_.obs.resize(obs_dim, rows);
    next_obs_.resize(obs_dim, rows);
    batch_.action.resize(env_.spec().action_dim(), rows);
    reward_.resize(envs, settings_.horizon);
    terminated_.resize(static_cast<std::size_t>(rows));
    truncated_.resize(static_cast<std::size_t>(rows));
    ended_total_ = ended_length_ = 0;
    ended_ = 0;
    Index broken_down = 0;  // steps
    last_.clear();
    mean_ = obs_statistics_.mean().cast<float>();
    scale_ = obs_statistics_.scale().cast<float>();
    Batchf memory(0, envs);
    Vecd returns(rows);
    for (int t = 0; t < settings_.horizon; ++t) {
      const Index first = t * envs;
      raw_.middleCols(first, envs) = envs_.observations();
      auto obs = batch_.obs.middleCols(first, envs);
      auto action = batch_.action.middleCols(first, envs);
      normalise(envs_.observations(), obs);
      const RandomStream random(seed_, Stream::kPolicy);
      learner_.policy().act(obs, memory, {random.key(), static_cast<std::uint32_t>(steps_ / envs), {}},
                            action, workspace_);
      const VectorStep& step = envs_.step(action.cast<double>());
      std::string fault;
      for (Index i = 0; i < envs; ++i) {
        const auto e = static_cast<std::size_t>(i);
        const auto k = static_cast<std::size_t>(first + i);
        const bool broken = !step.fault[e].empty();  // an end that says nothing of the value
        broken_down += broken ? 1 : 0;
        if (broken) fault = step.fault[e];
        terminated_[k] = step.terminated[e] != 0 && !broken ? 1 : 0;
        truncated_[k] = step.truncated[e] != 0 || broken ? 1 : 0;
        reward_(i, t) = static_cast<float>(step.reward(i));
        discounted_(i) = learner_.settings().discount * discounted_(i) + step.reward(i);
        returns(first + i) = discounted_(i);
        totals_(i) += step.reward(i);
        lengths_(i) += 1;
        const bool ended = terminated_[k] != 0 || truncated_[k] != 0;
        if (ended || t + 1 == settings_.horizon) {
          normalise(step.next_obs.middleCols(i, 1),
                    next_obs_.middleCols(static_cast<Index>(last_.size()), 1));
          last_.push_back(first + i);
        }
        if (!ended) continue;
        ended_total_ += totals_(i);
        ended_length_ += lengths_(i);
        ++ended_;
        discounted_(i) = totals_(i) = lengths_(i) = 0;
      }
      steps_ += envs;
      observer.on_progress({.phase = RunPhase::kActing,
                            .round = static_cast<int>(metrics_.rows()) + 1,
                            .done = t + 1,
                            .total = settings_.horizon,
                            .value = totals_(0),
                            .steps = steps_,
                            .fault = fault});
      require(broken_down < rows, name_, ": the simulation broke down in each of ", rows, " steps: ", fault);
    }
    if (settings_.normalise_reward) {
      return_statistics_.update(returns.transpose());
      reward_ /= static_cast<float>(return_statistics_.scale()(0));
    }
  }

  auto learn() {
    const auto span = clock_.time(WorkKind::kLearn);
    evaluate();  // advantages A_1 ... A_NT
    return learner_.update(batch_);
  }

  void evaluate() {
    const Index envs = settings_.environments, rows = batch_.obs.cols();
    value_.resize(envs, settings_.horizon);
    next_value_.resize(envs, settings_.horizon);
    learner_.values(batch_.obs, Eigen::Map<Vecf>(value_.data(), rows));
    // Of the observations that follow, those that are another column's have their values already.
    const auto asked = static_cast<Index>(last_.size());
    Vecf of_last(asked);
    learner_.values(next_obs_.leftCols(asked), of_last);
    next_value_.leftCols(settings_.horizon - 1) = value_.rightCols(settings_.horizon - 1);
    for (Index j = 0; j < asked; ++j) next_value_.data()[last_[static_cast<std::size_t>(j)]] = of_last(j);
    generalized_advantages({reward_, value_, next_value_, terminated_, truncated_},
                           learner_.settings().discount, learner_.settings().lambda, advantage_);
    batch_.advantage = Eigen::Map<const Vecf>(advantage_.data(), rows);
    batch_.old_value = Eigen::Map<const Vecf>(value_.data(), rows);
    batch_.target = batch_.advantage + batch_.old_value;
  }

  static std::vector<MetricColumn> columns() {
    std::vector<MetricColumn> all;
    for (AgentFigure& f : Learner::figure_columns())
      all.push_back({.name = std::move(f.name), .title = std::move(f.title), .decimals = f.decimals});
    all.push_back({.name = "explained", .title = "explained", .decimals = 2});
    all.push_back({.name = "episodes", .decimals = 0});
    all.push_back({.name = "episode_length", .title = "length", .decimals = 0});
    all.push_back({.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 0});
    return all;
  }

  template <class Report>
  void finish(RunObserver& observer, const Report& report) {
    if (settings_.normalise_obs && !fixed_statistics_) obs_statistics_.update(ConstBatchRef<double>(raw_));
    acting_ = settings_.normalise_obs ? unnormalised(learner_.policy(), obs_statistics_) : learner_.policy();
    const auto variance = [](const Vecf& v) {
      return (v.cast<double>().array() - v.cast<double>().mean()).square().mean();
    };
    const double spread = variance(batch_.target), episodes = ended_ > 0 ? ended_ : MetricTable::kNone;
    std::vector<std::pair<std::string_view, double>> row = {
        {"step", static_cast<double>(steps_)},
        {"return", ended_total_ / episodes},
        {"explained", spread > 0 ? 1 - variance(batch_.advantage) / spread : MetricTable::kNone},
        {"episodes", static_cast<double>(ended_)},
        {"episode_length", ended_length_ / episodes},
        {"steps_per_s", static_cast<double>(batch_.obs.cols()) / clock_.seconds()}};
    const std::vector<AgentFigure> names = Learner::figure_columns();
    const std::vector<double> figures = Learner::figures(report);
    for (std::size_t i = 0; i < names.size(); ++i) row.emplace_back(names[i].name, figures[i]);
    clock_.end_round(metrics_, std::move(row));
    observer.on_round(metrics_, {});
  }

  std::string name_;
  OnPolicySettings settings_;
  bool fixed_statistics_;
  std::uint64_t seed_;
  AnyEnvironment env_;  // for looking at
  VectorEnvironment envs_;
  Learner learner_;
  typename Learner::Policy acting_;  // takes observations as they are
  typename Learner::Policy::Workspace workspace_;
  Normalizer obs_statistics_, return_statistics_;
  std::int64_t steps_ = 0;
  Vecd discounted_, totals_, lengths_;  // of the episodes under way
  double ended_total_ = 0, ended_length_ = 0;
  int ended_ = 0;  // episodes of the iteration
  Batchd raw_;
  OnPolicyBatch batch_;
  std::vector<Index> last_;  // columns that are the last of an episode or of the iteration
  Batchf next_obs_;          // what follows them
  Vecf mean_, scale_;        // of observations, as the iteration began
  Batchf reward_, value_, next_value_, advantage_;
  std::vector<std::uint8_t> terminated_, truncated_;
  WorkClock clock_;
  MetricTable metrics_;
};

/// What PPO's and TRPO's entries in the registry have in common: learners of real actions and of choices; `settings` are
/// theirs in the configuration.
template <class Learner, class DiscreteLearner, class Configuration, class Settings>
AlgorithmDescription<Configuration> on_policy_description(const std::string& name,
                                                          Settings Configuration::*settings) {
  AlgorithmDescription<Configuration> d;
  d.name = name;
  d.details = "  mbrl train " + name +
              " --env Pendulum-v1 --preset quick --out runs/pendulum\n  mbrl train " + name +
              " --env InvertedPendulum-v4 --steps 200000 --out runs/pole\n  mbrl train " + name +
              " --env CartPole-v1 --preset quick --out runs/cartpole\n"
              "Where an action is one of several choices the policy gives each its probability.";
  d.steps_key = "steps";
  d.check = [](const Configuration& c, const EnvSpec& spec) { c.validate(spec); };
  d.make = [name, settings](const Configuration& c, const AlgorithmContext& context) {
    const EnvSpec spec = context.make_environment().spec();
    const auto of = [&]<class L>(std::type_identity<L>) {
      L learner(spec.obs_dim, action_bounds(spec), c.*settings, context.seed, context.pool);
      return AnyAlgorithm(std::make_unique<OnPolicyRun<L>>(name, c, context, std::move(learner)));
    };
    return spec.choices > 0 ? of(std::type_identity<DiscreteLearner>()) : of(std::type_identity<Learner>());
  };
  d.load_actor = [settings](const Configuration& c, const AlgorithmContext& context, const StateDict& in,
                            const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    const auto of = [&]<class L>(std::type_identity<L>) {
      return loaded_actor(L::new_policy(spec.obs_dim, action_bounds(spec), c.*settings, context.seed), in,
                          prefix + "acting.");
    };
    return spec.choices > 0 ? of(std::type_identity<DiscreteLearner>()) : of(std::type_identity<Learner>());
  };
  return d;
}

}  // namespace mbrl
