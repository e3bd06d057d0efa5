#include "mbrl/algorithms/imagined/pilco.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "algorithms/fit_model.hpp"
#include "algorithms/stopwatch.hpp"
#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/models/gp/gp_model.hpp"
#include "mbrl/models/gp/moment_matching.hpp"
#include "mbrl/policy/moments/affine.hpp"
#include "mbrl/policy/moments/rbf_network.hpp"
#include "mbrl/policy/moments/squashed.hpp"
#include "mbrl/rollout/moments/moment_rollout.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {
namespace {

using Rbf = SquashedPolicy<RbfNetwork>;
using Affine = SquashedPolicy<AffineMap>;

// Rows that a run can bring; an episode under way is finished.
std::size_t most_rows(const PilcoSettings& s, const EnvSpec& spec) {
  const auto episode = static_cast<std::size_t>(episode_limit(spec, s.trial_steps));
  const std::size_t random = static_cast<std::size_t>(s.random_trials) * episode;
  if (s.steps > 0) return std::max(static_cast<std::size_t>(s.steps), random) + episode;
  return random + static_cast<std::size_t>(s.trials) * episode;
}

// The start's Gaussian: moments of 200 resets of an environment that is not acted in.
GaussianMoments start_moments(AnyEnvironment env, PilcoUncertainty uncertainty, std::uint64_t seed) {
  constexpr std::uint32_t kResets = 200, kSeries = 20;  // apart from the episodes acted in
  Batchd starts(env.spec().obs_dim, kResets);
  for (std::uint32_t i = 0; i < kResets; ++i) starts.col(i) = env.reset(episode_seed(seed, i, kSeries));
  GaussianMoments m{starts.rowwise().mean(), {}};
  starts.colwise() -= m.mean;
  m.covariance = starts * starts.transpose() / (kResets - 1.0);
  if (uncertainty == PilcoUncertainty::kNone) m.covariance.setZero();
  return m;
}

// A policy of no experience, as far as the numbers of its parameters go; `load` and `draw` fill it.
template <class P>
P blank(const PilcoSettings& s, const EnvSpec& spec) {
  const int f = spec.encoding.feature_dim(), u = spec.action_dim();
  if constexpr (std::same_as<P, Rbf>) {
    Batchd centres(f, s.centres);  // apart from each other
    for (Index j = 0; j < centres.cols(); ++j) centres.col(j).setConstant(static_cast<double>(j));
    return {RbfNetwork(centres, Batchd::Zero(s.centres, u), Batchd::Ones(f, u)), action_bounds(spec)};
  } else {
    return {AffineMap(f, u), action_bounds(spec)};
  }
}

// A policy to begin a search with. Centres lie about what was seen, lengths are its spread, and it does next to nothing.
template <class P>
P draw(const PilcoSettings& s, const EnvSpec& spec, const Transitions& data, std::uint64_t seed,
       std::uint32_t round, std::uint32_t restart) {
  const RandomStream random(seed, Stream::kWeights);
  const auto normal = [&](std::uint32_t i, std::uint32_t j) { return random.normal(round, restart, i, j); };
  P policy = blank<P>(s, spec);
  if constexpr (std::same_as<P, Rbf>) {
    const Batchd obs = data.obs.template cast<double>();
    Batchd features(spec.encoding.feature_dim(), obs.cols());
    spec.encoding.encode<double>(obs, features);
    const Vecd mean = features.rowwise().mean();
    const Vecd spread =
        ((features.colwise() - mean).rowwise().squaredNorm() / static_cast<double>(obs.cols()))
            .cwiseSqrt()
            .cwiseMax(1e-3);
    Batchd centres(features.rows(), s.centres), targets(s.centres, spec.action_dim());
    for (Index j = 0; j < centres.cols(); ++j) {
      const auto at = static_cast<std::uint32_t>(j);
      for (Index i = 0; i < centres.rows(); ++i)
        centres(i, j) = mean(i) + spread(i) * normal(at, static_cast<std::uint32_t>(i));
      for (Index a = 0; a < targets.cols(); ++a)
        targets(j, a) = 0.1 * normal(at, static_cast<std::uint32_t>(centres.rows() + a));
    }
    policy = {RbfNetwork(centres, targets, spread.replicate(1, spec.action_dim())), action_bounds(spec)};
  } else {
    Vecd p(policy.parameters().size());
    for (Index i = 0; i < p.size(); ++i) p(i) = 0.1 * normal(static_cast<std::uint32_t>(i), 0);
    policy.set_parameters(p);
  }
  return policy;
}

template <class P>
AnyActor acting(const EnvSpec& spec, const P& policy) {
  return AnyActor(MomentActor<P>(spec.encoding, policy));
}

std::vector<MetricColumn> columns(bool obstructed) {
  std::vector<MetricColumn> all = {
      {.name = "cost", .title = "cost", .decimals = 2},
      {.name = "predicted_cost", .title = "predicted", .width = 9, .decimals = 2},
      {.name = "late_cost", .title = "late", .decimals = 3},
      {.name = "train_loss", .title = "loss", .decimals = 3},
      {.name = "evaluations", .title = "tries", .decimals = 0},
      {.name = "fit_s", .wall_clock = true, .title = "fit (s)", .decimals = 1},
      {.name = "search_s", .wall_clock = true, .title = "search (s)", .width = 10, .decimals = 1}};
  if (!obstructed) return all;
  all.push_back({.name = "predicted_collision", .title = "P(hit)", .decimals = 3});
  all.push_back({.name = "collision_bound", .title = "P bound", .decimals = 3});
  all.push_back({.name = "collisions", .title = "hits", .decimals = 0});
  return all;
}

// A round: the model is fitted, the policy optimised in it, and a trial made under the policy.
template <class P>
class Pilco final : public DataOwner {
  using Rollout = MomentRollout<P, ObstructedCost>;

