#include "mbrl/algorithms/imitation/gps.hpp"

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <tuple>
#include <utility>

#include "algorithms/imitation/gps_visits.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/math/symmetric.hpp"
#include "mbrl/policy/policy_actor.hpp"
#include "mbrl/run/evaluation.hpp"

namespace mbrl {
namespace {

// Series of episodes' seeds (env/episode_seed.hpp); 0 to 2 are learning, evaluation and showing.
constexpr std::uint32_t kStart = 5;

Vecd mid_range(const EnvSpec& spec) { return 0.5 * (spec.action_low + spec.action_high); }
Vecd half_range(const EnvSpec& spec) { return 0.5 * (spec.action_high - spec.action_low); }

}  // namespace

template <class Su, class Sv, class F, class O>
GuidedPolicySearch<Su, Sv, F, O>::GuidedPolicySearch(const GpsConfiguration& configuration,
                                                     const AlgorithmContext& context, SwitchableCost cost)
    : c_(configuration),
      seed_(context.seed),
      cost_(std::move(cost)),
      env_(context.make_environment()),
      policy_(new_cloned_policy(env_.spec().obs_dim, action_bounds(env_.spec()), c_.cloning, seed_, 0)),
      metrics_(MetricTable::with(gps_columns())) {
  c_.validate(env_.spec());
  const Vecd deviation = c_.initial_std * half_range(env_.spec());
  policy_covariance_ = deviation.array().square().matrix().asDiagonal();
  const auto states = static_cast<int>(planned_on(env_, c_.plan_on, env_.reset(start(0))).size());
  GpsCondition condition;
  condition.controller = F::initial(states, horizon(), mid_range(env_.spec()), deviation);
  condition.multiplier = Batchd::Zero(env_.spec().action_dim(), horizon());
  condition.penalty = Vecd::Constant(horizon(), c_.penalty);
  conditions_.assign(static_cast<std::size_t>(c_.conditions), condition);
}

template <class Su, class Sv, class F, class O>
std::uint64_t GuidedPolicySearch<Su, Sv, F, O>::start(int i) const {
  return episode_seed(seed_, static_cast<std::uint32_t>(i), kStart);
}

template <class Su, class Sv, class F, class O>
int GuidedPolicySearch<Su, Sv, F, O>::horizon() const {
  return c_.horizon > 0 ? c_.horizon : env_.spec().max_steps;
}

template <class Su, class Sv, class F, class O>
bool GuidedPolicySearch<Su, Sv, F, O>::spent() const {
  return c_.steps > 0 ? steps_ >= c_.steps : static_cast<int>(metrics_.rows()) >= c_.rounds;
}

template <class Su, class Sv, class F, class O>
bool GuidedPolicySearch<Su, Sv, F, O>::run(RunObserver& observer) {
  while (!spent()) {
    // What a stopped round leaves is what was before it.
    const auto before = std::tuple(conditions_, policy_, policy_covariance_, seen_);
    const auto undo = [&] {
      std::tie(conditions_, policy_, policy_covariance_, seen_) = before;
      return false;
    };
    const auto round = static_cast<std::uint32_t>(metrics_.rows());
    const bool by_policy = Su::kCloseToPolicy && c_.on_policy && round > 0;
    std::int64_t steps = steps_;
    std::vector<GpsVisited> visited;
    for (int i = 0; i < c_.conditions; ++i) {
      std::optional<GpsVisited> from = collect(i, by_policy, observer, steps);
      if (!from) return undo();
      visited.push_back(std::move(*from));
    }

    std::vector<Problem> problems = problems_around(visited);
    const auto fits = static_cast<std::uint32_t>(c_.inner + 1);
    if (round == 0) imitate(visited, 0, false);
    linearise(visited, problems);
    double divergence = 0, cost = 0;
    for (std::size_t i = 0; i < problems.size(); ++i) {
      GpsCondition& p = conditions_[i];
      const double now =
          problems[i].constant +
          expected_cost(problems[i].cost,
                        propagate(problems[i].dynamics, by_policy ? problems[i].policy : p.controller));
      if (round > 0) adapt_step(c_, now, p);
      p.cost = now;
      cost += now / c_.conditions;
    }
    // Of Bregman ADMM all steps of a round stay close to what made the trajectories.
    const std::vector<GpsCondition> made = conditions_;
    for (int k = 0; k < Su::repeats(c_); ++k) {
      divergence = 0;
      for (std::size_t i = 0; i < problems.size(); ++i) {
        GpsCondition& p = conditions_[i];
        TrustRegionStep step = O::improve(problems[i].dynamics, Su::cost(problems[i].cost, p),
                                          Su::kCloseToPolicy ? problems[i].policy : made[i].controller,
                                          p.step * c_.kl_step * horizon(), c_.trust_region, p.dual,
                                          Su::anchor(p, problems[i].policy));
        p.controller = std::move(step.controller);
        p.dual = step.dual;
        p.expected = problems[i].constant +
                     expected_cost(problems[i].cost, propagate(problems[i].dynamics, p.controller));
        divergence += step.divergence / c_.conditions / horizon();
      }
      imitate(visited, round * fits + static_cast<std::uint32_t>(k) + 1, true);
      linearise(visited, problems);
      if constexpr (Su::kMultipliers)
        for (std::size_t i = 0; i < problems.size(); ++i) {
          Batchd off = Batchd::Zero(env_.spec().action_dim(), horizon());
          for (const Batchd& each : differences(i, visited[i])) off += each / c_.samples;
          const TrajectoryDistribution at = propagate(problems[i].dynamics, conditions_[i].controller);
          Su::update(c_, off, trajectory_kl(conditions_[i].controller, problems[i].policy, at),
                     conditions_[i]);
        }
      if (observer.stop_requested()) return undo();
    }
    const std::optional<double> reached = check(observer);
    if (!reached) return undo();

    double total = 0, gap = 0, dual = 0, penalty = 0, kl_step = 0;
    for (std::size_t i = 0; i < problems.size(); ++i) {
      const double share = 1.0 / c_.conditions;
      total += share * visited[i].total;
      dual += share * conditions_[i].dual;
      penalty += share * conditions_[i].penalty.mean();
      kl_step += share * conditions_[i].step * c_.kl_step;
      for (const Batchd& off : differences(i, visited[i]))
        gap += share / c_.samples *
               (half_range(env_.spec()).cwiseInverse().asDiagonal() * off).squaredNorm() /
               static_cast<double>(off.size());
    }
    steps_ = steps;
    metrics_.add({{"step", static_cast<double>(steps_)},
                  {"return", *reached},
                  {"controller_return", total},
                  {"cost", cost},
                  {"gap", std::sqrt(gap)},
                  {"divergence", divergence},
                  {"kl_step", kl_step},
                  {"dual", dual},
                  {"penalty", penalty},
                  {"train_loss", loss_}});
    observer.on_round(metrics_, {});
    if (!observer.on_safe_point(true)) return false;
  }
  return true;
}

// Dynamics and costs around what was visited.
template <class Su, class Sv, class F, class O>
auto GuidedPolicySearch<Su, Sv, F, O>::problems_around(const std::vector<GpsVisited>& visited)
    -> std::vector<Problem> {
  std::vector<StateTrajectory> all;
  for (const GpsVisited& from : visited) all.insert(all.end(), from.paths.begin(), from.paths.end());
  seen_.push_back(all_transitions(all));
  if (seen_.size() > static_cast<std::size_t>(c_.prior_rounds)) seen_.erase(seen_.begin());
  const LocalPrior prior = prior_of(seen_, 2 * static_cast<std::uint32_t>(metrics_.rows()));
  std::vector<Problem> problems;
  for (const GpsVisited& from : visited) {
    Problem problem{F::fit(from.paths, prior), LqrProblem<>(1, 1, 1), 0, {}};
    problem.cost = problem_of(problem.dynamics);
    problem.constant = expand_cost(cost_, from.paths, problem.cost);
    problems.push_back(std::move(problem));
  }
  return problems;
}

// A mixture over all of these samples; `which` fixes where its clusters begin.
template <class Su, class Sv, class F, class O>
LocalPrior GuidedPolicySearch<Su, Sv, F, O>::prior_of(const std::vector<Batchd>& samples,
                                                      std::uint32_t which) const {
  Index n = 0;
  for (const Batchd& each : samples) n += each.cols();
  Batchd all(samples.front().rows(), n);
  Index at = 0;
  for (const Batchd& each : samples) {
    all.middleCols(at, each.cols()) = each;
    at += each.cols();
  }
  return mixture_prior(GaussianMixture::fit(all, c_.mixture, seed_, which), c_.prior_strength);
}

// Trajectories from one start state, by its controller or by the policy with its noise.
template <class Su, class Sv, class F, class O>
std::optional<GpsVisited> GuidedPolicySearch<Su, Sv, F, O>::collect(int condition, bool by_policy,
                                                                    RunObserver& observer,
                                                                    std::int64_t& steps) {
  const auto round = static_cast<std::uint32_t>(metrics_.rows());
  const Batchd root = sampling_factor(policy_covariance_);
  Controller controller = conditions_[static_cast<std::size_t>(condition)].controller;
  GpsVisited visited;
  for (int j = 0; j < c_.samples; ++j) {
    const auto episode =
        static_cast<std::uint32_t>((static_cast<int>(round) * c_.conditions + condition) * c_.samples + j);
    const std::uint64_t noise = episode_seed(seed_, episode);
    const RandomStream random(noise, Stream::kPolicy);
    controller.begin(noise);
    const auto act = [&](const Vecd& state, const Vecf& obs, int t) -> Vecd {
      if (!by_policy) return controller.act(state, t);
      const Vecd z = Vecd::NullaryExpr(root.cols(), [&](Index i) {
        return random.normal(static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i));
      });
      return policy_actions(obs).col(0) + root * z;
    };
    const auto on_step = [&](int done, double total, const StepResult&) {
      observer.on_progress({.phase = RunPhase::kActing,
                            .round = static_cast<int>(round) + 1,
                            .rounds = c_.steps > 0 ? 0 : c_.rounds,
                            .done = done,
                            .total = horizon(),
                            .value = total,
                            .steps = ++steps});
      return !observer.stop_requested();
    };
    if (!visit(env_, start(condition), horizon(), c_.plan_on, act, on_step, visited)) return std::nullopt;
  }
  visited.total /= c_.samples;
  return visited;
}

