// Which settings a run may be taken up again with: those it had, but for its budget and its evaluations.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/settings.hpp"
#include "mbrl/run/checkpoint.hpp"
#include "mbrl/run/configuration.hpp"

namespace mbrl {

/// Budget of a run: environment steps or, where that is 0, rounds (0 there too: the algorithm knows no
/// rounds).
struct RunBudget {
  std::int64_t steps = 0, rounds = 0;
  bool operator==(const RunBudget&) const = default;
};

/// Keys that tell neither what is learned nor how: the evaluations'.
inline bool is_evaluation_key(const std::string& key) { return key.starts_with("eval."); }

/// Throws mbrl::Error, naming the setting, where `wanted` differs from `stored` in more than the keys of the
/// budget and the evaluations.
inline void require_resumable(const RunConfiguration& stored, const RunConfiguration& wanted,
                              const std::vector<std::string>& budget_keys, const RunFolder& folder) {
  const auto kept = list_keys(stored), given = list_keys(wanted);
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const bool may_change =
        is_evaluation_key(kept[i].key) ||
        std::find(budget_keys.begin(), budget_keys.end(), kept[i].key) != budget_keys.end();
    require(may_change || (given[i].key == kept[i].key && given[i].value == kept[i].value),
            "--resume: ", kept[i].key, " is ", kept[i].value, " in ", folder.path().string(), ", but ",
            given[i].value,
            " was given; a resumed run keeps its settings (only the budget and eval.* may change)");
  }
}

/// Throws mbrl::Error where a budget is less than what is done already; `round_name`: e.g. "trial".
inline void require_not_spent(const RunBudget& budget, const RunPosition& done, const std::string& round_name,
                              const RunFolder& folder) {
  const std::string where = folder.path().string();
  if (budget.steps > 0) {
    require(budget.steps >= done.steps, "--resume: the budget is ", budget.steps, " steps, but ", done.steps,
            " are done in ", where);
    return;
  }
  if (budget.rounds == 0) return;
  const std::int64_t begun = done.round_begun ? 1 : 0;
  require(budget.rounds >= done.rounds + begun, "--resume: the budget is ", budget.rounds, " ", round_name,
          "s, but ", done.rounds, " are done", begun != 0 ? " and another is under way" : "", " in ", where,
          "; expected at least ", done.rounds + begun);
}

}  // namespace mbrl
