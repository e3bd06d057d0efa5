#include "mbrl/models/neural/conditional_rbm.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/bounded_logvar.hpp"
#include "models/neural/columns.hpp"
#include "models/neural/standard_scale.hpp"

namespace mbrl {
namespace {

using Parameters = ConditionalRbm::Parameters;

Batchf sigmoid(const Batchf& x) {
  return x.unaryExpr([](float v) { return nn::sigmoid(v); });
}

// f(of a, of b, whether biases) for each array.
template <class A, class B, class F>
void for_each_pair(A& a, B& b, F&& f) {
  f(a.weight, b.weight, false);
  f(a.of_visible, b.of_visible, false);
  f(a.of_hidden, b.of_hidden, false);
  f(a.visible, b.visible, true);
  f(a.hidden, b.hidden, true);
}

Parameters zeros_like(const Parameters& p) {
  Parameters zeros = p;
  for_each_pair(zeros, p, [](auto& a, const auto&, bool) { a.setZero(); });
  return zeros;
}

void check_frames(const ConditionalRbm& model, ConstBatchRef<float> history, ConstBatchRef<float> next) {
  require_dim("ConditionalRbm", "history", history.rows(), static_cast<Index>(model.order()) * model.dim());
  require_dim("ConditionalRbm", "next", next.rows(), model.dim());
  require_dim("ConditionalRbm", "the batch of next", next.cols(), history.cols());
}

}  // namespace

void ConditionalRbmSettings::validate(const std::string& who) const {
  const auto at_least = [&who](const char* name, int value) {
    require(value >= 1, who, ": ", name, " is ", value, ", expected at least 1");
  };
  at_least("order", order);
  at_least("hidden", hidden);
  at_least("iterations", iterations);
  at_least("epochs", epochs);
  at_least("batch_size", batch_size);
  const auto positive = [&who](const char* name, double value) {
    require(std::isfinite(value) && value > 0, who, ": ", name, " is ", value,
            ", expected a positive number");
  };
  positive("deviation", deviation);
  positive("learning_rate", learning_rate);
  require(momentum >= 0 && momentum < 1, who, ": momentum is ", momentum, ", expected 0 <= momentum < 1");
  require(std::isfinite(weight_decay) && weight_decay >= 0, who, ": weight_decay is ", weight_decay,
          ", expected at least 0");
}

ConditionalRbm::ConditionalRbm(int dim, const ConditionalRbmSettings& settings, std::uint64_t seed)
    : settings_(settings), seed_(seed) {
  require(dim >= 1, "ConditionalRbm: frames of ", dim, " numbers, expected at least 1");
  settings.validate("ConditionalRbm");
  mean_ = Vecf::Zero(dim);
  scale_ = Vecf::Constant(dim, static_cast<float>(settings.deviation));
  const Index seen = static_cast<Index>(settings.order) * dim;
  std::uint32_t entry = 0;
  const RandomStream random(seed, Stream::kWeights);
  const auto small = [&] { return static_cast<float>(0.01 * random.normal(entry++)); };
  parameters_ = {Batchf::NullaryExpr(dim, settings.hidden, small), Batchf::Zero(dim, seen),
                 Batchf::NullaryExpr(settings.hidden, seen, small), Vecf::Zero(dim),
                 Vecf::Zero(settings.hidden)};
}

Batchf ConditionalRbm::scaled(ConstBatchRef<float> frames) const {
  const Index times = frames.rows() / dim();
  return ((frames.colwise() - mean_.replicate(times, 1).col(0)).array().colwise() /
          scale_.replicate(times, 1).col(0).array())
      .matrix();
}

void ConditionalRbm::fit_scale(const std::vector<Batchf>& series) {
  Index count = 0;
  for (const Batchf& s : series) count += s.cols();
  Batchf all(dim(), count);
  Index at = 0;
  for (const Batchf& s : series) {
    all.middleCols(at, s.cols()) = s;
    at += s.cols();
  }
  for (Index r = 0; r < dim(); ++r) {
    const auto [mean, std_dev] = input_scale(all, r);
    mean_[r] = static_cast<float>(mean);
    scale_[r] = static_cast<float>(std_dev * settings_.deviation);
  }
}

Batchf ConditionalRbm::hidden_probability(const Batchf& history, const Batchf& next) const {
  return sigmoid((parameters_.of_hidden * history + parameters_.weight.transpose() * next).colwise() +
                 parameters_.hidden);
}

Parameters ConditionalRbm::gradient(const Batchf& history, const Batchf& next) const {
  const Batchf h = hidden_probability(history, next);
  const Batchf off = next - ((parameters_.of_visible * history).colwise() + parameters_.visible);
  return {-next * h.transpose(), -off * history.transpose(), -h * history.transpose(), -off.rowwise().sum(),
          -h.rowwise().sum()};
}

TrainingReport ConditionalRbm::train(const std::vector<Batchf>& series, std::uint32_t round,
                                     const EpochCallback& on_epoch) {
  Index count = 0;
  for (const Batchf& s : series) {
    require_dim("ConditionalRbm", "frames of a series", s.rows(), dim());
    require(s.allFinite(), "ConditionalRbm: a series holds a number that is not finite");
    count += std::max<Index>(s.cols() - order(), 0);
  }
  require(count > 0, "ConditionalRbm: no series is longer than ", order(), " frames, expected at least ",
          order() + 1);
  Batchf history(static_cast<Index>(order()) * dim(), count), next(dim(), count);
  Index at = 0;
  for (const Batchf& s : series) {
    if (s.cols() <= order()) continue;
    const SeriesWindows windows = windows_of(s, order());
    history.middleCols(at, windows.next.cols()) = windows.history;
    next.middleCols(at, windows.next.cols()) = windows.next;
    at += windows.next.cols();
  }
  fit_scale(series);
  history = scaled(history);
  next = scaled(next);

  const auto rows = static_cast<std::uint32_t>(count);
  const auto rate = static_cast<float>(settings_.learning_rate),
             keep = static_cast<float>(settings_.momentum),
             decay = static_cast<float>(settings_.weight_decay);
  const RandomStream order_stream(seed_, Stream::kShuffle), draws(seed_, Stream::kUpdate);
  Parameters velocity = zeros_like(parameters_);
  Batchf u, v;
  std::vector<std::uint32_t> order(rows);
  TrainingReport report;
  report.train_loss.assign(1, 0.0);
  for (int epoch = 0; epoch < settings_.epochs; ++epoch) {
    order_stream.permutation(order.data(), rows, round, static_cast<std::uint32_t>(epoch));
    double loss = 0;
    for (std::uint32_t begin = 0; begin < rows; begin += static_cast<std::uint32_t>(settings_.batch_size)) {
      const std::uint32_t size = std::min(static_cast<std::uint32_t>(settings_.batch_size), rows - begin);
      take_columns(history, {order.data() + begin, size}, u);
      take_columns(next, {order.data() + begin, size}, v);
      Batchf h = hidden_probability(u, v);
      for (Index j = 0; j < h.cols(); ++j)
        for (Index k = 0; k < h.rows(); ++k)
          h(k, j) = draws.uniform(static_cast<std::uint32_t>(report.steps), static_cast<std::uint32_t>(j),
                                  static_cast<std::uint32_t>(k), round) < static_cast<double>(h(k, j))
                        ? 1.0f
                        : 0.0f;
      const Batchf again =
          (parameters_.of_visible * u + parameters_.weight * h).colwise() + parameters_.visible;
      loss += static_cast<double>((again - v).squaredNorm());
      Parameters up = gradient(u, v);
      const Parameters down = gradient(u, again);
      for_each_pair(up, down, [&](auto& a, const auto& b, bool) { a = (b - a) / static_cast<float>(size); });
      up.of_visible *= static_cast<float>(settings_.deviation * settings_.deviation);
      for_each_pair(velocity, up, [&](auto& a, const auto& b, bool) { a = keep * a + rate * b; });
      for_each_pair(velocity, parameters_, [&](auto& a, const auto& b, bool bias) {
        if (!bias) a -= rate * decay * b;
      });
      for_each_pair(parameters_, velocity, [](auto& a, const auto& b, bool) { a += b; });
      ++report.steps;
    }
    report.epochs = epoch + 1;
    report.train_loss[0] =
        loss * settings_.deviation * settings_.deviation / static_cast<double>(next.size());
    require(std::isfinite(report.train_loss[0]), "ConditionalRbm: training diverged in epoch ", epoch,
            "; expected a learning_rate below ", settings_.learning_rate);
    if (on_epoch && !on_epoch(epoch, settings_.epochs, report.train_loss[0])) break;
  }
  return report;
}

void ConditionalRbm::predict(ConstBatchRef<float> history, BatchRef<float> next) const {
  check_frames(*this, history, next);
  const Batchf u = scaled(history);
  const Batchf straight = (parameters_.of_visible * u).colwise() + parameters_.visible;
  const Batchf of_history = (parameters_.of_hidden * u).colwise() + parameters_.hidden;
  Batchf v = u.bottomRows(dim());
  for (int i = 0; i < settings_.iterations; ++i)
    v = straight + parameters_.weight * sigmoid(of_history + parameters_.weight.transpose() * v);
  next = (scale_.asDiagonal() * v).colwise() + mean_;
}

Batchf ConditionalRbm::generate(ConstBatchRef<float> first, int frames) const {
  require_dim("ConditionalRbm", "first", first.rows(), dim());
  require(first.cols() == order(), "ConditionalRbm: first has ", first.cols(), " frames, expected ", order());
  require(frames >= 0, "ConditionalRbm: ", frames, " frames asked for, expected at least 0");
  Batchf all(dim(), order() + frames), next(dim(), 1);
  all.leftCols(order()) = first;
  for (Index t = order(); t < all.cols(); ++t) {
    predict(all.middleCols(t - order(), order()).reshaped(), next);
    all.col(t) = next;
  }
  return all.rightCols(frames);
}

Vecd ConditionalRbm::free_energy(ConstBatchRef<float> history, ConstBatchRef<float> next) const {
  check_frames(*this, history, next);
  const Batchf u = scaled(history), v = scaled(next);
  const Batchf off = v - ((parameters_.of_visible * u).colwise() + parameters_.visible);
  const Batchf input =
      (parameters_.of_hidden * u + parameters_.weight.transpose() * v).colwise() + parameters_.hidden;
  Vecd energy = 0.5 * off.cast<double>().colwise().squaredNorm().transpose();
  for (Index j = 0; j < input.cols(); ++j)
    for (Index k = 0; k < input.rows(); ++k) energy[j] -= nn::softplus(static_cast<double>(input(k, j)));
  return energy;
}

Parameters ConditionalRbm::free_energy_gradient(ConstBatchRef<float> history,
                                                ConstBatchRef<float> next) const {
  check_frames(*this, history, next);
  return gradient(scaled(history), scaled(next));
}

void ConditionalRbm::save(StateDict& out, const std::string& prefix) const {
  out.put_matrix(prefix + "mean", mean_);
  out.put_matrix(prefix + "scale", scale_);
  out.put_matrix(prefix + "weight", parameters_.weight);
  out.put_matrix(prefix + "of_visible", parameters_.of_visible);
  out.put_matrix(prefix + "of_hidden", parameters_.of_hidden);
  out.put_matrix(prefix + "visible", parameters_.visible);
  out.put_matrix(prefix + "hidden", parameters_.hidden);
}

void ConditionalRbm::load(const StateDict& in, const std::string& prefix) {
  ConditionalRbm read = *this;
  const auto take = [&](const char* what, auto& out) {
    const std::string name = prefix + what;
    const Batchf values = in.get_matrix<float>(name);
    require(values.rows() == out.rows() && values.cols() == out.cols() && values.allFinite(), "checkpoint: '",
            name, "' is ", values.rows(), " x ", values.cols(), ", expected ", out.rows(), " x ", out.cols(),
            " finite numbers");
    out = values;
  };
  take("mean", read.mean_);
  take("scale", read.scale_);
  take("weight", read.parameters_.weight);
  take("of_visible", read.parameters_.of_visible);
  take("of_hidden", read.parameters_.of_hidden);
  take("visible", read.parameters_.visible);
  take("hidden", read.parameters_.hidden);
  require((read.scale_.array() > 0).all(), "checkpoint: '", prefix,
          "scale' holds a number that no scale has");
  *this = std::move(read);
}

SeriesWindows windows_of(const Batchf& series, int order) {
  require(order >= 1 && series.cols() > order, "windows_of: a series of ", series.cols(),
          " frames, expected more than the ", order, " that are seen");
  const Index count = series.cols() - order;
  SeriesWindows windows{Batchf(order * series.rows(), count), series.rightCols(count)};
  for (Index t = 0; t < count; ++t) windows.history.col(t) = series.middleCols(t, order).reshaped();
  return windows;
}

}  // namespace mbrl
