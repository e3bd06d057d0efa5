// MOPO: what the penalty takes off imagined rewards, what it is for, and what is asked of the data.
#include "mbrl/algorithms/imagined/mopo.hpp"

#include <cmath>
#include <filesystem>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "mbrl/run/collector.hpp"
#include "models/neural/ensemble_oracle.hpp"

namespace mbrl {
namespace {

// Random actions on the pendulum.
void save_swings(const std::filesystem::path& file, std::uint64_t seed) {
  Pendulum env;
  TransitionBuffer data(3, 1, 1000);
  Collector<Pendulum> collector(env, data, seed);
  for (std::uint32_t i = 0; i < 400; ++i) {
    if (!collector.running()) collector.begin(i);
    collector.random_step(0, i);
  }
  data.save_dataset(file);
}

struct Folder {
  Folder() { save_swings(files / "swings.safetensors", 3); }
  std::string file(const char* name = "swings") const {
    return (files / (name + std::string(".safetensors"))).string();
  }
  TemporaryFolder files;
};

MopoSettings small_mopo(const std::string& file) {
  MopoSettings s;
  s.data = file;
  s.updates = 1;
  s.imagine_every = 10;
  s.rollouts = 30;
  s.horizon = 3;
  s.keep_rounds = 2;
  s.batch_size = 16;
  s.model = {.members = 3, .hidden = {16}};
  s.training.elites = 2;
  s.training.epochs = 5;
  s.training.batch_size = 16;
  s.sac.policy.hidden = s.sac.critic.hidden = {8};
  return s;
}

// x' = 0.9 x + 0.5 a with reward -(x^2 + 0.1 a^2), and 10 less where |a| > 0.5, which nobody knows beforehand.
class Cliff {
 public:
  Cliff() {
    spec_.name = "Cliff";
    spec_.obs_dim = 1;
    spec_.action_low = Vecd::Constant(1, -3.0);
    spec_.action_high = Vecd::Constant(1, 3.0);
    spec_.max_steps = 20;
    spec_.dt = 1;
    spec_.encoding = ObsEncoding::identity(1);
  }
  const EnvSpec& spec() const { return spec_; }
  Vecd reset(std::uint64_t seed) {
    x_ = RandomStream(seed, Stream::kReset).uniform(-1.5, 1.5, 0);
    steps_ = 0;
    return Vecd::Constant(1, x_);
  }
  StepResult step(ConstVecRef<double> action) {
    const double a = action(0);
    StepResult result;
    result.reward = -(x_ * x_ + 0.1 * a * a) - (std::abs(a) > 0.5 ? 10 : 0);
    x_ = 0.9 * x_ + 0.5 * a;
    result.obs = Vecd::Constant(1, x_);
    result.truncated = ++steps_ >= spec_.max_steps;
    return result;
  }
  std::vector<double> state() const { return {x_, static_cast<double>(steps_)}; }
  void set_state(const std::vector<double>& s) {
    x_ = s.at(0);
    steps_ = static_cast<int>(s.at(1));
  }

