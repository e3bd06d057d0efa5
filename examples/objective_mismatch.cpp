// Is a model that predicts better a better model to plan in? Fifty small ensembles of the cart-pole, which have seen
// more or less of this or that data for a longer or shorter time, are judged twice: by the likelihood of three sets of data, and by the
// return of the planner that acts in them. Lambert, Amos, Yadan, Calandra, "Objective mismatch in model-based
// reinforcement learning", L4DC 2020, section 4, whose correlations on this task are 0.59 (expert), 0.34 (on-policy)
// and -0.06 (grid). Needs the components core and mujoco.
//   objective_mismatch [folder for objective_mismatch.csv and .png [models [largest share of grid data]]]
// The last is of what a model learns from, each model drawing its own share up to it; the rest is on-policy data.
// Then the paper's remedy (section 5): models of grid data alone, and of the same data with each row's likelihood weighed
// by how near it is to the expert's trajectory.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <numbers>
#include <numeric>
#include <span>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/algorithms/planning/pets_configuration.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"
#include "mbrl/io/plot.hpp"
#include "mbrl/models/neural/diagnostics.hpp"
#include "mbrl/models/neural/native_trainer.hpp"
#include "mbrl/mujoco/tasks/pets_cartpole.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/rollout/ensemble_rollout.hpp"
#include "mbrl/rollout/simulator_rollout.hpp"

namespace {

using mbrl::Index;
using mbrl::TransitionBuffer;
using mbrl::Vecd;
using Env = mbrl::mujoco::PetsCartPole;

constexpr std::uint64_t kSeed = 1;
constexpr int kEpisodes = 2;  // a model is planned in

// What everything here starts from: PETS with networks of 2 x 32 units.
mbrl::PetsConfiguration configuration() {
  mbrl::PetsConfiguration c = mbrl::quick_pets("pets/CartPole");
  c.model.hidden = {32, 32};
  c.model.members = 3;
  c.rollout.particles = 3;
  c.pets.trials = 8;
  return c;
}

// An ensemble and who plans in it.
struct Learner {
  Learner(const mbrl::PetsConfiguration& c, const mbrl::EnvSpec& spec, mbrl::ThreadPool& pool,
          std::uint64_t seed)
      : model(mbrl::MlpEnsemble::create(c.model, spec.encoding, spec.action_dim(), seed)),
        trainer(c.training, pool, seed),
        rollout(model, spec.reward, spec.termination, c.rollout, pool, seed),
        mpc(mbrl::ICem(rollout, mbrl::action_bounds(spec), c.planner.icem, seed)) {}
  mbrl::MlpEnsemble model;
  mbrl::NativeTrainer trainer;
  mbrl::EnsembleRollout rollout;
  mbrl::Mpc<mbrl::ICem<mbrl::EnsembleRollout>> mpc;
};

// Everything that PETS has experienced on its way to the task's solution.
TransitionBuffer on_policy(std::uint64_t seed, mbrl::ThreadPool& pool) {
  const mbrl::PetsConfiguration c = configuration();
  Env env;
  Learner learner(c, env.spec(), pool, seed);
  mbrl::Pets pets(env, learner.model, learner.trainer, learner.rollout, learner.mpc, pool, c.pets, seed);
  pets.run();
  return pets.buffer();
}

// Two episodes of iCEM in the true dynamics.
TransitionBuffer expert(mbrl::ThreadPool& pool) {
  mbrl::SimulatorRollout<Env> rollout([] { return Env(); }, {.horizon = 25}, pool);
  mbrl::Mpc mpc(
      mbrl::ICem(rollout, mbrl::action_bounds(Env().spec()), {.population = 64, .iterations = 3}, kSeed));
  Env env;
  TransitionBuffer data(4, 1, 1000);
  for (std::uint64_t episode = 0; episode < 2; ++episode) {
    Vecd obs = env.reset(100 + episode);
    mpc.reset();
    for (int t = 0; t < env.spec().max_steps; ++t) {
      const Vecd action = mpc.act(env.state());
      const mbrl::StepResult step = env.step(action);
      data.add(obs, action, step.obs, step.reward, step.terminated, step.truncated);
      obs = step.obs;
    }
  }
  return data;
}

// States and actions drawn evenly from all that the cart-pole can be in: positions on the rail, all angles, velocities
// as large as `seen` has them.
TransitionBuffer grid(const TransitionBuffer& seen, int n, std::uint64_t seed) {
  const mbrl::RandomStream random(seed, mbrl::Stream::kUser);
  const mbrl::Transitions data = seen.batch();
  const Vecd largest = data.obs.cwiseAbs().rowwise().maxCoeff().cast<double>();
  Env env;
  TransitionBuffer out(4, 1, static_cast<std::size_t>(n));
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(n); ++i) {
    const auto within = [&](double limit, std::uint32_t entry) {
      return random.uniform(-limit, limit, i, entry);
    };
    const std::vector<double> state = {within(2.0, 0), within(std::numbers::pi, 1), within(largest(2), 2),
                                       within(largest(3), 3)};
    const Vecd obs = env.set_physics_state(state);
    const Vecd action = Vecd::Constant(1, within(3.0, 4));
    const mbrl::StepResult step = env.step(action);
    out.begin_episode();
    out.add(obs, action, step.obs, step.reward, false, true);
  }
  return out;
}

