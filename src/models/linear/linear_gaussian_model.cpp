#include "mbrl/models/linear/linear_gaussian_model.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

LinearGaussianModel::LinearGaussianModel(int obs_dim, int action_dim)
    : LinearGaussianModel(LinearModel(Batchd::Identity(std::max(obs_dim, 0), std::max(obs_dim, 0)),
                                      Batchd::Zero(std::max(obs_dim, 0), std::max(action_dim, 0))),
                          Batchd::Zero(std::max(obs_dim, 0), std::max(obs_dim, 0))) {}

LinearGaussianModel::LinearGaussianModel(LinearModel mean, Batchd covariance)
    : mean_(std::move(mean)), covariance_(std::move(covariance)) {
  require(covariance_.rows() == obs_dim() && covariance_.cols() == obs_dim(),
          "LinearGaussianModel: the covariance is ", covariance_.rows(), " x ", covariance_.cols(),
          ", expected ", obs_dim(), " x ", obs_dim());
  require(covariance_.allFinite() && covariance_ == covariance_.transpose(),
          "LinearGaussianModel: the covariance is not a symmetric matrix of finite numbers");
  require((covariance_.diagonal().array() >= 0.0).all(), "LinearGaussianModel: a variance is negative");
}

void LinearGaussianModel::save(StateDict& out, const std::string& prefix) const {
  out.put_matrix(prefix + "a", mean_.a());
  out.put_matrix(prefix + "b", mean_.b());
  out.put_matrix(prefix + "c", mean_.c());
  out.put_matrix(prefix + "covariance", covariance_);
}

void LinearGaussianModel::load(const StateDict& in, const std::string& prefix) {
  LinearGaussianModel read(
      LinearModel(in.get_matrix<double>(prefix + "a"), in.get_matrix<double>(prefix + "b"),
                  in.get_matrix<double>(prefix + "c").reshaped()),
      in.get_matrix<double>(prefix + "covariance"));
  require_dim("checkpoint: '" + prefix + "a'", "the matrix", read.obs_dim(), obs_dim());
  require_dim("checkpoint: '" + prefix + "b'", "the matrix's batch", read.action_dim(), action_dim());
  *this = std::move(read);
}

RidgeTrainer::RidgeTrainer(const RidgeSettings& settings) : settings_(settings) {
  require(std::isfinite(settings.ridge) && settings.ridge >= 0.0, "RidgeTrainer: ridge is ", settings.ridge,
          ", expected a number of at least 0");
}

TrainingReport RidgeTrainer::train(const TransitionBatch& data, LinearGaussianModel& model, std::uint32_t,
                                   const EpochCallback& on_epoch) {
  const int nx = model.obs_dim(), nu = model.action_dim();
  check_transitions(data, nx, nu, false);
  const Index n = data.obs.cols(), nz = nx + nu;
  require(n >= 2,
          "RidgeTrainer: 1 sample, expected at least 2: of one nothing can be learned about the noise");
  Batchd z(nz, n), change(nx, n);
  z.topRows(nx) = data.obs.cast<double>();
  z.bottomRows(nu) = data.action.cast<double>();
  change = data.next_obs.cast<double>() - z.topRows(nx);

  const Vecd centre = z.rowwise().mean(), drift = change.rowwise().mean();
  z.colwise() -= centre;
  change.colwise() -= drift;
  const double share = 1.0 / static_cast<double>(n);
  Vecd scale = (z.rowwise().squaredNorm() * share).cwiseSqrt();
  // What varies by rounding only stays out: a unit of nothing would turn it into signal.
  Vecd varies(nz);
  for (Index i = 0; i < nz; ++i) {
    varies[i] = scale[i] > 1e-7 * std::abs(centre[i]) && scale[i] > 1e-12 ? 1.0 : 0.0;
    scale[i] = varies[i] > 0.0 ? varies[i] / scale[i] : 0.0;
  }
  z = scale.asDiagonal() * z;

  Batchd normal = z * z.transpose() * share;
  normal.diagonal().array() += settings_.ridge;
  normal.diagonal() += Vecd::Ones(nz) - varies;  // a left-out input's own equation: its coefficient is 0
  const Eigen::LDLT<Batchd> solver(normal);
  const Batchd weights = solver.solve(z * change.transpose() * share).transpose();  // nx x nz, scaled inputs
  require(solver.info() == Eigen::Success && weights.allFinite(),
          "RidgeTrainer: the inputs depend on each other linearly; expected a ridge above 0");

  const Batchd residual = change - weights * z;
  const auto coefficients = static_cast<Index>(varies.sum()) + 1;
  // As many coefficients as samples pass through all of them: nothing of the noise is left in the residuals.
  const bool determined = n > coefficients;
  const Batchd& unexplained = determined ? residual : change;
  Batchd covariance =
      unexplained * unexplained.transpose() / static_cast<double>(n - (determined ? coefficients : 1));
  covariance = 0.5 * (covariance + covariance.transpose()).eval();
  const Batchd gain = weights * scale.asDiagonal();
  model = LinearGaussianModel(
      LinearModel(Batchd::Identity(nx, nx) + gain.leftCols(nx), gain.rightCols(nu), drift - gain * centre),
      std::move(covariance));
  TrainingReport report;
  report.epochs = 1;
  report.train_loss = {residual.squaredNorm() / static_cast<double>(residual.size())};
  if (on_epoch) on_epoch(0, 1, report.train_loss[0]);
  return report;
}

}  // namespace mbrl