 public:
  Pilco(const PilcoSettings& s, const AlgorithmContext& context)
      : s_(s),
        pool_(context.pool),
        seed_(context.seed),
        env_(context.make_environment()),
        spec_(env_.spec()),
        start_(start_moments(context.make_environment(), s.uncertainty, context.seed)),
        buffer_(spec_.obs_dim, spec_.action_dim(), most_rows(s, spec_)),
        collector_(env_, buffer_, context.seed, s.trial_steps),
        model_(spec_.encoding, spec_.action_dim()),
        trainer_(s.gp, context.pool, context.seed),
        cost_(s.cost.make(spec_.encoding.feature_dim())),
        policy_(blank<P>(s, spec_)),
        metrics_(MetricTable::with(columns(obstructed()))) {}

  bool run(RunObserver& observer) {
    if (buffer_.empty()) act_at_random(observer);
    while (!spent()) {
      if (!learn(observer)) return false;
      act(observer);
      if (!observer.on_safe_point(true)) return false;
    }
    return true;
  }

  const MetricTable& metrics() const { return metrics_; }
  AnyActor actor() const { return acting(spec_, policy_); }
  AnyEnvironment& environment() { return env_; }
  const TransitionBuffer& buffer() const override { return buffer_; }

  void save(StateDict& out, const std::string& prefix) const {
    if (!model_.empty()) model_.save(out, prefix + "model.");
    const Vecd p = policy_.parameters();
    out.put(prefix + "policy", std::vector<double>(p.data(), p.data() + p.size()));
    buffer_.save(out, prefix + "buffer.");
    out.put_scalar(prefix + "steps", collector_.steps());
    metrics_.save(out, prefix + "metrics");
  }
  void load(const StateDict& in, const std::string& prefix) {
    metrics_.load(in, prefix + "metrics");
    load_policy(in, prefix, policy_);
    if (metrics_.rows() > 0) model_.load(in, prefix + "model.");
    buffer_.load(in, prefix + "buffer.");
    collector_.resume_at(in.get_scalar<std::int64_t>(prefix + "steps"));
  }
  static void load_policy(const StateDict& in, const std::string& prefix, P& policy) {
    const auto p = in.get<double>(prefix + "policy");
    require_dim("checkpoint of pilco", "'policy'", p.size(), policy.parameters().size());
    policy.set_parameters(Eigen::Map<const Vecd>(p.data(), static_cast<Index>(p.size())));
  }

 private:
  bool obstructed() const { return cost_.obstacles.count() > 0; }
  bool spent() const {
    return s_.steps > 0 ? collector_.steps() >= s_.steps : static_cast<int>(metrics_.rows()) >= s_.trials;
  }

