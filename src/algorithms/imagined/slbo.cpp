#include "mbrl/algorithms/imagined/slbo.hpp"

#include <cmath>

#include "algorithms/fit_model.hpp"
#include "algorithms/imagined/rounds_in_model_description.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {

void SlboSettings::validate(const EnvSpec& spec) const {
  check_trpo_in_model("slbo", *this, spec);
  require(iterations >= 1, "slbo: iterations is ", iterations, ", expected at least 1");
  require(std::isfinite(entropy) && entropy >= 0, "slbo: entropy is ", entropy, ", expected 0 or more");
  require(entropy_stages >= 0, "slbo: entropy_stages is ", entropy_stages, ", expected 0 or more");
  require(!model.gaussian, "slbo: model.gaussian is true, expected false: its loss is one of means");
  exploration.validate();
  training.validate();
}

Slbo::Slbo(const SlboSettings& settings, const AlgorithmContext& context)
    : TrpoInModel("slbo", settings, settings.exploration,
                  {{.name = "imagined_return", .title = "imagined"},
                   {.name = "gap", .title = "imagined - real"},
                   {.name = "kl", .decimals = 4},
                   {.name = "entropy", .decimals = 2},
                   {.name = "model_loss", .title = "model", .decimals = 4},
                   {.name = "episodes", .decimals = 0},
                   {.name = "steps_per_s", .wall_clock = true, .title = "steps/s", .decimals = 1}},
                  context),
      settings_(settings),
      trainer_(model_, settings.training, context.pool, context.seed) {
  settings.validate(env_.spec());
}

bool Slbo::fit_model(RunObserver& observer) {
  {
    const auto span = clock_.time(WorkKind::kModel);
    model_loss_ = mean_loss(trainer_.train(buffer_, model_));
  }
  imagined_.set_model(model_);
  phase_ = kImproving;
  tell(observer, iteration_, settings_.iterations, model_loss_);
  return true;
}

void Slbo::improve(RunObserver& observer) {
  const bool early = rounds_ < static_cast<std::uint32_t>(settings_.entropy_stages);
  const TrpoReport report = climb(observer, early ? settings_.entropy : 0.0);
  policy_entropy_ = report.entropy;
  imagined_return_ = imagined_.mean_return();
  tell(observer, iteration_, settings_.iterations, report.value_loss);
  if (++updates_ < settings_.policy_updates) return;
  updates_ = 0;
  phase_ = kFitting;
  if (++iteration_ < settings_.iterations) return;
  iteration_ = 0;
  finish(observer, imagined_return_, {{"entropy", policy_entropy_}});
}

void Slbo::save(StateDict& out, const std::string& prefix) const {
  TrpoInModel::save(out, prefix, {{iteration_, updates_}, {imagined_return_, policy_entropy_}});
  explorer_.save(out, prefix);
  trainer_.save(out, prefix + "trainer.");
}

void Slbo::load(const StateDict& in, const std::string& prefix) {
  const Besides besides = TrpoInModel::load(in, prefix, 2, 2);
  explorer_.load(in, prefix);
  trainer_.load(in, prefix + "trainer.");
  iteration_ = static_cast<int>(besides.counts[0]);
  updates_ = static_cast<int>(besides.counts[1]);
  imagined_return_ = besides.figures[0];
  policy_entropy_ = besides.figures[1];
}

namespace {

SlboSettings quick_slbo() {
  auto s = quick_trpo_in_model<SlboSettings>();
  s.iterations = 5;
  s.policy_updates = 6;
  s.rollouts = 50;
  s.training.updates = 400;
  return s;
}

}  // namespace

void register_slbo(AlgorithmRegistry& registry) {
  registry.add(trpo_in_model_description<Slbo>(
      "slbo",
      "SLBO (Luo et al. 2019): updates of the policy in a model and of the model, in turns; the model learns "
      "by its error two steps ahead.",
      "--env mbbl/Swimmer --out runs/swimmer", quick_slbo()));
}

}  // namespace mbrl
