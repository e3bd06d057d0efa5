#include "mbrl/policy/linear_gaussian_controller.hpp"

#include <algorithm>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

constexpr const char* kWhere = "LinearGaussianController";

}  // namespace

LinearGaussianController::LinearGaussianController(std::vector<ConditionalGaussian> steps)
    : steps_(std::move(steps)) {
  require(!steps_.empty(), kWhere, ": it has no steps, expected at least one");
  for (const ConditionalGaussian& each : steps_) {
    require_dim(kWhere, "a gain's rows", each.out(), steps_.front().out());
    require_dim(kWhere, "a gain's columns", each.in(), steps_.front().in());
    require_dim(kWhere, "an offset", each.offset.size(), each.out());
    require_dim(kWhere, "a covariance", each.covariance.rows(), each.out());
    require(each.gain.allFinite() && each.offset.allFinite() && each.covariance.allFinite(), kWhere,
            ": a step holds a number that is not finite");
    roots_.push_back(sampling_factor(each.covariance));
  }
}

LinearGaussianController LinearGaussianController::constant(int state_dim, int horizon,
                                                            ConstVecRef<double> action,
                                                            ConstVecRef<double> deviation) {
  require(horizon >= 1 && state_dim >= 1, kWhere, ": a horizon of ", horizon, " and ", state_dim,
          " states, expected at least one of each");
  require_dim(kWhere, "the deviation", deviation.size(), action.size());
  const ConditionalGaussian step{Batchd::Zero(action.size(), state_dim), action,
                                 deviation.array().square().matrix().asDiagonal()};
  return LinearGaussianController(std::vector<ConditionalGaussian>(static_cast<std::size_t>(horizon), step));
}

const ConditionalGaussian& LinearGaussianController::at(int t) const {
  require(t >= 0 && !steps_.empty(), kWhere, ": step ", t, " of ", steps_.size());
  return steps_[std::min(static_cast<std::size_t>(t), steps_.size() - 1)];
}

Vecd LinearGaussianController::act(ConstVecRef<double> state, int t) const {
  const ConditionalGaussian& step = at(t);
  require_dim(kWhere, "the state", state.size(), step.in());
  Vecd action = step.mean(state);
  if (mode_ == ActMode::kMode) return action;
  const RandomStream random(seed_, Stream::kPolicy);
  Vecd z(action.size());
  for (Index i = 0; i < z.size(); ++i)
    z(i) = random.normal(static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i));
  action += roots_[std::min(static_cast<std::size_t>(t), roots_.size() - 1)] * z;
  return action;
}

void LinearGaussianController::save(StateDict& out, const std::string& prefix) const {
  const Index nx = state_dim(), nu = action_dim();
  Batchd all(nu, (nx + 1 + nu) * horizon());
  Index at = 0;
  for (const ConditionalGaussian& each : steps_) {
    all.middleCols(at, nx + 1 + nu) << each.gain, each.offset, each.covariance;
    at += nx + 1 + nu;
  }
  out.put_matrix(prefix + "steps", all);
  out.put_scalar(prefix + "states", static_cast<std::int64_t>(nx));
}

void LinearGaussianController::load(const StateDict& in, const std::string& prefix) {
  const Batchd all = in.get_matrix<double>(prefix + "steps");
  const Index nx = in.get_scalar<std::int64_t>(prefix + "states"), nu = all.rows(), width = nx + 1 + nu;
  require(nx >= 1 && nu >= 1 && all.cols() % width == 0, "checkpoint: '", prefix, "steps' is ", nu, " x ",
          all.cols(), ", which are not steps of ", nx, " states");
  std::vector<ConditionalGaussian> steps;
  for (Index at = 0; at < all.cols(); at += width)
    steps.push_back({all.middleCols(at, nx), all.col(at + nx), all.middleCols(at + nx + 1, nu)});
  *this = LinearGaussianController(std::move(steps));
}

}  // namespace mbrl
