// What a run has learned, for planners: what states are worth beyond the horizon, and what its policy would do.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/algorithms/capabilities.hpp"
#include "mbrl/algorithms/load_run.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/task/task_functions.hpp"

namespace mbrl::cli {

// Action sequences that the policy proposes for each plan, and rollouts that this adds to it: theirs and one of the plan.
inline constexpr int kProposals = 8, kProposalRollouts = kProposals + 1;

class LearnedTerminal {
 public:
  // Throws unless the folder is that of a run in this environment with critics and a policy.
  LearnedTerminal(const std::string& folder, const std::string& environment);

  double discount() const { return owner_->discount(); }
  TerminalValueFunction<double> value() const;
  // What the policy does from a state with this observation on, a column a sequence: its mode in the first, draws that
  // are functions of (seed, t, column) in the others.
  void propose(AnyEnvironment& simulator, const Vecd& state, const Vecd& obs, std::uint64_t seed, int t,
               BatchRef<double> sequences) const;

 private:
  LoadedRun run_;
  const ValueOwner* owner_ = nullptr;
  LearnedPolicy policy_;
};

}  // namespace mbrl::cli
