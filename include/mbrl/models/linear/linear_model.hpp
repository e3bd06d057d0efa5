// Linear dynamics in discrete time.
#pragma once

#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/differentiable_model.hpp"

namespace mbrl {

/// x' = A x + B u + c: a TwiceDifferentiableModel. Throws on matrices that do not fit together.
class LinearModel {
 public:
  using Scalar = double;
  struct Workspace {};

  LinearModel(Batchd a, Batchd b, Vecd c) : a_(std::move(a)), b_(std::move(b)), c_(std::move(c)) {
    require(a_.rows() >= 1 && a_.rows() == a_.cols(), "LinearModel: A is ", a_.rows(), " x ", a_.cols(),
            ", expected a square matrix");
    require_dim("LinearModel", "B's columns of length", b_.rows(), a_.rows());
    require(b_.cols() >= 1, "LinearModel: B has no columns");
    require_dim("LinearModel", "c", c_.size(), a_.rows());
    require(a_.allFinite() && b_.allFinite() && c_.allFinite(), "LinearModel: a number is not finite");
  }
  LinearModel(const Batchd& a, Batchd b) : LinearModel(a, std::move(b), Vecd::Zero(a.rows())) {}

  int obs_dim() const { return static_cast<int>(a_.rows()); }
  int action_dim() const { return static_cast<int>(b_.cols()); }
  const Batchd& a() const { return a_; }
  const Batchd& b() const { return b_; }
  const Vecd& c() const { return c_; }

  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace&) const {
    next_obs = c_.rowwise().replicate(obs.cols());
    next_obs.noalias() += a_.lazyProduct(obs);
    next_obs.noalias() += b_.lazyProduct(action);
  }
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double>, BatchRef<double> jacobian,
                 Workspace&) const {
    const Index nz = a_.cols() + b_.cols();
    require_dim("LinearModel::linearize", "jacobian's columns", jacobian.cols(), obs.cols() * nz);
    for (Index t = 0; t < obs.cols(); ++t) {
      jacobian.middleCols(t * nz, a_.cols()) = a_;
      jacobian.middleCols(t * nz + a_.cols(), b_.cols()) = b_;
    }
  }
  void weighted_hessian(ConstBatchRef<double>, ConstBatchRef<double>, ConstBatchRef<double>,
                        BatchRef<double> hessian, Workspace&) const {
    hessian.setZero();
  }

 private:
  Batchd a_, b_;
  Vecd c_;
};

}  // namespace mbrl