template <class Su, class Sv, class F, class O>
Batchd GuidedPolicySearch<Su, Sv, F, O>::policy_actions(const Batchf& obs) const {
  Batchf action(policy_.action_dim(), obs.cols()), memory(0, obs.cols());
  MlpPolicy::Workspace workspace;
  policy_.mode(obs, memory, action, workspace);
  return action.cast<double>();
}

// mu_p - mu_pi along every trajectory.
template <class Su, class Sv, class F, class O>
std::vector<Batchd> GuidedPolicySearch<Su, Sv, F, O>::differences(std::size_t condition,
                                                                  const GpsVisited& visited) const {
  const Controller& controller = conditions_[condition].controller;
  std::vector<Batchd> all;
  for (std::size_t j = 0; j < visited.paths.size(); ++j) {
    Batchd off = -policy_actions(visited.obs[j]);
    for (int t = 0; t < horizon(); ++t) off.col(t) += controller.at(t).mean(visited.paths[j].states.col(t));
    all.push_back(std::move(off));
  }
  return all;
}

// The S-step.
template <class Su, class Sv, class F, class O>
void GuidedPolicySearch<Su, Sv, F, O>::imitate(const std::vector<GpsVisited>& visited, std::uint32_t fit,
                                               bool warm) {
  const Index nu = env_.spec().action_dim(), steps = horizon();
  const Index n = c_.conditions * c_.samples * steps;
  Demonstrations shown{Batchf(env_.spec().obs_dim, n), Batchf(nu, n), {}, Batchf(nu * nu, n)};
  Batchd precisions = Batchd::Zero(nu, nu);
  Index at = 0;
  double weights = 0;
  for (std::size_t i = 0; i < visited.size(); ++i) {
    for (int t = 0; t < steps; ++t) {
      const GpsCondition& p = conditions_[i];
      const double weight = Su::weight(p, t);
      const Batchd precision = weight * Sv::precision(p.controller.at(t));
      const Vecd correction = Su::correction(p, t);
      precisions += weight * p.controller.at(t).covariance.inverse();
      weights += weight;
      for (std::size_t j = 0; j < visited[i].paths.size(); ++j) {
        const Index column = at + static_cast<Index>(j) * steps + t;
        shown.obs.col(column) = visited[i].obs[j].col(t);
        const Vecd target = p.controller.at(t).mean(visited[i].paths[j].states.col(t)) + correction;
        shown.action.col(column) = target.cast<float>();
        shown.precision.col(column) = precision.reshaped().cast<float>();
      }
    }
    at += static_cast<Index>(visited[i].paths.size()) * steps;
  }
  loss_ = clone(shown, c_.cloning, seed_, fit, policy_, {}, warm).train_loss;
  policy_covariance_ =
      symmetrised((precisions / weights).inverse());  // the minimum of KL(pi || p) over all states
}