struct Judged {
  std::array<double, 3> log_likelihood{};  // a dimension, on expert, on-policy and grid data
  double reward = 0;                       // mean return of the planner
  std::size_t rows = 0;
  double share = 0;  // of them drawn evenly
  int epochs = 0;
};

// n of its rows, drawn by `index`.
mbrl::TransitionBatch some(const TransitionBuffer& data, Index n, const mbrl::RandomStream& random,
                           std::uint32_t index) {
  std::vector<std::uint32_t> rows(data.size());
  random.permutation(rows.data(), static_cast<std::uint32_t>(rows.size()), index, 2);
  rows.resize(static_cast<std::size_t>(n));
  return data.batch(std::span<const std::uint32_t>(rows));
}

mbrl::TransitionBatch both(const mbrl::TransitionBatch& a, const mbrl::TransitionBatch& b) {
  const Index n = a.obs.cols() + b.obs.cols();
  mbrl::TransitionBatch out{mbrl::Batchf(4, n), mbrl::Batchf(1, n), mbrl::Batchf(4, n), mbrl::Vecf(n)};
  out.obs << a.obs, b.obs;
  out.action << a.action, b.action;
  out.next_obs << a.next_obs, b.next_obs;
  out.reward << a.reward, b.reward;
  return out;
}

// exp(-d / reach) for each row, d its distance to the nearest of the trajectory's: of features and action, in units of
// their deviations over the rows.
Vecd nearness(const mbrl::TransitionBatch& rows, const mbrl::TransitionBatch& trajectory, double reach) {
  const mbrl::EnvSpec spec = Env().spec();
  const auto points = [&](const mbrl::TransitionBatch& t) {
    mbrl::Batchf p(spec.encoding.feature_dim() + 1, t.obs.cols());
    spec.encoding.encode<float>(t.obs, p.topRows(spec.encoding.feature_dim()));
    p.bottomRows(1) = t.action;
    return p;
  };
  mbrl::Batchf at = points(rows), good = points(trajectory);
  const mbrl::Vecf centre = at.rowwise().mean();
  const mbrl::Vecf unit =
      ((at.colwise() - centre).rowwise().squaredNorm() / static_cast<float>(at.cols())).cwiseSqrt();
  at.array().colwise() /= unit.array();
  good.array().colwise() /= unit.array();
  Vecd weight(at.cols());
  for (Index i = 0; i < at.cols(); ++i) {
    const float nearest = (good.colwise() - at.col(i)).colwise().norm().minCoeff();
    weight(i) = std::exp(-static_cast<double>(nearest) / reach);
  }
  return weight;
}

// As many rows again, each drawn as often as its weight says: their likelihood is the weighted one on average.
mbrl::TransitionBatch weighed(const mbrl::TransitionBatch& rows, const Vecd& weight,
                              const mbrl::RandomStream& random, std::uint32_t index) {
  std::vector<double> sum(static_cast<std::size_t>(weight.size()));
  std::partial_sum(weight.data(), weight.data() + weight.size(), sum.begin());
  mbrl::TransitionBatch out = rows;
  for (Index i = 0; i < weight.size(); ++i) {
    const double at = random.uniform(0.0, sum.back(), index, static_cast<std::uint32_t>(i));
    const Index from =
        std::min<Index>(std::lower_bound(sum.begin(), sum.end(), at) - sum.begin(), weight.size() - 1);
    out.obs.col(i) = rows.obs.col(from);
    out.action.col(i) = rows.action.col(from);
    out.next_obs.col(i) = rows.next_obs.col(from);
    out.reward(i) = rows.reward(from);
  }
  return out;
}

