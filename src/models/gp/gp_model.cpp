#include "mbrl/models/gp/gp_model.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/math/dense_kernels.hpp"
#include "mbrl/task/encoding_checkpoint.hpp"
#include "models/gp/exponential.hpp"
#include "models/gp/factor.hpp"
#include "models/gp/kernel.hpp"
#include "models/gp/packed_root.hpp"

namespace mbrl {
namespace {

// Points predicted at once: their covariances with a thousand inputs stay in cache.
constexpr Index kBlock = 64;

}  // namespace

struct GpModel::Output {
  Output(GpHyperparameters h, GpPosterior p, const Batchd& inputs, const Vecd& centre)
      : hyperparameters(std::move(h)), posterior(std::move(p)), root(posterior.root) {
    Batchd columns;
    gp::left_exponents(inputs, centre, posterior.lengthscale2, posterior.signal2, columns);
    exponents = columns.transpose();
  }

  GpHyperparameters hyperparameters;
  GpPosterior posterior;
  Batchd exponents;  // of the inputs: n x (input_dim + 2)
  gp::PackedRoot root;
};

GpModel::GpModel(const ObsEncoding& encoding, int action_dim) : encoding_(encoding), action_dim_(action_dim) {
  require(obs_dim() >= 1 && action_dim >= 1, "GpModel: dimensions of ", obs_dim(), " and ", action_dim,
          ", expected at least 1");
  encoding.validate();
}

void GpModel::require_data() const {
  require(!empty(), "GpModel: it has no data; train it before it predicts");
}

const GpPosterior& GpModel::posterior(int output) const {
  require(0 <= output && output < static_cast<int>(outputs_.size()), "GpModel: the posterior of entry ",
          output, " asked for, there are ", outputs_.size());
  return outputs_[static_cast<std::size_t>(output)]->posterior;
}

const GpHyperparameters& GpModel::hyperparameters(int output) const {
  require(0 <= output && output < static_cast<int>(outputs_.size()), "GpModel: the hyperparameters of entry ",
          output, " asked for, there are ", outputs_.size());
  return outputs_[static_cast<std::size_t>(output)]->hyperparameters;
}

void GpModel::encode(ConstBatchRef<double> obs, ConstBatchRef<double> action, Batchd& features) const {
  require_dim("GpModel", "action", action.rows(), action_dim_);
  require_dim("GpModel", "the actions' batch", action.cols(), obs.cols());
  features.resize(input_dim(), obs.cols());
  encoding_.encode<double>(obs, features.topRows(encoding_.feature_dim()));
  features.bottomRows(action_dim_) = action;
}

namespace {

// k(x_i, features_j), n x points, into the upper left of w.covariance.
auto covariances(const Batchd& inputs, const Vecd& centre, const Batchd& exponents, const GpPosterior& p,
                 ConstBatchRef<double> features, GpModel::Workspace& w) {
  const Index n = inputs.cols(), points = features.cols();
  w.exponents.resize(features.rows() + 2, kBlock);
  w.covariance.resize(gp::spread(n), kBlock);
  gp::right_exponents(features, centre, p.lengthscale2, w.exponents.leftCols(points));
  dense::product({.rows = n,
                  .cols = points,
                  .depth = exponents.cols(),
                  .a = exponents.data(),
                  .lda = n,
                  .b = w.exponents.data(),
                  .b_row = 1,
                  .b_col = w.exponents.rows(),
                  .d = w.covariance.data(),
                  .ldd = w.covariance.rows()});
  gp::exponential(w.covariance.data(), n, points, w.covariance.rows());
  return w.covariance.topLeftCorner(n, points);
}

}  // namespace

void GpModel::predict_targets(const Batchd& features, Batchd& mean, Batchd* variance, Workspace& w) const {
  require_data();
  require_dim("GpModel", "a feature vector", features.rows(), input_dim());
  mean.resize(obs_dim(), features.cols());
  if (variance != nullptr) variance->resize(obs_dim(), features.cols());
  for (Index begin = 0; begin < features.cols(); begin += kBlock) {
    const Index points = std::min(kBlock, features.cols() - begin);
    const auto block = features.middleCols(begin, points);
    for (Index e = 0; e < obs_dim(); ++e) {
      const Output& output = *outputs_[static_cast<std::size_t>(e)];
      const GpPosterior& p = output.posterior;
      const auto k = covariances(inputs_, centre_, output.exponents, p, block, w);
      w.squares.resize(points);
      dense::transposed_times(k.rows(), points, k.data(), k.outerStride(), p.beta.data(), nullptr,
                              w.squares.data());
      mean.row(e).segment(begin, points) = w.squares.transpose();
      if (variance == nullptr) continue;
      output.root.squares(k, w.root_product, w.squares);
      variance->row(e).segment(begin, points) =
          (p.signal2 - w.squares.array()).max(0.0).transpose() + p.noise2;
    }
  }
  // The exponential of what is no number may be one.
  for (Index i = 0; i < features.cols(); ++i) {
    if (features.col(i).allFinite()) continue;
    mean.col(i).setConstant(std::numeric_limits<double>::quiet_NaN());
    if (variance != nullptr) variance->col(i).setConstant(std::numeric_limits<double>::quiet_NaN());
  }
}

void GpModel::predict(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> mean,
                      BatchRef<double> variance, Workspace& w) const {
  encode(obs, action, w.features);
  predict_targets(w.features, w.mean, &w.variance, w);
  for (int e = 0; e < obs_dim(); ++e)
    if (encoding_.targets[static_cast<std::size_t>(e)] == TargetKind::kConstant) w.variance.row(e).setZero();
  variance = w.variance;
  encoding_.decode<double>(obs, w.mean, mean);
}

void GpModel::step(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> next_obs,
                   Workspace& w) const {
  encode(obs, action, w.features);
  predict_targets(w.features, w.mean, nullptr, w);
  encoding_.decode<double>(obs, w.mean, next_obs);
}

// d mean / dx = (sum_i k_i beta_i x_i - x mean) / lengthscale^2, then through the encoding.
void GpModel::linearize(ConstBatchRef<double> obs, ConstBatchRef<double> action, BatchRef<double> jacobian,
                        Workspace& w) const {
  require_data();
  const Index nz = obs_dim() + action_dim_, d = input_dim(), encoded = encoding_.feature_dim();
  require_dim("GpModel::linearize", "jacobian's columns", jacobian.cols(), obs.cols() * nz);
  encode(obs, action, w.features);
  jacobian.setZero();
  for (Index begin = 0; begin < obs.cols(); begin += kBlock) {
    const Index points = std::min(kBlock, obs.cols() - begin);
    const auto block = w.features.middleCols(begin, points);
    for (Index e = 0; e < obs_dim(); ++e) {
      const Output& output = *outputs_[static_cast<std::size_t>(e)];
      const TargetKind kind = encoding_.targets[static_cast<std::size_t>(e)];
      if (kind != TargetKind::kAbsolute)
        for (Index i = 0; i < points; ++i) jacobian(e, (begin + i) * nz + e) = 1.0;
      if (kind == TargetKind::kConstant) continue;
      auto k = covariances(inputs_, centre_, output.exponents, output.posterior, block, w);
      k.array().colwise() *= output.posterior.beta.array();
      w.gradient.resize(d, points);
      dense::product({.rows = d,
                      .cols = points,
                      .depth = k.rows(),
                      .a = inputs_.data(),
                      .lda = d,
                      .b = k.data(),
                      .b_row = 1,
                      .b_col = k.outerStride(),
                      .d = w.gradient.data(),
                      .ldd = d});
      w.squares = k.colwise().sum();
      w.gradient -= block * w.squares.asDiagonal();
      w.gradient.array().colwise() /= output.posterior.lengthscale2.array();
      for (Index i = 0; i < points; ++i) {
        auto at = jacobian.middleCols((begin + i) * nz, nz);
        for (Index f = 0; f < encoded; ++f) {
          const ObsFeature feature = encoding_.features[static_cast<std::size_t>(f)];
          const double x = obs(feature.obs_index, begin + i);
          const double slope = feature.kind == ObsFeature::Kind::kSin   ? std::cos(x)
                               : feature.kind == ObsFeature::Kind::kCos ? -std::sin(x)
                                                                        : 1.0;
          at(e, feature.obs_index) += slope * w.gradient(f, i);
        }
        at.row(e).tail(action_dim_) = w.gradient.col(i).tail(action_dim_).transpose();
        if (!block.col(i).allFinite()) at.row(e).setConstant(std::numeric_limits<double>::quiet_NaN());
      }
    }
  }
}

void GpModel::condition(Batchd inputs, Batchd targets, std::vector<GpHyperparameters> hyperparameters) {
  require_dim("GpModel::condition", "an input", inputs.rows(), input_dim());
  require_dim("GpModel::condition", "a target", targets.rows(), obs_dim());
  require_dim("GpModel::condition", "the targets' batch", targets.cols(), inputs.cols());
  require_dim("GpModel::condition", "the list of hyperparameters", hyperparameters.size(), obs_dim());
  gp::check_memory(inputs.cols(), obs_dim(), 1);
  const Vecd centre = inputs.rowwise().mean();
  std::vector<std::shared_ptr<const Output>> outputs;
  for (Index e = 0; e < targets.rows(); ++e) {
    GpHyperparameters& h = hyperparameters[static_cast<std::size_t>(e)];
    GpPosterior p = exact_posterior(inputs, Vecd(targets.row(e)), h);
    outputs.push_back(std::make_shared<Output>(std::move(h), std::move(p), inputs, centre));
  }
  inputs_ = std::move(inputs);
  targets_ = std::move(targets);
  centre_ = centre;
  outputs_ = std::move(outputs);
  sparse_ = false;
}

void GpModel::set_sparse(Batchd inducing, std::vector<GpHyperparameters> hyperparameters,
                         std::vector<GpPosterior> posteriors) {
  require_dim("GpModel::set_sparse", "an inducing input", inducing.rows(), input_dim());
  require_dim("GpModel::set_sparse", "the list of hyperparameters", hyperparameters.size(), obs_dim());
  require_dim("GpModel::set_sparse", "the list of posteriors", posteriors.size(), obs_dim());
  const Index m = inducing.cols();
  require(m >= 1 && inducing.allFinite(), "GpModel::set_sparse: ", m,
          " inducing inputs, or one that is not finite; expected finite ones, at least 1");
  const Vecd centre = inducing.rowwise().mean();
  std::vector<std::shared_ptr<const Output>> outputs;
  for (std::size_t e = 0; e < posteriors.size(); ++e) {
    GpPosterior& p = posteriors[e];
    require(p.lengthscale2.size() == input_dim() && p.beta.size() == m && p.root.rows() == m &&
                p.root.cols() == m && p.inverse.rows() == m && p.inverse.cols() == m,
            "GpModel::set_sparse: the posterior of entry ", e, " is none over ", m, " inducing inputs");
    require(p.beta.allFinite() && p.root.allFinite() && p.lengthscale2.allFinite() &&
                std::isfinite(p.signal2) && std::isfinite(p.noise2),
            "GpModel::set_sparse: the posterior of entry ", e, " holds a number that is not finite");
    outputs.push_back(
        std::make_shared<Output>(std::move(hyperparameters[e]), std::move(p), inducing, centre));
  }
  inputs_ = std::move(inducing);
  targets_.resize(0, 0);
  centre_ = centre;
  outputs_ = std::move(outputs);
  sparse_ = true;
}

void GpModel::save(StateDict& out, const std::string& prefix) const {
  save_encoding(encoding_, out, prefix);
  out.put(prefix + "shape", std::vector<std::int64_t>{action_dim_, empty() ? 0 : 1, sparse_ ? 1 : 0});
  if (empty()) return;
  out.put_matrix(prefix + "inputs", inputs_);
  Batchd packed(input_dim() + 2, obs_dim());
  for (int e = 0; e < obs_dim(); ++e) packed.col(e) = hyperparameters(e).packed();
  out.put_matrix(prefix + "hyperparameters", packed);
  if (!sparse_) {
    out.put_matrix(prefix + "targets", targets_);
    return;
  }
  for (int e = 0; e < obs_dim(); ++e) {
    const std::string name = prefix + "posteriors." + std::to_string(e) + ".";
    out.put_matrix(name + "beta", posterior(e).beta);
    out.put_matrix(name + "root", posterior(e).root);
    out.put_matrix(name + "inverse", posterior(e).inverse);
    out.put_scalar(name + "jitter", posterior(e).jitter);
  }
}

void GpModel::load(const StateDict& in, const std::string& prefix) {
  const auto shape = in.get<std::int64_t>(prefix + "shape");
  require(shape.size() == 3, "checkpoint: '", prefix, "shape' is none of Gaussian processes");
  require_dim("checkpoint: '" + prefix + "shape'", "the action", shape[0], action_dim_);
  GpModel read(load_encoding(in, prefix), action_dim_);
  require_dim("checkpoint: '" + prefix + "encoding'", "the observation", read.obs_dim(), obs_dim());
  if (shape[1] != 0) {
    const auto packed = in.get_matrix<double>(prefix + "hyperparameters");
    require_dim("checkpoint: '" + prefix + "hyperparameters'", "a column", packed.rows(),
                read.input_dim() + 2);
    std::vector<GpHyperparameters> hyperparameters;
    for (Index e = 0; e < packed.cols(); ++e)
      hyperparameters.push_back(GpHyperparameters::unpacked(packed.col(e)));
    auto inputs = in.get_matrix<double>(prefix + "inputs");
    if (shape[2] == 0) {
      read.condition(std::move(inputs), in.get_matrix<double>(prefix + "targets"),
                     std::move(hyperparameters));
    } else {
      std::vector<GpPosterior> posteriors;
      for (std::size_t e = 0; e < hyperparameters.size(); ++e) {
        const std::string name = prefix + "posteriors." + std::to_string(e) + ".";
        GpPosterior& p = posteriors.emplace_back();
        p.lengthscale2 = hyperparameters[e].lengthscale2();
        p.signal2 = hyperparameters[e].signal2();
        p.noise2 = hyperparameters[e].noise2();
        p.beta = in.get_matrix<double>(name + "beta").reshaped();
        p.root = in.get_matrix<double>(name + "root");
        p.inverse = in.get_matrix<double>(name + "inverse");
        p.jitter = in.get_scalar<double>(name + "jitter");
      }
      read.set_sparse(std::move(inputs), std::move(hyperparameters), std::move(posteriors));
    }
  }
  *this = std::move(read);
}

}  // namespace mbrl
