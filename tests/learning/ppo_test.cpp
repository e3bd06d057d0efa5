// Proximal policy optimisation and its advantages against their definitions, and on a choice whose best action is known.
#include "mbrl/learning/ppo.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

using testing::equal;
using testing::fill_uniform;
using testing::state_of;

PpoSettings small_ppo() {
  PpoSettings s;
  s.policy.hidden = s.value.hidden = {16};
  s.adam.learning_rate = 3e-3;
  return s;
}

const ActionBounds& bounds() {
  static const ActionBounds all = ActionBounds::uniform(1, 0, 4);
  return all;
}

// n times the same step, whose probability the policy is to raise.
OnPolicyBatch the_same(Index n, float advantage) {
  OnPolicyBatch b;
  b.obs = Batchf::Constant(2, n, 0.5f);
  b.action = Batchf::Constant(1, n, 2.5f);
  b.advantage = Vecf::Constant(n, advantage);
  b.target = Vecf::Constant(n, 3.0f);
  b.old_value = Vecf::Zero(n);
  return b;
}

OnPolicyBatch some(std::uint32_t round, Index n) {
  OnPolicyBatch b = the_same(n, 0);
  fill_uniform(b.obs, -1, 1, round, 0);
  fill_uniform(b.action, 0.1, 3.9, round, 1);
  for (Index j = 0; j < n; ++j) {
    b.advantage(j) = b.obs(0, j) * (b.action(0, j) - 2);
    b.target(j) = b.obs(1, j);
    b.old_value(j) = 0.1f;
  }
  return b;
}

OnPolicyBatch some_choices(std::uint32_t round, Index n) {
  OnPolicyBatch b = some(round, n);
  for (Index j = 0; j < n; ++j) {
    b.action(0, j) = static_cast<float>(j % 3);
    b.advantage(j) = b.obs(0, j) * (b.action(0, j) - 1);
  }
  return b;
}

// A network, or a gradient of one, in double; tanh in between.
struct Layers {
  std::vector<Batchd> weight;
  std::vector<Vecd> bias;

  Layers(const nn::Network& network, const AlignedFloats& block) {
    for (int l = 0; l < static_cast<int>(network.layers().size()); ++l) {
      weight.push_back(network.plain(block, l).weight.cast<double>());
      bias.push_back(network.plain(block, l).bias.cast<double>());
    }
  }
  Batchd operator()(const Batchf& x) const {
    Batchd y = x.cast<double>();
    for (std::size_t l = 0; l < weight.size(); ++l) {
      y = ((weight[l] * y).colwise() + bias[l]).eval();
      if (l + 1 < weight.size()) y = y.array().tanh().matrix().eval();
    }
    return y;
  }
  // Distance of the gradient from `loss`'s differences, over the latter.
  template <class Loss>
  double error_of(const Layers& gradient, const Loss& loss) {
    double error = 0, size = 0;
    const auto compare = [&](double& parameter, double got) {
      constexpr double kStep = 1e-5;
      const double here = parameter;
      parameter = here + kStep;
      const double above = loss(*this);
      parameter = here - kStep;
      const double slope = (above - loss(*this)) / (2 * kStep);
      parameter = here;
      error += std::pow(got - slope, 2);
      size += std::pow(slope, 2);
    };
    for (std::size_t l = 0; l < weight.size(); ++l) {
      for (Index i = 0; i < weight[l].size(); ++i) compare(weight[l].data()[i], gradient.weight[l].data()[i]);
      for (Index i = 0; i < bias[l].size(); ++i) compare(bias[l](i), gradient.bias[l](i));
    }
    return std::sqrt(error / size);
  }
};

// Of a's choice; of the Gaussian before tanh, but for what depends on the action alone.
Vecd log_probabilities(const CategoricalPolicy&, const Batchd& outputs, const Batchf& action) {
  Vecd out(outputs.cols());
  for (Index j = 0; j < out.size(); ++j)
    out(j) = outputs(static_cast<Index>(action(0, j)), j) - std::log(outputs.col(j).array().exp().sum());
  return out;
}
Vecd log_probabilities(const MlpPolicy& policy, const Batchd& outputs, const Batchf& action) {
  const auto softplus = [](double x) { return std::log1p(std::exp(x)); };
  const double high = policy.settings().max_logvar, low = policy.settings().min_logvar;
  Vecd out(outputs.cols());
  for (Index j = 0; j < out.size(); ++j) {
    double v = high - softplus(high - outputs(1, j));
    v = low + softplus(v - low);
    const double u = std::atanh((static_cast<double>(action(0, j)) - 2) / 2);
    out(j) = -0.5 * std::pow(u - outputs(0, j), 2) * std::exp(-v) - 0.5 * v;
  }
  return out;
}