double mean_return(Learner& learner) {
  Env env;
  double sum = 0;
  for (std::uint64_t episode = 0; episode < kEpisodes; ++episode) {
    Vecd obs = env.reset(200 + episode);
    learner.mpc.reset();
    for (int t = 0; t < env.spec().max_steps; ++t) {
      const mbrl::StepResult step = env.step(learner.mpc.act(obs.cast<float>()).cast<double>());
      sum += step.reward / kEpisodes;
      obs = step.obs;
    }
  }
  return sum;
}

// Mean return of models of n rows drawn evenly, their likelihood weighed with this reach; 0: all alike.
double remedy(int n, double reach, int models, const TransitionBuffer& even,
              const mbrl::TransitionBatch& good, mbrl::ThreadPool& pool) {
  const mbrl::RandomStream random(kSeed + 2, mbrl::Stream::kUser);
  mbrl::PetsConfiguration c = configuration();
  double sum = 0;
  for (std::uint32_t i = 0; i < static_cast<std::uint32_t>(models); ++i) {
    Learner learner(c, Env().spec(), pool, 2000 + i);
    const mbrl::TransitionBatch rows = some(even, n, random, i);
    learner.trainer.train(reach > 0 ? weighed(rows, nearness(rows, good, reach), random, i) : rows,
                          learner.model, 0);
    learner.rollout.set_model(learner.model);
    sum += mean_return(learner) / models;
  }
  return sum;
}

// Model `i`: how much it sees, of what, and for how long, is drawn.
Judged judge(std::uint32_t i, const TransitionBuffer& train, const TransitionBuffer& train_even,
             double most_even, const std::array<const TransitionBuffer*, 3>& tests, mbrl::ThreadPool& pool) {
  const mbrl::RandomStream random(kSeed + 1, mbrl::Stream::kUser);
  mbrl::PetsConfiguration c = configuration();
  Judged out;
  out.rows = static_cast<std::size_t>(
      100 * std::pow(static_cast<double>(train.size()) / 100, random.uniform(0.0, 1.0, i, 0)));
  out.epochs = c.training.epochs = static_cast<int>(5 * std::pow(12.0, random.uniform(0.0, 1.0, i, 1)));
  Learner learner(c, Env().spec(), pool, 1000 + i);
  out.share = most_even * random.uniform(0.0, 1.0, i, 2);
  const auto even = static_cast<Index>(out.share * static_cast<double>(out.rows));
  const mbrl::TransitionBatch a = some(train, static_cast<Index>(out.rows) - even, random, i),
                              b = some(train_even, even, random, i);
  learner.trainer.train(both(a, b), learner.model, 0);
  learner.rollout.set_model(learner.model);
  const mbrl::PackedEnsemble packed(learner.model);
  for (std::size_t k = 0; k < tests.size(); ++k) {
    const mbrl::Transitions data = tests[k]->batch();
    out.log_likelihood[k] =
        -mbrl::evaluate_predictions(packed, data.obs, data.action, data.next_obs, mbrl::Vecf::Ones(4), pool)
             .nll;
  }
  out.reward = mean_return(learner);
  return out;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<Index>(a.size());
  Eigen::ArrayXd x = Eigen::Map<const Eigen::ArrayXd>(a.data(), n),
                 y = Eigen::Map<const Eigen::ArrayXd>(b.data(), n);
  x -= x.mean();
  y -= y.mean();
  return (x * y).sum() / std::sqrt(x.square().sum() * y.square().sum());
}

