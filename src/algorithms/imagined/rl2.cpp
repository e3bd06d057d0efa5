#include "mbrl/algorithms/imagined/rl2.hpp"

#include <algorithm>
#include <memory>
#include <numeric>

#include "algorithms/fit_model.hpp"
#include "algorithms/imagined/rounds_in_model_description.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {

void Rl2Settings::validate(const EnvSpec& spec) const {
  check_rounds_in_model("rl2", *this, spec);
  require(imagination.propagation == Propagation::kTSinf,
          "rl2: imagination.propagation has no meaning here, where an episode is one model's; expected "
          "TSinf, the default");
  ppo.validate();
  training.validate(model.members);
}

Rl2::Rl2(const Rl2Settings& settings, const AlgorithmContext& context)
    : RoundsInModel("rl2", context, {settings.steps, settings.collect, settings.rollouts}, settings.model,
                    {{.name = "imagined_return", .title = "imagined"},
                     {.name = "gap", .title = "imagined - real"},
                     {.name = "kl", .decimals = 4},
                     {.name = "model_loss", .title = "model", .decimals = 4},
                     {.name = "episodes", .decimals = 0},
                     {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 1}}),
      settings_(settings),
      seed_(context.seed),
      trainer_(settings.training, context.pool, context.seed),
      imagination_(model_, given_reward(model_, env_.spec()), given_termination(model_, env_.spec()),
                   settings.imagination, context.pool, context.seed),
      ppo_(env_.spec().obs_dim, action_bounds(env_.spec()), settings.ppo, context.seed, context.pool) {
  settings.validate(env_.spec());
  begin_real_episode(0);
}

void Rl2::begin_real_episode(std::int64_t /*episode*/) { memory_.setZero(ppo_.policy().memory_dim(), 1); }

Vecd Rl2::act_in_real(std::int64_t /*episode*/) {
  obs_ = collector_.obs().cast<float>();
  action_.resize(ppo_.policy().action_dim(), 1);
  const RandomStream random(seed_, Stream::kPolicy);
  ppo_.policy().act(obs_, memory_, {random.key(), static_cast<std::uint32_t>(collector_.steps()), {}},
                    action_, workspace_);
  return action_.col(0).cast<double>();
}

bool Rl2::fit_model(RunObserver& observer) {
  if (!fit(trainer_, observer)) return false;
  imagination_.set_model(model_);
  phase_ = kImproving;
  return true;
}

// Episodes in the models, of which trajectory i has one throughout, as a batch to learn from.
void Rl2::imagine() {
  const auto span = clock_.time(WorkKind::kModel);
  const auto number = static_cast<std::uint32_t>(ppo_.updates());
  const Batchf starts = starts_.draw(buffer_, budget_.rollouts, RandomStream(seed_, Stream::kStarts), number);
  imagination_.run(ppo_.policy(), starts, {.plan = number}, paths_);
  require(std::accumulate(paths_.length.begin(), paths_.length.end(), 0) > 0,
          "rl2: every imagined episode left the numbers in its first step; a larger collect may help");
  imagined_return_ = paths_.reward.cast<double>().sum() / static_cast<double>(paths_.count());
  batch_.horizon = paths_.horizon;
  batch_.obs = paths_.obs;
  batch_.action = paths_.action;
  batch_.reward = paths_.reward;
  if (settings_.normalise_reward) {
    return_scale_.see(paths_, settings_.ppo.discount);
    batch_.reward /= return_scale_.deviation();
  }
  batch_.length = paths_.length;
  batch_.terminated.resize(paths_.length.size());
  for (std::size_t i = 0; i < paths_.length.size(); ++i) {
    const Index last = std::max(paths_.length[i], 1) - 1;
    batch_.terminated[i] = paths_.length[i] > 0 ? paths_.terminated(static_cast<Index>(i), last) : 0;
  }
}

void Rl2::improve(RunObserver& observer) {
  imagine();
  PpoReport report;
  {
    const auto span = clock_.time(WorkKind::kLearn);
    report = ppo_.update(batch_);
  }
  if (!report.finite()) {
    observer.on_failure();
    fail("rl2: ", ppo_.trouble(report));
  }
  kl_ = report.kl;
  ++updates_;
  tell(observer, updates_, settings_.policy_updates, report.value_loss);
  if (updates_ < settings_.policy_updates) return;
  updates_ = 0;
  finish(observer, imagined_return_, {});
}

void Rl2::save(StateDict& out, const std::string& prefix) const {
  RoundsInModel::save(out, prefix, {{updates_}, {imagined_return_}});
  trainer_.save(out, prefix + "trainer.");
  ppo_.save(out, prefix + "ppo.");
  return_scale_.save(out, prefix + "return_statistics.");
  out.put_matrix(prefix + "memory", memory_);
}

void Rl2::load(const StateDict& in, const std::string& prefix) {
  const Batchf memory = in.get_matrix<float>(prefix + "memory");
  require_dim("checkpoint of rl2", "'memory'", memory.rows(), ppo_.policy().memory_dim());
  require_dim("checkpoint of rl2", "'memory's columns", memory.cols(), 1);
  const Besides besides = RoundsInModel::load(in, prefix, 1, 1);
  trainer_.load(in, prefix + "trainer.");
  ppo_.load(in, prefix + "ppo.");
  return_scale_.load(in, prefix + "return_statistics.");
  memory_ = memory;
  updates_ = static_cast<int>(besides.counts[0]);
  imagined_return_ = besides.figures[0];
  imagination_.set_model(model_);
  starts_.find(buffer_);
}

namespace {

Rl2Settings quick_rl2() {
  auto s = quick_rounds_in_model<Rl2Settings>();
  s.rollouts = 48;
  s.policy_updates = 25;
  s.ppo.discount = 0.95;
  return s;
}

}  // namespace

void register_rl2(AlgorithmRegistry& registry) {
  auto d =
      rounds_in_model_description<Rl2>("rl2",
                                       "RL^2 (Duan et al. 2016) in an ensemble: a policy with a memory, "
                                       "which finds out in which of the models it is.",
                                       "--env mbbl/Swimmer --steps 50000 --out runs/swimmer", quick_rl2());
  d.load_actor = [](const Rl2Settings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return loaded_actor(RecurrentPpo::new_policy(spec.obs_dim, action_bounds(spec), s.ppo, context.seed), in,
                        prefix + "ppo.policy.");
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
