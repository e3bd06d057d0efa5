#include "mbrl/learning/cloning.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/data/normalizer.hpp"
#include "mbrl/data/splits.hpp"
#include "mbrl/learning/unnormalised.hpp"
#include "mbrl/nn/bounded_logvar.hpp"
#include "mbrl/nn/distributions.hpp"

namespace mbrl {
namespace {

using Rows = std::vector<std::uint32_t>;

Batchf columns(const Batchf& from, const std::uint32_t* rows, Index count) {
  Batchf to(from.rows(), count);
  for (Index j = 0; j < count; ++j) to.col(j) = from.col(rows[j]);
  return to;
}

// The losses of a policy's outputs: sum over the columns, and into `gradient` that of their mean.
class GaussianLoss {
 public:
  GaussianLoss(const MlpPolicy& policy, const CloningSettings& s, const Demonstrations& data)
      : settings_(policy.settings()),
        kl_(s.loss == CloningLoss::kKl),
        joint_(s.loss == CloningLoss::kPrecision),
        floor_(static_cast<float>(s.min_std * s.min_std)) {
    const Index dims = policy.action_dim();
    require(kl_ == (settings_.output == PolicyOutput::kSquashedGaussian),
            "cloning: the loss 'kl' fits a squashed Gaussian and the others a deterministic policy, not the "
            "other");
    require(!joint_ || data.precision.cols() == data.size(),
            "cloning: the loss 'precision' needs the expert's precision matrices, and this expert has none; "
            "take the loss 'mean'");
    require(!kl_ || data.deviation.cols() == data.size(),
            "cloning: the loss 'kl' needs the expert's Gaussian, and this expert has none; take the loss "
            "'mean', or cem or icem as the expert");
    const Eigen::Map<const Vecf> mid(policy.mid().data(), dims), half(policy.half().data(), dims);
    const Vecf scale = half.cwiseInverse();
    target_ = (scale.asDiagonal() * (data.action.colwise() - mid)).cwiseMax(-1.0f).cwiseMin(1.0f);
    if (kl_) variance_ = (scale.asDiagonal() * data.deviation).array().square() + floor_;
    if (!joint_) return;
    require_dim("cloning", "a precision", data.precision.rows(), dims * dims);
    const Batchf ranges = half * half.transpose();
    precision_ = data.precision.array().colwise() * Vecf(ranges.reshaped()).array();
    double diagonals = 0;
    for (Index i = 0; i < dims; ++i) diagonals += precision_.row(i * (dims + 1)).cast<double>().mean();
    require(diagonals > 0, "cloning: the precisions' diagonals sum to ", diagonals, ", expected more than 0");
    precision_ *= static_cast<float>(static_cast<double>(dims) / diagonals);
  }

  double operator()(const nn::ConstRowMap<float>& output, const std::uint32_t* rows,
                    nn::RowMap<float>* gradient) const {
    const Index dims = target_.rows(), n = output.cols();
    if (joint_) return in_precision(output, rows, gradient);
    double sum = 0;
    for (Index j = 0; j < n; ++j)
      for (Index i = 0; i < dims; ++i) {
        const float m = output(i, j), y = std::tanh(m), slope = 1.0f - y * y;
        const float error = y - target_(i, rows[j]);
        if (!kl_) {
          sum += 0.5 * static_cast<double>(error * error);
          if (gradient != nullptr) (*gradient)(i, j) = error * slope / static_cast<float>(n);
          continue;
        }
        const float raw = output(dims + i, j), low = static_cast<float>(settings_.min_logvar),
                    high = static_cast<float>(settings_.max_logvar), v = nn::bounded_logvar(raw, low, high);
        const float c = variance_(i, rows[j]);
        const float log_slope = 2.0f * (std::numbers::ln2_v<float> - m - nn::softplus(-2.0f * m));
        const float log_ratio = v + 2.0f * log_slope - std::log(c), ratio = std::exp(log_ratio);
        sum += 0.5 * static_cast<double>(ratio - log_ratio - 1.0f + error * error / c);
        if (gradient == nullptr) continue;
        const float pull = 0.5f * (ratio - 1.0f);  // of log s^2
        (*gradient)(i, j) = (error / c * slope - 4.0f * pull * y) / static_cast<float>(n);
        (*gradient)(dims + i, j) = pull * nn::bounded_logvar_slope(raw, low, high) / static_cast<float>(n);
      }
    return sum;
  }

