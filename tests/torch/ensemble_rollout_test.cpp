// The rollout on tensors against the CPU's vector kernels: two independent implementations of the same
// rollouts, random numbers included.
#include "mbrl/torch/ensemble_rollout.hpp"

#include <cmath>
#include <limits>
#include <string>

// LibTorch first: where it was built with glog it brings a CHECK of its own.
#include "mbrl/torch/interop.hpp"
#include "torch/noise.hpp"
#undef CHECK

#include "catch.hpp"
#include "devices.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#if MBRL_HAS_MUJOCO
#include "mbrl/mujoco/tasks/pets_reacher3d.hpp"
#include "mbrl/mujoco/tasks/pusher.hpp"
#endif
#include "mbrl/rollout/aggregate.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/rollout/noise.hpp"
#include "mbrl/torch/tasks.hpp"

using namespace mbrl;

static_assert(ParticleEvaluator<mbrl::libtorch::EnsembleRollout>);

namespace {

constexpr int kObs = 5, kAction = 2, kHorizon = 6;

MlpEnsemble some_model(bool gaussian, bool learned_reward, int elites) {
  MlpEnsembleSettings s;
  s.members = 4;
  s.hidden = {30, 20};
  s.gaussian = gaussian;
  s.learned_reward = learned_reward;
  ObsEncoding encoding = ObsEncoding::identity(kObs);
  encoding.features[1].kind = ObsFeature::Kind::kSin;
  encoding.features.push_back({ObsFeature::Kind::kCos, 1});
  encoding.targets[0] = TargetKind::kAbsolute;
  MlpEnsemble model = MlpEnsemble::create(s, encoding, kAction, 7);
  const int order[] = {2, 0, 3, 1};
  model.elites.assign(order, order + elites);
  model.obs_low.assign(kObs, -0.5f);
  model.obs_high.assign(kObs, 0.5f);
  for (std::size_t i = 0; i < model.target_mean.size(); ++i) {
    model.target_mean[i] = 0.02f * static_cast<float>(i) - 0.03f;
    model.target_std[i] = 0.5f + 0.2f * static_cast<float>(i);
  }
  std::fill(model.max_logvar.begin(), model.max_logvar.end(), -1.0f);
  std::fill(model.min_logvar.begin(), model.min_logvar.end(), -4.0f);
  for (std::size_t i = 0; i < model.input_mean.size(); ++i) {
    model.input_mean[i] = 0.1f * static_cast<float>(i);
    model.input_std[i] = 0.5f + 0.1f * static_cast<float>(i);
  }
  return model;
}

struct Reward {
  void operator()(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next, int t,
                  VecRef<float> out) const {
    out = (next.row(0) - 0.1f * action.colwise().squaredNorm()).transpose() + 0.3f * obs.row(1).transpose();
    out.array() += 0.01f * static_cast<float>(t);
  }
};

struct Termination {
  void operator()(ConstBatchRef<float> next, VecRef<float> out) const {
    out = (next.row(2).array() > 0.8f).cast<float>().transpose();
  }
};

std::shared_ptr<const mbrl::libtorch::TensorTask> tensor_version(bool reward, bool termination) {
  mbrl::libtorch::TensorTask task;
  if (reward)
    task.reward = [](const at::Tensor& obs, const at::Tensor& action, const at::Tensor& next,
                     const at::Tensor& t) {
      return next.select(1, 0) - 0.1 * action.square().sum(1) + 0.3 * obs.select(1, 1) + 0.01 * t;
    };
  if (termination) task.termination = [](const at::Tensor& next) { return next.select(1, 2) > 0.8; };
  return std::make_shared<mbrl::libtorch::TensorTask>(task);
}

Batchf some_actions(int candidates) {
  const RandomStream random(3, Stream::kUser);
  Batchf actions(kHorizon * kAction, candidates);
  for (Index c = 0; c < actions.cols(); ++c)
    for (Index r = 0; r < actions.rows(); ++r)
      actions(r, c) = static_cast<float>(
          random.uniform(-1.0, 1.0, static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(c)));
  return actions;
}

// NaN where NaN, else close.
bool agree(const Batchf& a, const Batchf& b, float tolerance) {
  for (Index c = 0; c < a.cols(); ++c)
    for (Index r = 0; r < a.rows(); ++r) {
      if (std::isnan(a(r, c)) != std::isnan(b(r, c))) return false;
      if (!std::isnan(a(r, c)) && std::abs(a(r, c) - b(r, c)) > tolerance) return false;
    }
  return true;
}

void compare(const MlpEnsemble& model, const EnsembleRolloutSettings& settings, bool terminate,
             const std::string& on) {
  const bool learned = model.settings.learned_reward;
  ThreadPool pool(2);
  mbrl::EnsembleRollout cpu(
      model, learned ? RewardFunction<float>{} : RewardFunction<float>(Reward{}),
      terminate ? TerminationFunction<float>(Termination{}) : TerminationFunction<float>{}, settings, pool,
      9);
  mbrl::libtorch::EnsembleRollout device(model, tensor_version(!learned, terminate), settings, on, 9);
  const Batchf actions = some_actions(11);
  const Vecf obs = Vecf::LinSpaced(kObs, -0.4f, 0.4f);
  const std::vector<std::uint32_t> ids = {4, 1, 9, 3, 17, 5, 6, 100, 2, 0, 8};
  for (const RolloutKey key : {RolloutKey{0, 0, 0}, RolloutKey{3, 2, 40}}) {
    Batchf a(settings.particles, 11), b(settings.particles, 11);
    cpu.evaluate_particles(obs, actions, ids.data(), key, 0, settings.particles, a);
    device.evaluate_particles(obs, actions, ids.data(), key, 0, settings.particles, b);
    CHECK(agree(a, b, 2e-4f));
    CHECK((a.array() == a.array()).any());
    Vecf mean_a(11), mean_b(11);
    cpu.evaluate(obs, actions, key, mean_a);
    device.evaluate(obs, actions, key, mean_b);
    CHECK(agree(mean_a, mean_b, 2e-4f));
  }
  CHECK(cpu.counts().rows == device.counts().rows);
  CHECK(cpu.counts().particles == device.counts().particles);
  CHECK(cpu.counts().out_of_data == device.counts().out_of_data);
  CHECK(cpu.counts().not_finite == device.counts().not_finite);
  if (settings.propagation == Propagation::kMomentMatching ||
      settings.propagation == Propagation::kExpectation)
    return;
  // A part of the particles and candidates gives the numbers of the whole.
  Batchf whole(settings.particles, 11), part(settings.particles - 3, 4);
  device.evaluate_particles(obs, actions, ids.data(), {}, 0, settings.particles, whole);
  device.evaluate_particles(obs, actions.middleCols(5, 4), ids.data() + 5, {}, 2, settings.particles - 1,
                            part);
  CHECK(agree(part, whole.block(2, 5, settings.particles - 3, 4), 1e-5f));
}

}  // namespace