 private:
  EnvSpec spec_;
  double x_ = 0;
  int steps_ = 0;
};

struct MopoRun {
  explicit MopoRun(const MopoSettings& settings)
      : pool(1), mopo(settings, {[] { return AnyEnvironment(Pendulum()); }, pool, 3}) {}
  MopoRun& done() {
    RunObserver silent;
    REQUIRE(mopo.run(silent));
    return *this;
  }
  ThreadPool pool;
  Mopo mopo;
};

bool same_steps(const TransitionBuffer& a, const TransitionBuffer& b) {
  bool same = a.size() == b.size();
  for (std::size_t i = 0; same && i < a.size(); ++i)
    same = a.obs(i) == b.obs(i) && a.action(i) == b.action(i) && a.next_obs(i) == b.next_obs(i);
  return same;
}

TEST_CASE("MOPO: imagined rewards are less by the largest norm of the networks' deviations") {
  const Folder folder;
  MopoSettings s = small_mopo(folder.file());
  s.penalty = 0.7;
  MopoRun penalised(s);
  penalised.done();
  s.penalty = 0;
  MopoRun plain(s);
  plain.done();
  const TransitionBuffer &with = penalised.mopo.imagined(), &without = plain.mopo.imagined();
  REQUIRE(with.size() == 90);
  REQUIRE(same_steps(with, without));
  double sum = 0, worst = 0, reward = 0;
  for (std::size_t i = 0; i < with.size(); ++i) {
    double u = 0;
    for (int m = 0; m < 3; ++m) {
      const auto y = testing::predict_in_double(penalised.mopo.model(), m, with.obs(i), with.action(i));
      u = std::max(u, y.logvar.col(0).array().exp().matrix().sum());
    }
    u = std::sqrt(u);
    sum += 0.7 * u / 90;
    reward += static_cast<double>(without.reward(i)) / 90;
    worst = std::max(worst, std::abs(static_cast<double>(without.reward(i) - with.reward(i)) - 0.7 * u));
  }
  CHECK(sum > 0.01);
  CHECK(worst < 1e-4 * (1 + sum));
  CHECK(penalised.mopo.metrics().last("penalty") == Approx(sum).epsilon(1e-3));
  CHECK(penalised.mopo.metrics().last("imagined_reward") == Approx(reward).epsilon(1e-3));
  CHECK(plain.mopo.metrics().last("penalty") == 0);
}

TEST_CASE("MOPO: without a penalty it does not matter what would be measured") {
  const Folder folder;
  const auto policy = [&](EnsembleUncertainty kind, double penalty) {
    MopoSettings s = small_mopo(folder.file());
    s.updates = 25;
    s.uncertainty = kind;
    s.penalty = penalty;
    StateDict out;
    MopoRun run(s);
    run.done().mopo.sac().policy().save(out, "");
    return out.get<float>(out.arrays.begin()->first);
  };
  const std::vector<float> none = policy(EnsembleUncertainty::kNone, 0);
  CHECK(none == policy(EnsembleUncertainty::kDeviation, 0));
  CHECK(none == policy(EnsembleUncertainty::kDisagreement, 0));
  CHECK(none != policy(EnsembleUncertainty::kDeviation, 1));
}

TEST_CASE("MOPO: the model is trained once, rounds of imagination come after so many updates") {
  const Folder folder;
  MopoSettings s = small_mopo(folder.file());
  s.updates = 25;
  s.updates_per_round = 10;
  MopoRun run(s);
  struct Seen : RunObserver {
    void on_progress(const RunProgress& p) override {
      if (p.steps == 0) epochs += p.phase == RunPhase::kTraining;
      if (p.steps > 0) imagined.push_back(mopo->imagined().size());
    }
    const Mopo* mopo = nullptr;
    int epochs = 0;
    std::vector<std::size_t> imagined;
  } seen;
  seen.mopo = &run.mopo;
  REQUIRE(run.mopo.run(seen));
  CHECK(seen.epochs == static_cast<int>(run.mopo.metrics().last("model_epochs")));
  REQUIRE(seen.imagined.size() == 25);
  CHECK(seen.imagined[9] == 90);
  CHECK(seen.imagined[10] == 180);
  CHECK(seen.imagined[24] == 180);  // two rounds are kept
  CHECK(run.mopo.metrics().rows() == 3);
  CHECK(run.mopo.data().size() == 400);
}

TEST_CASE("MOPO: a run goes on with the data that it began with") {
  const Folder folder;
  MopoRun first(small_mopo(folder.file()));
  StateDict state;
  first.done().mopo.save(state, "x.");
  CHECK_NOTHROW(MopoRun(small_mopo(folder.file())).mopo.load(state, "x."));
  save_swings(folder.files / "others.safetensors", 4);
  CHECK_THROWS_WITH(MopoRun(small_mopo(folder.file("others"))).mopo.load(state, "x."),
                    Catch::Contains("not the data set"));
}

TEST_CASE("MOPO: mistakes are named") {
  const Folder folder;
  const EnvSpec spec = Pendulum().spec();
  CHECK_NOTHROW(small_mopo("file").validate(spec));
  const auto refused = [&](auto change, const std::string& word) {
    MopoSettings s = small_mopo("file");
    change(s);
    CHECK_THROWS_WITH(s.validate(spec), Catch::Contains(word));
  };
  refused([](MopoSettings& s) { s.data = ""; }, "data is empty");
  refused([](MopoSettings& s) { s.penalty = -0.1; }, "penalty is -0.1");
  refused([](MopoSettings& s) { s.uncertainty = EnsembleUncertainty::kNone; }, "uncertainty is none");
  refused([](MopoSettings& s) { s.imagine_every = 0; }, "imagine_every");
  refused([](MopoSettings& s) { s.horizon = 0; }, "horizon");
  refused([](MopoSettings& s) { s.keep_rounds = 0; }, "keep_rounds");
  refused([](MopoSettings& s) { s.real_ratio = 2; }, "real_ratio");
  refused([](MopoSettings& s) { s.training.elites = 4; }, "elites");
  ThreadPool pool(1);
  CHECK_THROWS_WITH(Mopo(small_mopo(folder.file()), {[] { return AnyEnvironment(Cliff()); }, pool, 3}),
                    Catch::Contains("observations of 3"));
}

TEST_CASE("MOPO: data that name another task are refused") {
  const TemporaryFolder folder;
  Cliff env;
  TransitionBuffer data(1, 1, 20);
  for (std::uint32_t i = 0; i < 20; ++i) {
    const Vecd x = env.reset(i), a = Vecd::Zero(1);
    const StepResult result = env.step(a);
    data.add(x, a, result.obs, result.reward, false, true);
  }
  const std::string file = (folder / "data.safetensors").string();
  ThreadPool pool(1);
  const auto begin = [&] { Mopo(small_mopo(file), {[] { return AnyEnvironment(Cliff()); }, pool, 1}); };
  data.save_dataset(file, "Gorge");
  CHECK(contains(error_of(begin), "is of Gorge, expected transitions of Cliff"));
  data.save_dataset(file, "Cliff");
  CHECK(error_of(begin).empty());
}

TEST_CASE("MOPO: what a model promises beyond narrow data is not believed") {
  // Actions of at most 0.3 of 3 were tried, and what they did was seen through noise.
  const TemporaryFolder folder;
  const RandomStream random(5, Stream::kUser);
  Cliff env;
  TransitionBuffer data(1, 1, 300);
  for (std::uint32_t i = 0; i < 300; ++i) {
    const Vecd x = env.reset(i), a = Vecd::Constant(1, random.uniform(-0.3, 0.3, i));
    StepResult result = env.step(a);
    result.obs(0) += 0.1 * random.normal(i, 1);
    data.add(x, a, result.obs, result.reward, false, true);
  }
  const std::string file = (folder / "narrow.safetensors").string();
  data.save_dataset(file);

  struct Outcome {
    double promised = 0, earned = 0, largest_action = 0;
  };
  const auto learn = [&](double penalty) {
    MopoSettings s = small_mopo(file);
    s.penalty = penalty;
    s.uncertainty = EnsembleUncertainty::kDisagreement;
    s.updates = 1500;
    s.updates_per_round = 1500;
    s.imagine_every = 100;
    s.rollouts = 200;
    s.batch_size = 128;
    s.model = {.members = 5, .hidden = {32}};
    s.training.epochs = 60;
    s.training.elites = 3;
    s.sac.policy.hidden = s.sac.critic.hidden = {32, 32};
    s.sac.adam.learning_rate = 1e-3;
    s.sac.discount = 0.95;
    s.sac.tau = 0.02;
    s.sac.tune_temperature = false;
    s.sac.temperature = 0.01;
    ThreadPool pool(1);
    Mopo mopo(s, {[] { return AnyEnvironment(Cliff()); }, pool, 2});
    RunObserver silent;
    REQUIRE(mopo.run(silent));

    constexpr Index kRows = 128;
    Batchf x = data.batch(0, kRows).obs, action(1, kRows), memory(0, kRows);
    MlpPolicy::Workspace workspace;
    mopo.sac().policy().mode(x, memory, action, workspace);
    Vecf q(kRows);
    mopo.sac().values(x, action, q);
    Outcome out;
    out.promised = static_cast<double>(q.mean());
    double factor = 1;
    for (int t = 0; t < 200; ++t, factor *= 0.95) {
      mopo.sac().policy().mode(x, memory, action, workspace);
      const auto cost = x.array().square() + 0.1f * action.array().square() +
                        10.0f * (action.array().abs() > 0.5f).cast<float>();
      out.earned -= factor * static_cast<double>(cost.mean());
      if (t == 0) out.largest_action = static_cast<double>(action.cwiseAbs().mean());
      x = 0.9f * x + 0.5f * action;
    }
    return out;
  };
  const Outcome naive = learn(0), careful = learn(40);
  INFO("promised " << naive.promised << ", " << careful.promised << "; earned " << naive.earned << ", "
                   << careful.earned << "; actions " << naive.largest_action << ", "
                   << careful.largest_action);
  CHECK(naive.largest_action > 0.6);
  CHECK(naive.promised > 0.5 * naive.earned);  // values are negative: twice as good as it is
  CHECK(careful.largest_action < 0.6);
  CHECK(careful.promised < careful.earned);
  CHECK(careful.earned > 0.8 * naive.earned);
}

}  // namespace
}  // namespace mbrl
