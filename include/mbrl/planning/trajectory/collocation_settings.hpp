// What direct collocation is told and reports: method, meshes, limits, how a solve ended.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/math/augmented_lagrangian.hpp"

namespace mbrl {

enum class Transcription : int {
  kTrapezoid = 0,       // actions linear in a segment, states quadratic: second order
  kHermiteSimpson = 1,  // actions quadratic in a segment, states cubic: fourth order
};

constexpr auto enum_names(Transcription) {
  return std::array{std::pair{Transcription::kTrapezoid, "trapezoid"},
                    std::pair{Transcription::kHermiteSimpson, "hermite_simpson"}};
}

struct CollocationSettings {
  Transcription method = Transcription::kHermiteSimpson;
  int segments = 50;              // of the first mesh, equally long
  int refinements = 0;            // meshes made anew where the error is above its tolerance, at most
  double error_tolerance = 1e-6;  // of a segment: the integral of |dx/dt - f| over it, largest entry
  int max_split = 5;              // parts that one refinement makes of a segment, at most
  double cost_step = 0;           // s: the t of costs and constraints counts these; 0: t is always 0
  AugmentedLagrangianSettings solver = {};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("method", s.method, "trapezoid or hermite_simpson");
    field("segments", s.segments, "segments of the first mesh, equally long");
    field("refinements", s.refinements, "meshes made anew, at most");
    field("error_tolerance", s.error_tolerance, "error of a segment above which it is split");
    field("max_split", s.max_split, "parts that one refinement makes of a segment, at most");
    field("cost_step", s.cost_step, "control step (s) that costs and constraints count; 0: they do not");
    field("solver", s.solver, "the nonlinear programme's solver");
  }

  /// Throws mbrl::Error unless every value makes sense.
  void validate() const {
    require(segments >= 1, "collocation: segments is ", segments, ", expected at least 1");
    require(refinements >= 0, "collocation: refinements is ", refinements, ", expected 0 or more");
    require(error_tolerance > 0, "collocation: error_tolerance is ", error_tolerance,
            ", expected more than 0");
    require(max_split >= 2, "collocation: max_split is ", max_split, ", expected at least 2");
    require(cost_step >= 0, "collocation: cost_step is ", cost_step, ", expected 0 or more");
  }
};

/// Where states and actions may be, at every collocation point, and where the state must end. Empty: anywhere.
/// Equal limits fix an entry, infinite ones leave it free.
struct CollocationLimits {
  std::vector<double> state_low, state_high, action_low, action_high, final_low, final_high;

  /// Throws mbrl::Error unless they are empty or of that many entries, low <= high.
  void validate(int obs_dim, int action_dim) const {
    check("state", state_low, state_high, obs_dim);
    check("action", action_low, action_high, action_dim);
    check("final state", final_low, final_high, obs_dim);
  }

 private:
  static void check(const char* what, const std::vector<double>& low, const std::vector<double>& high,
                    int dim) {
    require(low.size() == high.size(), "collocation: ", low.size(), " lower limits of the ", what, ", but ",
            high.size(), " upper ones");
    if (low.empty()) return;
    require_dim("collocation", std::string("the limit of the ") + what, low.size(), dim);
    for (std::size_t i = 0; i < low.size(); ++i)
      require(low[i] <= high[i], "collocation: entry ", i, " of the ", what, " has the limits ", low[i],
              " and ", high[i], ", expected low <= high");
  }
};

struct CollocationReport {
  ProgramStatus status = ProgramStatus::kIterationLimit;  // of the last mesh
  double cost = 0;
  double defect = 0;      // largest entry of what the collocation equations leave
  double violation = 0;   // the same, constraints included
  double optimality = 0;  // see AugmentedLagrangianSettings
  double error = 0;       // largest of the segments, as in the settings
  int segments = 0;       // of the last mesh
  int refinements = 0;
  int newton_steps = 0, factorizations = 0;  // of all meshes
  std::vector<OuterIteration> trace;         // of the last mesh
};

}  // namespace mbrl