  void act_at_random(RunObserver& observer) {
    for (std::uint32_t episode = 0; static_cast<int>(episode) < s_.random_trials; ++episode) {
      collector_.begin(episode);
      while (collector_.running()) {
        collector_.random_step(episode, static_cast<std::uint32_t>(collector_.t()));
        observer.on_progress(progress(RunPhase::kRandom));
      }
    }
    require(buffer_.size() >= 2, "pilco: ", collector_.steps(), " random steps of ", spec_.name, " gave ",
            buffer_.size(), " transitions to learn from, expected at least 2");
  }

  RunProgress progress(RunPhase phase) const {
    return {.phase = phase,
            .round = static_cast<int>(metrics_.rows()) + 1,
            .rounds = s_.steps > 0 ? 0 : s_.trials,
            .done = collector_.t(),
            .total = collector_.limit(),
            .value = collector_.total(),
            .steps = collector_.steps(),
            .fault = collector_.fault()};
  }

  // False: stopped, and model and policy are as they were.
  bool learn(RunObserver& observer) {
    const auto round = static_cast<std::uint32_t>(metrics_.rows());
    const GpModel before = model_;
    const Stopwatch fit_watch;
    loss_ = mean_loss(trainer_.train(buffer_.batch(), model_, round));
    fit_seconds_ = fit_watch.seconds();

    const Stopwatch search_watch;
    const Rollout rollout(
        MomentDynamics(target_moments(model_, s_.uncertainty == PilcoUncertainty::kFull), spec_.encoding),
        cost_, start_, s_.horizon > 0 ? s_.horizon : collector_.limit(), &pool_);
    P best = policy_;
    predicted_ = std::numeric_limits<double>::infinity();
    evaluations_ = 0;
    const int first = round == 0 ? 1 : 0;  // there is none so far
    const int last = std::max(first, s_.restarts);
    most_steps_ = (last - first + 1) * s_.search.iterations;
    for (int start = first; start <= last; ++start) {
      P candidate =
          start == 0 ? policy_
                     : draw<P>(s_, spec_, buffer_.batch(), seed_, round, static_cast<std::uint32_t>(start));
      const double value = optimise(rollout, candidate, observer);
      if (observer.stop_requested()) {
        model_ = before;
        observer.on_safe_point(false);
        return false;
      }
      if (!(value < predicted_)) continue;
      predicted_ = value;
      best = std::move(candidate);
    }
    require(std::isfinite(predicted_), "pilco: the expected cost of the policy is not finite in round ",
            round + 1, ", expected a model that can be predicted with; see gp.noise");
    policy_ = std::move(best);
    predict_collisions(rollout);
    search_seconds_ = search_watch.seconds();
    return true;
  }

  void predict_collisions(const Rollout& rollout) {
    collision_ = {};
    if (!obstructed()) return;
    static_cast<void>(rollout.evaluate(policy_, workspace_));
    for (int t = 1; t <= rollout.horizon(); ++t)
      collision_.add(cost_.obstacles.hit_probability(workspace_.features(t)));
  }

  // The expected cost after the search, which changes `policy`.
  double optimise(const Rollout& rollout, P& policy, RunObserver& observer) {
    P moved = policy;
    bool stopped = false;
    const LbfgsResult result = minimize_lbfgs(
        [&](const Vecd& p, Vecd& gradient) {
          stopped = stopped || observer.stop_requested();
          double value = std::numeric_limits<double>::quiet_NaN();
          if (!stopped) {
            try {
              moved.set_parameters(p);
              value = rollout.evaluate(moved, workspace_, &gradient);
            } catch (const Error&) {
              // A step so long that a length is 0 or infinite: the search shortens it.
            }
          }
          if (!std::isfinite(value)) gradient.setZero(p.size());
          RunProgress at = progress(RunPhase::kTraining);
          at.done = ++evaluations_;
          at.total = std::max(most_steps_, evaluations_);  // a step of the search takes one or a little more
          at.value = value;
          if (!stopped) observer.on_progress(at);
          return value;
        },
        policy.parameters(), s_.search);
    if (stopped) return result.value;
    policy.set_parameters(result.x);
    return result.value;
  }

