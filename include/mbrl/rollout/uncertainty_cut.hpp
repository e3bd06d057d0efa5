// Imagined trajectories end where the model does not trust itself any more. Frauenknecht, Eisele, Subhasish, Solowjow,
// Trimpe, "Trust the model where it trusts itself: model-based actor-critic with uncertainty-aware rollout adaption"
// (MACURA), ICML 2024, section 5 and algorithm 2.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/rollout/imagination.hpp"

namespace mbrl {

struct UncertaintyCutSettings {
  bool enabled = false;
  double quantile = 0.95;  // zeta: of the uncertainties of first steps, which begin where the data are
  double factor = 1;       // xi

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("enabled", s.enabled, "end imagined trajectories where the ensemble's networks diverge (MACURA)");
    field("quantile", s.quantile, "of the divergences in first steps: what is trusted");
    field("factor", s.factor, "times the mean of that quantile over the rounds is the threshold");
  }

  /// Throws mbrl::Error, which begins with `where`, for numbers that make no sense.
  void validate(const char* where) const {
    require(quantile >= 0 && quantile <= 1, where, ": uncertainty_cut.quantile is ", quantile,
            ", expected 0 to 1");
    require(factor > 0 && std::isfinite(factor), where, ": uncertainty_cut.factor is ", factor,
            ", expected a finite number above 0");
  }
};

/// kappa = xi times the mean over the rounds of the zeta-quantile of the round's uncertainties in first steps.
class UncertaintyThreshold {
 public:
  explicit UncertaintyThreshold(const UncertaintyCutSettings& settings) : settings_(settings) {}

  /// Another round; one without a sound step does not count. The quantile lies between the two nearest numbers.
  /// Throws mbrl::Error where no uncertainty was measured.
  void add(const Trajectories& paths);
  /// NaN before the first round.
  double value() const {
    return rounds_ > 0 ? settings_.factor * sum_ / static_cast<double>(rounds_)
                       : std::numeric_limits<double>::quiet_NaN();
  }

  void save(StateDict& out, const std::string& name) const;
  void load(const StateDict& in, const std::string& name);

 private:
  UncertaintyCutSettings settings_;
  double sum_ = 0;  // of the quantiles
  std::int64_t rounds_ = 0;
};

/// Ends every trajectory before its first step whose uncertainty is not below the threshold, be it the first step of all.
/// Throws mbrl::Error where no uncertainty was measured.
void cut_where_uncertain(Trajectories& paths, double threshold);

}  // namespace mbrl
