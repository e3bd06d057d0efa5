// Settings of the sampling planners, apart from the planners themselves: what a program that makes its
// planner by name has to compile.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

namespace mbrl {

/// What follows the shifted plan at its end.
enum class WarmStartPad : int {
  kZero = 0,    // no action (PETS); mid-range where 0 is not inside the bounds
  kMid = 1,     // the middle of the action range
  kRepeat = 2,  // the last action again (iCEM)
};

constexpr auto enum_names(WarmStartPad) {
  return std::array{std::pair{WarmStartPad::kZero, "zero"}, std::pair{WarmStartPad::kMid, "mid"},
                    std::pair{WarmStartPad::kRepeat, "repeat"}};
}

/// Random shooting: random_shooting.hpp.
struct RandomShootingSettings {
  int population = 2500;  // action sequences tried

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "action sequences tried");
  }
};

/// Candidates that are interpolated between knots: spline_cem.hpp.
struct SplineSettings {
  int knots = 0;     // numbers an action's change over the horizon is drawn by; 0: one a step, as PETS
  double std = 0.4;  // of the knots in a plan's first iteration, in half action ranges
  int keep = 3;      // best candidates of an iteration that compete in the next

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("knots", s.knots,
          "numbers an action's change over the horizon is drawn by, linear in between; 0: one a step");
    field("std", s.std, "standard deviation of the knots in a plan's first iteration, in half action ranges");
    field("keep", s.keep, "best candidates of an iteration that compete in the next");
  }
};

/// The cross-entropy method: cem.hpp. Defaults: PETS on HalfCheetah.
struct CemSettings {
  int population = 500;   // candidates an iteration
  int elites = 50;        // best candidates that the distribution is fitted to
  int iterations = 5;     // at most
  double alpha = 0.1;     // share of the old mean and variance that is kept
  double epsilon = 1e-3;  // no further iteration once the largest variance is below (half action ranges^2)
  WarmStartPad pad = WarmStartPad::kZero;  // what the shifted plan ends with
  SplineSettings spline = {};              // where it has knots: SplineCem

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "candidates an iteration");
    field("elites", s.elites, "best candidates that the distribution is fitted to");
    field("iterations", s.iterations, "iterations at most");
    field("alpha", s.alpha, "share of the old mean and variance that is kept");
    field("epsilon", s.epsilon,
          "no further iteration once the largest variance is below, in half action ranges squared");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
    field("spline", s.spline, "candidates that are interpolated between knots");
  }
};

/// Races of candidates over particles: racing.hpp.
struct RacingSettings {
  bool on = true;           // evaluate particles in stages and drop candidates in between
  int first_particles = 5;  // particles of the first stage (one a member for TSinf); every stage doubles them
  double confidence = 2.0;  // standard errors by which a candidate must miss the elites to be dropped

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("on", s.on, "evaluate particles in stages and drop candidates in between");
    field("first_particles", s.first_particles, "particles of the first stage; every stage doubles them");
    field("confidence", s.confidence,
          "standard errors by which a candidate must miss the elites to be dropped");
  }
};

/// Which sequence becomes the plan.
enum class Execute : int {
  kMean = 0,  // the final mean: averages out what single samples owe to errors of the model
  kBest = 1,  // the best sample of the last iteration (the paper)
};

constexpr auto enum_names(Execute) {
  return std::array{std::pair{Execute::kMean, "mean"}, std::pair{Execute::kBest, "best"}};
}