double log_probability(const MlpPolicy& policy, const OnPolicyBatch& b) {
  MlpPolicy::Workspace workspace;
  Batchf memory(0, 1);
  Vecf out(1);
  policy.log_probability(b.obs.leftCols(1), memory, b.action.leftCols(1), out, workspace);
  return static_cast<double>(out(0));
}

}  // namespace

TEST_CASE("ppo: a probability is raised as far as the clip and little further") {
  ThreadPool pool(1);
  for (const double clip : {0.2, 0.5})
    for (const float advantage : {1.0f, -1.0f}) {
      PpoSettings settings = small_ppo();
      settings.adam.learning_rate = 1e-3;
      settings.clip = clip;
      settings.epochs = 300;
      settings.normalise_advantages = false;
      Ppo ppo(2, bounds(), settings, 1, pool);
      const OnPolicyBatch batch = the_same(64, advantage);
      const double before = log_probability(ppo.policy(), batch);
      const PpoReport report = ppo.update(batch);
      const double ratio = std::exp(log_probability(ppo.policy(), batch) - before);
      const double end = advantage > 0 ? 1 + clip : 1 - clip;
      CHECK(ratio == Approx(end).margin(0.11));  // Adam's momentum carries it on
      CHECK(report.policy_loss == Approx(-advantage * end).margin(0.11));
      CHECK(report.clipped == 1.0);
      CHECK(report.epochs == 300);
    }
}

// The second epoch's gradients, of which the optimisers' means tell, against differences of the loss as it is written.
TEMPLATE_TEST_CASE("ppo: its gradients are those of its losses", "", Ppo, DiscretePpo) {
  constexpr bool kChoices = std::is_same_v<TestType, DiscretePpo>;
  constexpr Index kSteps = 200;
  const OnPolicyBatch batch = kChoices ? some_choices(0, kSteps) : some(0, kSteps);
  const ActionBounds actions = kChoices ? ActionBounds::choice_of(3) : bounds();
  PpoSettings settings = small_ppo();
  settings.policy.hidden = settings.value.hidden = {5};
  settings.adam = {.learning_rate = 0.02, .max_gradient = 0};
  settings.minibatch = kSteps;
  settings.clip = 0.05;
  settings.value_clip = 0.15;
  settings.entropy = kChoices ? 0.1 : 0;  // of real actions it is drawn
  settings.normalise_advantages = false;
  ThreadPool pool(1);
  const auto after = [&](int epochs, PpoReport& report) {
    settings.epochs = epochs;
    TestType ppo(2, actions, settings, 1, pool);
    if (epochs > 0) report = ppo.update(batch);
    return state_of(ppo);
  };
  PpoReport report;
  const StateDict one = after(1, report), two = after(2, report);
  CHECK(report.clipped > 0.05);
  CHECK(report.clipped < 0.8);
  const auto gradient = [&](const nn::Network& network, const std::string& adam) {
    const std::vector<float> a = one.get<float>(adam + "first"), b = two.get<float>(adam + "first");
    AlignedFloats g(a.size());
    for (std::size_t i = 0; i < a.size(); ++i) g[i] = (b[i] - 0.9f * a[i]) / 0.1f;
    return Layers(network, g);
  };

  auto policy = TestType::new_policy(2, actions, settings, 1);
  const Vecd old =
      log_probabilities(policy, Layers(policy.network(), policy.parameters())(batch.obs), batch.action);
  policy.load(one, "policy.");
  const auto policy_loss = [&](const Layers& layers) {
    const Batchd outputs = layers(batch.obs);
    const Vecd now = log_probabilities(policy, outputs, batch.action);
    double loss = 0;
    for (Index j = 0; j < kSteps; ++j) {
      const double ratio = std::exp(now(j) - old(j)), advantage = static_cast<double>(batch.advantage(j));
      loss -= std::min(ratio * advantage, std::clamp(ratio, 0.95, 1.05) * advantage);
      if (!kChoices) continue;
      const Vecd p = outputs.col(j).array().exp() / outputs.col(j).array().exp().sum();
      loss += settings.entropy * p.dot(p.array().log().matrix());
    }
    return loss / kSteps;
  };
  Layers now(policy.network(), policy.parameters());
  CHECK(now.error_of(gradient(policy.network(), "policy_adam."), policy_loss) < 1e-4);

  nn::Network value(2, 1, settings.value, 1, 1);
  value.load(one, "value.");
  const auto value_loss = [&](const Layers& layers) {
    const Batchd v = layers(batch.obs);
    double loss = 0;
    for (Index j = 0; j < kSteps; ++j) {
      const double before = static_cast<double>(batch.old_value(j)),
                   target = static_cast<double>(batch.target(j)),
                   held = before + std::clamp(v(0, j) - before, -settings.value_clip, settings.value_clip);
      loss += 0.5 * std::max(std::pow(v(0, j) - target, 2), std::pow(held - target, 2));
    }
    return loss / kSteps;
  };
  Layers values(value, value.parameters());
  CHECK(values.error_of(gradient(value, "value_adam."), value_loss) < 1e-4);
}

