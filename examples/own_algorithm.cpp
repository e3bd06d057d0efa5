// An environment and an algorithm of your own in a program that does everything `mbrl` does: this one file
// gives `train`, killed and resumed, sweeps, `eval`, `plot` and films.
//
//   ./own_algorithm train search --env my/Rail --steps 20000 --eval-every 5000 --out runs/rail
//   ./own_algorithm eval runs/rail --episodes 3
//
// docs/your_own_algorithm.md explains it.
#include <cmath>
#include <limits>

#include "mbrl/cli.hpp"
#include "mbrl/env/analytic_environment.hpp"
#include "mbrl/run/evaluation.hpp"

// A carriage on a rail has to come to rest at x = 1 m. obs (2): x (m), its speed (m/s).
struct Rail {
  mbrl::EnvSpec spec() const {
    mbrl::EnvSpec spec;
    spec.name = "my/Rail";
    spec.source = "examples/own_algorithm.cpp";
    spec.obs_dim = 2;
    spec.action_low = mbrl::Vecd::Constant(1, -1.0);
    spec.action_high = mbrl::Vecd::Constant(1, 1.0);
    spec.max_steps = 100;
    spec.dt = 0.1;
    spec.encoding = mbrl::ObsEncoding::identity(2);
    return spec;
  }
  int state_dim() const { return 2; }
  void draw_start(const mbrl::RandomStream& random, mbrl::Vecd& state) const {
    state(0) = random.uniform(-0.5, 0.5, 0u);
  }
  mbrl::StepOutcome step(mbrl::Vecd& state, mbrl::ConstVecRef<double> action) const {
    state(1) = 0.9 * state(1) + 0.2 * action(0);
    state(0) += 0.1 * state(1);
    return {.reward = -std::abs(state(0) - 1)};
  }
};

// Its settings: listed by --list-settings, set by --set, kept in settings.json.
struct SearchSettings {
  std::int64_t steps = 20000;  // the budget
  double noise = 0.3;          // standard deviation of a candidate's weights around the best ones

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("steps", s.steps, "environment steps");
    field("noise", s.noise, "standard deviation of a candidate's weights around the best ones");
  }
};

// What acts: action = weights (action_dim x (obs_dim + 1)) times (obs, 1).
struct LinearActor {
  mbrl::Batchd weights;
  mbrl::Vecd low, high;
  void begin(std::uint64_t /*seed*/) {}
  mbrl::Vecd act(mbrl::ConstVecRef<double> obs, int /*t*/) const {
    const mbrl::Index n = obs.size();
    const mbrl::Vecd action = weights.leftCols(n) * obs + weights.col(n);
    return action.cwiseMax(low).cwiseMin(high);
  }
};

// Random search: a round tries one candidate near the best weights, and keeps it if its episode is better.
class Search {
 public:
  Search(const SearchSettings& settings, const mbrl::AlgorithmContext& context)
      : settings_(settings), seed_(context.seed), env_(context.make_environment()) {
    best_ = mbrl::Batchd::Zero(env_.spec().action_dim(), env_.spec().obs_dim + 1);
  }

  bool run(mbrl::RunObserver& observer) {
    while (steps_ < settings_.steps) {
      const auto round = static_cast<std::uint32_t>(metrics_.rows());
      // Random numbers are functions of the seed and the round, so a resumed run needs no generator's state.
      const mbrl::RandomStream random(seed_, mbrl::Stream::kUser);
      mbrl::Batchd candidate = best_;
      for (mbrl::Index i = 0; i < candidate.size(); ++i)
        candidate.reshaped()(i) += settings_.noise * random.normal(round, static_cast<std::uint32_t>(i));

      mbrl::AnyActor actor(acting(candidate));
      const auto told = [&](int done, const mbrl::StepResult& step, double total) {
        if (done == 0) return true;  // the start
        observer.on_progress({.phase = mbrl::RunPhase::kActing,
                              .round = static_cast<int>(round) + 1,
                              .done = done,
                              .total = env_.spec().max_steps,
                              .value = total,
                              .steps = steps_ + done,
                              .fault = step.fault});
        return !observer.stop_requested();
      };
      const mbrl::EpisodeResult episode = mbrl::run_episode(env_, actor, seed_, told);
      if (!episode.over) return false;  // stopped: this round is done again when the run goes on

      steps_ += episode.steps;
      if (episode.total > best_return_) {
        best_return_ = episode.total;
        best_ = candidate;
      }
      metrics_.add(
          {{"step", static_cast<double>(steps_)}, {"return", episode.total}, {"size", best_.norm()}});
      observer.on_round(metrics_, {});
      if (!observer.on_safe_point(true)) return false;
    }
    return true;
  }

  const mbrl::MetricTable& metrics() const { return metrics_; }
  mbrl::AnyActor actor() const { return mbrl::AnyActor(acting(best_)); }
  mbrl::AnyEnvironment& environment() { return env_; }

  void save(mbrl::StateDict& out, const std::string& prefix) const {
    out.put_matrix(prefix + "best", best_);
    out.put_scalar(prefix + "best_return", best_return_);
    out.put_scalar(prefix + "steps", steps_);
    metrics_.save(out, prefix + "metrics");
  }
  void load(const mbrl::StateDict& in, const std::string& prefix) {
    best_ = in.get_matrix<double>(prefix + "best");
    best_return_ = in.get_scalar<double>(prefix + "best_return");
    steps_ = in.get_scalar<std::int64_t>(prefix + "steps");
    metrics_.load(in, prefix + "metrics");
  }

 private:
  LinearActor acting(const mbrl::Batchd& weights) const {
    return {weights, env_.spec().action_low, env_.spec().action_high};
  }

  SearchSettings settings_;
  std::uint64_t seed_;
  mbrl::AnyEnvironment env_;
  mbrl::Batchd best_;
  double best_return_ = -std::numeric_limits<double>::infinity();
  std::int64_t steps_ = 0;
  // round, step, return, best_return, and a column of our own with its title on the terminal
  mbrl::MetricTable metrics_ =
      mbrl::MetricTable::with({{.name = "size", .title = "|weights|", .decimals = 2}});
};

int main(int argc, char** argv) {
  mbrl::Registries mine;
  mine.environments.add(Rail().spec(),
                        [] { return mbrl::AnyEnvironment(mbrl::AnalyticEnvironment<Rail>()); });
  mine.algorithms.add<SearchSettings>(
      {.name = "search",
       .summary = "Random search over linear policies.",
       .steps_key = "steps",
       .make = [](const SearchSettings& settings, const mbrl::AlgorithmContext& context) {
         return mbrl::AnyAlgorithm(std::make_unique<Search>(settings, context));
       }});
  return mbrl::cli_main(argc, argv, mine);
}