 private:
  double in_precision(const nn::ConstRowMap<float>& output, const std::uint32_t* rows,
                      nn::RowMap<float>* gradient) const {
    const Index dims = target_.rows(), n = output.cols();
    double sum = 0;
    for (Index j = 0; j < n; ++j) {
      const Vecf y = output.col(j).array().tanh(), error = y - target_.col(rows[j]);
      const Vecf pull = precision_.col(rows[j]).reshaped(dims, dims) * error;
      sum += 0.5 * static_cast<double>(error.dot(pull));
      if (gradient != nullptr)
        gradient->col(j) = pull.cwiseProduct((1.0f - y.array().square()).matrix()) / static_cast<float>(n);
    }
    return sum;
  }

  MlpPolicySettings settings_;
  bool kl_, joint_;
  float floor_;
  Batchf target_, variance_, precision_;  // in half action ranges
};

class ChoiceLoss {
 public:
  ChoiceLoss(const CategoricalPolicy& policy, const Demonstrations& data) : head_(policy.choices()) {
    choice_.resize(data.size());
    for (Index j = 0; j < data.size(); ++j) choice_(j) = policy.choice("cloning", data.action(0, j));
  }

  double operator()(const nn::ConstRowMap<float>& output, const std::uint32_t* rows,
                    nn::RowMap<float>* gradient) const {
    const Index n = output.cols();
    Vec<int> choice(n);
    for (Index j = 0; j < n; ++j) choice(j) = choice_(rows[j]);
    Vecf log_prob(n);
    head_.log_prob(output, choice, log_prob);
    if (gradient != nullptr) {
      gradient->setZero();
      head_.log_prob_gradient(output, choice, Vecf::Constant(n, -1.0f / static_cast<float>(n)), *gradient);
    }
    return -log_prob.cast<double>().sum();
  }

 private:
  nn::Categorical<float> head_;
  Vec<int> choice_;
};

class ValueLoss {
 public:
  ValueLoss(const CategoricalPolicy& policy, const Demonstrations& data) : target_(data.values) {
    require(data.values.cols() == data.size(),
            "cloning: the loss 'values' needs what the expert takes each choice to be worth, and this expert "
            "does not say; take mcts as the expert, or the loss 'mean'");
    require_dim("cloning", "the values", data.values.rows(), policy.choices());
    target_.array() -= target_.mean();
    const float scale = std::sqrt(target_.squaredNorm() / static_cast<float>(target_.size()));
    if (scale > 0) target_ /= scale;
  }

  double operator()(const nn::ConstRowMap<float>& output, const std::uint32_t* rows,
                    nn::RowMap<float>* gradient) const {
    double sum = 0;
    for (Index j = 0; j < output.cols(); ++j)
      for (Index i = 0; i < output.rows(); ++i) {
        const float error = output(i, j) - target_(i, rows[j]);
        sum += 0.5 * static_cast<double>(error * error);
        if (gradient != nullptr) (*gradient)(i, j) = error / static_cast<float>(output.cols());
      }
    return sum;
  }