TEST_CASE("torch rollout: Philox and the normals are the host's") {
  const std::array<std::uint32_t, 2> key = {0xdeadbeefu, 0x80000001u};
  const auto wide = [](std::vector<std::int64_t> v) { return ::torch::tensor(v, at::kLong); };
  const at::Tensor normals =
      mbrl::libtorch::particle_normals(wide({key[0], key[1]}), wide({0, 7, 0xFFFFFFFF}), wide({5, 3, 2}),
                                       wide({0, 1, 0x80000000}), wide({0, 1}), 7);
  const std::uint32_t candidates[] = {0, 7, 0xFFFFFFFFu}, particles[] = {5, 3, 2},
                      steps[] = {0, 1, 0x80000000u};
  for (int s = 0; s < 3; ++s)
    for (int r = 0; r < 3; ++r) {
      double expected[7];
      particle_noise(key, candidates[r], particles[r], steps[s], 7, expected);
      for (int d = 0; d < 7; ++d) CHECK(normals[s][r][d].item<double>() == Approx(expected[d]).margin(1e-12));
    }
}

TEST_CASE("torch rollout: agrees with the CPU's rollout") {
  const std::string on = GENERATE(from_range(devices()));
  CAPTURE(on);
  EnsembleRolloutSettings settings;
  settings.horizon = kHorizon;
  settings.particles = 12;
  for (const Propagation propagation :
       {Propagation::kTSinf, Propagation::kTS1, Propagation::kDistributionSampling,
        Propagation::kMomentMatching, Propagation::kExpectation})
    for (const bool common : {true, false}) {
      settings.propagation = propagation;
      settings.common_noise = common;
      settings.data_margin = 5.0f;
      CAPTURE(static_cast<int>(propagation), common);
      compare(some_model(true, false, 4), settings, false, on);
      compare(some_model(true, false, 3), settings, true, on);
      compare(some_model(true, true, 2), settings, false, on);
      compare(some_model(false, false, 4), settings, false, on);
    }
}

