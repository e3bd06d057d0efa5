// Covariance matrix adaptation: sampling, and the update of mean, paths, covariance and step size.
#include "mbrl/math/cma_es.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/math/ranking.hpp"

namespace mbrl {

CmaEs::CmaEs(ConstVecRef<double> mean, double sigma, const CmaEsSettings& settings, std::uint64_t seed)
    : settings_(settings), noise_(seed), n_(mean.size()) {
  require(n_ >= 1, "CmaEs: there are ", n_, " variables, expected at least 1");
  require(settings.population == 0 || settings.population >= 2, "CmaEs: population is ", settings.population,
          ", expected 0 (chosen by the number of variables) or at least 2");
  const auto n = static_cast<double>(n_);
  if (settings_.population == 0) settings_.population = 4 + static_cast<int>(3 * std::log(n));
  const int parents = settings_.population / 2;
  weights_.resize(parents);
  for (int i = 0; i < parents; ++i)
    weights_(i) = std::log(0.5 * (settings_.population + 1)) - std::log(i + 1.0);
  weights_ /= weights_.sum();
  const double mu_w = 1 / weights_.squaredNorm();
  c_sigma_ = (mu_w + 2) / (n + mu_w + 5);
  d_sigma_ = 1 + 2 * std::max(0.0, std::sqrt((mu_w - 1) / (n + 1)) - 1) + c_sigma_;
  c_c_ = (4 + mu_w / n) / (n + 4 + 2 * mu_w / n);
  const double faster = settings_.separable ? (n + 2) / 3 : 1;
  c_1_ = std::min(1.0, faster * 2 / ((n + 1.3) * (n + 1.3) + mu_w));
  c_mu_ = std::min(1 - c_1_, faster * 2 * (mu_w - 2 + 1 / mu_w) / ((n + 2) * (n + 2) + mu_w));
  expected_norm_ = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));
  lag_ = settings_.separable
             ? 1
             : std::max<std::int64_t>(1, static_cast<std::int64_t>(1 / (10 * n * (c_1_ + c_mu_))));
  candidates_.resize(n_, settings_.population);
  white_.resize(n_, settings_.population);
  restart(mean, sigma, 0);
}

const Batchd& CmaEs::ask() {
  if (asked_) return candidates_;
  noise_.normal(run_, static_cast<std::uint32_t>(generation_), white_);
  for (Index k = 0; k < candidates_.cols(); ++k) {
    if (settings_.separable)
      candidates_.col(k) = root_.cwiseProduct(white_.col(k));
    else
      candidates_.col(k).noalias() = factor_.triangularView<Eigen::Lower>() * white_.col(k);
    candidates_.col(k) = mean_ + sigma_ * candidates_.col(k);
  }
  asked_ = true;
  return candidates_;
}

void CmaEs::tell(ConstVecRef<double> losses) {
  require(asked_, "CmaEs::tell: no candidates have been asked for");
  require_dim("CmaEs::tell", "losses", losses.size(), settings_.population);
  asked_ = false;
  rank_candidates(-losses, static_cast<int>(weights_.size()), order_);
  if (!order_.empty()) update();
  ++generation_;
}

void CmaEs::restart(ConstVecRef<double> mean, double sigma, std::uint32_t run) {
  require_dim("CmaEs", "mean", mean.size(), n_);
  require(mean.allFinite(), "CmaEs: the mean holds a number that is not finite");
  require(sigma > 0 && std::isfinite(sigma), "CmaEs: sigma is ", sigma, ", expected a number more than 0");
  mean_ = mean;
  sigma_ = sigma;
  run_ = run;
  generation_ = 0;
  asked_ = false;
  path_sigma_.setZero(n_);
  path_c_.setZero(n_);
  if (settings_.separable) {
    variance_.setOnes(n_);
  } else {
    covariance_.setIdentity(n_, n_);
  }
  renew_factor();
}

double CmaEs::std(Index i) const {
  return sigma_ * std::sqrt(settings_.separable ? variance_(i) : covariance_(i, i));
}

double CmaEs::spread() const {
  const double trace = settings_.separable ? variance_.sum() : covariance_.trace();
  return sigma_ * std::sqrt(trace / static_cast<double>(n_));
}

void CmaEs::save(StateDict& out, const std::string& prefix) const {
  require(!asked_, "CmaEs::save: candidates have been asked for but not told");
  out.put_scalar(prefix + "seed", noise_.seed());
  const std::int64_t counts[] = {run_, generation_};
  out.put(prefix + "counts", counts, {2});
  out.put_scalar(prefix + "sigma", sigma_);
  out.put_matrix(prefix + "mean", mean_);
  out.put_matrix(prefix + "path_sigma", path_sigma_);
  out.put_matrix(prefix + "path_c", path_c_);
  out.put_matrix(prefix + "covariance", settings_.separable ? Batchd(variance_) : covariance_);
  // The factor may be some generations older than the covariance.
  out.put_matrix(prefix + "factor", settings_.separable ? Batchd(root_) : factor_);
}

