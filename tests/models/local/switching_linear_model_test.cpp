// Modes of a mass that bounces on a spring, and of a block that sticks and slips.
#include "mbrl/models/local/switching_linear_model.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/local/bayesian_regression.hpp"

namespace mbrl {
namespace {

struct Recorded {
  std::vector<StateTrajectory> trajectories;
  std::vector<Vec<int>> modes;
};

// Height and velocity of a mass over a floor that is a spring with a damper; the action pushes a little.
Recorded bouncing(int n, Index steps, std::uint32_t id) {
  constexpr double kDt = 0.02;
  const RandomStream random(19, Stream::kUser);
  Recorded all;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(n); ++i) {
    StateTrajectory path{Batchd(2, steps + 1), Batchd(1, steps)};
    Vec<int> mode(steps);
    path.states.col(0) << random.uniform(0.3, 1.0, id, i), 0.0;
    for (Index t = 0; t < steps; ++t) {
      const auto at = static_cast<std::uint32_t>(t);
      const double h = path.states(0, t), v = path.states(1, t), u = random.normal(id, i, at, 0);
      mode(t) = h < 0 ? 1 : 0;
      const double force = mode(t) == 1 ? -400.0 * h - 4.0 * v : 0.0;
      const double next_v = v + kDt * (force - 9.81 + u) + 2e-3 * random.normal(id, i, at, 1);
      path.actions(0, t) = u;
      path.states.col(t + 1) << h + kDt * next_v + 1e-4 * random.normal(id, i, at, 2), next_v;
    }
    all.trajectories.push_back(std::move(path));
    all.modes.push_back(std::move(mode));
  }
  return all;
}

// Velocity of a block that is pulled: it creeps, or slides, and changes from time to time.
Recorded stick_slip(int n, Index steps, std::uint32_t id) {
  const RandomStream random(23, Stream::kUser);
  Recorded all;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(n); ++i) {
    StateTrajectory path{Batchd(1, steps + 1), Batchd(1, steps)};
    Vec<int> mode(steps);
    path.states(0, 0) = 0;
    int now = 0;
    for (Index t = 0; t < steps; ++t) {
      const auto at = static_cast<std::uint32_t>(t);
      if (random.uniform(id, i, at, 0) < 0.05) now = 1 - now;
      mode(t) = now;
      const double u = random.normal(id, i, at, 1), e = random.normal(id, i, at, 2);
      path.actions(0, t) = u;
      path.states(0, t + 1) =
          now == 0 ? 0.1 * path.states(0, t) + 0.02 * e : 0.9 * path.states(0, t) + 0.5 * u + 0.3 + 0.05 * e;
    }
    all.trajectories.push_back(std::move(path));
    all.modes.push_back(std::move(mode));
  }
  return all;
}

// Share of steps whose likeliest mode is the true one, for the better of the two names.
double accuracy(const SwitchingLinearModel& model, const Recorded& data) {
  double equal = 0, count = 0;
  for (std::size_t i = 0; i < data.modes.size(); ++i) {
    const Batchd p = model.mode_probabilities(data.trajectories[i]);
    for (Index t = 0; t < p.cols(); ++t) equal += (p(1, t) > 0.5) == (data.modes[i](t) == 1);
    count += static_cast<double>(p.cols());
  }
  return std::max(equal, count - equal) / count;
}

// Negative log-likelihoods of other trajectories: of the model, and of one linear map for all steps.
std::pair<double, double> compared(const SwitchingLinearModel& model, const Recorded& train,
                                   const Recorded& test) {
  const Batchd all = all_transitions(train.trajectories);
  const Index nx = train.trajectories[0].states.rows();
  const ConditionalGaussian single = fit_linear_gaussian(all, all.rows() - nx, 1e-10);
  double switching = 0, linear = 0;
  for (const StateTrajectory& each : test.trajectories) {
    const Batchd data = all_transitions({each});
    switching -= model.log_likelihood(each);
    linear -= log_density(single, data.topRows(single.in()), data.bottomRows(nx)).sum();
  }
  return {switching, linear};
}

void check_modes(const Recorded& train, const Recorded& test) {
  const SwitchingLinearModel model = SwitchingLinearModel::fit(train.trajectories, {}, 1);
  CHECK(accuracy(model, test) > 0.95);
  const auto [switching, linear] = compared(model, train, test);
  CHECK(switching < linear - 0.3 * std::abs(linear));
}

TEST_CASE("switching: a mass that bounces") { check_modes(bouncing(5, 200, 1), bouncing(5, 200, 2)); }