TEST_CASE("torch rollout: particles that leave the data or are not finite are treated alike") {
  const std::string on = GENERATE(from_range(devices()));
  CAPTURE(on);
  EnsembleRolloutSettings settings;
  settings.horizon = kHorizon;
  settings.particles = 12;
  settings.data_margin = 0.5f;
  MlpEnsemble model = some_model(true, false, 4);
  model.obs_low.assign(kObs, -0.05f);
  model.obs_high.assign(kObs, 0.1f);
  compare(model, settings, false, on);
  ThreadPool pool(1);
  mbrl::libtorch::EnsembleRollout device(model, tensor_version(true, false), settings, on, 9);
  Vecf returns(11);
  device.evaluate(Vecf::Zero(kObs), some_actions(11), {}, returns);
  CHECK(device.counts().out_of_data > 0);

  // All of them leave it: they are held at its limit.
  model.obs_low.assign(kObs, 0.0f);
  model.obs_high.assign(kObs, 1e-3f);
  compare(model, settings, false, on);
  mbrl::libtorch::EnsembleRollout held(model, tensor_version(true, false), settings, on, 9);
  held.evaluate(Vecf::Zero(kObs), some_actions(11), {}, returns);
  CHECK(held.counts().held == 11 * 12);
  CHECK(returns.allFinite());

  // A network that overflows.
  settings.data_margin = 0.0f;
  MlpEnsemble broken = some_model(true, false, 4);
  for (float& w : broken.members[2].back().bias) w = std::numeric_limits<float>::max();
  for (float& w : broken.members[2].back().weight) w = std::numeric_limits<float>::max();
  compare(broken, settings, false, on);
}

TEST_CASE("torch rollout: a new model is used, a wrong one refused") {
  const std::string on = GENERATE(from_range(devices()));
  CAPTURE(on);
  EnsembleRolloutSettings settings;
  settings.horizon = kHorizon;
  settings.particles = 4;
  settings.data_margin = 0.0f;  // else the changed member's particle may be stopped with either model
  MlpEnsemble model = some_model(true, false, 4), other = model;
  for (float& w : other.members[2][0].weight) w *= 1.5f;
  mbrl::libtorch::EnsembleRollout device(model, tensor_version(true, false), settings, on, 9);
  mbrl::libtorch::EnsembleRollout fresh(other, tensor_version(true, false), settings, on, 9);
  const Batchf actions = some_actions(5);
  const Vecf obs = Vecf::Zero(kObs);
  Vecf before(5), after(5), expected(5);
  device.evaluate(obs, actions, {}, before);
  device.set_model(other);
  device.evaluate(obs, actions, {}, after);
  fresh.evaluate(obs, actions, {}, expected);
  CHECK(after == expected);
  CHECK_FALSE(after == before);

  other.elites = {0, 1, 2};  // 4 particles are no multiple of 3
  CHECK_THROWS_AS(device.set_model(other), Error);
  device.evaluate(obs, actions, {}, after);
  CHECK(after == expected);
  const MlpEnsemble wrong = MlpEnsemble::create({}, ObsEncoding::identity(3), kAction, 1);
  CHECK_THROWS_AS(device.set_model(wrong), Error);
  CHECK_THROWS_AS(mbrl::libtorch::EnsembleRollout(model, nullptr, settings, on, 9), Error);
  CHECK_THROWS_AS(mbrl::libtorch::EnsembleRollout(model, tensor_version(true, false), settings, "tpu", 9),
                  Error);
  CHECK_THROWS_AS(device.evaluate(Vecf::Zero(2), actions, {}, after), Error);
  CHECK_THROWS_AS(device.evaluate(obs, actions.topRows(3), {}, after), Error);
  Vecf bad = obs;
  bad(0) = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_AS(device.evaluate(bad, actions, {}, after), Error);
}

