// Makes any dynamics model differentiable by finite differences, in parallel along the trajectory.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/differentiable_model.hpp"

namespace mbrl {

struct FiniteDifferenceSettings {
  double step = 1e-5;   // relative: entry z is moved by step * max(1, |z|)
  bool central = true;  // (f(z + h) - f(z - h)) / 2h, else (f(z + h) - f(z)) / h at half the cost
  int block = 8;        // columns of the trajectory that one task treats

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("step", s.step, "relative step: entry z is moved by step * max(1, |z|)");
    field("central", s.central, "central differences; else one-sided, at half the cost");
    field("block", s.block, "columns of the trajectory that one task treats");
  }
};

/// A DifferentiableModel: the model it wraps, and Jacobians by differences of its `step`, to which a block's
/// perturbed columns go as one batch. Where the wrapped model is differentiable itself, so is its Jacobian by
/// differences: see HessianByDifferences. The same numbers for any number of threads. The pool, if there is
/// one, must outlive this.
template <DynamicsModel Model>
class FiniteDifferenceModel {
 public:
  using Scalar = typename Model::Scalar;
  static constexpr int kObsDim = kStaticObsDim<Model>;
  static constexpr int kActionDim = kStaticActionDim<Model>;

  /// Scratch memory: a model's workspace and batches for each block that runs at once.
  struct Workspace {
    struct Block {
      Batch<Scalar> obs, action, next;
      typename Model::Workspace model;
    };
    std::vector<std::unique_ptr<Block>> blocks;
    typename Model::Workspace model;
  };

  explicit FiniteDifferenceModel(Model model, const FiniteDifferenceSettings& settings = {},
                                 ThreadPool* pool = nullptr)
      : model_(std::move(model)), settings_(settings), pool_(pool) {
    require(std::isfinite(settings.step) && settings.step > 0, "FiniteDifferenceModel: step is ",
            settings.step, ", expected more than 0");
    require(settings.block >= 1, "FiniteDifferenceModel: block is ", settings.block, ", expected at least 1");
  }

  int obs_dim() const { return static_cast<int>(model_.obs_dim()); }
  int action_dim() const { return static_cast<int>(model_.action_dim()); }
  const Model& model() const { return model_; }

  void step(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> next_obs,
            Workspace& w) const {
    model_.step(obs, action, next_obs, w.model);
  }

  void linearize(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> jacobian,
                 Workspace& w) const {
    constexpr const char* kWhere = "FiniteDifferenceModel::linearize";
    const Index nz = obs_dim() + action_dim();
    require_dim(kWhere, "obs", obs.rows(), obs_dim());
    require_dim(kWhere, "action", action.rows(), action_dim());
    require_dim(kWhere, "action's columns", action.cols(), obs.cols());
    require_dim(kWhere, "jacobian", jacobian.rows(), obs_dim());
    require_dim(kWhere, "jacobian's columns", jacobian.cols(), obs.cols() * nz);
    const auto tasks = static_cast<int>((obs.cols() + settings_.block - 1) / settings_.block);
    while (static_cast<int>(w.blocks.size()) < tasks)
      w.blocks.push_back(std::make_unique<typename Workspace::Block>());
    const auto work = [&](int task) {
      const Index first = static_cast<Index>(task) * settings_.block;
      const Index count = std::min<Index>(settings_.block, obs.cols() - first);
      differences(obs.middleCols(first, count), action.middleCols(first, count),
                  jacobian.middleCols(first * nz, count * nz), *w.blocks[static_cast<std::size_t>(task)]);
    };
    if (pool_ && tasks > 1) {
      pool_->run(tasks, std::cref(work));
    } else {
      for (int task = 0; task < tasks; ++task) work(task);
    }
  }

 private:
  void differences(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> jacobian,
                   typename Workspace::Block& b) const {
    const Index nx = obs.rows(), nz = nx + action.rows(), n = obs.cols(), width = nz + 1;
    const Index columns = settings_.central ? 2 * nz : width;  // of one point
    b.obs.resize(nx, n * columns);
    b.action.resize(action.rows(), n * columns);
    b.next.resize(nx, n * columns);
    for (Index t = 0; t < n; ++t) {
      b.obs.middleCols(t * columns, columns).colwise() = obs.col(t);
      b.action.middleCols(t * columns, columns).colwise() = action.col(t);
      for (Index j = 0; j < nz; ++j) {
        entry(b, j, t * columns + j) += step_of(obs, action, j, t);
        if (settings_.central) entry(b, j, t * columns + nz + j) -= step_of(obs, action, j, t);
      }
    }
    model_.step(b.obs, b.action, b.next, b.model);
    for (Index t = 0; t < n; ++t)
      for (Index j = 0; j < nz; ++j) {
        const Index plus = t * columns + j;
        const Index minus = settings_.central ? plus + nz : t * columns + nz;
        // The difference of the arguments as they were rounded.
        const Scalar distance = entry(b, j, plus) - entry(b, j, minus);
        jacobian.col(t * nz + j) = (b.next.col(plus) - b.next.col(minus)) / distance;
      }
  }

