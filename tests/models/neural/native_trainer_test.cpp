// The native trainer against finite differences, Adam's formula, and itself on other numbers of threads and after
// a restart.
#include "mbrl/models/neural/native_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "models/neural/training_cases.hpp"
#include "models/neural/training_oracle.hpp"

using namespace mbrl;

namespace {

static_assert(EnsembleTrainer<NativeTrainer>);

using testing::some_model;
using testing::some_transitions;

struct OneStep {
  std::vector<Batchd> inputs, targets;
};

// What one step on all rows at once sees, member by member.
OneStep one_batch(const PreparedTraining& prepared, int members) {
  OneStep step;
  for (int m = 0; m < members; ++m) {
    const auto order = prepared.epoch_order(m, 0);
    Batchd inputs(prepared.inputs.rows(), static_cast<Index>(order.size()));
    Batchd targets(prepared.targets.rows(), static_cast<Index>(order.size()));
    for (std::size_t i = 0; i < order.size(); ++i) {
      inputs.col(static_cast<Index>(i)) = prepared.inputs.col(order[i]).cast<double>();
      targets.col(static_cast<Index>(i)) = prepared.targets.col(order[i]).cast<double>();
    }
    step.inputs.push_back(inputs);
    step.targets.push_back(targets);
  }
  return step;
}

bool same_parameters(const MlpEnsemble& a, const MlpEnsemble& b) {
  bool same = a.max_logvar == b.max_logvar && a.min_logvar == b.min_logvar && a.elites == b.elites &&
              a.input_mean == b.input_mean && a.input_std == b.input_std;
  for (std::size_t m = 0; m < a.members.size(); ++m)
    for (std::size_t l = 0; l < a.members[m].size(); ++l)
      same = same && a.members[m][l].weight == b.members[m][l].weight &&
             a.members[m][l].bias == b.members[m][l].bias;
  return same;
}

// After one step from zero, Adam's first moment is (1 - beta1) times the gradient.
void check_gradients(MlpEnsemble model, int rows, int batch, float nll_beta = 0.0f) {
  const TransitionBatch data = some_transitions(rows, 3);
  EnsembleTrainingSettings settings;
  settings.epochs = 1;
  settings.batch_size = batch;
  settings.weight_decay = {0.02f, 0.03f};
  settings.nll_beta = nll_beta;
  MlpEnsemble fitted = model;
  const OneStep step = one_batch(prepare_training(data, settings, 11, 4, fitted), model.settings.members);
  const oracle::Gradients expected =
      oracle::gradients(model, oracle::parameters_of(model), step.inputs, step.targets, settings);

  ThreadPool pool(2);
  NativeTrainer trainer(settings, pool, 11);
  MlpEnsemble trained = model;
  const TrainingReport report = trainer.train(data, trained, 4);
  REQUIRE(report.steps == 1);
  StateDict state;
  trainer.save(state, "adam.");
  const std::vector<float> first = state.get<float>("adam.first"), second = state.get<float>("adam.second");
  std::size_t at = 0;
  double worst = 0.0, worst_weight = 0.0;
  const oracle::Parameters after = oracle::parameters_of(trained), before = oracle::parameters_of(model);
  for (std::size_t m = 0; m < expected.members.size(); ++m) {
    const double loss = oracle::member_loss(model, before.members[m], before.high, before.low, step.inputs[m],
                                            step.targets[m]);
    CHECK(report.train_loss[m] == Approx(loss).epsilon(1e-5));
    for (std::size_t i = 0; i < expected.members[m].size(); ++i, ++at) {
      const double g = expected.members[m][i];
      worst = std::max(worst, std::abs(10.0 * static_cast<double>(first[at]) - g) / (1e-2 + std::abs(g)));
      worst = std::max(worst, std::abs(1000.0 * static_cast<double>(second[at]) - g * g) / (1e-2 + g * g));
      // The first step of Adam: lr g / (|g| + eps).
      const double mine = 10.0 * static_cast<double>(first[at]);
      const double moved = before.members[m][i] - 1e-3 * mine / (std::abs(mine) + 1e-8);
      worst_weight = std::max(worst_weight, std::abs(after.members[m][i] - moved));
    }
  }
  CHECK(worst < 2e-4);
  CHECK(worst_weight < 2e-7);
  if (model.settings.gaussian) {
    const std::vector<float> bounds = state.get<float>("adam.bound_first");
    const std::size_t dims = expected.high.size();
    for (std::size_t r = 0; r < dims; ++r) {
      CHECK(10.0 * static_cast<double>(bounds[r]) == Approx(expected.high[r]).epsilon(1e-3).margin(1e-5));
      CHECK(10.0 * static_cast<double>(bounds[dims + r]) ==
            Approx(expected.low[r]).epsilon(1e-3).margin(1e-5));
    }
  }
}

}  // namespace

