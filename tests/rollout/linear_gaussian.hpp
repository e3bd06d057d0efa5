// A linear-Gaussian ensemble whose moments under each propagation are known in closed form: as an MLP
// ensemble without hidden layers, and as a model a user might write.
#pragma once

#include <vector>

#include "mbrl/models/neural/mlp_ensemble.hpp"
#include "mbrl/rollout/propagation.hpp"

namespace mbrl::testing {

// Member m: x' = F x + G u + b_m + noise, noise ~ N(0, Q) with Q diagonal. Members differ in b_m only.
struct LinearGaussian {
  Batchd F, G;
  std::vector<Vecd> b;
  Vecd q;  // diagonal of Q

  // Two members (or `members` alternating between them).
  static LinearGaussian example(int members) {
    LinearGaussian s;
    s.F = (Batchd(3, 3) << 0.95, 0.10, 0.00, -0.20, 0.90, 0.15, 0.05, 0.00, 0.80).finished();
    s.G = (Batchd(3, 1) << 0.0, 0.3, -0.1).finished();
    for (int m = 0; m < members; ++m)
      s.b.push_back((m % 2 == 0 ? 1.0 : -1.0) * (Vecd(3) << 0.05, 0.02, -0.04).finished());
    s.q = (Vecd(3) << 0.01, 0.02, 0.005).finished();
    return s;
  }

  Vecd mean_offset() const {
    Vecd mean = Vecd::Zero(3);
    for (const Vecd& x : b) mean += x / static_cast<double>(b.size());
    return mean;
  }
  Batchd offset_covariance() const {
    Batchd c = Batchd::Zero(3, 3);
    for (const Vecd& x : b)
      c += (x - mean_offset()) * (x - mean_offset()).transpose() / static_cast<double>(b.size());
    return c;
  }

  struct Moments {
    Vecd mean;
    Batchd covariance;
  };
  Moments propagate(Propagation how, const Vecd& start, const Batchd& actions) const {
    Vecd mean = start;
    Batchd noise = Batchd::Zero(3, 3);  // covariance but for a persistent offset
    Batchd gain = Batchd::Zero(3, 3);   // of a persistent offset: I + F + F^2 + ...
    for (Index t = 0; t < actions.cols(); ++t) {
      mean = F * mean + G * actions.col(t) + mean_offset();
      noise = F * noise * F.transpose();
      gain = F * gain + Batchd::Identity(3, 3);
      if (how != Propagation::kExpectation) noise += Batchd(q.asDiagonal());
      if (how == Propagation::kTS1) noise += offset_covariance();
      if (how == Propagation::kDistributionSampling || how == Propagation::kMomentMatching)
        noise +=
            Batchd(offset_covariance().diagonal().asDiagonal());  // members' spread, dimension by dimension
    }
    if (how == Propagation::kTSinf) noise += gain * offset_covariance() * gain.transpose();
    return {mean, noise};
  }
};

// The same system as networks. The bounded log-variance is a constant: its raw output has no weights.
inline MlpEnsemble as_networks(const LinearGaussian& system) {
  MlpEnsembleSettings settings;
  settings.members = static_cast<int>(system.b.size());
  settings.hidden = {};
  MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(3), 1, 0);
  const Batchd change = system.F - Batchd::Identity(3, 3);  // targets are differences
  for (std::size_t m = 0; m < system.b.size(); ++m) {
    DenseLayer& layer = model.members[m][0];
    layer.weight_matrix().setZero();
    layer.weight_matrix().topLeftCorner(3, 3) = change.cast<float>();
    layer.weight_matrix().topRightCorner(3, 1) = system.G.cast<float>();
    layer.bias_vector().setZero();
    layer.bias_vector().head(3) = system.b[m].cast<float>();
    layer.bias_vector().tail(3) = system.q.array().log().matrix().cast<float>();
  }
  // Bounds so wide that they leave these values alone.
  model.max_logvar.assign(3, 20.0f);
  model.min_logvar.assign(3, -30.0f);
  return model;
}

// The same system as an EnsembleModel of a few lines.
struct LinearGaussianModel {
  using Scalar = double;
  struct Workspace {};
  LinearGaussian system;
  int obs_dim() const { return 3; }
  int action_dim() const { return 1; }
  int members() const { return static_cast<int>(system.b.size()); }
  void predict(int member, ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> mean,
               BatchRef<double> variance, Workspace&) const {
    mean = system.F.lazyProduct(obs) + system.G.lazyProduct(action);
    mean.colwise() += system.b[static_cast<std::size_t>(member)];
    variance = system.q.replicate(1, obs.cols());
  }
};

// The same system with one member as a ProbabilisticModel.
struct LinearGaussianSingle : LinearGaussianModel {
  int members() const = delete;
  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next,
            Workspace&) const {
    next = system.F.lazyProduct(obs) + system.G.lazyProduct(action);
    next.colwise() += system.b[0];
  }
  void predict(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> mean,
               BatchRef<double> variance, Workspace& w) const {
    step(obs, action, mean, w);
    variance = system.q.replicate(1, obs.cols());
  }
};

}  // namespace mbrl::testing
