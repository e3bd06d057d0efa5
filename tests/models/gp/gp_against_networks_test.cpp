// What Gaussian processes are for: of few transitions they make more than an ensemble of networks does.
#include <cstdint>
#include <numbers>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/diagnostics.hpp"
#include "mbrl/models/gp/gp_trainer.hpp"
#include "mbrl/models/neural/mlp_ensemble_model.hpp"
#include "mbrl/models/neural/native_trainer.hpp"

namespace mbrl {
namespace {

// Of a cart-pole that is pushed at random from states drawn anew every ten steps, at 20 Hz.
TransitionBatch cart_pole(int n, std::uint32_t id) {
  const AnalyticModel model(CartPoleSystem{}, {0.05});
  AnalyticModel<CartPoleSystem>::Workspace none;
  const RandomStream random(9, Stream::kUser);
  TransitionBatch data{Batchf(4, n), Batchf(1, n), Batchf(4, n), {}};
  Vecd x(4), u(1), next(4);
  for (int i = 0; i < n; ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    if (i % 10 == 0)
      x << random.uniform(-1.0, 1.0, id, at, 0),
          random.uniform(-std::numbers::pi, std::numbers::pi, id, at, 1),
          random.uniform(-1.0, 1.0, id, at, 2), random.uniform(-3.0, 3.0, id, at, 3);
    u[0] = random.uniform(-10.0, 10.0, id, at, 4);
    model.step(x, u, next, none);
    data.obs.col(i) = x.cast<float>();
    data.action(0, i) = static_cast<float>(u[0]);
    data.next_obs.col(i) = next.cast<float>();
    x = next;
  }
  return data;
}

TEST_CASE("gp: one step of a cart-pole from 200 transitions is better predicted than by an ensemble") {
  const TransitionBatch data = cart_pole(200, 0), fresh = cart_pole(2000, 1);
  ObsEncoding encoding;
  encoding.features = {{ObsFeature::Kind::kIdentity, 0},
                       {ObsFeature::Kind::kSin, 1},
                       {ObsFeature::Kind::kCos, 1},
                       {ObsFeature::Kind::kIdentity, 2},
                       {ObsFeature::Kind::kIdentity, 3}};
  encoding.targets.assign(4, TargetKind::kDelta);
  ThreadPool pool(2);
  GpModel gp(encoding, 1);
  GpTrainer({}, pool, 1).train(data, gp, 0);

  MlpEnsemble networks = MlpEnsemble::create({.members = 5, .hidden = {64, 64}}, encoding, 1, 1);
  NativeTrainer({.epochs = 300}, pool, 1).train(data, networks, 0);

  // In root mean squares of the change.
  const Batchf change = fresh.next_obs - fresh.obs;
  const Vecf scale = (change.rowwise().squaredNorm() / static_cast<float>(change.cols())).cwiseSqrt();
  const PredictionReport of_gp = evaluate_predictions(gp, fresh.obs, fresh.action, fresh.next_obs, scale);
  const PredictionReport of_networks =
      evaluate_predictions(MlpEnsembleModel(networks), fresh.obs, fresh.action, fresh.next_obs, scale);
  CAPTURE(of_gp.rmse, of_networks.rmse, of_gp.nll, of_networks.nll, of_gp.calibration_95);
  CHECK(of_networks.rmse < 0.5);  // they have learned, too
  CHECK(of_gp.rmse < 0.5 * of_networks.rmse);
  CHECK(of_gp.nll < of_networks.nll);
  CHECK(of_gp.calibration_95 > 0.90);
}

}  // namespace
}  // namespace mbrl