// The policy as a function of what controllers see, at every step: the fit of its actions where it was, and its noise.
template <class Su, class Sv, class F, class O>
void GuidedPolicySearch<Su, Sv, F, O>::linearise(const std::vector<GpsVisited>& visited,
                                                 std::vector<Problem>& problems) {
  const Index nu = env_.spec().action_dim();
  std::vector<Batchd> pairs;  // [state; action], a trajectory each
  for (const GpsVisited& from : visited)
    for (std::size_t j = 0; j < from.paths.size(); ++j) {
      Batchd pair(problems.front().cost.nz(), horizon());
      pair << from.paths[j].states.leftCols(horizon()), policy_actions(from.obs[j]);
      pairs.push_back(std::move(pair));
    }
  const LocalPrior prior = prior_of(pairs, 2 * static_cast<std::uint32_t>(metrics_.rows()) + 1);
  const Index nz = pairs.front().rows();
  for (std::size_t i = 0; i < visited.size(); ++i) {
    std::vector<ConditionalGaussian> steps;
    const auto from = static_cast<std::size_t>(c_.samples);
    for (int t = 0; t < horizon(); ++t) {
      Batchd samples(nz, c_.samples);
      for (std::size_t j = 0; j < from; ++j) samples.col(static_cast<Index>(j)) = pairs[i * from + j].col(t);
      ConditionalGaussian step = fit_linear_gaussian(samples, nz - nu, prior(t, samples));
      step.covariance += policy_covariance_;
      steps.push_back(std::move(step));
    }
    problems[i].policy = Controller(std::move(steps));
  }
}