 private:
  Batchf target_;  // of mean 0 and variance 1 over all states and choices
};

template <class Loss>
CloningReport fit(const Demonstrations& data, const CloningSettings& s, std::uint64_t seed,
                  std::uint32_t round, nn::Network& network, const Loss& loss,
                  const std::function<bool()>& stop, bool warm = false) {
  Normalizer statistics(network.in());
  statistics.fit(ConstBatchRef<float>(data.obs));
  Batchf inputs(data.obs.rows(), data.obs.cols());
  statistics.normalize(data.obs, inputs);
  const Vecf mean = statistics.mean().cast<float>(), scale = statistics.scale().cast<float>();
  if (warm) take_normalised_inputs(network, mean, scale);

  const HoldoutSplit split = holdout_split(static_cast<std::uint32_t>(data.size()), s.validation,
                                           static_cast<std::uint32_t>(data.size()), seed, round);
  const auto train = static_cast<std::uint32_t>(split.train.size());
  nn::Pass pass(network, s.batch_size);
  nn::Adam adam(network, s.adam);
  AlignedFloats gradient;
  const auto forward = [&](const std::uint32_t* rows, std::size_t count) {
    pass.set_input(columns(inputs, rows, static_cast<Index>(count)));
    pass.forward(network, static_cast<int>(count));
    return pass.outputs(static_cast<int>(count));
  };
  const auto batches = [&](const Rows& rows, const auto& use) {
    for (std::size_t first = 0; first < rows.size(); first += static_cast<std::size_t>(s.batch_size))
      use(rows.data() + first, std::min(rows.size() - first, static_cast<std::size_t>(s.batch_size)));
  };

  CloningReport report;
  AlignedFloats best;
  double best_loss = std::numeric_limits<double>::infinity();
  for (int epoch = 0, worse = 0; epoch < s.epochs && worse < s.patience; ++epoch) {
    Rows order(train);
    RandomStream(seed, Stream::kShuffle)
        .permutation(order.data(), train, static_cast<std::uint32_t>(epoch), round);
    for (std::uint32_t& row : order) row = split.train[row];
    double sum = 0, held = 0;
    batches(order, [&](const std::uint32_t* rows, std::size_t count) {
      const auto output = forward(rows, count);
      nn::RowMap<float> weight = pass.output_gradients(static_cast<int>(count));
      weight.setZero();
      sum += loss(output, rows, &weight);
      pass.backward(network, static_cast<int>(count), &gradient);
      adam.step(network, gradient);
    });
    batches(split.holdout, [&](const std::uint32_t* rows, std::size_t count) {
      held += loss(forward(rows, count), rows, nullptr);
    });
    report.epochs = epoch + 1;
    report.train_loss = sum / static_cast<double>(train);
    const double now =
        split.holdout.empty() ? report.train_loss : held / static_cast<double>(split.holdout.size());
    require(std::isfinite(now) && std::isfinite(report.train_loss),
            "cloning: the loss is not finite; a smaller adam.learning_rate may help");
    ++worse;
    if (now < best_loss) {
      best_loss = now;
      best = network.parameters();
      worse = 0;
    }
    if (stop && stop()) {
      report.stopped = true;
      return report;
    }
  }
  report.validation_loss = best_loss;
  network.parameters() = best;
  take_raw_inputs(network, mean, scale);
  return report;
}

template <class P>
void check(const Demonstrations& data, const CloningSettings& s, const P& policy) {
  s.validate();
  require(data.size() > 0, "cloning: there are no demonstrations");
  require_dim("cloning", "obs", data.obs.rows(), policy.obs_dim());
  require_dim("cloning", "action", data.action.rows(), policy.action_dim());
  require_dim("cloning", "the actions", data.action.cols(), data.size());
  require(data.obs.allFinite() && data.action.allFinite() && data.deviation.allFinite() &&
              data.precision.allFinite() && data.values.allFinite(),
          "cloning: the demonstrations hold a number that is not finite");
}

Batchf joined(const Batchf& a, const Batchf& b) {
  if (a.size() == 0) return b;
  require_dim("Demonstrations::append", "the rows", b.rows(), a.rows());
  Batchf both(a.rows(), a.cols() + b.cols());
  both << a, b;
  return both;
}

}  // namespace

void Demonstrations::append(const Demonstrations& more) {
  const auto agree = [](const Batchf& a, const Batchf& b) { return (a.cols() > 0) == (b.cols() > 0); };
  require(size() == 0 || more.size() == 0 ||
              (agree(deviation, more.deviation) && agree(precision, more.precision) &&
               agree(values, more.values)),
          "Demonstrations::append: some have deviations, precisions or values and some have not");
  obs = joined(obs, more.obs);
  action = joined(action, more.action);
  if (more.deviation.cols() > 0) deviation = joined(deviation, more.deviation);
  if (more.precision.cols() > 0) precision = joined(precision, more.precision);
  if (more.values.cols() > 0) values = joined(values, more.values);
}

void Demonstrations::save(StateDict& out, const std::string& prefix) const {
  out.put_matrix(prefix + "obs", obs);
  out.put_matrix(prefix + "action", action);
  out.put_matrix(prefix + "deviation", deviation);
  if (precision.cols() > 0) out.put_matrix(prefix + "precision", precision);
  if (values.cols() > 0) out.put_matrix(prefix + "values", values);
}

void Demonstrations::load(const StateDict& in, const std::string& prefix) {
  Demonstrations loaded{in.get_matrix<float>(prefix + "obs"), in.get_matrix<float>(prefix + "action"),
                        in.get_matrix<float>(prefix + "deviation")};
  if (in.contains(prefix + "precision")) loaded.precision = in.get_matrix<float>(prefix + "precision");
  if (in.contains(prefix + "values")) loaded.values = in.get_matrix<float>(prefix + "values");
  require_dim("checkpoint", "'" + prefix + "action'", loaded.action.cols(), loaded.size());
  if (loaded.deviation.cols() > 0)
    require_dim("checkpoint", "'" + prefix + "deviation'", loaded.deviation.cols(), loaded.size());
  if (loaded.precision.cols() > 0)
    require_dim("checkpoint", "'" + prefix + "precision'", loaded.precision.cols(), loaded.size());
  if (loaded.values.cols() > 0)
    require_dim("checkpoint", "'" + prefix + "values'", loaded.values.cols(), loaded.size());
  *this = std::move(loaded);
}

void CloningSettings::validate() const {
  require(batch_size >= 1, "cloning: batch_size is ", batch_size, ", expected at least 1");
  require(epochs >= 1, "cloning: epochs is ", epochs, ", expected at least 1");
  require(patience >= 1, "cloning: patience is ", patience, ", expected at least 1");
  require(validation >= 0 && validation < 1, "cloning: validation is ", validation,
          ", expected 0 to less than 1");
  require(min_std > 0 && std::isfinite(min_std), "cloning: min_std is ", min_std, ", expected more than 0");
  require(policy.dropout == 0, "cloning: policy.dropout is ", policy.dropout, ", expected 0");
}

MlpPolicy new_cloned_policy(int obs_dim, const ActionBounds& bounds, const CloningSettings& s,
                            std::uint64_t seed, std::uint32_t round) {
  return MlpPolicy(
      obs_dim, bounds,
      {.network = s.policy,
       .output = s.loss == CloningLoss::kKl ? PolicyOutput::kSquashedGaussian : PolicyOutput::kTanh},
      seed, round);
}

CloningReport clone(const Demonstrations& data, const CloningSettings& s, std::uint64_t seed,
                    std::uint32_t round, MlpPolicy& policy, const std::function<bool()>& stop, bool warm) {
  check(data, s, policy);
  require(s.loss != CloningLoss::kValues,
          "cloning: the loss 'values' is one of choices; expected mean, kl or precision");
  return fit(data, s, seed, round, policy.network(), GaussianLoss(policy, s, data), stop, warm);
}

CloningReport clone(const Demonstrations& data, const CloningSettings& s, std::uint64_t seed,
                    std::uint32_t round, CategoricalPolicy& policy, const std::function<bool()>& stop) {
  check(data, s, policy);
  require(s.loss == CloningLoss::kMean || s.loss == CloningLoss::kValues,
          "cloning: the losses 'kl' and 'precision' are those of real actions; expected mean or values");
  if (s.loss == CloningLoss::kValues)
    return fit(data, s, seed, round, policy.network(), ValueLoss(policy, data), stop);
  return fit(data, s, seed, round, policy.network(), ChoiceLoss(policy, data), stop);
}

}  // namespace mbrl
