// Fits of few trajectories against the systems that made them: least squares, then priors that know more.
#include "mbrl/models/local/local_dynamics.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "normals.hpp"

namespace mbrl {
namespace {

Batchd system_normals(Index rows, Index cols, std::uint32_t id) {
  return testing::normals<Batchd>(RandomStream(11, Stream::kUser), rows, cols, id);
}

// A linear system whose matrices drift with time, of 11 states and 3 actions: 14 inputs.
struct Drifting {
  Index nx = 11, nu = 3;
  double noise = 0.01;

  ConditionalGaussian at(Index t) const {
    const Batchd base = system_normals(nx, nx + nu, 0), turn = system_normals(nx, nx + nu, 1);
    ConditionalGaussian p;
    p.gain = 0.25 * (base + 0.05 * std::sin(0.3 * static_cast<double>(t)) * turn);
    p.gain.leftCols(nx).diagonal().array() += 0.5;
    p.offset = 0.1 * system_normals(nx, 1, 2);
    p.covariance = noise * noise * Batchd::Identity(nx, nx);
    return p;
  }
  std::vector<StateTrajectory> sample(int n, Index steps, std::uint32_t id) const {
    std::vector<StateTrajectory> all;
    for (int i = 0; i < n; ++i) {
      const std::uint32_t each = 1000 * id + static_cast<std::uint32_t>(i) + 10;
      const Batchd e = system_normals(nx, steps + 1, 2 * each), u = system_normals(nu, steps, 2 * each + 1);
      StateTrajectory t{Batchd(nx, steps + 1), u};
      t.states.col(0) = e.col(steps);
      for (Index k = 0; k < steps; ++k) {
        Vecd z(nx + nu);
        z << t.states.col(k), u.col(k);
        t.states.col(k + 1) = at(k).mean(z) + noise * e.col(k);
      }
      all.push_back(std::move(t));
    }
    return all;
  }
};

// Root mean square of what a step is off by, over other trajectories.
double one_step_error(const LocalDynamics& dynamics, const std::vector<StateTrajectory>& others) {
  double sum = 0, count = 0;
  for (int t = 0; t < dynamics.horizon(); ++t) {
    const Batchd data = transitions_at(others, t);
    const ConditionalGaussian& step = dynamics.steps[static_cast<std::size_t>(t)];
    sum += ((step.gain * data.topRows(step.in())).colwise() + step.offset - data.bottomRows(step.out()))
               .squaredNorm();
    count += static_cast<double>(step.out() * data.cols());
  }
  return std::sqrt(sum / count);
}

TEST_CASE("local dynamics: a linear system is found again within its sampling error") {
  const Drifting system{.nx = 3, .nu = 2};
  double last = std::numeric_limits<double>::infinity();
  for (const int n : {50, 5000}) {
    const LocalDynamics fit = fit_local_dynamics(system.sample(n, 3, 1), {}, 1e-12);
    REQUIRE(fit.horizon() == 3);
    REQUIRE(fit.action_dim() == 2);
    double worst = 0;
    for (Index t = 0; t < 3; ++t) {
      const ConditionalGaussian truth = system.at(t), &found = fit.steps[static_cast<std::size_t>(t)];
      worst = std::max(worst, (found.gain - truth.gain).cwiseAbs().maxCoeff());
      CHECK((found.offset - truth.offset).cwiseAbs().maxCoeff() < 5 * 0.01 / std::sqrt(n));
      CHECK((found.covariance - truth.covariance).cwiseAbs().maxCoeff() <
            1e-4 * (5 / n + 5 * std::sqrt(2.0 / n)));
    }
    CHECK(worst < 0.1 / std::sqrt(n));
    CHECK(worst < 0.5 * last);
    last = worst;
  }
}

TEST_CASE("local dynamics: five samples of 14 inputs need a prior") {
  const Drifting system;
  constexpr Index kSteps = 20;
  const auto few = system.sample(5, kSteps, 1), others = system.sample(50, kSteps, 2);
  const double alone = one_step_error(fit_local_dynamics(few), others);

  // What was seen at all steps of a few more trajectories.
  const Batchd seen = all_transitions(system.sample(20, kSteps, 3));
  const auto mixture = mixture_prior(GaussianMixture::fit(seen, {}, 1));
  CHECK(one_step_error(fit_local_dynamics(few, mixture), others) < 0.5 * alone);

  // A model that is wrong in every step.
  const ConditionalGaussian middle = system.at(0);
  const LinearModel model(middle.gain.leftCols(11), middle.gain.rightCols(3), middle.offset);
  CHECK(one_step_error(fit_local_dynamics(few, model_prior(model)), others) < 0.5 * alone);
}

TEST_CASE("local dynamics: a prior counts for less and less") {
  const Drifting system{.nx = 3, .nu = 2};
  const LinearModel wrong(Batchd::Zero(3, 3), Batchd::Ones(3, 2), Vecd::Ones(3));
  double last = std::numeric_limits<double>::infinity();
  for (const int n : {10, 100, 1000, 10000}) {
    const auto data = system.sample(n, 1, 1);
    const ConditionalGaussian plain = fit_local_dynamics(data).steps[0],
                              with = fit_local_dynamics(data, model_prior(wrong)).steps[0];
    const double apart = (plain.gain - with.gain).norm() + (plain.offset - with.offset).norm();
    CHECK(apart < 0.25 * last);
    last = apart;
  }
  CHECK(last < 1e-3);
}

TEST_CASE("local dynamics: data that cannot be fitted are refused by name") {
  const Drifting system{.nx = 3, .nu = 2};
  const auto data = system.sample(6, 2, 1);
  CHECK_THROWS_WITH(fit_local_dynamics({}), Catch::Contains("0 trajectories, expected at least 2"));
  CHECK_THROWS_WITH(fit_local_dynamics({data[0]}), Catch::Contains("1 trajectory, expected at least 2"));
  CHECK_THROWS_WITH(fit_local_dynamics({data[0], data[0], data[0]}),
                    Catch::Contains("all 3 trajectories are equal"));
  auto broken = data;
  broken[2].states(1, 1) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(fit_local_dynamics(broken), Catch::Contains("not finite"));
  broken = data;
  broken[2].actions.conservativeResize(2, 1);
  CHECK_THROWS_WITH(fit_local_dynamics(broken), Catch::Contains("a trajectory has 1 step, expected 2"));
  broken = data;
  broken[2].states.conservativeResize(3, 2);
  CHECK_THROWS_WITH(fit_local_dynamics(broken),
                    Catch::Contains("a trajectory of 2 steps has 2 states, expected 3"));
  broken = data;
  for (StateTrajectory& each : broken) each.states.rightCols(2).setConstant(0.5);
  CHECK_THROWS_WITH(fit_local_dynamics(broken), Catch::Contains("no output varies"));
  CHECK_THROWS_AS(mixture_prior({}, 0), Error);
}

}  // namespace
}  // namespace mbrl
