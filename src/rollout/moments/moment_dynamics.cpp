#include "mbrl/rollout/moments/moment_dynamics.hpp"

#include <cstddef>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

MomentDynamics::MomentDynamics(KernelMoments targets, const ObsEncoding& encoding)
    : targets_(std::move(targets)), features_(encoding), keep_(encoding.obs_dim()) {
  constexpr const char* kWho = "MomentDynamics";
  require_dim(kWho, "the dynamics' outputs (one an entry of the observation)", targets_.outputs(),
              keep_.size());
  require(action_dim() >= 1, kWho, ": the dynamics take ", targets_.inputs(), " inputs, expected ",
          features_.outputs(), " features and at least one entry of an action");
  for (Index i = 0; i < keep_.size(); ++i) {
    const TargetKind kind = encoding.targets[static_cast<std::size_t>(i)];
    require(kind != TargetKind::kConstant, kWho, ": entry ", i,
            " is held constant by the encoding, expected targets that are changes or next values");
    keep_(i) = kind == TargetKind::kDelta ? 1.0 : 0.0;
  }
}

void MomentDynamics::encode(const GaussianMoments& state, Tape& tape) const {
  tape.state = state;
  features_.forward(state, tape.features, tape.feature_tape);
  tape.feature_adjoint.set_zero(state_dim(), feature_dim());
}

void MomentDynamics::step(Tape& tape, GaussianMoments& next, ThreadPool* pool) const {
  const Index f = feature_dim(), u = action_dim();
  tape.input.mean.resize(f + u);
  tape.input.mean << tape.features.mean, tape.action.mean;
  tape.input.covariance.resize(f + u, f + u);
  tape.cross.noalias() = tape.features.covariance * tape.action.gain;
  tape.input.covariance << tape.features.covariance, tape.cross, tape.cross.transpose(),
      tape.action.covariance;
  targets_.forward(tape.input, tape.target, tape.target_tape, pool);

  tape.input_gain.resize(state_dim(), f + u);
  tape.input_gain.leftCols(f) = tape.features.gain;
  tape.input_gain.rightCols(u).noalias() = tape.features.gain * tape.action.gain;
  tape.slope.noalias() = tape.input_gain * tape.target.gain;
  tape.cross.noalias() = tape.state.covariance * tape.slope;
  tape.cross = keep_.asDiagonal() * tape.cross;
  next.mean = keep_.cwiseProduct(tape.state.mean) + tape.target.mean;
  next.covariance = keep_.asDiagonal() * tape.state.covariance * keep_.asDiagonal();
  next.covariance += tape.target.covariance + tape.cross + tape.cross.transpose();
}

void MomentDynamics::pull_back(const GaussianMoments& by_next, Tape& tape, GaussianMoments& by_state) const {
  const Index f = feature_dim(), u = action_dim();
  // S' = k S k + cov d + k S slope + ...
  by_state.mean = keep_.cwiseProduct(by_next.mean);
  by_state.covariance = keep_.asDiagonal() * by_next.covariance * keep_.asDiagonal();
  tape.covariance_by_next = 2.0 * (keep_.asDiagonal() * by_next.covariance);
  tape.cross.noalias() = tape.covariance_by_next * tape.slope.transpose();
  by_state.covariance += 0.5 * (tape.cross + tape.cross.transpose());
  tape.by_slope.noalias() = tape.state.covariance * tape.covariance_by_next;

  // slope = (F, F A) D
  tape.target_adjoint.mean = by_next.mean;
  tape.target_adjoint.covariance = by_next.covariance;
  tape.target_adjoint.gain.noalias() = tape.input_gain.transpose() * tape.by_slope;
  tape.by_input_gain.noalias() = tape.by_slope * tape.target.gain.transpose();
  targets_.backward(tape.target_adjoint, tape.target_tape, tape.by_input);

  // The input's covariance: that of the features, times A, and the action's.
  const auto by_cross = tape.by_input.covariance.topRightCorner(f, u);
  tape.action_adjoint.mean = tape.by_input.mean.tail(u);
  tape.action_adjoint.covariance = tape.by_input.covariance.bottomRightCorner(u, u);
  tape.action_adjoint.gain = 2.0 * tape.features.covariance * by_cross +
                             tape.features.gain.transpose() * tape.by_input_gain.rightCols(u);
  tape.feature_adjoint.mean += tape.by_input.mean.head(f);
  tape.cross = by_cross * tape.action.gain.transpose();
  tape.feature_adjoint.covariance +=
      tape.by_input.covariance.topLeftCorner(f, f) + tape.cross + tape.cross.transpose();
  tape.feature_adjoint.gain +=
      tape.by_input_gain.leftCols(f) + tape.by_input_gain.rightCols(u) * tape.action.gain.transpose();
}

void MomentDynamics::pull_back_features(const Tape& tape, GaussianMoments& by_state) const {
  features_.backward(tape.feature_adjoint, tape.feature_tape, by_state);
}

}  // namespace mbrl