  static Scalar& entry(typename Workspace::Block& b, Index j, Index column) {
    return j < b.obs.rows() ? b.obs(j, column) : b.action(j - b.obs.rows(), column);
  }
  Scalar step_of(const ConstBatchRef<Scalar>& obs, const ConstBatchRef<Scalar>& action, Index j,
                 Index t) const {
    const Scalar z = j < obs.rows() ? obs(j, t) : action(j - obs.rows(), t);
    return static_cast<Scalar>(settings_.step) * std::max(Scalar(1), std::abs(z));
  }

  Model model_;
  FiniteDifferenceSettings settings_;
  ThreadPool* pool_;
};

/// Adds second derivatives to a differentiable model: central differences of its Jacobian, made symmetric.
template <DifferentiableModel Model>
class HessianByDifferences {
 public:
  using Scalar = typename Model::Scalar;
  static constexpr int kObsDim = kStaticObsDim<Model>;
  static constexpr int kActionDim = kStaticActionDim<Model>;
  struct Workspace {
    Batch<Scalar> obs, action, jacobian;
    Batch<Scalar> gradients;
    typename Model::Workspace model;
  };

  /// step: relative, as in FiniteDifferenceSettings.
  explicit HessianByDifferences(Model model, double step = 1e-5)
      : model_(std::move(model)), step_(static_cast<Scalar>(step)) {
    require(std::isfinite(step) && step > 0, "HessianByDifferences: step is ", step,
            ", expected more than 0");
  }

  int obs_dim() const { return static_cast<int>(model_.obs_dim()); }
  int action_dim() const { return static_cast<int>(model_.action_dim()); }
  const Model& model() const { return model_; }

  void step(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> next_obs,
            Workspace& w) const {
    model_.step(obs, action, next_obs, w.model);
  }
  void linearize(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action, BatchRef<Scalar> jacobian,
                 Workspace& w) const {
    model_.linearize(obs, action, jacobian, w.model);
  }
  void weighted_hessian(ConstBatchRef<Scalar> obs, ConstBatchRef<Scalar> action,
                        ConstBatchRef<Scalar> weights, BatchRef<Scalar> hessian, Workspace& w) const {
    const Index nx = obs.rows(), nz = nx + action.rows();
    w.obs.resize(nx, 2 * nz);
    w.action.resize(action.rows(), 2 * nz);
    w.jacobian.resize(nx, 2 * nz * nz);
    w.gradients.resize(nz, 2 * nz);
    for (Index t = 0; t < obs.cols(); ++t) {
      w.obs.colwise() = obs.col(t);
      w.action.colwise() = action.col(t);
      for (Index j = 0; j < nz; ++j) {
        const Scalar z = j < nx ? obs(j, t) : action(j - nx, t);
        const Scalar h = step_ * std::max(Scalar(1), std::abs(z));
        for (const Index sign : {0, 1}) {
          Scalar& moved = j < nx ? w.obs(j, 2 * j + sign) : w.action(j - nx, 2 * j + sign);
          moved += sign == 0 ? h : -h;
        }
      }
      model_.linearize(w.obs, w.action, w.jacobian, w.model);
      for (Index k = 0; k < 2 * nz; ++k)
        w.gradients.col(k).noalias() =
            w.jacobian.middleCols(k * nz, nz).transpose().lazyProduct(weights.col(t));
      auto out = hessian.middleCols(t * nz, nz);
      for (Index j = 0; j < nz; ++j) {
        const Scalar distance = j < nx ? w.obs(j, 2 * j) - w.obs(j, 2 * j + 1)
                                       : w.action(j - nx, 2 * j) - w.action(j - nx, 2 * j + 1);
        out.col(j) = (w.gradients.col(2 * j) - w.gradients.col(2 * j + 1)) / distance;
      }
      for (Index j = 0; j < nz; ++j)
        for (Index i = 0; i < j; ++i) out(i, j) = out(j, i) = Scalar(0.5) * (out(i, j) + out(j, i));
    }
  }

 private:
  Model model_;
  Scalar step_;
};

}  // namespace mbrl