TEST_CASE("native trainer: gradients equal finite differences") {
  SECTION("Gaussian, silu") { check_gradients(some_model(true, Activation::kSilu), 19, 32); }
  SECTION("Gaussian, silu, likelihoods weighed by their variance") {
    check_gradients(some_model(true, Activation::kSilu), 19, 32, 0.5f);
    check_gradients(some_model(true, Activation::kSilu), 32, 32, 1.0f);
  }
  SECTION("Gaussian, relu") { check_gradients(some_model(true, Activation::kRelu), 32, 32); }
  SECTION("Gaussian, elu") { check_gradients(some_model(true, Activation::kElu), 32, 32); }
  SECTION("Gaussian, tanh, three hidden layers") {
    check_gradients(some_model(true, Activation::kTanh, 2, {18, 5, 9}), 48, 48);
  }
  SECTION("deterministic, silu") { check_gradients(some_model(false, Activation::kSilu), 33, 40); }
  SECTION("deterministic, linear") { check_gradients(some_model(false, Activation::kSilu, 2, {}), 5, 8); }
  SECTION("learned reward") { check_gradients(some_model(true, Activation::kSilu, 2, {8}, true), 16, 16); }
  SECTION("bounds that bind") {
    MlpEnsemble model = some_model(true, Activation::kSilu);
    std::fill(model.max_logvar.begin(), model.max_logvar.end(), 0.1f);
    std::fill(model.min_logvar.begin(), model.min_logvar.end(), -0.1f);
    check_gradients(model, 19, 32);
  }
}

TEST_CASE("native trainer: many steps follow Adam's formula") {
  // A linear deterministic network: the gradient is known exactly, Adam is written out in double.
  const TransitionBatch data = some_transitions(24, 9);
  EnsembleTrainingSettings settings;
  settings.standardise_targets = false;
  settings.epochs = 60;
  settings.batch_size = 24;
  settings.weight_decay = {0.01f};
  settings.learning_rate = 0.02f;
  settings.bootstrap = false;
  const MlpEnsemble start = some_model(false, Activation::kSilu, 1, {});
  MlpEnsemble model = start;
  ThreadPool pool(1);
  NativeTrainer trainer(settings, pool, 1);
  trainer.train(data, model, 0);

  MlpEnsemble fitted = start;
  const PreparedTraining prepared = prepare_training(data, settings, 1, 0, fitted);
  const Batchd x = prepared.inputs.cast<double>(), y = prepared.targets.cast<double>();
  Batchd w = start.members[0][0].weight_matrix().cast<double>();
  Vecd b = start.members[0][0].bias_vector().cast<double>();
  Batchd wm = Batchd::Zero(w.rows(), w.cols()), wv = wm;
  Vecd bm = Vecd::Zero(b.size()), bv = bm;
  for (int t = 1; t <= settings.epochs; ++t) {
    const Batchd error = ((w * x).colwise() + b - y) * (2.0 / static_cast<double>(y.size()));
    const Batchd gw = error * x.transpose() + 0.01 * w;
    const Vecd gb = error.rowwise().sum();
    const double c1 = 1.0 - std::pow(0.9, t), c2 = 1.0 - std::pow(0.999, t);
    wm = 0.9 * wm + 0.1 * gw;
    wv = 0.999 * wv + 0.001 * gw.cwiseAbs2();
    bm = 0.9 * bm + 0.1 * gb;
    bv = 0.999 * bv + 0.001 * gb.cwiseAbs2();
    w.array() -= 0.02 / c1 * wm.array() / ((wv.array() / c2).sqrt() + 1e-8);
    b.array() -= 0.02 / c1 * bm.array() / ((bv.array() / c2).sqrt() + 1e-8);
  }
  CHECK((model.members[0][0].weight_matrix().cast<double>() - w).cwiseAbs().maxCoeff() < 2e-5);
  CHECK((model.members[0][0].bias_vector().cast<double>() - b).cwiseAbs().maxCoeff() < 2e-5);
}

TEST_CASE("native trainer: the number of threads changes no bit") {
  const TransitionBatch data = some_transitions(150, 21);
  EnsembleTrainingSettings settings;
  settings.epochs = 3;
  settings.holdout_ratio = 0.2;
  settings.elites = 3;
  for (const bool gaussian : {true, false}) {
    std::vector<MlpEnsemble> results;
    std::vector<TrainingReport> reports;
    for (const int threads : {1, 2, 3, 8}) {
      ThreadPool pool(threads);
      NativeTrainer trainer(settings, pool, 2);
      MlpEnsemble model = some_model(gaussian, Activation::kSilu, 5, {40, 24});
      reports.push_back(trainer.train(data, model, 0));
      reports.push_back(trainer.train(data, model, 1));
      results.push_back(model);
    }
    CHECK(reports[0].steps == 3 * 4);  // 120 rows in batches of 32
    for (std::size_t i = 1; i < results.size(); ++i) {
      CHECK(same_parameters(results[0], results[i]));
      CHECK(reports[1].train_loss == reports[2 * i + 1].train_loss);
      CHECK(reports[1].holdout_loss == reports[2 * i + 1].holdout_loss);
    }
  }
}

