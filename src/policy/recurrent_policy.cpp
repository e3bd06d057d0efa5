#include "mbrl/policy/recurrent_policy.hpp"

#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

RecurrentPolicy::RecurrentPolicy(int obs_dim, const ActionBounds& bounds,
                                 const RecurrentPolicySettings& settings, std::uint64_t seed,
                                 std::uint32_t index)
    : obs_dim_(obs_dim),
      gru_(obs_dim + static_cast<int>(bounds.dim()), settings.units, seed, index + 1),
      head_(obs_dim + settings.units, bounds, {.network = settings.network}, seed, index) {}

void RecurrentPolicy::observe(const char* where, const ConstBatchRef<float>& obs,
                              const BatchRef<float>& memory, Workspace& w) const {
  require_dim(where, "obs", obs.rows(), obs_dim_);
  require_dim(where, "memory", memory.rows(), memory_dim());
  require_dim(where, "memory's batch", memory.cols(), obs.cols());
  const Index n = obs.cols();
  w.input.resize(gru_.in(), n);
  w.input.topRows(obs_dim_) = obs;
  w.input.bottomRows(action_dim()) = memory.bottomRows(action_dim());
  w.state = memory.topRows(gru_.units());
  w.step.forward(gru_, w.input, w.state);
  w.joint.resize(head_.obs_dim(), n);
  w.joint.topRows(obs_dim_) = obs;
  w.joint.bottomRows(gru_.units()) = w.state;
  w.none.resize(0, n);
}

void RecurrentPolicy::remember(BatchRef<float>& memory, const BatchRef<float>& action,
                               const Workspace& w) const {
  memory.topRows(gru_.units()) = w.state;
  scale_action(action, memory.bottomRows(action_dim()));
}

void RecurrentPolicy::scale_action(ConstBatchRef<float> action, BatchRef<float> out) const {
  for (Index i = 0; i < action.rows(); ++i) {
    const auto k = static_cast<std::size_t>(i);
    out.row(i) = (action.row(i).array() - head_.mid()[k]) / head_.half()[k];
  }
}

void RecurrentPolicy::act(ConstBatchRef<float> obs, BatchRef<float> memory, const PolicyKey& key,
                          BatchRef<float> action, Workspace& w) const {
  observe("RecurrentPolicy::act", obs, memory, w);
  head_.act(w.joint, w.none, key, action, w.head);
  remember(memory, action, w);
}

void RecurrentPolicy::mode(ConstBatchRef<float> obs, BatchRef<float> memory, BatchRef<float> action,
                           Workspace& w) const {
  observe("RecurrentPolicy::mode", obs, memory, w);
  head_.mode(w.joint, w.none, action, w.head);
  remember(memory, action, w);
}

void RecurrentPolicy::log_probability(ConstBatchRef<float> obs, BatchRef<float> memory,
                                      ConstBatchRef<float> action, VecRef<float> out, Workspace& w) const {
  observe("RecurrentPolicy::log_probability", obs, memory, w);
  head_.log_probability(w.joint, w.none, action, out, w.head);
}

void RecurrentPolicy::save(StateDict& out, const std::string& prefix) const {
  gru_.save(out, prefix + "gru.");
  head_.save(out, prefix + "head.");
}

void RecurrentPolicy::load(const StateDict& in, const std::string& prefix) {
  RecurrentPolicy fresh = *this;
  fresh.gru_.load(in, prefix + "gru.");
  fresh.head_.load(in, prefix + "head.");
  *this = std::move(fresh);
}

}  // namespace mbrl
