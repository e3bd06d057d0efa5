#include "mbrl/planning/registry/budget.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

constexpr int kFewestElites = 5, kCandidatesPerElite = 4;

// A third of the candidates where they are too few for more.
int elites_of(int population) {
  return std::max(population / 10, std::clamp(population / 3, 1, kFewestElites));
}

// Shares the candidates out to at most `iterations` iterations of at least `fewest`.
void share_out(int candidates, int fewest, int& population, int& iterations) {
  iterations = std::clamp(candidates / fewest, 1, iterations);
  population = std::max(1, candidates / iterations);
}

ICemSettings share_out(ICemSettings s, int rollouts, int fewest) {
  const int most = s.iterations;
  for (s.iterations = most;; --s.iterations) {
    // The largest population that the budget has room for: costs grow with it.
    int low = 1, high = rollouts;
    while (high - low > 1) {
      s.population = low + (high - low) / 2;
      s.elites = elites_of(s.population);
      (most_rollouts(s) <= rollouts ? low : high) = s.population;
    }
    s.population = low;
    s.elites = elites_of(low);
    if (s.iterations == 1 || s.population >= fewest) return s;
  }
}

}  // namespace

int most_rollouts(const ICemSettings& s) {
  double total = 2;  // the mean in the last iteration, and the plan
  for (int i = 0; i < s.iterations; ++i)
    total += std::max(std::round(s.population * std::pow(s.decay, -i)),
                      static_cast<double>(std::min(2 * s.elites, s.population))) +
             std::round(s.keep_fraction * s.elites);
  return total < 1e9 ? static_cast<int>(total) : 1000000000;
}

PlannerSettings within_budget(const PlannerSettings& settings, int rollouts,
                              const std::vector<std::string>& keep_iterations) {
  require(rollouts >= 2, "planners: a budget of ", rollouts, " rollouts per plan, expected at least 2");
  PlannerSettings s = settings;
  const std::pair<const char*, int> positive[] = {{"cem.iterations", s.cem.iterations},
                                                  {"icem.iterations", s.icem.iterations},
                                                  {"mppi.iterations", s.mppi.iterations},
                                                  {"pddm.iterations", s.pddm.iterations},
                                                  {"cmaes.iterations", s.cmaes.iterations},
                                                  {"mcts.iterations", s.mcts.iterations},
                                                  {"mcts.trees", s.mcts.trees}};
  for (const auto& [name, value] : positive)
    require(value >= 1, name, " is ", value, ", expected at least 1");
  const int candidates = rollouts - 1;
  s.rs.population = candidates;
  const auto fewest = [&](const char* planner, int number) {
    const bool keep =
        std::find(keep_iterations.begin(), keep_iterations.end(), planner) != keep_iterations.end();
    return keep ? 1 : number;
  };
  constexpr int kFewest = kCandidatesPerElite * kFewestElites;
  share_out(candidates, fewest("cem", kFewest), s.cem.population, s.cem.iterations);
  s.cem.elites = elites_of(s.cem.population);
  s.icem = share_out(s.icem, rollouts, fewest("icem", kFewest));
  share_out(candidates, fewest("mppi", 16), s.mppi.population, s.mppi.iterations);
  share_out(candidates, fewest("pddm", 16), s.pddm.population, s.pddm.iterations);
  share_out(candidates, fewest("cmaes", 12), s.cmaes.population, s.cmaes.iterations);
  s.cmaes.population = std::max(2, s.cmaes.population);
  s.mcts.trees = std::min(s.mcts.trees, candidates);
  s.mcts.iterations = candidates / s.mcts.trees;
  return s;
}

}  // namespace mbrl