void CmaEs::load(const StateDict& in, const std::string& prefix) {
  const auto column = [&](const char* name) {
    const Batchd m = in.get_matrix<double>(prefix + name);
    require(m.rows() == n_ && m.cols() == 1, "checkpoint: '", prefix, name, "' is ", m.rows(), " x ",
            m.cols(), ", expected ", n_, " x 1");
    return Vecd(m);
  };
  const auto square = [&](const char* name) {
    Batchd m = in.get_matrix<double>(prefix + name);
    require(m.rows() == n_ && m.cols() == n_, "checkpoint: '", prefix, name, "' is ", m.rows(), " x ",
            m.cols(), ", expected ", n_, " x ", n_);
    return m;
  };
  const auto counts = in.get<std::int64_t>(prefix + "counts");
  require_dim("checkpoint: '" + prefix + "counts'", "the array", counts.size(), 2);
  const auto seed = in.get_scalar<std::uint64_t>(prefix + "seed");
  const auto sigma = in.get_scalar<double>(prefix + "sigma");
  Vecd mean = column("mean"), path_sigma = column("path_sigma"), path_c = column("path_c");
  if (settings_.separable) {
    Vecd variance = column("covariance");
    root_ = column("factor");
    variance_ = std::move(variance);
  } else {
    Batchd covariance = square("covariance");
    factor_ = square("factor");
    covariance_ = std::move(covariance);
  }
  noise_ = CandidateNoise<double>(seed);
  run_ = static_cast<std::uint32_t>(counts[0]);
  generation_ = counts[1];
  sigma_ = sigma;
  mean_ = std::move(mean);
  path_sigma_ = std::move(path_sigma);
  path_c_ = std::move(path_c);
  asked_ = false;
}

void CmaEs::update() {
  // y of the i-th best candidate.
  const auto deviation = [this](Index i) {
    return (candidates_.col(order_[static_cast<std::size_t>(i)]) - mean_) / sigma_;
  };
  const auto parents = static_cast<Index>(order_.size());
  const double total = weights_.head(parents).sum();  // 1 unless some parents are missing
  const double mu_w = total * total / weights_.head(parents).squaredNorm();
  step_.setZero(n_);
  for (Index i = 0; i < parents; ++i) step_ += weights_(i) / total * deviation(i);
  white_step_ = step_;
  if (settings_.separable)
    white_step_.array() /= root_.array();
  else
    factor_.triangularView<Eigen::Lower>().solveInPlace(white_step_);
  path_sigma_ = (1 - c_sigma_) * path_sigma_ + std::sqrt(c_sigma_ * (2 - c_sigma_) * mu_w) * white_step_;
  const double length = path_sigma_.norm();
  const double so_far = 1 - std::pow(1 - c_sigma_, 2.0 * static_cast<double>(generation_ + 1));
  const bool h = length / std::sqrt(so_far) < (1.4 + 2 / (static_cast<double>(n_) + 1)) * expected_norm_;
  path_c_ *= 1 - c_c_;
  if (h) path_c_ += std::sqrt(c_c_ * (2 - c_c_) * mu_w) * step_;

  const double kept = 1 - c_1_ - c_mu_ + (h ? 0.0 : c_1_ * c_c_ * (2 - c_c_));
  if (settings_.separable) {
    variance_ = kept * variance_ + c_1_ * path_c_.cwiseAbs2();
    for (Index i = 0; i < parents; ++i) variance_ += c_mu_ * weights_(i) / total * deviation(i).cwiseAbs2();
  } else {
    covariance_ *= kept;
    auto lower = covariance_.selfadjointView<Eigen::Lower>();
    lower.rankUpdate(path_c_, c_1_);
    for (Index i = 0; i < parents; ++i) {
      white_step_ = deviation(i);
      lower.rankUpdate(white_step_, c_mu_ * weights_(i) / total);
    }
  }
  mean_ += sigma_ * step_;
  sigma_ *= std::exp(c_sigma_ / d_sigma_ * (length / expected_norm_ - 1));
  if ((generation_ + 1) % lag_ == 0) renew_factor();
}

void CmaEs::renew_factor() {
  if (settings_.separable) {
    root_ = variance_.cwiseSqrt();
    return;
  }
  factor_ = covariance_;
  if (factorise()) return;
  // Conditioned beyond the precision of double: the correlations are given up.
  for (Index j = 0; j < n_; ++j)
    for (Index i = j + 1; i < n_; ++i) covariance_(i, j) = 0;
  covariance_.diagonal() = covariance_.diagonal().cwiseMax(std::numeric_limits<double>::min());
  factor_ = covariance_;
  factorise();
}

bool CmaEs::factorise() {
  const Eigen::LLT<Eigen::Ref<Batchd>> in_place(factor_);
  return in_place.info() == Eigen::Success;
}

}  // namespace mbrl
