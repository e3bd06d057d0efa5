// A dynamics model made wrong on purpose: delayed, scaled and biased actions, noise on the state. Plan with
// the model, act on the wrong one: how robust is the plan?
#pragma once

#include <cmath>
#include <cstdint>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/differentiable_model.hpp"

namespace mbrl {

struct ModelErrorSettings {
  int action_delay = 0;    // control steps until an action acts; before the first one, zero does
  Vecd action_scale{};     // the action that acts is scale * action + bias; one a entry, one for all, or
  Vecd action_bias{};      // empty: 1 and 0
  Vecd process_noise{};    // standard deviation of what is added to the next state; sizes likewise
  std::uint64_t seed = 0;  // of the noise
};

/// The DynamicsModel
///   x' = f(x, scale * u_{t-k} + bias) + sigma * z
/// around any other. With a delay of k steps the actions on their way are part of the state, [x; u_{t-k}; ...;
/// u_{t-1}]: `delayed(x)` is a state without any, its first nx entries are x. Noise is a function of (seed,
/// Workspace::run, Workspace::step, column, entry), so that runs can be repeated; `step` counts up with every
/// call. Where f is differentiable, so is this; Jacobians are those of the step without its noise. A wrong
/// parameter needs no wrapper: it is another f, such as AnalyticModel of a heavier pole or
/// mujoco::Model::changed.
template <DynamicsModel Model>
class ModelError {
 public:
  using Scalar = typename Model::Scalar;

  struct Workspace {
    std::uint32_t run = 0, step = 0;
    Batch<Scalar> action, jacobian;
    typename Model::Workspace model;
  };

  explicit ModelError(Model model, const ModelErrorSettings& settings = {})
      : model_(std::move(model)),
        nx_(static_cast<Index>(model_.obs_dim())),
        nu_(static_cast<Index>(model_.action_dim())),
        delay_(settings.action_delay),
        scale_(filled("action_scale", settings.action_scale, nu_, 1.0)),
        bias_(filled("action_bias", settings.action_bias, nu_, 0.0)),
        noise_(filled("process_noise", settings.process_noise, nx_, 0.0)),
        random_(settings.seed, Stream::kEnvironment) {
    require(delay_ >= 0, "ModelError: action_delay is ", delay_, ", expected 0 or more");
    require((noise_.array() >= Scalar(0)).all(), "ModelError: process_noise holds a negative number");
  }

  int obs_dim() const { return static_cast<int>(nx_ + delay_ * nu_); }
  int action_dim() const { return static_cast<int>(nu_); }
  const Model& model() const { return model_; }

  /// The state x with no action on its way.
  Vec<Scalar> delayed(ConstVecRef<Scalar> x) const {
    require_dim("ModelError::delayed", "x", x.size(), nx_);
    Vec<Scalar> out = Vec<Scalar>::Zero(obs_dim());
    out.head(nx_) = x;
    return out;
  }

  void step(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> next_obs,
            Workspace& w) const {
    check(obs, action);
    acting(obs, action, w);
    model_.step(obs.topRows(nx_), w.action, next_obs.topRows(nx_), w.model);
    if (delay_ > 0) {
      next_obs.middleRows(nx_, (delay_ - 1) * nu_) = obs.bottomRows((delay_ - 1) * nu_);
      next_obs.bottomRows(nu_) = action;
    }
    if ((noise_.array() > Scalar(0)).any())
      for (Index t = 0; t < obs.cols(); ++t)
        for (Index i = 0; i < nx_; ++i)
          next_obs(i, t) +=
              noise_(i) * static_cast<Scalar>(random_.normal(w.run, w.step, static_cast<std::uint32_t>(t),
                                                             static_cast<std::uint32_t>(i)));
    ++w.step;
  }

  void linearize(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> jacobian,
                 Workspace& w) const
    requires DifferentiableModel<Model>
  {
    check(obs, action);
    const Index n = obs.cols(), inner = nx_ + nu_, nz = obs_dim() + nu_;
    require_dim("ModelError::linearize", "jacobian", jacobian.rows(), obs_dim());
    require_dim("ModelError::linearize", "jacobian's columns", jacobian.cols(), n * nz);
    acting(obs, action, w);
    w.jacobian.resize(nx_, n * inner);
    model_.linearize(obs.topRows(nx_), w.action, w.jacobian, w.model);
    jacobian.setZero();
    for (Index t = 0; t < n; ++t) {
      auto block = jacobian.middleCols(t * nz, nz);
      block.topLeftCorner(nx_, nx_) = w.jacobian.middleCols(t * inner, nx_);
      // The oldest action on its way acts; it stands behind x, where without a delay the action itself
      // stands.
      block.block(0, nx_, nx_, nu_) = w.jacobian.middleCols(t * inner + nx_, nu_) * scale_.asDiagonal();
      block.bottomRightCorner(delay_ * nu_, delay_ * nu_).setIdentity();
    }
  }

 private:
  static Vec<Scalar> filled(const char* name, const Vecd& given, Index size, double otherwise) {
    require(given.size() == 0 || given.size() == 1 || given.size() == size, "ModelError: ", name, " has ",
            given.size(), " entries, expected ", size, ", 1 or none");
    require(given.allFinite(), "ModelError: ", name, " holds a number that is not finite");
    if (given.size() == size) return given.template cast<Scalar>();
    return Vec<Scalar>::Constant(size, static_cast<Scalar>(given.size() == 1 ? given(0) : otherwise));
  }
  void check(const ConstBatchRef<Scalar>& obs, const ConstBatchRef<Scalar>& action) const {
    require_dim("ModelError", "obs", obs.rows(), obs_dim());
    require_dim("ModelError", "action", action.rows(), nu_);
    require_dim("ModelError", "action's columns", action.cols(), obs.cols());
  }
  void acting(const ConstBatchRef<Scalar>& obs, const ConstBatchRef<Scalar>& action, Workspace& w) const {
    w.action.resize(nu_, obs.cols());
    if (delay_ > 0)
      w.action = obs.middleRows(nx_, nu_);
    else
      w.action = action;
    w.action.array().colwise() *= scale_.array();
    w.action.colwise() += bias_;
  }

  Model model_;
  Index nx_, nu_;
  int delay_;
  Vec<Scalar> scale_, bias_, noise_;
  RandomStream random_;
};

}  // namespace mbrl