TEST_CASE("switching: a block that sticks and slips") {
  check_modes(stick_slip(5, 200, 1), stick_slip(5, 200, 2));
}

TEST_CASE("switching: maps and the chain of modes are found again") {
  const Recorded data = stick_slip(20, 500, 1);
  const SwitchingLinearModel model = SwitchingLinearModel::fit(data.trajectories, {}, 1);
  const int slides =
      std::abs(model.map(0).gain(0, 0) - 0.9) < std::abs(model.map(1).gain(0, 0) - 0.9) ? 0 : 1;
  CHECK(model.map(slides).gain.isApprox(Batchd{{0.9, 0.5}}, 0.02));
  CHECK(model.map(slides).offset(0) == Approx(0.3).margin(0.01));
  CHECK(std::sqrt(model.map(slides).covariance(0, 0)) == Approx(0.05).epsilon(0.05));
  CHECK(model.transition()(0, 1) == Approx(0.05).margin(0.01));
  CHECK(model.transition().rowwise().sum().isApprox(Vecd::Ones(2)));
}

TEST_CASE("switching: forward and backward agree with all paths of modes summed up") {
  const Recorded data = stick_slip(4, 100, 1);
  const SwitchingLinearModel model = SwitchingLinearModel::fit(data.trajectories, {}, 1);
  StateTrajectory path = data.trajectories[0];
  path.states = path.states.leftCols(7).eval();
  path.actions = path.actions.leftCols(6).eval();
  const Batchd each = all_transitions({path});
  double total = 0;
  Batchd visited = Batchd::Zero(2, 6);
  for (int code = 0; code < 64; ++code) {
    double p = 1;
    for (int t = 0; t < 6; ++t) {
      const int mode = code >> t & 1;
      p *= t == 0 ? model.initial()(mode) : model.transition()(code >> (t - 1) & 1, mode);
      p *= std::exp(log_density(model.map(mode), each.col(t).head(2), each.col(t).tail(1))(0));
    }
    for (int t = 0; t < 6; ++t) visited(code >> t & 1, t) += p;
    total += p;
  }
  CHECK(model.log_likelihood(path) == Approx(std::log(total)));
  CHECK((model.mode_probabilities(path) - visited / total).cwiseAbs().maxCoeff() < 1e-9);

  // Filtered, the last step's mode is the smoothed one moved on.
  Vecd mode = model.initial();
  for (Index t = 0; t < 6; ++t)
    mode = model.filter(mode, path.states.col(t), path.actions.col(t), path.states.col(t + 1));
  CHECK(mode.isApprox(model.transition().transpose() * visited.col(5) / total, 1e-9));
}

TEST_CASE("switching: predictions mix, checkpoints give the same, mistakes are named") {
  const Recorded data = stick_slip(4, 100, 1);
  const SwitchingLinearModel model = SwitchingLinearModel::fit(data.trajectories, {}, 1);
  const Vecd x{{0.2}}, u{{1.0}};
  const Vecd z{{0.2, 1.0}};
  CHECK(model.predict(x, u, Vecd{{0.0, 1.0}}).mean == model.map(1).mean(z));
  CHECK(model.predict(x, u, Vecd{{0.5, 0.5}}).covariance(0, 0) > model.map(0).covariance(0, 0));
  StateDict dict;
  model.save(dict, "m.");
  SwitchingLinearModel loaded;
  loaded.load(dict, "m.");
  CHECK(loaded.log_likelihood(data.trajectories[1]) == model.log_likelihood(data.trajectories[1]));

  CHECK_THROWS_WITH(SwitchingLinearModel::fit({}, {}, 1), Catch::Contains("0 trajectories"));
  CHECK_THROWS_WITH(SwitchingLinearModel::fit(stick_slip(1, 10, 1).trajectories, {}, 1),
                    Catch::Contains("10 transitions, expected at least 12"));
  auto broken = data.trajectories;
  for (StateTrajectory& each : broken) each.states.setZero();
  CHECK_THROWS_WITH(SwitchingLinearModel::fit(broken, {}, 1), Catch::Contains("no state varies"));
  broken[0].states(0, 0) = std::numeric_limits<double>::quiet_NaN();
  CHECK_THROWS_WITH(SwitchingLinearModel::fit(broken, {}, 1), Catch::Contains("not finite"));
  CHECK_THROWS_AS(SwitchingLinearModel::fit(data.trajectories, {.modes = 0}, 1), Error);
  CHECK_THROWS_AS(SwitchingLinearModel().log_likelihood(data.trajectories[0]), Error);
}

}  // namespace
}  // namespace mbrl