TEST_CASE("ppo: of choices it finds the best, and the entropy's weight keeps all of them") {
  ThreadPool pool(1);
  for (const double entropy : {0.0, 10.0}) {
    PpoSettings settings = small_ppo();
    settings.entropy = entropy;
    DiscretePpo ppo(2, ActionBounds::choice_of(3), settings, 1, pool);
    constexpr Index kSteps = 256;
    CategoricalPolicy::Workspace workspace;
    OnPolicyBatch batch = the_same(kSteps, 0);
    Batchf memory(0, kSteps);
    for (std::uint32_t round = 0; round < 20; ++round) {
      ppo.policy().act(batch.obs, memory, {RandomStream(2, Stream::kUser).key(), round, {}}, batch.action,
                       workspace);
      batch.advantage = -(batch.action.row(0).array() - 1.2f).abs().matrix().transpose();
      REQUIRE(ppo.update(batch).finite());
    }
    Vecf log_prob(1);
    ppo.policy().log_probability(batch.obs.leftCols(1), memory.leftCols(1), Batchf::Constant(1, 1, 1.0f),
                                 log_prob, workspace);
    CHECK(std::exp(log_prob(0)) == Approx(entropy > 0 ? 1.0f / 3 : 1.0f).margin(0.1));
  }
  DiscretePpo ppo(2, ActionBounds::choice_of(3), small_ppo(), 1, pool);
  CHECK(contains(error_of([&] { ppo.update(the_same(64, 1)); }), "expected a choice of 0 to 2"));
  CHECK(contains(error_of([&] { Ppo(2, ActionBounds::choice_of(3), small_ppo(), 1, pool); }), "choices"));
  CHECK(contains(error_of([&] { DiscretePpo(2, bounds(), small_ppo(), 1, pool); }), "expected one choice"));
}

TEST_CASE("ppo: an epoch too far from the old policy is the last") {
  ThreadPool pool(1);
  PpoSettings settings = small_ppo();
  settings.epochs = 50;
  const PpoReport all = Ppo(2, bounds(), settings, 1, pool).update(some(0, 300));
  CHECK(all.epochs == 50);
  settings.target_kl = all.kl / 10;
  const PpoReport some_of_them = Ppo(2, bounds(), settings, 1, pool).update(some(0, 300));
  CHECK(some_of_them.epochs < 50);
  CHECK(some_of_them.kl > 1.5 * settings.target_kl);
}

TEST_CASE("ppo: the policy of a single step finds the best action, and the value what it earns") {
  ThreadPool pool(1);
  PpoSettings settings = small_ppo();
  Ppo ppo(2, bounds(), settings, 1, pool);
  constexpr Index kSteps = 256;
  MlpPolicy::Workspace workspace;
  OnPolicyBatch batch = the_same(kSteps, 0);
  Batchf memory(0, kSteps);
  Vecf earned(kSteps);
  // With many more rounds it is as narrow as it may be, and wanders.
  for (std::uint32_t round = 0; round < 25; ++round) {
    ppo.policy().act(batch.obs, memory, {RandomStream(2, Stream::kUser).key(), round, {}}, batch.action,
                     workspace);
    earned = -(batch.action.row(0).array() - 2.6f).square().matrix().transpose();
    ppo.values(batch.obs, batch.old_value);
    batch.advantage = earned - batch.old_value;
    batch.target = earned;
    REQUIRE(ppo.update(batch).finite());
  }
  Batchf action(1, 1), none(0, 1);
  ppo.policy().mode(batch.obs.leftCols(1), none, action, workspace);
  CHECK(action(0, 0) == Approx(2.6f).margin(0.15));
  Vecf value(1);
  ppo.values(batch.obs.leftCols(1), value);
  CHECK(value(0) == Approx(earned.mean()).margin(0.1));
}

