#include "mbrl/algorithms/planning/model_report.hpp"

#include "mbrl/core/text.hpp"

namespace mbrl {

RoundReport report_trial(const TrialMetrics& m, const std::vector<PlanOutcome>& outcomes) {
  RoundReport report;
  const auto warn = [&](const auto&... parts) { report.warnings.push_back(detail::concat(parts...)); };
  if (m.plans_unusable > 0)
    warn(fixed(m.plans_unusable, 0), " of ", fixed(m.plans, 0),
         " plans had no usable candidate; their actions were not planned");
  const double stopped = m.out_of_data + m.not_finite;
  if (stopped > 0.3)
    warn(fixed(100 * stopped, 0), " % of the particles were stopped, ", fixed(100 * m.out_of_data, 0),
         " % for leaving the range of the data and ", fixed(100 * m.not_finite, 0),
         " % for numbers that are not finite");
  if (m.held > 0)
    warn("every particle of some plans left the range of the data; ", fixed(100 * m.held, 0),
         " % of all were held at its edge");
  if (m.plans_judged == 0 && m.plans > m.plans_unusable)
    warn("no plan could be judged: the episode ended at its time limit before any horizon");
  RoundTable plans{"plans", {"t", "predicted", "realised", "replayed"}, {}};
  for (const PlanOutcome& o : outcomes)
    plans.rows.push_back({static_cast<double>(o.t), o.predicted, o.realised, o.replayed});
  report.tables.push_back(std::move(plans));
  return report;
}

}  // namespace mbrl