std::vector<std::size_t> ascending(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0U);
  std::sort(order.begin(), order.end(), [&](std::size_t i, std::size_t j) { return values[i] < values[j]; });
  return order;
}

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<double> rank(values.size());
  const std::vector<std::size_t> order = ascending(values);
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = static_cast<double>(i);
  return rank;
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Is the model that predicts better the better one to plan in?");
  std::string out;
  int models = 50;
  double most_even = 0.1;
  app.add_option("folder", out, "Folder for objective_mismatch.csv and .png (default: none are written)");
  app.add_option("models", models, "Models to be judged")
      ->check(CLI::Range(3, 100000))
      ->capture_default_str();
  app.add_option("share", most_even, "Largest share of a model's data that is drawn evenly")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  mbrl::require(!std::isnan(most_even), "share is NaN, expected 0 to 1");
  const std::filesystem::path folder = out;
  if (!out.empty()) mbrl::require_writable_folder(folder);  // before the work
  mbrl::ThreadPool pool;
  const TransitionBuffer train = on_policy(1, pool), policy = on_policy(2, pool), best = expert(pool),
                         even = grid(train, 2000, 11),
                         train_even = grid(train, static_cast<int>(train.size()), 12);
  std::printf(
      "trained on up to %zu transitions of a run of PETS; likelihood of %zu of an expert, %zu of another "
      "run, "
      "%zu drawn evenly\n",
      train.size(), best.size(), policy.size(), even.size());

  const std::array<const char*, 3> names = {"expert", "on-policy", "grid"};
  std::array<std::vector<double>, 3> likelihood;
  std::vector<double> returns;
  std::string csv = "rows,share,epochs,expert,on_policy,grid,return\n";
  for (int i = 0; i < models; ++i) {
    const Judged j =
        judge(static_cast<std::uint32_t>(i), train, train_even, most_even, {&best, &policy, &even}, pool);
    for (std::size_t k = 0; k < 3; ++k) likelihood[k].push_back(j.log_likelihood[k]);
    returns.push_back(j.reward);
    csv += mbrl::detail::concat(j.rows, ',', j.share, ',', j.epochs, ',', j.log_likelihood[0], ',',
                                j.log_likelihood[1], ',', j.log_likelihood[2], ',', j.reward, '\n');
    std::printf(
        "model %2d: %5zu rows, %3.0f %% even, %2d epochs, log-likelihood %7.2f %7.2f %9.2f, return %6.1f\n",
        i + 1, j.rows, 100 * j.share, j.epochs, j.log_likelihood[0], j.log_likelihood[1], j.log_likelihood[2],
        j.reward);
    std::fflush(stdout);
  }

  std::printf("\ncorrelation of log-likelihood and return\n%-12s %10s %10s %12s\n", "data", "of values",
              "of ranks", "published");
  const std::array<double, 3> published = {0.59, 0.34, -0.06};
  std::vector<mbrl::PlotSeries> curves;
  for (std::size_t k = 0; k < 3; ++k) {
    std::printf("%-12s %10.2f %10.2f %12.2f\n", names[k], correlation(likelihood[k], returns),
                correlation(ranks(likelihood[k]), ranks(returns)), published[k]);
    // The mean return of the models that are kept, the likeliest first.
    std::vector<std::size_t> order = ascending(likelihood[k]);
    std::reverse(order.begin(), order.end());
    mbrl::PlotSeries curve{names[k], {}, {}};
    double sum = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
      sum += returns[order[i]];
      if (i < 2) continue;
      curve.x.push_back(static_cast<double>(i + 1));
      curve.y.push_back(sum / static_cast<double>(i + 1));
    }
    curves.push_back(std::move(curve));
  }

  constexpr int kRows[] = {250, 500, 1000};
  constexpr double kReach[] = {0.0, 1.0, 0.5, 0.25};
  const int repeats = std::max(2, models / 5);
  std::printf("\nmean return of %d models of grid data alone, likelihood weighed by exp(-d / reach)\n%-8s",
              repeats, "rows");
  for (const double reach : kReach) std::printf(reach > 0 ? "  reach %.2f" : "   as it is", reach);
  for (const int n : kRows) {
    std::printf("\n%-8d", n);
    for (const double reach : kReach) {
      std::printf(" %11.1f", remedy(n, reach, repeats, train_even, best.batch(), pool));
      std::fflush(stdout);
    }
  }
  std::printf("\n");
  if (out.empty()) return 0;
  mbrl::write_file_atomically(folder / "objective_mismatch.csv", csv);
  mbrl::plot_lines(folder / "objective_mismatch.png",
                   {"Choosing models by likelihood", "models kept, the likeliest first", "their mean return"},
                   curves);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
