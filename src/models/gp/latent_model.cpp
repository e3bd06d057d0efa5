#include "mbrl/models/gp/latent_model.hpp"

#include <Eigen/Eigenvalues>
#include <cmath>
#include <cstdint>
#include <utility>

#include "mbrl/core/error.hpp"
#include "models/gp/factor.hpp"
#include "models/gp/latent_objective.hpp"

namespace mbrl {
namespace {

void check(ConstBatchRef<double> observations, const LatentSettings& settings,
           const std::vector<int>& lengths) {
  settings.validate("LatentModel");
  const Index n = observations.cols();
  require(observations.rows() >= 1 && n >= 3 && n > settings.latent_dim, "LatentModel: ", n,
          " observations of ", observations.rows(),
          " numbers, expected at least 3, and more than latent_dim, ", settings.latent_dim);
  require(observations.allFinite(), "LatentModel: an observation is not finite");
  require(lengths.empty() || settings.dynamics,
          "LatentModel: lengths of sequences are given, but dynamics is false");
  Index sum = 0;
  for (const int length : lengths) {
    require(length >= 2, "LatentModel: a sequence of length ", length, ", expected at least 2");
    sum += length;
  }
  require(lengths.empty() || sum == n, "LatentModel: the sequences have ", sum, " observations, there are ",
          n);
}

// The first principal components of centred observations (p x n), each of variance 1: q x n. From the inner products of the
// observations, of which there are as a rule fewer than numbers in each.
Batchd principal_components(const Batchd& y, Index q) {
  const Index n = y.cols();
  const Eigen::SelfAdjointEigenSolver<Batchd> eigen(gp::product(y.transpose(), y));
  Batchd x(q, n);
  for (Index i = 0; i < q; ++i) {
    Vecd v = eigen.eigenvectors().col(n - 1 - i);
    Index largest = 0;
    v.cwiseAbs().maxCoeff(&largest);
    x.row(i) = (v[largest] < 0.0 ? -v : v).transpose() * std::sqrt(static_cast<double>(n));
  }
  return x;
}

GpHyperparameters load_hyperparameters(const StateDict& in, const std::string& name) {
  const Vecd packed = in.get_matrix<double>(name).reshaped();
  require(packed.size() >= 3 && packed.allFinite(), "checkpoint: '", name, "' has ", packed.size(),
          " entries, expected at least 3, all finite");
  return GpHyperparameters::unpacked(packed);
}

}  // namespace

void LatentSettings::validate(const char* who) const {
  require(latent_dim >= 1, who, ": latent_dim is ", latent_dim, ", expected at least 1");
  search.validate(who);
}

LatentModel::Processes::Processes(Batchd at, const Batchd& outputs, const GpHyperparameters& h)
    : inputs(std::move(at)), posterior(exact_posterior(inputs, Vecd(outputs.row(0)), h)) {
  weights = gp::product(outputs, posterior.inverse);
}

// Of the data only what weighs them is needed again.
LatentModel::Processes::Processes(const StateDict& in, const std::string& prefix, const GpHyperparameters& h)
    : inputs(in.get_matrix<double>(prefix + "inputs")), weights(in.get_matrix<double>(prefix + "weights")) {
  require(inputs.cols() >= 1 && inputs.allFinite() && weights.allFinite(), "checkpoint: '", prefix,
          "inputs' or 'weights' is empty or not finite");
  require_dim("checkpoint: '" + prefix + "inputs'", "a point", inputs.rows(), h.dim());
  require_dim("checkpoint: '" + prefix + "weights'", "the batch", weights.cols(), inputs.cols());
  posterior = exact_posterior(inputs, Vecd::Zero(inputs.cols()), h);
}

void LatentModel::Processes::save(StateDict& out, const std::string& prefix) const {
  out.put_matrix(prefix + "inputs", inputs);
  out.put_matrix(prefix + "weights", weights);
}

void LatentModel::Processes::predict(ConstBatchRef<double> at, Batchd& mean, Vecd& variance) const {
  Batchd k;
  se_covariance(inputs, at, posterior.lengthscale2, posterior.signal2, k);
  mean = gp::product(weights, k);
  variance =
      posterior.noise2 + (posterior.signal2 - gp::product(posterior.root, k).colwise().squaredNorm().array())
                             .max(0.0)
                             .transpose();
}

LatentModel::LatentModel(ConstBatchRef<double> observations, const LatentSettings& settings,
                         const std::vector<int>& lengths) {
  check(observations, settings, lengths);
  const Index n = observations.cols(), q = settings.latent_dim;
  centre_ = observations.rowwise().mean();
  Batchd y = observations.colwise() - centre_;
  scale_ = y.norm() / std::sqrt(static_cast<double>(y.size()));
  require(scale_ > 1e-12 * (1.0 + centre_.cwiseAbs().maxCoeff()),
          "LatentModel: all observations are the same, expected some that differ");
  y /= scale_;

  std::vector<int> sequences;
  if (settings.dynamics) sequences = lengths.empty() ? std::vector<int>{static_cast<int>(n)} : lengths;
  const gp::LatentObjective objective(y, settings.latent_dim, sequences);
  const GpHyperparameters start{Vecd::Zero(q), 0.0, std::log(0.1)};
  Vecd packed(objective.size());
  packed.head(q * n) = principal_components(y, q).reshaped();
  for (Index at = q * n; at < packed.size(); at += q + 2) packed.segment(at, q + 2) = start.packed();
  Vecd gradient;
  first_loss_ = objective(packed, gradient);
  const LbfgsResult found = minimize_lbfgs(objective, packed, settings.search);
  status_ = found.status;
  loss_ = found.value;
  latent_ = objective.latent(found.x);
  mapping_ = objective.mapping(found.x);
  of_observations_ = Processes(latent_, y, mapping_);
  if (!settings.dynamics) return;
  dynamics_ = objective.dynamics(found.x);
  const std::vector<Index>& before = objective.before();
  std::vector<Index> after = before;
  for (Index& i : after) ++i;
  const Batchd inputs = latent_(Eigen::all, before);
  of_changes_ = Processes(inputs, latent_(Eigen::all, after) - inputs, dynamics_);
}

LatentModel::LatentModel(const StateDict& in, const std::string& prefix)
    : mapping_(load_hyperparameters(in, prefix + "mapping")),
      status_(static_cast<LbfgsStatus>(in.get_scalar<std::int64_t>(prefix + "status"))),
      first_loss_(in.get_scalar<double>(prefix + "first_loss")),
      loss_(in.get_scalar<double>(prefix + "loss")),
      centre_(in.get_matrix<double>(prefix + "centre").reshaped()),
      scale_(in.get_scalar<double>(prefix + "scale")),
      of_observations_(in, prefix + "observations.", mapping_) {
  latent_ = of_observations_.inputs;
  require_dim("checkpoint: '" + prefix + "centre'", "an observation", centre_.size(),
              of_observations_.weights.rows());
  if (!in.contains(prefix + "dynamics")) return;
  dynamics_ = load_hyperparameters(in, prefix + "dynamics");
  of_changes_ = Processes(in, prefix + "changes.", dynamics_);
  require_dim("checkpoint: '" + prefix + "changes.weights'", "a latent point", of_changes_.weights.rows(),
              latent_dim());
}

void LatentModel::save(StateDict& out, const std::string& prefix) const {
  out.put_matrix(prefix + "mapping", mapping_.packed());
  out.put_scalar(prefix + "status", static_cast<std::int64_t>(status_));
  out.put_scalar(prefix + "first_loss", first_loss_);
  out.put_scalar(prefix + "loss", loss_);
  out.put_matrix(prefix + "centre", centre_);
  out.put_scalar(prefix + "scale", scale_);
  of_observations_.save(out, prefix + "observations.");
  if (of_changes_.inputs.cols() == 0) return;
  out.put_matrix(prefix + "dynamics", dynamics_.packed());
  of_changes_.save(out, prefix + "changes.");
}

void LatentModel::decode(ConstBatchRef<double> latent, Batchd& mean, Vecd& variance) const {
  require_dim("LatentModel::decode", "latent", latent.rows(), latent_dim());
  of_observations_.predict(latent, mean, variance);
  mean = (scale_ * mean).colwise() + centre_;
  variance *= scale_ * scale_;
}

void LatentModel::step(ConstBatchRef<double> latent, Batchd& mean, Vecd& variance) const {
  require_dim("LatentModel::step", "latent", latent.rows(), latent_dim());
  require(of_changes_.inputs.cols() > 0,
          "LatentModel::step: the model has no dynamics; set LatentSettings::dynamics");
  of_changes_.predict(latent, mean, variance);
  mean += latent;
}

}  // namespace mbrl