TEST_CASE("ppo: the entropy's weight keeps a policy wide, and a value that may not move stays near") {
  ThreadPool pool(1);
  PpoSettings settings = small_ppo();
  settings.epochs = 60;
  const auto entropy = [&] {
    Ppo ppo(2, bounds(), settings, 1, pool);
    OnPolicyBatch batch = some(0, 256);
    batch.advantage = 1 - (batch.action.row(0).transpose().array() - 2).abs();  // narrows it
    ppo.update(batch);
    constexpr Index kDraws = 2000;
    Batchf obs = Batchf::Constant(2, kDraws, 0.5f), action(1, kDraws);
    Vecf log_prob(kDraws);
    MlpPolicy::Workspace workspace;
    ppo.policy().sample(obs, {RandomStream(2, Stream::kUser).key(), 0, {}}, action, log_prob, workspace);
    return -static_cast<double>(log_prob.mean());
  };
  const double plain = entropy();
  settings.entropy = 1;
  const double wide = entropy();
  CHECK(wide > plain + 0.05);
  CHECK(wide == Approx(std::log(4.0)).margin(0.1));  // the most there is within bounds 4 apart

  // All targets are 3 and all old values 0: a value that is held within 0.2 of them is paid no further.
  settings = small_ppo();
  settings.epochs = 200;
  settings.value_clip = 0.2;
  Ppo held(2, bounds(), settings, 1, pool);
  held.update(the_same(64, 1));
  Vecf value(1);
  held.values(Batchf::Constant(2, 1, 0.5f), value);
  CHECK(value(0) < 0.6f);
  settings.value_clip = 0;
  Ppo free(2, bounds(), settings, 1, pool);
  free.update(the_same(64, 1));
  free.values(Batchf::Constant(2, 1, 0.5f), value);
  CHECK(value(0) > 1.0f);
}

TEST_CASE("ppo: the number of threads changes no bit, nor does a stop") {
  PpoSettings settings = small_ppo();
  settings.minibatch = 300;
  settings.epochs = 3;
  settings.entropy = 0.01;
  ThreadPool one(1), two(2), three(3);
  Ppo a(2, bounds(), settings, 4, one), b(2, bounds(), settings, 4, two);
  for (std::uint32_t round = 0; round < 3; ++round) {
    const PpoReport x = a.update(some(round, 1000)), y = b.update(some(round, 1000));
    CHECK(x.policy_loss == y.policy_loss);
    CHECK(x.value_loss == y.value_loss);
  }
  CHECK(equal(a, b));
  Ppo loaded(2, bounds(), settings, 4, three);
  loaded.load(state_of(a), "");
  a.update(some(5, 1000));
  loaded.update(some(5, 1000));
  CHECK(equal(a, loaded));
}

TEST_CASE("ppo: mistakes are named, and numbers that are not finite") {
  ThreadPool pool(1);
  const auto refused = [&](auto change) {
    PpoSettings settings = small_ppo();
    change(settings);
    return error_of([&] { Ppo(2, bounds(), settings, 1, pool); });
  };
  CHECK(contains(refused([](PpoSettings& s) { s.discount = 1.5; }), "discount is 1.5"));
  CHECK(contains(refused([](PpoSettings& s) { s.lambda = -1; }), "lambda is -1"));
  CHECK(contains(refused([](PpoSettings& s) { s.clip = 0; }), "clip is 0"));
  CHECK(contains(refused([](PpoSettings& s) { s.minibatch = 1; }), "minibatch is 1"));
  CHECK(contains(refused([](PpoSettings& s) { s.target_kl = -1; }), "target_kl is -1"));
  CHECK(contains(refused([](PpoSettings& s) { s.value.dropout = 0.1; }), "value.dropout is 0.1"));
  Ppo ppo(2, bounds(), small_ppo(), 1, pool);
  OnPolicyBatch batch = some(0, 64);
  batch.advantage.conservativeResize(63);
  CHECK(contains(error_of([&] { ppo.update(batch); }), "expected 64"));
  batch = some(0, 64);
  batch.target(3) = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(ppo.update(batch).finite());
}

}  // namespace mbrl