TEST_CASE("native trainer: a saved and loaded trainer continues bit for bit") {
  const TransitionBatch data = some_transitions(100, 22);
  EnsembleTrainingSettings settings;
  settings.epochs = 2;
  ThreadPool pool(2);
  NativeTrainer straight(settings, pool, 2);
  MlpEnsemble model = some_model(true, Activation::kSilu);
  straight.train(data, model, 0);
  StateDict state;
  straight.save(state, "trainer.");
  model.save(state, "model.");
  straight.train(data, model, 1);

  NativeTrainer resumed(settings, pool, 2);
  resumed.load(state, "trainer.");
  MlpEnsemble loaded;
  loaded.load(state, "model.");
  resumed.train(data, loaded, 1);
  CHECK(same_parameters(model, loaded));

  NativeTrainer forgetful(settings, pool, 2);  // without Adam's moments the numbers differ
  MlpEnsemble other;
  other.load(state, "model.");
  forgetful.train(data, other, 1);
  CHECK_FALSE(same_parameters(model, other));
}

TEST_CASE("native trainer: mistakes are named") {
  ThreadPool pool(1);
  const MlpEnsemble start = some_model(true, Activation::kSilu);
  const TransitionBatch good = some_transitions(20, 1);
  const auto train = [&](const TransitionBatch& data, EnsembleTrainingSettings settings) {
    NativeTrainer trainer(settings, pool, 1);
    MlpEnsemble model = start;
    trainer.train(data, model, 0);
  };
  CHECK_NOTHROW(train(good, {}));
  const auto broken = [&](auto&& change) {
    TransitionBatch data = good;
    change(data);
    CHECK_THROWS_AS(train(data, {}), Error);
  };
  broken([](TransitionBatch& d) { d = TransitionBatch{Batchf(3, 0), Batchf(2, 0), Batchf(3, 0), {}}; });
  broken([](TransitionBatch& d) { d.obs(1, 4) = std::numeric_limits<float>::quiet_NaN(); });
  broken([](TransitionBatch& d) { d.action(0, 0) = std::numeric_limits<float>::infinity(); });
  broken([](TransitionBatch& d) { d.next_obs(2, 19) = std::numeric_limits<float>::quiet_NaN(); });
  broken([](TransitionBatch& d) { d.action.conservativeResize(2, 19); });
  broken([](TransitionBatch& d) { d.obs.conservativeResize(2, 20); });
  broken([](TransitionBatch& d) { d.next_obs.conservativeResize(3, 21); });
  const auto wrong = [&](auto&& change) {
    EnsembleTrainingSettings settings;
    change(settings);
    CHECK_THROWS_AS(train(good, settings), Error);
  };
  wrong([](EnsembleTrainingSettings& s) { s.epochs = 0; });
  wrong([](EnsembleTrainingSettings& s) { s.batch_size = 0; });
  wrong([](EnsembleTrainingSettings& s) { s.learning_rate = -1.0f; });
  wrong([](EnsembleTrainingSettings& s) { s.learning_rate = 1e30f; });  // diverges
  wrong([](EnsembleTrainingSettings& s) { s.weight_decay = {-1.0f}; });
  wrong([](EnsembleTrainingSettings& s) { s.holdout_ratio = 1.0; });
  wrong([](EnsembleTrainingSettings& s) { s.patience = 3; });
  wrong([](EnsembleTrainingSettings& s) { s.elites = 2; });
  wrong([](EnsembleTrainingSettings& s) {
    s.elites = 9;
    s.holdout_ratio = 0.2;
  });
  wrong([](EnsembleTrainingSettings& s) {
    s.patience = 3;
    s.holdout_ratio = 0.01;
  });

  // A trainer whose optimiser state is for another network.
  NativeTrainer trainer({}, pool, 1);
  MlpEnsemble model = start, other = some_model(true, Activation::kSilu, 3, {8});
  trainer.train(good, model, 0);
  CHECK_THROWS_AS(trainer.train(good, other, 1), Error);
  StateDict state;
  trainer.save(state, "t.");
  state.put("t.first", std::vector<float>{1.0f});
  CHECK_THROWS_AS(trainer.load(state, "t."), Error);
  CHECK_THROWS_AS(trainer.load(state, "nothing."), Error);
}
