#include "plan_terminal.hpp"

#include <type_traits>
#include <variant>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "registries.hpp"

namespace mbrl::cli {

LearnedTerminal::LearnedTerminal(const std::string& folder, const std::string& environment)
    : run_(load_run(folder, registries(), {.threads = 1})) {
  require(run_.configuration.environment == environment, "--terminal ", folder, " is a run in ",
          run_.configuration.environment, ", expected one in ", environment);
  owner_ = run_.algorithm.find<ValueOwner>();
  const auto* policy = run_.algorithm.find<PolicyOwner>();
  require(owner_ != nullptr && policy != nullptr, "--terminal ", folder, " is a run of ",
          run_.configuration.algorithm,
          ", expected one with critics of states and actions: sac, td3, ddpg, mve or steve");
  policy_ = policy->policy();
}

TerminalValueFunction<double> LearnedTerminal::value() const {
  return [value = owner_->value()](ConstBatchRef<double> obs, int t, VecRef<double> out) {
    Vecf single(out.size());
    value(obs.cast<float>(), t, single);
    out = single.cast<double>();
  };
}

void LearnedTerminal::propose(AnyEnvironment& simulator, const Vecd& state, const Vecd& obs,
                              std::uint64_t seed, int t, BatchRef<double> sequences) const {
  const Index actions = simulator.action_dim(), horizon = sequences.rows() / actions;
  const auto act = [&](const auto* policy) {
    typename std::remove_cvref_t<decltype(*policy)>::Workspace workspace;
    Batchf seen(obs.size(), 1), action(actions, 1), memory(0, 1);
    Vecd next = obs;
    for (Index k = 0; k < sequences.cols(); ++k) {
      simulator.load_state({state.data(), static_cast<std::size_t>(state.size())});
      seen.col(0) = obs.cast<float>();
      bool over = false;
      for (Index h = 0; h < horizon; ++h) {
        auto chosen = sequences.col(k).segment(h * actions, actions);
        if (!over) {
          const PolicyKey key{RandomStream(seed + static_cast<std::uint64_t>(k), Stream::kPolicy).key(),
                              static_cast<std::uint32_t>(t + h),
                              {}};
          if (k == 0)
            policy->mode(seen, memory, action, workspace);
          else
            policy->act(seen, memory, key, action, workspace);
        }
        chosen = action.col(0).cast<double>();  // after an end, anything
        if (over) continue;
        const SimulatorStep step = simulator.advance(chosen);
        over = step.terminated || step.broken;
        simulator.observe(next);
        seen.col(0) = next.cast<float>();
      }
    }
  };
  std::visit(act, policy_);
}

}  // namespace mbrl::cli
