#include "mbrl/learning/policy_fisher.hpp"

#include "mbrl/nn/bounded_logvar.hpp"

namespace mbrl {

GaussianFisher::GaussianFisher(const MlpPolicy& policy)
    : head_(policy.action_dim(), policy.settings().min_logvar, policy.settings().max_logvar),
      low_(static_cast<float>(policy.settings().min_logvar)),
      high_(static_cast<float>(policy.settings().max_logvar)) {}

Batchf GaussianFisher::at(const nn::ConstRows<float>& outputs) const {
  const Index dim = head_.dim(), n = outputs.cols();
  nn::RowBatch<float> mean(dim, n), variance(dim, n);
  head_.moments(outputs, mean, variance);
  Batchf m(2 * dim, n);
  m.topRows(dim) = variance.cwiseInverse();
  for (Index j = 0; j < n; ++j)
    for (Index i = 0; i < dim; ++i) {
      const float slope = nn::bounded_logvar_slope(outputs(dim + i, j), low_, high_);
      m(dim + i, j) = 0.5f * slope * slope;
    }
  return m;
}

Batchf CategoricalFisher::at(const nn::ConstRows<float>& outputs) const {
  nn::RowBatch<float> p(outputs.rows(), outputs.cols());
  head_.probabilities(outputs, p);
  return p;
}

Batchf CategoricalFisher::product(const Batchf& at, const Batchf& v) {
  const Batchf weighted = at.cwiseProduct(v);
  return weighted - at * weighted.colwise().sum().asDiagonal();
}

}  // namespace mbrl
