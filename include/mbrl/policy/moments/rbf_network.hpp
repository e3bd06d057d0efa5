// A radial basis function network as the mean of a Gaussian process: PILCO's policy before it is squashed.
#pragma once

#include <Eigen/Cholesky>
#include <vector>

#include "mbrl/core/types.hpp"
#include "mbrl/math/moments/kernel_sums.hpp"
#include "mbrl/policy/moments/moment_policy.hpp"

namespace mbrl {

/// f_a(x) = sum_i w_ai exp(-1/2 |(x - c_i) / lengthscale_a|^2) with n centres c_i in common. Its parameters are the centres,
/// the lengthscales and, instead of the weights, what the process is told at the centres: w_a = (K_a + noise^2 I)^-1 y_a
/// with y_a the targets (Deisenroth and Rasmussen, ICML 2011, section 2.3: with 50 centres in five dimensions 305 numbers).
class RbfNetwork {
 public:
  using Tape = KernelMoments::Tape;
  struct Gradient : KernelSumsGradient {
    void set_zero(const RbfNetwork& network) { KernelSumsGradient::set_zero(network.moments_.sums()); }
  };

  /// centres: F x n, targets: n x outputs, lengthscale: F x outputs. Throws mbrl::Error for other shapes, numbers that are
  /// not finite, lengths that are not positive.
  RbfNetwork(const Batchd& centres, const Batchd& targets, const Batchd& lengthscale);

  static constexpr double kNoise = 0.01;  // the targets' standard deviation; the signal's is 1

  Index inputs() const { return moments_.inputs(); }
  Index outputs() const { return moments_.outputs(); }
  Index size() const { return moments_.sums().size(); }
  /// Centres, targets, logarithms of lengthscales, each column by column.
  Vecd parameters() const;
  /// Throws as the constructor does, and for another number of parameters.
  void set_parameters(ConstVecRef<double> parameters);
  Vecd gradient(const Gradient& accumulated) const;

  void forward(const GaussianMoments& in, MomentImage& out, Tape& tape) const {
    moments_.forward(in, out, tape);
  }
  void backward(const MomentImage& adjoint, Tape& tape, GaussianMoments& in_gradient,
                Gradient& gradient) const {
    moments_.backward(adjoint, tape, in_gradient, &gradient);
  }
  void value(ConstVecRef<double> x, VecRef<double> out) const { moments_.value(x, out); }

 private:
  void set(Batchd centres, Batchd targets, Batchd log_lengthscale);

  Batchd targets_, log_lengthscale_;
  KernelMoments moments_;
  std::vector<Batchd> covariance_;          // K_a
  std::vector<Eigen::LLT<Batchd>> factor_;  // of K_a + noise^2 I
};

static_assert(MomentPolicy<RbfNetwork>);

}  // namespace mbrl
