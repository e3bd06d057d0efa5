#include "mbrl/algorithms/imagined/me_trpo.hpp"

#include <string>

#include "algorithms/fit_model.hpp"
#include "algorithms/imagined/rounds_in_model_description.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

constexpr std::uint32_t kValidation = 0x80000000u;  // plans from here on are validations'

}  // namespace

void MeTrpoSettings::validate(const EnvSpec& spec) const {
  check_trpo_in_model("me-trpo", *this, spec);
  require(validate_every >= 1, "me-trpo: validate_every is ", validate_every, ", expected at least 1");
  require(improving_models >= 0 && improving_models <= 1, "me-trpo: improving_models is ", improving_models,
          ", expected 0 to 1");
  require(patience >= 1, "me-trpo: patience is ", patience, ", expected at least 1");
  require(imagination.propagation != Propagation::kMomentMatching,
          "me-trpo: imagination.propagation is MM, expected TS1, TSinf, E or DS");
  training.validate(model.members);
}

MeTrpo::MeTrpo(const MeTrpoSettings& settings, const AlgorithmContext& context)
    : TrpoInModel("me-trpo", settings, {},
                  {{.name = "imagined_return", .title = "imagined"},
                   {.name = "gap", .title = "imagined - real"},
                   {.name = "agreement", .title = "agree", .decimals = 2},
                   {.name = "policy_updates", .title = "updates", .decimals = 0},
                   {.name = "kl", .decimals = 4},
                   {.name = "model_loss", .title = "model", .decimals = 4},
                   {.name = "episodes", .decimals = 0},
                   {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 1}},
                  context),
      settings_(settings),
      trainer_(settings.training, context.pool, context.seed) {
  settings.validate(env_.spec());
  for (int k = 0; k < settings.model.members; ++k)
    single_.emplace_back(model_, given_reward(model_, env_.spec()), given_termination(model_, env_.spec()),
                         settings.imagination, context.pool, context.seed);
}

// Each model alone, for validation, and all of them.
void MeTrpo::use_model() {
  imagined_.set_model(model_);
  for (std::size_t k = 0; k < single_.size(); ++k) single_[k].set_model(alone(static_cast<int>(k)));
}

bool MeTrpo::fit_model(RunObserver& observer) {
  if (!fit(trainer_, observer)) return false;
  use_model();
  best_ = {};
  trpo_.save(best_, "");
  best_returns_ = returns_by_model();
  agreement_ = MetricTable::kNone;
  updates_ = idle_ = 0;
  phase_ = kImproving;
  return true;
}

// Undiscounted, from the same starts and with the same noise throughout a round.
std::vector<double> MeTrpo::returns_by_model() {
  const auto span = clock_.time(WorkKind::kModel);
  constexpr int kStarts = 100;
  const Batchf starts = imagined_.starts(buffer_, kStarts, kValidation + rounds_);
  std::vector<double> returns;
  for (Imagination<MlpPolicy>& one : single_) {
    one.run(trpo_.policy(), starts, {.plan = kValidation + rounds_}, paths_);
    returns.push_back(paths_.reward.cast<double>().sum() / double{kStarts});
  }
  return returns;
}

void MeTrpo::improve(RunObserver& observer) {
  const TrpoReport report = climb(observer);
  ++updates_;
  bool over = updates_ >= settings_.policy_updates;
  if (over || updates_ % settings_.validate_every == 0) {
    const std::vector<double> returns = returns_by_model();
    int better = 0;
    for (std::size_t k = 0; k < returns.size(); ++k) better += returns[k] > best_returns_[k] ? 1 : 0;
    agreement_ = static_cast<double>(better) / static_cast<double>(returns.size());
    if (agreement_ >= settings_.improving_models) {
      best_returns_ = returns;
      best_ = {};
      trpo_.save(best_, "");
      idle_ = 0;
    } else {
      over = over || ++idle_ >= settings_.patience;
    }
  }
  tell(observer, updates_, settings_.policy_updates, report.value_loss);
  if (over) end_round(observer);
}

// The best policy of the round goes on; its number of updates is that of all, so that no random number comes twice.
void MeTrpo::end_round(RunObserver& observer) {
  best_.put_scalar("updates", trpo_.updates());
  trpo_.load(best_, "");
  double imagined = 0;
  for (const double r : best_returns_) imagined += r / static_cast<double>(best_returns_.size());
  finish(observer, imagined, {{"agreement", agreement_}, {"policy_updates", static_cast<double>(updates_)}});
  updates_ = 0;
}

void MeTrpo::save(StateDict& out, const std::string& prefix) const {
  TrpoInModel::save(out, prefix, {{updates_, idle_}, {agreement_}});
  trainer_.save(out, prefix + "trainer.");
  out.put(prefix + "best_returns", best_returns_);
  if (phase_ == kImproving)
    for (const auto& [name, array] : best_.arrays) out.arrays[prefix + "best." + name] = array;
}

void MeTrpo::load(const StateDict& in, const std::string& prefix) {
  const Besides besides = TrpoInModel::load(in, prefix, 2, 1);
  trainer_.load(in, prefix + "trainer.");
  updates_ = static_cast<int>(besides.counts[0]);
  idle_ = static_cast<int>(besides.counts[1]);
  agreement_ = besides.figures[0];
  best_returns_ = in.get<double>(prefix + "best_returns");
  best_ = {};
  const std::string own = prefix + "best.";
  for (const auto& [name, array] : in.arrays)
    if (name.rfind(own, 0) == 0) best_.arrays[name.substr(own.size())] = array;
  use_model();
}

namespace {

MeTrpoSettings quick_me_trpo() {
  auto s = quick_trpo_in_model<MeTrpoSettings>();
  s.rollouts = 100;
  s.policy_updates = 40;
  return s;
}

}  // namespace

void register_me_trpo(AlgorithmRegistry& registry) {
  registry.add(trpo_in_model_description<MeTrpo>("me-trpo",
                                                 "ME-TRPO (Kurutach et al. 2018): trust region steps on "
                                                 "trajectories imagined by an ensemble, while most "
                                                 "of its models agree.",
                                                 "--env mbbl/Swimmer --steps 50000 --out runs/swimmer",
                                                 quick_me_trpo()));
}

}  // namespace mbrl