/// The improved cross-entropy method: icem.hpp.
struct ICemSettings {
  int population = 128;              // candidates of the first iteration
  int elites = 12;                   // best candidates that the distribution is fitted to
  int iterations = 4;                // at most
  double alpha = 0.1;                // share of the old mean and standard deviation that is kept
  double initial_std = 0.5;          // of every plan, in half action ranges
  double decay = 1.25;               // every iteration has this factor fewer candidates; 1: equally many
  double noise_beta = 0.25;          // power of the noise falls as f^-beta; 0: white
  double keep_fraction = 0.3;        // share of the elites that is kept
  bool keep_elites = true;           // kept elites compete again in the next iteration
  bool shift_elites = true;          // kept elites, shifted, compete again in the next plan
  bool add_mean = true;              // the mean competes in the last iteration, of plans that get there
  Execute execute = Execute::kMean;  // which sequence becomes the plan
  double stop_std = 0.05;  // no further iteration once the standard deviation (root mean square over
                           // the plan, in half action ranges) is below; 0: never stop early
  WarmStartPad pad = WarmStartPad::kRepeat;  // what the shifted mean ends with
  RacingSettings racing = {};                // where the evaluator has several particles a candidate

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "candidates of the first iteration");
    field("elites", s.elites, "best candidates that the distribution is fitted to");
    field("iterations", s.iterations, "iterations at most");
    field("alpha", s.alpha, "share of the old mean and standard deviation that is kept");
    field("initial_std", s.initial_std,
          "standard deviation at the start of every plan, in half action ranges");
    field("decay", s.decay, "every iteration has this factor fewer candidates; 1: equally many");
    field("noise_beta", s.noise_beta, "power of the noise falls as f^-beta; 0: white noise");
    field("keep_fraction", s.keep_fraction, "share of the elites that is kept");
    field("keep_elites", s.keep_elites, "kept elites compete again in the next iteration");
    field("shift_elites", s.shift_elites, "kept elites, shifted, compete again in the next plan");
    field("add_mean", s.add_mean, "the mean competes in the last iteration, of plans that get there");
    field("execute", s.execute, "which sequence becomes the plan: mean or best");
    field("stop_std", s.stop_std, "stop below this standard deviation, in half action ranges; 0: never");
    field("pad", s.pad, "what the shifted mean ends with: zero, mid or repeat");
    field("racing", s.racing, "racing of candidates over particles");
  }
};

/// Model-predictive path integral control: mppi.hpp.
struct MppiSettings {
  int population = 256;              // candidates an iteration
  int iterations = 4;                // as the paper: 1
  double temperature = 0.1;          // lambda: the lower, the more the best candidates count
  bool relative_temperature = true;  // its unit is best minus median return; false: return (the paper)
  double noise_std = 0.5;            // standard deviation of the noise, in half action ranges
  std::vector<double> noise_covariance =
      {};                    // action_dim^2 numbers in half action ranges squared, in place of noise_std
  double noise_decay = 0.7;  // every iteration's noise is this factor smaller; 1: always the same
  double control_cost =
      0;  // gamma: price of leaving the noise's own distribution; the paper: lambda (1 - alpha)
  WarmStartPad pad = WarmStartPad::kRepeat;  // what the shifted plan ends with

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "candidates an iteration");
    field("iterations", s.iterations, "iterations");
    field("temperature", s.temperature, "the lower, the more the best candidates count");
    field("relative_temperature", s.relative_temperature,
          "the temperature's unit is best minus median return; false: return");
    field("noise_std", s.noise_std, "standard deviation of the noise, in half action ranges");
    field(
        "noise_covariance", s.noise_covariance,
        "action_dim x action_dim numbers in half action ranges squared, in place of noise_std; empty: none");
    field("noise_decay", s.noise_decay, "every iteration's noise is this factor smaller; 1: always the same");
    field("control_cost", s.control_cost, "price of leaving the distribution of the noise around mid-range");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
  }
};

/// What is smoothed over time.
enum class PddmFilter : int {
  kActions = 0,  // mean plus noise, starting from the last executed action (the authors' code)
  kNoise = 1,    // the noise alone, starting from 0 (the paper)
};

constexpr auto enum_names(PddmFilter) {
  return std::array{std::pair{PddmFilter::kActions, "actions"}, std::pair{PddmFilter::kNoise, "noise"}};
}

/// Filtered reward-weighted refinement: pddm.hpp.
struct PddmSettings {
  int population = 700;                      // candidates an iteration
  int iterations = 1;                        // refinements of the mean a plan
  double kappa = 10;                         // the higher, the more the best candidates count
  bool relative_kappa = true;                // its unit is 1 / (best minus median return); false: 1 / return
  double sigma = 0.9;                        // standard deviation of the noise, in half action ranges
  double beta = 0.7;                         // share of the new in every step of the filter; 1: no smoothing
  PddmFilter filter = PddmFilter::kActions;  // what is smoothed
  WarmStartPad pad = WarmStartPad::kRepeat;  // what the shifted plan ends with

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "candidates an iteration");
    field("iterations", s.iterations, "refinements of the mean a plan");
    field("kappa", s.kappa, "the higher, the more the best candidates count");
    field("relative_kappa", s.relative_kappa,
          "kappa's unit is 1 / (best minus median return); false: 1 / return");
    field("sigma", s.sigma, "standard deviation of the noise, in half action ranges");
    field("beta", s.beta, "share of the new in every step of the filter; 1: no smoothing");
    field("filter", s.filter, "what is smoothed: actions or noise");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
  }
};