  void act(RunObserver& observer) {
    AnyActor actor = acting(spec_, policy_);
    // Random episodes come first.
    collector_.begin(static_cast<std::uint32_t>(s_.random_trials) +
                     static_cast<std::uint32_t>(metrics_.rows()));
    std::vector<double> costs;
    int collisions = 0;
    Batchd features(spec_.encoding.feature_dim(), 1);
    while (collector_.running()) {
      collector_.step(actor.act(collector_.obs(), collector_.t()));
      spec_.encoding.encode<double>(collector_.obs(), features);
      costs.push_back(cost_(features.col(0)));
      if (obstructed() && cost_.obstacles.hit(features.col(0))) ++collisions;
      observer.on_progress(progress(RunPhase::kActing));
    }
    double total = 0.0, late = 0.0;
    const std::size_t tail = std::max<std::size_t>(1, costs.size() * 2 / 5);
    for (std::size_t t = 0; t < costs.size(); ++t) {
      total += costs[t];
      if (t + tail >= costs.size()) late += costs[t] / static_cast<double>(tail);
    }
    std::vector<std::pair<std::string_view, double>> values = {
        {"step", static_cast<double>(collector_.steps())},
        {"return", collector_.total()},
        {"cost", total},
        {"predicted_cost", predicted_},
        {"late_cost", late},
        {"train_loss", loss_},
        {"evaluations", static_cast<double>(evaluations_)},
        {"fit_s", fit_seconds_},
        {"search_s", search_seconds_}};
    if (obstructed()) {
      values.emplace_back("predicted_collision", collision_.largest);
      values.emplace_back("collision_bound", collision_.sum);
      values.emplace_back("collisions", collisions);
    }
    metrics_.add(values);
    observer.on_round(metrics_, {});
  }

  PilcoSettings s_;
  ThreadPool& pool_;
  std::uint64_t seed_;
  AnyEnvironment env_;
  EnvSpec spec_;
  GaussianMoments start_;
  TransitionBuffer buffer_;
  Collector<AnyEnvironment> collector_;
  GpModel model_;
  GpTrainer trainer_;
  ObstructedCost cost_;
  P policy_;
  typename Rollout::Workspace workspace_;
  MetricTable metrics_;
  // Of the round under way.
  double loss_ = 0.0, predicted_ = 0.0, fit_seconds_ = 0.0, search_seconds_ = 0.0;
  CollisionProbability collision_;  // of the policy's prediction
  int evaluations_ = 0, most_steps_ = 0;
};

template <class P>
AnyActor load_pilco_actor(const PilcoSettings& s, const EnvSpec& spec, const StateDict& in,
                          const std::string& prefix) {
  P policy = blank<P>(s, spec);
  Pilco<P>::load_policy(in, prefix, policy);
  return acting(spec, policy);
}

}  // namespace

void register_pilco(AlgorithmRegistry& registry) {
  AlgorithmDescription<PilcoSettings> d;
  d.name = "pilco";
  d.summary =
      "PILCO (Deisenroth and Rasmussen 2011): a policy by the gradient of its expected cost under Gaussian "
      "processes.";
  d.details =
      "  mbrl train pilco --env pilco/CartPole --out runs/pilco\n"
      "  mbrl train pilco --env pilco/CartPole --set uncertainty=none --out runs/mean_only";
  d.environment = "pilco/CartPole";
  d.steps_key = "steps";
  d.rounds_key = "trials";
  d.defaults = default_pilco;
  d.presets = {{"quick", "a few basis functions, five trials", [](const EnvSpec& spec) {
                  PilcoSettings s = default_pilco(spec);
                  s.trials = 5;
                  s.centres = 20;
                  s.search.iterations = 40;
                  return s;
                }}};
  d.check = [](const PilcoSettings& s, const EnvSpec& spec) { s.validate(spec); };
  d.make = [](const PilcoSettings& s, const AlgorithmContext& context) {
    return s.policy == PilcoPolicy::kRbf ? AnyAlgorithm(std::make_unique<Pilco<Rbf>>(s, context))
                                         : AnyAlgorithm(std::make_unique<Pilco<Affine>>(s, context));
  };
  d.load_actor = [](const PilcoSettings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return s.policy == PilcoPolicy::kRbf ? load_pilco_actor<Rbf>(s, spec, in, prefix)
                                         : load_pilco_actor<Affine>(s, spec, in, prefix);
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