TEST_CASE("torch tasks: the environments' rewards on tensors") {
  const int n = 50;
  const RandomStream random(3, Stream::kUser);
  const auto batch = [&](int rows, std::uint32_t which) {
    Batchf m(rows, n);
    for (Index c = 0; c < n; ++c)
      for (Index r = 0; r < rows; ++r)
        m(r, c) = static_cast<float>(
            2.0 * random.normal(static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(c), which));
    return m;
  };
  const auto on_tensors = [&](const std::string& name, Batchf obs, Batchf action, Batchf next) {
    at::Tensor out = mbrl::libtorch::tensor_task(name)->reward(
        mbrl::libtorch::view_as_tensor(obs), mbrl::libtorch::view_as_tensor(action),
        mbrl::libtorch::view_as_tensor(next), ::torch::tensor(3));
    REQUIRE(out.dim() == 1);
    const at::Tensor column = out.unsqueeze(1).contiguous();
    return Vecf(Eigen::Map<const Vecf>(column.data_ptr<float>(), column.size(0)));
  };
  const Batchf obs = batch(3, 0), torque = batch(1, 1), next = batch(4, 2), actions = batch(6, 3);
  Vecf expected(n);
  PendulumReward<float>{}(obs, torque, obs, 0, expected);
  CHECK((on_tensors("Pendulum-v1", obs, torque, obs) - expected).cwiseAbs().maxCoeff() < 1e-4f);
  for (Index i = 0; i < n; ++i) {
    const float dx = next(0, i) - 0.6f * std::sin(next(1, i)), dz = -0.6f * std::cos(next(1, i)) - 0.6f;
    expected(i) = std::exp(-(dx * dx + dz * dz) / 0.36f) - 0.01f * torque.col(i).squaredNorm();
  }
  CHECK((on_tensors("pets/CartPole", next, torque, next) - expected).cwiseAbs().maxCoeff() < 1e-4f);
  for (Index i = 0; i < n; ++i) expected(i) = next(0, i) - 0.1f * actions.col(i).squaredNorm();
  CHECK((on_tensors("pets/HalfCheetah", next, actions, next) - expected).cwiseAbs().maxCoeff() < 1e-4f);
#if MBRL_HAS_MUJOCO
  const Batchf pushed = batch(20, 4), reached = batch(17, 5), joints = batch(7, 6);
  mbrl::mujoco::PetsPusherReward<float>{}(pushed, joints, pushed, 0, expected);
  for (const char* name : {"pets/Pusher", "pets/PusherFingertips"})
    CHECK((on_tensors(name, pushed, joints, pushed) - expected).cwiseAbs().maxCoeff() < 1e-4f);
  mbrl::mujoco::PetsReacher3DReward<float>{}(reached, joints, reached, 0, expected);
  CHECK((on_tensors("pets/Reacher3D", reached, joints, reached) - expected).cwiseAbs().maxCoeff() < 1e-3f);
#endif
  for (const std::string& name : mbrl::libtorch::tensor_task_names())
    CHECK(mbrl::libtorch::tensor_task(name));
  CHECK_THROWS_AS(mbrl::libtorch::tensor_task("Ant-v4"), Error);
}

TEST_CASE("torch rollout: a terminal value is refused") {
  EnsembleRolloutSettings settings;
  settings.horizon = kHorizon;
  settings.particles = 2;
  MlpEnsembleSettings shape;
  shape.members = 2;
  shape.hidden = {8};
  mbrl::libtorch::EnsembleRollout rollout(MlpEnsemble::create(shape, ObsEncoding::identity(kObs), kAction, 1),
                                          tensor_version(true, false), settings, "cpu", 9);
  CHECK_NOTHROW(rollout.set_terminal_value({}));
  CHECK_THROWS_AS(rollout.set_terminal_value([](auto, int, VecRef<float> out) { out.setZero(); }), Error);
}

TEST_CASE("torch interop: batches and tensors share memory") {
  Batchf batch(3, 2);
  batch << 1, 2, 3, 4, 5, 6;
  at::Tensor tensor = mbrl::libtorch::view_as_tensor(batch);
  CHECK(tensor.size(0) == 2);
  CHECK(tensor.size(1) == 3);
  CHECK(tensor[1][2].item<float>() == 6.0f);
  tensor[0][1] = 9.0f;
  CHECK(batch(1, 0) == 9.0f);
  CHECK(mbrl::libtorch::view_as_batch<float>(tensor)(2, 1) == 6.0f);
}
