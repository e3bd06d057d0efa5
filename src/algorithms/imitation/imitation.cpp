#include "mbrl/algorithms/imitation/imitation.hpp"

#include <cmath>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include "algorithms/stopwatch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/latency_recorder.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/replay_agent.hpp"
#include "mbrl/policy/random_actor.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/evaluation.hpp"

namespace mbrl {
namespace {

// Series of episodes' seeds (env/episode_seed.hpp); 0 to 2 are learning, evaluation and showing.
constexpr std::uint32_t kCheck = 3, kAdvice = 4;

// An expert that acts, in the environment that it is shown.
struct ExpertActor {
  Expert expert;
  const AnyEnvironment* env;
  Adviser adviser{};

  void begin(std::uint64_t seed) { adviser = expert(seed); }
  Vecd act(ConstVecRef<double> obs, int t) { return adviser(*env, obs, t).action; }
};

// How long an actor thinks about each action.
struct Timed {
  AnyActor actor;
  LatencyRecorder* latency;

  void begin(std::uint64_t seed) { actor.begin(seed); }
  const Vecd& act(ConstVecRef<double> obs, int t) {
    const Stopwatch watch;
    const Vecd& action = actor.act(obs, t);
    latency->add(watch.seconds());
    return action;
  }
};

std::vector<MetricColumn> imitation_columns() {
  return {{.name = "expert_return", .title = "expert's return", .decimals = 1},
          {.name = "score", .title = "score", .decimals = 3},
          {.name = "beta", .decimals = 3},
          {.name = "ended", .decimals = 0},
          {.name = "train_loss", .decimals = 4},
          {.name = "validation_loss", .title = "loss", .decimals = 4},
          {.name = "epochs", .title = "epochs", .decimals = 0},
          {.name = "expert_us", .wall_clock = true, .title = "expert (us)", .decimals = 0},
          {.name = "policy_us", .wall_clock = true, .title = "policy (us)", .decimals = 2}};
}

}  // namespace

void ImitationConfiguration::validate(const std::string& who, const EnvSpec& spec) const {
  require_time_limit(who.c_str(), spec);
  require(steps >= 0, who, ": steps is ", steps, ", expected at least 1, or 0 for a budget of rounds");
  require(rounds >= 1, who, ": rounds is ", rounds, ", expected at least 1");
  require(episodes >= 1, who, ": episodes is ", episodes, ", expected at least 1");
  require(episode_steps >= 0, who, ": episode_steps is ", episode_steps, ", expected at least 0");
  require(beta >= 0 && beta <= 1, who, ": beta is ", beta, ", expected 0 to 1");
  require(check_episodes >= 1, who, ": check_episodes is ", check_episodes, ", expected at least 1");
  require(spec.choices == 0 || cloning.loss != CloningLoss::kKl, who, ": cloning.loss is kl, but ", spec.name,
          " has choices, which are fitted by their cross-entropy; expected mean or values");
  require(spec.choices > 0 || cloning.loss != CloningLoss::kValues, who, ": cloning.loss is values, but ",
          spec.name, " has no choices; expected mean or kl");
  require(cloning.loss != CloningLoss::kKl || may_have_gaussian(expert), who,
          ": cloning.loss is kl, but the expert '", expert.planner.sampling.name,
          "' has no Gaussian; expected cem or icem as expert.name, or cloning.loss=mean");
  require(cloning.loss != CloningLoss::kPrecision, who,
          ": cloning.loss is precision, but experts have no precision matrices; expected ",
          spec.choices > 0 ? "mean or values" : "mean or kl");
  require(
      cloning.loss != CloningLoss::kValues || (expert.run.empty() && expert.planner.sampling.name == "mcts"),
      who, ": cloning.loss is values, which a tree search alone says; expected expert.name=mcts");
  cloning.validate();
}

template <class P>
Imitation<P>::Imitation(const ImitationConfiguration& configuration, const AlgorithmContext& context,
                        Expert expert, Teacher teacher)
    : c_(configuration),
      seed_(context.seed),
      expert_(std::move(expert)),
      teacher_(std::move(teacher)),
      env_(context.make_environment()),
      latest_(new_policy(env_.spec(), configuration.cloning, context.seed, 0)),
      best_(latest_),
      metrics_(MetricTable::with(imitation_columns())) {}

template <class P>
P Imitation<P>::new_policy(const EnvSpec& spec, const CloningSettings& settings, std::uint64_t seed,
                           std::uint32_t round) {
  if constexpr (std::is_same_v<P, MlpPolicy>)
    return new_cloned_policy(spec.obs_dim, action_bounds(spec), settings, seed, round);
  else
    return P(spec.obs_dim, action_bounds(spec), settings.policy, seed, round);
}

template <class P>
bool Imitation<P>::run(RunObserver& observer) {
  while (!spent()) {
    const auto round = static_cast<std::uint32_t>(metrics_.rows());
    if (round == 0) {  // what there is to reach, and from where
      const auto chance =
          check(observer, AnyActor(RandomActor(env_.spec().obs_dim, action_bounds(env_.spec()))));
      const auto expert = chance ? check(observer, AnyActor(ExpertActor{expert_, &env_})) : std::nullopt;
      if (!expert) return false;
      random_check_ = *chance;
      expert_check_ = *expert;
    }
    int ended = 0;
    std::optional<Demonstrations> shown = collect(observer, ended);  // D_i = {(s, pi*(s))} of pi_i
    if (!shown) return false;
    Demonstrations data = data_;
    data.append(*shown);  // D <- D + D_i
    P policy = new_policy(env_.spec(), c_.cloning, seed_, round);
    const CloningReport report =
        clone(data, c_.cloning, seed_, round, policy, [&] { return observer.stop_requested(); });
    const auto reached = report.stopped ? std::nullopt : check(observer, mode_actor(policy));
    if (!reached) return false;

    steps_ += shown->size();
    data_ = std::move(data);
    latest_ = std::move(policy);
    if (metrics_.rows() == 0 || reached->total >= metrics_.last("best_return")) best_ = latest_;
    metrics_.add(
        {{"step", static_cast<double>(steps_)},
         {"return", reached->total},
         {"expert_return", expert_check_.total},
         {"score", (reached->total - random_check_.total) / (expert_check_.total - random_check_.total)},
         {"beta", std::pow(c_.beta, round)},
         {"ended", static_cast<double>(ended)},
         {"train_loss", report.train_loss},
         {"validation_loss", report.validation_loss},
         {"epochs", static_cast<double>(report.epochs)},
         {"expert_us", 1e6 * expert_check_.seconds},
         {"policy_us", 1e6 * reached->seconds}});
    observer.on_round(metrics_, {});
    if (!observer.on_safe_point(true)) return false;
  }
  return true;
}

template <class P>
bool Imitation<P>::spent() const {
  return c_.steps > 0 ? steps_ >= c_.steps : static_cast<int>(metrics_.rows()) >= c_.rounds;
}

// Trajectories of the mixture of expert and policy, with what the expert would do in every state.
template <class P>
std::optional<Demonstrations> Imitation<P>::collect(RunObserver& observer, int& ended) {
  const auto round = static_cast<std::uint32_t>(metrics_.rows());
  const int limit = episode_limit(env_.spec(), c_.episode_steps);
  const double share = std::pow(c_.beta, round);  // beta_1 = 0^0 = 1
  const RandomStream random(seed_, Stream::kPolicy);
  AnyActor own = mode_actor(latest_);
  std::vector<Vecd> states;
  std::vector<Advice> said;
  for (int e = 0; e < c_.episodes; ++e) {
    const std::uint32_t episode =
        round * static_cast<std::uint32_t>(c_.episodes) + static_cast<std::uint32_t>(e);
    Vecd obs = env_.reset(episode_seed(seed_, episode));
    own.begin(episode_seed(seed_, episode));
    const Adviser expert = expert_(episode_seed(seed_, episode, kAdvice));
    const Compromise between =
        teacher_ && round > 0 ? teacher_(episode_seed(seed_, episode, kAdvice)) : nullptr;
    double total = 0;
    for (int t = 0; t < limit; ++t) {
      Advice advice = expert(env_, obs, t);
      require(advice.action.allFinite() && advice.deviation.allFinite() && advice.values.allFinite(),
              "imitation: what the expert would do at step ", t, " is not finite");
      advice.action = env_.spec().executed(advice.action);
      const bool its_turn = random.uniform(episode, static_cast<std::uint32_t>(t)) < share;
      const auto executed = [&]() -> Vecd {
        if (between) return env_.spec().executed(between(env_, env_.spec().executed(own.act(obs, t)), t));
        return its_turn ? advice.action : env_.spec().executed(own.act(obs, t));
      };
      const StepResult step = env_.step(executed());
      states.push_back(obs);
      said.push_back(std::move(advice));
      total += step.reward;
      obs = step.obs;
      observer.on_progress({.phase = RunPhase::kActing,
                            .round = static_cast<int>(round) + 1,
                            .rounds = c_.steps > 0 ? 0 : c_.rounds,
                            .done = t + 1,
                            .total = limit,
                            .value = total,
                            .steps = steps_ + static_cast<std::int64_t>(states.size()),
                            .fault = step.fault});
      if (observer.stop_requested()) return std::nullopt;
      ended += step.terminated ? 1 : 0;
      if (step.terminated || step.truncated) break;
    }
  }
  const auto n = static_cast<Index>(states.size());
  Demonstrations shown{Batchf(env_.spec().obs_dim, n), Batchf(env_.spec().action_dim(), n), {}, {}};
  if (said.front().deviation.size() > 0) shown.deviation.resize(env_.spec().action_dim(), n);
  if (said.front().values.size() > 0) shown.values.setZero(env_.spec().choices, n);
  for (Index j = 0; j < n; ++j) {
    const auto k = static_cast<std::size_t>(j);
    shown.obs.col(j) = states[k].cast<float>();
    shown.action.col(j) = said[k].action.cast<float>();
    if (shown.deviation.cols() > 0) shown.deviation.col(j) = said[k].deviation.cast<float>();
    if (shown.values.cols() > 0) shown.values.col(j) = said[k].values.cast<float>();
  }
  return shown;
}

template <class P>
std::optional<typename Imitation<P>::Check> Imitation<P>::check(RunObserver& observer, AnyActor actor) {
  Check result;
  LatencyRecorder latency;
  AnyActor timed(Timed{std::move(actor), &latency});
  const auto go_on = [&](int, const StepResult&, double) { return !observer.stop_requested(); };
  for (int e = 0; e < c_.check_episodes; ++e) {
    const std::uint64_t seed = episode_seed(seed_, static_cast<std::uint32_t>(e), kCheck);
    result.total += run_episode(env_, timed, seed, go_on, episode_limit(env_.spec(), c_.episode_steps)).total;
    if (observer.stop_requested()) return std::nullopt;
  }
  result.total /= c_.check_episodes;
  result.seconds = latency.p50();
  return result;
}

template <class P>
AnyActor Imitation<P>::actor() const {
  return mode_actor(best_);
}

template <class P>
void Imitation<P>::save(StateDict& out, const std::string& prefix) const {
  best_.save(out, prefix + "policy.");
  latest_.save(out, prefix + "latest.");
  data_.save(out, prefix + "data.");
  metrics_.save(out, prefix + "metrics");
  out.put_scalar(prefix + "steps", steps_);
  const double checks[] = {expert_check_.total, expert_check_.seconds, random_check_.total,
                           random_check_.seconds};
  out.put(prefix + "checks", checks, {4});
}

template <class P>
void Imitation<P>::load(const StateDict& in, const std::string& prefix) {
  const auto checks = in.get<double>(prefix + "checks");
  require_dim("checkpoint", "'" + prefix + "checks'", checks.size(), 4);
  best_.load(in, prefix + "policy.");
  latest_.load(in, prefix + "latest.");
  data_.load(in, prefix + "data.");
  metrics_.load(in, prefix + "metrics");
  steps_ = in.get_scalar<std::int64_t>(prefix + "steps");
  expert_check_ = {checks[0], checks[1]};
  random_check_ = {checks[2], checks[3]};
}

template class Imitation<MlpPolicy>;
template class Imitation<CategoricalPolicy>;

namespace {

ImitationConfiguration distillation() {
  ImitationConfiguration c;
  c.expert.planner.sampling.name = "cem";
  c.expert.fresh_plans = 3;  // of one from nothing, and of the last one's heirs, CEM's are worse to imitate
  c.cloning.loss = CloningLoss::kKl;
  return c;
}

ImitationConfiguration tree_search() {
  ImitationConfiguration c;
  c.expert.planner.sampling.name = "mcts";
  return c;
}

AlgorithmDescription<ImitationConfiguration> description(const std::string& name,
                                                         const ExpertSource& experts) {
  AlgorithmDescription<ImitationConfiguration> d;
  d.name = name;
  d.steps_key = "steps";
  d.rounds_key = "rounds";
  d.check = [name](const ImitationConfiguration& c, const EnvSpec& spec) { c.validate(name, spec); };
  d.make = [experts](const ImitationConfiguration& c, const AlgorithmContext& context) {
    Expert expert = make_expert(c.expert, context, experts);
    if (context.make_environment().spec().choices > 0)
      return AnyAlgorithm(std::make_unique<Imitation<CategoricalPolicy>>(c, context, std::move(expert)));
    return AnyAlgorithm(std::make_unique<Imitation<MlpPolicy>>(c, context, std::move(expert)));
  };
  d.load_actor = [](const ImitationConfiguration& c, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    const auto loaded = [&](auto policy) { return loaded_actor(std::move(policy), in, prefix + "policy."); };
    return spec.choices > 0
               ? loaded(Imitation<CategoricalPolicy>::new_policy(spec, c.cloning, context.seed, 0))
               : loaded(Imitation<MlpPolicy>::new_policy(spec, c.cloning, context.seed, 0));
  };
  return d;
}

}  // namespace

void register_imitation(AlgorithmRegistry& registry, const ExpertSource& experts) {
  auto dagger = description("dagger", experts);
  dagger.summary =
      "DAgger (Ross et al. 2011) and behaviour cloning: a policy that imitates a planner or a run.";
  dagger.details =
      "  mbrl train dagger --env Pendulum-v1 --set expert.name=icem --out runs/dagger\n"
      "  mbrl train dagger --env Pendulum-v1 --preset cloning --set expert.run=runs/sac --out runs/cloned";
  dagger.presets.push_back({"cloning", "behaviour cloning: the expert alone acts", [](const EnvSpec&) {
                              ImitationConfiguration c;
                              c.beta = 1;
                              return c;
                            }});
  registry.add(std::move(dagger));

  auto distill = description("distill", experts);
  distill.summary = "Planner distillation: a policy that acts as a planner would, in microseconds.";
  distill.details =
      "  mbrl train distill --env Pendulum-v1 --out runs/distilled\n"
      "  mbrl train distill --env control/CartPole --set expert.name=ilqr --set cloning.loss=mean --out "
      "runs/cart";
  distill.blank = distillation();
  registry.add(std::move(distill));

  auto tree = description("mcts-imitation", experts);
  tree.summary = "A policy in place of Monte-Carlo tree search (Guo et al. 2014): UCC-I, UCC and UCR.";
  tree.details =
      "  mbrl train mcts-imitation --env CartPole-v1 --out runs/ucci\n"
      "  mbrl train mcts-imitation --env CartPole-v1 --preset ucr --out runs/ucr";
  tree.environment = "CartPole-v1";
  tree.blank = tree_search();
  tree.check = [](const ImitationConfiguration& c, const EnvSpec& spec) {
    require(spec.choices > 0, "mcts-imitation: the actions of ", spec.name,
            " are no choices; expected an environment with choices, or dagger with expert.name=mcts");
    c.validate("mcts-imitation", spec);
  };
  tree.presets.push_back({"ucc", "the search alone acts; classification", [](const EnvSpec&) {
                            ImitationConfiguration c = tree_search();
                            c.beta = 1;
                            return c;
                          }});
  tree.presets.push_back({"ucr", "the search alone acts; regression of its values", [](const EnvSpec&) {
                            ImitationConfiguration c = tree_search();
                            c.beta = 1;
                            c.cloning.loss = CloningLoss::kValues;
                            return c;
                          }});
  registry.add(std::move(tree));
}

}  // namespace mbrl
