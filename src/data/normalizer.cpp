// Running mean and standard deviation.
#include "mbrl/data/normalizer.hpp"

#include <cmath>

#include "mbrl/core/error.hpp"

namespace mbrl {

Normalizer::Normalizer(int dim, double floor) : floor_(floor) {
  require(dim >= 1, "Normalizer: dim is ", dim, ", expected at least 1");
  require(floor >= 0.0 && std::isfinite(floor), "Normalizer: floor is ", floor,
          ", expected a finite number >= 0");
  mean_ = Vecd::Zero(dim);
  sum_of_squares_ = Vecd::Zero(dim);
}

void Normalizer::update(ConstBatchRef<double> batch) {
  require_dim("Normalizer::update", "batch", batch.rows(), dim());
  require(batch.allFinite(), "Normalizer::update: batch holds a number that is not finite");
  if (batch.cols() == 0) return;
  const auto n = static_cast<double>(batch.cols()), before = static_cast<double>(count_);
  const Vecd mean = batch.rowwise().mean();
  const Vecd squares = (batch.colwise() - mean).rowwise().squaredNorm();
  const Vecd shift = mean - mean_;
  mean_ += shift * (n / (before + n));
  sum_of_squares_ += squares + shift.cwiseAbs2() * (before * n / (before + n));
  count_ += static_cast<std::uint64_t>(batch.cols());
}
void Normalizer::update(ConstBatchRef<float> batch) { update(Batchd(batch.cast<double>())); }

void Normalizer::fit(ConstBatchRef<double> batch) {
  Normalizer fresh(dim(), floor_);
  fresh.update(batch);
  *this = std::move(fresh);
}
void Normalizer::fit(ConstBatchRef<float> batch) { fit(Batchd(batch.cast<double>())); }

void Normalizer::clear() { *this = Normalizer(dim(), floor_); }

Vecd Normalizer::std() const {
  if (count_ == 0) return Vecd::Zero(dim());
  return (sum_of_squares_ / static_cast<double>(count_)).cwiseSqrt();
}

Vecd Normalizer::scale() const {
  const Vecd deviation = std();
  return (deviation.array() > floor_).select(deviation.array(), 1.0).matrix();
}

void Normalizer::normalize(ConstBatchRef<float> in, BatchRef<float> out) const {
  require_dim("Normalizer::normalize", "input", in.rows(), dim());
  require_dim("Normalizer::normalize", "output", out.rows(), dim());
  require_dim("Normalizer::normalize", "output's batch", out.cols(), in.cols());
  const Vecf mean = mean_.cast<float>(), scale = this->scale().cast<float>();
  out = ((in.colwise() - mean).array().colwise() / scale.array()).matrix();
}

void Normalizer::denormalize(ConstBatchRef<float> in, BatchRef<float> out) const {
  require_dim("Normalizer::denormalize", "input", in.rows(), dim());
  require_dim("Normalizer::denormalize", "output", out.rows(), dim());
  require_dim("Normalizer::denormalize", "output's batch", out.cols(), in.cols());
  const Vecf mean = mean_.cast<float>(), scale = this->scale().cast<float>();
  out = ((in.array().colwise() * scale.array()).matrix().colwise() + mean);
}

void Normalizer::save(StateDict& out, const std::string& prefix) const {
  out.put_scalar(prefix + "count", count_);
  out.put(prefix + "mean", mean_.data(), {mean_.size()});
  out.put(prefix + "sum_of_squares", sum_of_squares_.data(), {mean_.size()});
}

void Normalizer::load(const StateDict& in, const std::string& prefix) {
  const auto count = in.get_scalar<std::uint64_t>(prefix + "count");
  const auto mean = in.get<double>(prefix + "mean"), squares = in.get<double>(prefix + "sum_of_squares");
  require_dim("Normalizer::load", "'" + prefix + "mean'", mean.size(), dim());
  require_dim("Normalizer::load", "'" + prefix + "sum_of_squares'", squares.size(), dim());
  for (std::size_t i = 0; i < mean.size(); ++i)
    require(std::isfinite(mean[i]) && std::isfinite(squares[i]) && squares[i] >= 0,
            "Normalizer::load: dimension ", i, " has mean ", mean[i], " and sum of squares ", squares[i],
            ", expected finite numbers and a sum >= 0");
  count_ = count;
  mean_ = Eigen::Map<const Vecd>(mean.data(), dim());
  sum_of_squares_ = Eigen::Map<const Vecd>(squares.data(), dim());
}

}  // namespace mbrl
