// Linear dynamics with Gaussian noise, fitted to data by ridge regression: the smallest learned model, and
// the right one where a system is near its operating point.
#pragma once

#include <cstdint>
#include <string>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/linear/linear_model.hpp"
#include "mbrl/models/model_trainer.hpp"

namespace mbrl {

/// x' = A x + B u + c + e with e ~ N(0, covariance). A ProbabilisticModel (of which a rollout sees the
/// variances) and a TwiceDifferentiableModel of the mean: sampling planners, LQR and iLQR run on it.
class LinearGaussianModel {
 public:
  using Scalar = double;
  using Workspace = LinearModel::Workspace;

  /// Predicts that nothing changes, without noise. Throws unless both dimensions are at least 1.
  LinearGaussianModel(int obs_dim, int action_dim);
  /// Throws unless the covariance is a symmetric matrix of the mean's size without negative variances.
  LinearGaussianModel(LinearModel mean, Batchd covariance);

  int obs_dim() const { return mean_.obs_dim(); }
  int action_dim() const { return mean_.action_dim(); }
  const LinearModel& mean() const { return mean_; }
  const Batchd& covariance() const { return covariance_; }

  void step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
            Workspace& workspace) const {
    mean_.step(obs, action, next_obs, workspace);
  }
  void predict(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> mean,
               BatchRef<double> variance, Workspace& workspace) const {
    mean_.step(obs, action, mean, workspace);
    variance.colwise() = covariance_.diagonal();
  }
  void linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                 Workspace& workspace) const {
    mean_.linearize(obs, action, jacobian, workspace);
  }
  void weighted_hessian(ConstBatchRef<double> obs, ConstBatchRef<double> action,
                        ConstBatchRef<double> weights, BatchRef<double> hessian, Workspace& workspace) const {
    mean_.weighted_hessian(obs, action, weights, hessian, workspace);
  }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for other dimensions, or numbers that are not finite; the model is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  LinearModel mean_;
  Batchd covariance_;
};

struct RidgeSettings {
  double ridge = 1e-6;  // lambda of lambda |W|^2 beside the mean squared error, inputs in standard deviations

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("ridge", s.ridge,
          "weight of the squared coefficients, inputs in units of their standard deviation");
  }
};

/// Regresses the change of the observation on [x; u] (Hoerl and Kennard 1970), so that without data, or with
/// a large ridge, nothing is predicted to change. Inputs that do not vary get no coefficient. The covariance
/// is that of the residuals, divided by n less the number of coefficients. Where n is not larger than that
/// number the residuals say nothing, and it is the covariance of the changes, as if none were explained. Throws
/// for one sample. A ModelTrainer of LinearGaussianModel: one epoch, the report has the mean squared residual of
/// all entries.
class RidgeTrainer {
 public:
  explicit RidgeTrainer(const RidgeSettings& settings = {});
  TrainingReport train(const TransitionBatch& data, LinearGaussianModel& model, std::uint32_t round = 0,
                       const EpochCallback& on_epoch = {});

 private:
  RidgeSettings settings_;
};

static_assert(ModelTrainer<RidgeTrainer, LinearGaussianModel>);

}  // namespace mbrl
