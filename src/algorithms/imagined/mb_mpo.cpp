#include "mbrl/algorithms/imagined/mb_mpo.hpp"

#include <cmath>
#include <string>
#include <utility>

#include "algorithms/imagined/rounds_in_model_description.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/learning/adaptation/meta_step.hpp"

namespace mbrl {
namespace {

constexpr std::uint32_t kLastStep =
    0x80000000u;  // plans from here on are of the inner steps that end a round

// All of them, one after another.
OnPolicyBatch joined(const std::vector<OnPolicyBatch>& parts) {
  Index rows = 0;
  for (const OnPolicyBatch& p : parts) rows += p.obs.cols();
  OnPolicyBatch all;
  all.obs.resize(parts.front().obs.rows(), rows);
  all.action.resize(parts.front().action.rows(), rows);
  for (Vecf* v : {&all.advantage, &all.target, &all.old_value}) v->resize(rows);
  Index first = 0;
  for (const OnPolicyBatch& p : parts) {
    const Index n = p.obs.cols();
    all.obs.middleCols(first, n) = p.obs;
    all.action.middleCols(first, n) = p.action;
    all.advantage.segment(first, n) = p.advantage;
    all.target.segment(first, n) = p.target;
    all.old_value.segment(first, n) = p.old_value;
    first += n;
  }
  return all;
}

}  // namespace

void MbMpoSettings::validate(const EnvSpec& spec) const {
  check_trpo_in_model("mb-mpo", *this, spec);
  require(inner_rate >= 0 && std::isfinite(inner_rate), "mb-mpo: inner_rate is ", inner_rate,
          ", expected 0 or more");
  require(imagination.propagation == Propagation::kTS1,
          "mb-mpo: imagination.propagation has no meaning here, where every model imagines alone; expected "
          "TS1, the default");
  training.validate(model.members);
}

MbMpo::MbMpo(const MbMpoSettings& settings, const AlgorithmContext& context)
    : TrpoInModel("mb-mpo", settings, {},
                  {{.name = "imagined_return", .title = "imagined"},
                   {.name = "gap", .title = "imagined - real"},
                   {.name = "adaptation", .title = "by adapting", .decimals = 2},
                   {.name = "kl", .decimals = 4},
                   {.name = "model_loss", .title = "model", .decimals = 4},
                   {.name = "episodes", .decimals = 0},
                   {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 1}},
                  context),
      settings_(settings),
      pool_(context.pool),
      trainer_(settings.training, context.pool, context.seed),
      mean_(trpo_.policy()) {
  settings.validate(env_.spec());
  for (int k = 0; k < settings.model.members; ++k)
    tasks_.emplace_back(model_, env_.spec(), settings.imagination, settings.normalise_reward, context.pool,
                        context.seed);
}

const MlpPolicy& MbMpo::acting(std::int64_t episode) const {
  return adapted_.empty() ? trpo_.policy() : adapted_[static_cast<std::size_t>(episode) % adapted_.size()];
}

void MbMpo::use_models() {
  for (std::size_t k = 0; k < tasks_.size(); ++k) {
    tasks_[k].set_model(alone(static_cast<int>(k)));
    tasks_[k].find_starts(buffer_);
  }
}

bool MbMpo::fit_model(RunObserver& observer) {
  if (!fit(trainer_, observer)) return false;
  use_models();
  phase_ = kImproving;
  return true;
}

OnPolicyBatch MbMpo::imagine(std::size_t k, const MlpPolicy& policy, std::uint32_t number) {
  const auto span = clock_.time(WorkKind::kModel);
  return tasks_[k].make("mb-mpo", policy, trpo_, buffer_, settings_.rollouts, number);
}

MlpPolicy MbMpo::adapt(const OnPolicyBatch& batch) {
  const auto span = clock_.time(WorkKind::kLearn);
  return adapted(trpo_.policy(), batch, settings_.inner_rate, pool_);
}

TrpoReport MbMpo::learn(const std::vector<OnPolicyBatch>& before, const std::vector<OnPolicyBatch>& after) {
  const auto span = clock_.time(WorkKind::kLearn);
  TrpoReport report = meta_step(trpo_.policy(), before, after, settings_.inner_rate, settings_.trpo, pool_);
  report.value_loss = trpo_.learn_values(joined(after));
  return report;
}

void MbMpo::improve(RunObserver& observer) {
  const auto number = 2 * static_cast<std::uint32_t>(trpo_.updates());
  std::vector<OnPolicyBatch> before, after;
  for (std::size_t k = 0; k < tasks_.size(); ++k) {
    before.push_back(imagine(k, trpo_.policy(), number));
    const MlpPolicy own = adapt(before[k]);
    after.push_back(imagine(k, own, number + 1));
  }
  const TrpoReport report = learn(before, after);
  check(report, observer);
  ++updates_;
  tell(observer, updates_, settings_.policy_updates, report.value_loss);
  if (updates_ >= settings_.policy_updates) end_round(observer);
}

// Each model's policy is what acts in the next round; what its step brings is measured from the same starts.
void MbMpo::end_round(RunObserver& observer) {
  adapted_.clear();
  double before = 0, after = 0;
  const auto share = 1 / static_cast<double>(tasks_.size());
  for (std::size_t k = 0; k < tasks_.size(); ++k) {
    const std::uint32_t number = kLastStep + rounds_;
    const OnPolicyBatch batch = imagine(k, trpo_.policy(), number);
    before += share * tasks_[k].mean_return();
    adapted_.push_back(adapt(batch));
    imagine(k, adapted_.back(), number);
    after += share * tasks_[k].mean_return();
  }
  mean_ = adapted_.front();
  AlignedFloats& sum = mean_.parameters();
  for (std::size_t k = 1; k < adapted_.size(); ++k) sum += adapted_[k].parameters();
  for (float& parameter : sum) parameter *= static_cast<float>(share);
  finish(observer, after, {{"adaptation", after - before}});
  updates_ = 0;
}

void MbMpo::save(StateDict& out, const std::string& prefix) const {
  TrpoInModel::save(out, prefix, {{updates_, static_cast<std::int64_t>(adapted_.size())}, {}});
  trainer_.save(out, prefix + "trainer.");
  mean_.save(out, prefix + "mean.");
  for (std::size_t k = 0; k < tasks_.size(); ++k)
    tasks_[k].save(out, prefix + "tasks." + std::to_string(k) + ".");
  for (std::size_t k = 0; k < adapted_.size(); ++k)
    adapted_[k].save(out, prefix + "adapted." + std::to_string(k) + ".");
}

void MbMpo::load(const StateDict& in, const std::string& prefix) {
  const Besides besides = TrpoInModel::load(in, prefix, 2, 0);
  trainer_.load(in, prefix + "trainer.");
  mean_.load(in, prefix + "mean.");
  updates_ = static_cast<int>(besides.counts[0]);
  for (std::size_t k = 0; k < tasks_.size(); ++k)
    tasks_[k].load(in, prefix + "tasks." + std::to_string(k) + ".");
  adapted_.assign(static_cast<std::size_t>(besides.counts[1]), trpo_.policy());
  for (std::size_t k = 0; k < adapted_.size(); ++k)
    adapted_[k].load(in, prefix + "adapted." + std::to_string(k) + ".");
  use_models();
}

namespace {

MbMpoSettings quick_mb_mpo() {
  auto s = quick_trpo_in_model<MbMpoSettings>();
  s.rollouts = 10;
  s.inner_rate = 0.05;
  s.policy_updates = 20;
  return s;
}

}  // namespace

void register_mb_mpo(AlgorithmRegistry& registry) {
  auto d = trpo_in_model_description<MbMpo>(
      "mb-mpo",
      "MB-MPO (Clavera et al. 2018): a policy that adapts to each of the models it learns in one step.",
      "--env mbbl/Swimmer --steps 50000 --out runs/swimmer", quick_mb_mpo());
  d.load_actor = [](const MbMpoSettings& s, const AlgorithmContext& context, const StateDict& in,
                    const std::string& prefix) {
    const EnvSpec spec = context.make_environment().spec();
    return loaded_actor(Trpo::new_policy(spec.obs_dim, action_bounds(spec), s.trpo, context.seed), in,
                        prefix + "mean.");
  };
  registry.add(std::move(d));
}

}  // namespace mbrl
