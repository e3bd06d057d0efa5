// EnsembleRollout: returns against a particle-by-particle oracle, independence of threads and subsets, and mistakes.
#include "mbrl/rollout/ensemble_rollout.hpp"

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "catch.hpp"
#include "each_target.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/rollout/aggregate.hpp"
#include "mbrl/rollout/noise.hpp"
#include "models/neural/ensemble_oracle.hpp"
#include "rollout/small_rollouts.hpp"

namespace mbrl {
namespace {

using testing::ids;
using testing::kHorizon;
using testing::small;

// Uses everything a reward can see, and sums over columns.
void summing_reward(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next, int t,
                    VecRef<float> out) {
  out = next.row(0).transpose() - 0.5f * obs.row(3).transpose() +
        static_cast<float>(t) * next.row(1).transpose() - 0.1f * action.colwise().squaredNorm().transpose() +
        obs.colwise().sum().transpose();
}

MlpEnsemble model_of_two_elites() {
  MlpEnsemble model = testing::lively_model({30, 40}, Activation::kSilu, true, 4);
  model.elites = {3, 0};
  return model;
}

// One particle of one candidate, step by step in double precision.
double oracle_return(const MlpEnsemble& model, const EnsembleRolloutSettings& settings, const Vecf& start,
                     const Vecf& actions, RolloutKey key, std::uint64_t seed, std::uint32_t candidate,
                     std::uint32_t particle) {
  const auto noise_key = evaluation_key(RandomStream(seed, Stream::kModelNoise), key);
  const auto member_key = evaluation_key(RandomStream(seed, Stream::kModelMember), key);
  const std::uint32_t id = settings.common_noise ? 0u : candidate;
  Batchf obs = start;
  double total = 0.0;
  for (int t = 0; t < settings.horizon; ++t) {
    const Batchf action = actions.segment(t * model.action_dim, model.action_dim);
    std::size_t e = particle % model.elites.size();
    if (settings.propagation == Propagation::kTS1) {
      std::vector<std::uint32_t> members;
      draw_members(member_key, id, static_cast<std::uint32_t>(t), settings.particles,
                   static_cast<int>(model.elites.size()), members);
      e = members[particle];
    }
    Vecd mean, variance = Vecd::Zero(model.obs_dim());
    if (settings.propagation == Propagation::kTS1 || settings.propagation == Propagation::kTSinf) {
      const auto y = testing::predict_in_double(model, model.elites[e], obs, action);
      mean = y.mean.col(0);
      variance = y.logvar.col(0).array().exp();
    } else {
      const auto n = static_cast<double>(model.elites.size());
      mean = Vecd::Zero(model.obs_dim());
      Vecd square = mean;
      for (const int m : model.elites) {
        const auto y = testing::predict_in_double(model, m, obs, action);
        mean += y.mean.col(0) / n;
        square.array() += (y.mean.col(0).array().square() + y.logvar.col(0).array().exp()) / n;
      }
      if (settings.propagation != Propagation::kExpectation)
        variance = square.array() - mean.array().square();
    }
    Vecd z(model.obs_dim());
    particle_noise(noise_key, id, particle, static_cast<std::uint32_t>(t), model.obs_dim(), z.data());
    const Batchf prediction = (mean.array() + variance.array().sqrt() * z.array()).cast<float>().matrix();
    Batchf next(model.obs_dim(), 1);
    model.encoding.decode<float>(obs, prediction, next);
    Vecf reward(1);
    summing_reward(obs, action, next, key.t + t, reward);
    total += reward[0];
    obs = next;
  }
  return total;
}

TEST_CASE("ensemble rollout: returns agree with a particle-by-particle oracle on every instruction set") {
  ThreadPool pool(2);
  const MlpEnsemble model = model_of_two_elites();
  const Vecf start = testing::normals(5, 1, 8);
  const Batchf actions = testing::normals(kHorizon * 2, 9, 9);
  const RolloutKey key{4, 2, 11};
  testing::for_each_target([&](const std::string& target) {
    for (const Propagation how : {Propagation::kExpectation, Propagation::kDistributionSampling,
                                  Propagation::kTS1, Propagation::kTSinf}) {
      for (const bool common : {true, false}) {
        INFO(target << ", propagation " << static_cast<int>(how) << ", common noise " << common);
        EnsembleRolloutSettings settings = small(how);
        settings.common_noise = common;
        EnsembleRollout rollout(model, summing_reward, {}, settings, pool, 77);
        Batchf returns(6, 9);
        rollout.evaluate_particles(start, actions, ids(9, 40).data(), key, 0, 6, returns);
        double worst = 0.0;
        for (int k = 0; k < 9; ++k)
          for (int p = 0; p < 6; ++p) {
            const double exact =
                oracle_return(model, settings, start, actions.col(k), key, 77,
                              40u + static_cast<std::uint32_t>(k), static_cast<std::uint32_t>(p));
            worst = std::max(worst, std::abs(returns(p, k) - exact) / (1.0 + std::abs(exact)));
          }
        CHECK(worst < 1e-4);
      }
    }
  });
}

TEST_CASE("ensemble rollout: threads, subsets of candidates and ranges of particles change no bit") {
  ThreadPool one(1), three(3);
  const MlpEnsemble model = model_of_two_elites();
  const Vecf start = testing::normals(5, 1, 8);
  const Batchf actions = testing::normals(kHorizon * 2, 61, 9);
  testing::for_each_target([&](const std::string& target) {
    for (const Propagation how : {Propagation::kExpectation, Propagation::kDistributionSampling,
                                  Propagation::kMomentMatching, Propagation::kTS1, Propagation::kTSinf}) {
      INFO(target << ", propagation " << static_cast<int>(how));
      EnsembleRolloutSettings settings = small(how, 8);
      settings.common_noise = false;
      EnsembleRollout a(model, summing_reward, {}, settings, one, 77),
          b(model, summing_reward, {}, settings, three, 77);
      Batchf all(8, 61), again(8, 61);
      a.evaluate_particles(start, actions, ids(61).data(), {1, 2, 3}, 0, 8, all);
      b.evaluate_particles(start, actions, ids(61).data(), {1, 2, 3}, 0, 8, again);
      CHECK(all == again);
      for (const auto& [first, count] : {std::pair{0, 1}, {5, 20}, {60, 1}, {17, 44}}) {
        Batchf part(8, count);
        b.evaluate_particles(start, actions.middleCols(first, count),
                             ids(count, static_cast<std::uint32_t>(first)).data(), {1, 2, 3}, 0, 8, part);
        CHECK(part == all.middleCols(first, count));
        if (how == Propagation::kMomentMatching) continue;
        for (const auto& [from, to] : {std::pair{0, 1}, {1, 4}, {3, 8}}) {
          Batchf range(to - from, count);
          b.evaluate_particles(start, actions.middleCols(first, count),
                               ids(count, static_cast<std::uint32_t>(first)).data(), {1, 2, 3}, from, to,
                               range);
          CHECK(range == all.block(from, first, to - from, count));
        }
      }
      Batchf other(8, 61);
      b.evaluate_particles(start, actions, ids(61).data(), {1, 3, 3}, 0, 8, other);
      if (how != Propagation::kExpectation) CHECK(other != all);
    }
  });
}

TEST_CASE("ensemble rollout: evaluate averages over particles, paths start at the observation") {
  ThreadPool pool(2);
  const MlpEnsemble model = model_of_two_elites();
  EnsembleRollout rollout(model, summing_reward, {}, small(Propagation::kTSinf), pool, 3);
  const Vecf start = testing::normals(5, 1, 8);
  const Batchf actions = testing::normals(kHorizon * 2, 9, 9);
  Batchf particles(6, 9);
  Vecf returns(9);
  rollout.evaluate_particles(start, actions, ids(9).data(), {}, 0, 6, particles);
  CHECK(rollout.counts().particles == 54);
  CHECK(rollout.counts().rows == 54 * kHorizon);
  rollout.evaluate(start, actions, {}, returns);
  for (Index k = 0; k < 9; ++k)
    CHECK(returns[k] == Approx(particles.col(k).cast<double>().mean()).epsilon(1e-6));
  // The reward of the path is the particle's return.
  const Batchf sequence = actions.col(4).reshaped(2, kHorizon);
  const Batchf paths = rollout.trajectories(start, sequence, {});
  for (Index p = 0; p < 6; ++p) {
    CHECK(paths.col(p * (kHorizon + 1)) == start);
    const Batchf path = paths.middleCols(p * (kHorizon + 1), kHorizon + 1);
    float total = 0.0f;
    for (int t = 0; t < kHorizon; ++t) {
      Vecf r(1);
      summing_reward(path.col(t), sequence.col(t), path.col(t + 1), t, r);
      total += r[0];
    }
    CHECK(total == Approx(particles(p, 4)).epsilon(1e-4));
  }
}

TEST_CASE("ensemble rollout: mistakes are named") {
  ThreadPool pool(1);
  const auto build = [&](EnsembleRolloutSettings settings) {
    EnsembleRollout rollout(model_of_two_elites(), summing_reward, {}, settings, pool, 1);
  };
  CHECK_THROWS_AS(build(small(Propagation::kTSinf, 5)), Error);  // two elites
  CHECK_NOTHROW(build(small(Propagation::kTSinf, 1)));
  CHECK_NOTHROW(build(small(Propagation::kTS1, 5)));
  CHECK_THROWS_AS(build(small(Propagation::kTS1, 0)), Error);
  EnsembleRolloutSettings settings = small(Propagation::kTSinf);
  settings.horizon = 0;
  CHECK_THROWS_AS(build(settings), Error);
  settings = small(Propagation::kTSinf);
  settings.data_margin = -1.0f;
  CHECK_THROWS_AS(build(settings), Error);
  CHECK_THROWS_AS(EnsembleRollout(model_of_two_elites(), {}, {}, small(Propagation::kTSinf), pool, 1), Error);

  EnsembleRollout rollout(model_of_two_elites(), summing_reward, {}, small(Propagation::kMomentMatching),
                          pool, 1);
  const Batchf actions = Batchf::Zero(kHorizon * 2, 3);
  Vecf returns(3), wrong(2);
  Batchf particles(6, 3);
  CHECK_THROWS_AS(rollout.evaluate(Vecf::Zero(4), actions, {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate(Vecf::Zero(5), actions.topRows(9), {}, returns), Error);
  CHECK_THROWS_AS(rollout.evaluate(Vecf::Zero(5), actions, {}, wrong), Error);
  CHECK_THROWS_AS(
      rollout.evaluate(Vecf::Constant(5, std::numeric_limits<float>::infinity()), actions, {}, returns),
      Error);
  CHECK_THROWS_AS(rollout.evaluate_particles(Vecf::Zero(5), actions, ids(3).data(), {}, 0, 7, particles),
                  Error);
  Batchf half(3, 3);
  CHECK_THROWS_AS(rollout.evaluate_particles(Vecf::Zero(5), actions, ids(3).data(), {}, 0, 3, half), Error);
  CHECK_THROWS_AS(rollout.trajectories(Vecf::Zero(5), Batchf::Zero(2, 4), {}), Error);
  CHECK_NOTHROW(rollout.evaluate_particles(Vecf::Zero(5), actions, ids(3).data(), {}, 0, 6, particles));
}

TEST_CASE(
    "aggregation: NaN particles count as the worst usable one, a candidate without usable particles is NaN") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Batchf particles = (Batchf(3, 3) << 1, nan, nan, 2, 5, nan, -3, nan, nan).finished();
  CHECK(worst_usable<float>(particles) == -3.0f);
  Vecf returns(3);
  aggregate_particles<float>(particles, returns);
  CHECK(returns[0] == Approx(0.0).margin(1e-7));
  CHECK(returns[1] == Approx((5.0 - 3.0 - 3.0) / 3.0));
  CHECK(std::isnan(returns[2]));
  CHECK(std::isnan(worst_usable<float>(Batchf::Constant(2, 2, nan))));
}

}  // namespace
}  // namespace mbrl
