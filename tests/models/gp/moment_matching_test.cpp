// Moments of a model's targets: at a certain input they are its predictions.
#include "mbrl/models/gp/moment_matching.hpp"

#include <cmath>
#include <cstdint>

#include "catch.hpp"
#include "math/moments/moment_checks.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/gp/gp_trainer.hpp"

using namespace mbrl;
using namespace mbrl::moment_checks;

TEST_CASE("target moments: without uncertainty of the input they are the model's predictions") {
  TransitionBatch data;
  data.obs = random_matrix(2, 30, 1, 0).cast<float>();
  data.action = random_matrix(1, 30, 1, 1).cast<float>();
  data.next_obs = data.obs;
  for (Index j = 0; j < 30; ++j) {
    data.next_obs(0, j) += 0.1f * data.obs(1, j);
    data.next_obs(1, j) += std::sin(data.obs(0, j)) + 0.3f * data.action(0, j);
  }
  data.next_obs += 0.05f * random_matrix(2, 30, 1, 2).cast<float>();
  ThreadPool pool(1);
  GpModel model(2, 1);
  CHECK_THROWS_AS(target_moments(model), Error);
  GpTrainer({.restarts = 0}, pool, 1).train(data, model, 0);

  const KernelMoments uncertain = target_moments(model), sure = target_moments(model, false);
  GpModel::Workspace workspace;
  Batchd mean, variance;
  for (std::uint32_t i = 0; i < 5; ++i) {
    const Batchd x = 1.5 * random_matrix(3, 1, 2, i);
    model.predict_targets(x, mean, &variance, workspace);
    const GaussianMoments in{x, Batchd::Zero(3, 3)};
    MomentImage out;
    KernelMoments::Tape tape;
    uncertain.forward(in, out, tape);
    for (Index a = 0; a < 2; ++a) {
      CHECK(out.mean(a) == Approx(mean(a, 0)).margin(1e-9));
      CHECK(out.covariance(a, a) ==
            Approx(variance(a, 0) - model.posterior(static_cast<int>(a)).noise2).margin(1e-9));
    }
    CHECK(std::abs(out.covariance(0, 1)) <= 1e-9);
    sure.forward(in, out, tape);
    CHECK((out.mean - mean).cwiseAbs().maxCoeff() <= 1e-9);
    CHECK(out.covariance.cwiseAbs().maxCoeff() <= 1e-9);
  }
}