/// Covariance matrix adaptation: cma_es_planner.hpp.
struct CmaEsPlannerSettings {
  int population = 64;     // candidates a generation; 0: 4 + floor(3 ln n), n = horizon * action_dim
  int iterations = 8;      // generations at most
  double sigma = 0.5;      // of every plan's first generation, in half action ranges
  bool separable = true;   // learn variances only: a plan has too few generations to learn n^2 covariances
  double stop_std = 0.02;  // no further generation once the standard deviation (root mean square over the
                           // plan, in half action ranges) is below; 0: never stop early
  WarmStartPad pad = WarmStartPad::kRepeat;  // what the shifted plan ends with

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population,
          "candidates a generation; 0: 4 + floor(3 ln n), n = horizon x action_dim");
    field("iterations", s.iterations, "generations at most");
    field("sigma", s.sigma, "standard deviation at the start of every plan, in half action ranges");
    field("separable", s.separable, "learn variances only, no correlations");
    field("stop_std", s.stop_std, "stop below this standard deviation, in half action ranges; 0: never");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
  }
};

/// Monte-Carlo tree search: mcts.hpp.
struct MctsSettings {
  int trees = 4;         // searched side by side, each with random numbers of its own
  int iterations = 500;  // simulations of each tree a plan
  int actions = 0;       // values of every action entry that are tried, evenly from bound to bound; 0: any,
                         // ever more of them (progressive widening); choices are all tried
  double exploration = 1.4;  // 2 C_p (the paper: sqrt 2): the higher, the more is tried that looks worse
  bool relative_exploration = true;  // its unit is best minus worst return through the node; false: return
  double widening = 1;               // C: of any actions a node has tried at most C N^alpha after N visits
  double widening_power = 0.5;       // alpha
  int hold = 1;                      // control steps that an action is held
  bool reuse = true;                 // the part of the tree below what was executed is kept for the next plan
  WarmStartPad pad = WarmStartPad::kRepeat;  // what the shifted plan ends with

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("trees", s.trees, "trees searched side by side");
    field("iterations", s.iterations, "simulations of each tree a plan");
    field(
        "actions", s.actions,
        "values of every action entry that are tried, evenly from bound to bound; 0: any, ever more of them");
    field("exploration", s.exploration, "the higher, the more is tried that looks worse");
    field("relative_exploration", s.relative_exploration,
          "exploration's unit is best minus worst return through the node; false: return");
    field("widening", s.widening, "of any actions a node has tried at most this times a power of its visits");
    field("widening_power", s.widening_power, "that power");
    field("hold", s.hold, "control steps that an action is held");
    field("reuse", s.reuse, "what lies below the executed action in the trees is kept for the next plan");
    field("pad", s.pad, "what the shifted plan ends with: zero, mid or repeat");
  }
};

/// Which planner, and the settings of each.
struct PlannerSettings {
  std::string name = "icem";        // rs, cem, icem, mppi, pddm, cmaes, mcts
  RandomShootingSettings rs = {};   // random shooting
  CemSettings cem = {};             // the cross-entropy method of PETS
  ICemSettings icem = {};           // the frugal planner
  MppiSettings mppi = {};           // model-predictive path integral control
  PddmSettings pddm = {};           // smooth candidates weighted by their returns
  CmaEsPlannerSettings cmaes = {};  // covariance matrix adaptation
  MctsSettings mcts = {};           // Monte-Carlo tree search

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("name", s.name, "planner: rs, cem, icem, mppi, pddm, cmaes or mcts");
    field("rs", s.rs, "random shooting");
    field("cem", s.cem, "the cross-entropy method of PETS");
    field("icem", s.icem, "the frugal planner");
    field("mppi", s.mppi, "model-predictive path integral control");
    field("pddm", s.pddm, "smooth candidates weighted by their returns");
    field("cmaes", s.cmaes, "covariance matrix adaptation");
    field("mcts", s.mcts, "Monte-Carlo tree search");
  }
};

}  // namespace mbrl