// Montgomery and Levine 2016: the bound at which what was promised would have come, were it quadratic.
template <class Su, class Sv, class F, class O>
void GuidedPolicySearch<Su, Sv, F, O>::adapt_step(const GpsConfiguration& settings, double cost,
                                                  GpsCondition& p) {
  const double promised = p.cost - p.expected, came = p.cost - cost;
  const double factor = std::clamp(promised / (2 * std::max(1e-4, promised - came)), 0.1, 5.0);
  p.step = std::clamp(factor * p.step, settings.min_step, settings.max_step);
}

// The policy alone from every start state.
template <class Su, class Sv, class F, class O>
std::optional<double> GuidedPolicySearch<Su, Sv, F, O>::check(RunObserver& observer) {
  AnyActor acting = actor();
  double total = 0;
  const auto go_on = [&](int, const StepResult&, double) { return !observer.stop_requested(); };
  for (int i = 0; i < c_.conditions; ++i) {
    total += run_episode(env_, acting, start(i), go_on, horizon()).total / c_.conditions;
    if (observer.stop_requested()) return std::nullopt;
  }
  return total;
}

template <class Su, class Sv, class F, class O>
AnyActor GuidedPolicySearch<Su, Sv, F, O>::actor() const {
  return mode_actor(policy_);
}

template <class Su, class Sv, class F, class O>
void GuidedPolicySearch<Su, Sv, F, O>::save(StateDict& out, const std::string& prefix) const {
  policy_.save(out, prefix + "policy.");
  out.put_matrix(prefix + "policy_covariance", policy_covariance_);
  for (std::size_t i = 0; i < conditions_.size(); ++i)
    conditions_[i].save(out, prefix + "condition" + std::to_string(i) + ".");
  out.put_scalar(prefix + "seen", static_cast<std::int64_t>(seen_.size()));
  for (std::size_t i = 0; i < seen_.size(); ++i)
    out.put_matrix(prefix + "seen" + std::to_string(i), seen_[i]);
  out.put_scalar(prefix + "steps", steps_);
  metrics_.save(out, prefix + "metrics");
}

template <class Su, class Sv, class F, class O>
void GuidedPolicySearch<Su, Sv, F, O>::load(const StateDict& in, const std::string& prefix) {
  policy_.load(in, prefix + "policy.");
  policy_covariance_ = in.get_matrix<double>(prefix + "policy_covariance");
  for (std::size_t i = 0; i < conditions_.size(); ++i)
    conditions_[i].load(in, prefix + "condition" + std::to_string(i) + ".");
  seen_.clear();
  for (std::int64_t i = 0; i < in.get_scalar<std::int64_t>(prefix + "seen"); ++i)
    seen_.push_back(in.get_matrix<double>(prefix + "seen" + std::to_string(i)));
  steps_ = in.get_scalar<std::int64_t>(prefix + "steps");
  metrics_.load(in, prefix + "metrics");
}

template class GuidedPolicySearch<MirrorDescentSurrogate>;
template class GuidedPolicySearch<BadmmSurrogate>;
template class GuidedPolicySearch<MirrorDescentSurrogate, MeanSquared>;

}  // namespace mbrl
