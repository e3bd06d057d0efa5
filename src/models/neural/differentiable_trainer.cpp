#include "mbrl/models/neural/differentiable_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/vector_adam.hpp"

namespace mbrl {
namespace {

// Rows kept aside and rows to learn from. A row is one or the other for good, as long as the data only grow.
struct Rows {
  std::vector<std::uint32_t> train, holdout;
};

Rows split(std::uint32_t count, const DifferentiableTrainingSettings& settings, std::uint64_t seed) {
  const RandomStream random(seed, Stream::kHoldout);
  Rows rows;
  for (std::uint32_t i = 0; i < count; ++i)
    (random.uniform(i) < settings.holdout_ratio ? rows.holdout : rows.train).push_back(i);
  if (rows.train.empty()) std::swap(rows.train, rows.holdout);
  const auto most = static_cast<std::size_t>(settings.max_holdout), all = rows.holdout.size();
  if (all > most) {  // as many as there is time for, spread over all
    for (std::size_t i = 0; i < most; ++i) rows.holdout[i] = rows.holdout[i * all / most];
    rows.holdout.resize(most);
  }
  return rows;
}

// What one member needs to learn, and to be judged.
struct Learner {
  nn::Adam adam;
  nn::VectorAdam deviation_adam;  // of the logarithms of the deviations
  nn::Pass pass, judge;
  AlignedFloats gradient;
  Batchf batch_target;  // of a batch
  Vecf weight, slope;
  Batchf prediction;  // of the rows held out
  double loss = 0;    // of the last epoch

  Learner(const nn::Network& shape, const DifferentiableTrainingSettings& s, Index outputs)
      : adam(shape, {.learning_rate = s.learning_rate}),
        deviation_adam(outputs, {.learning_rate = s.learning_rate}),
        pass(shape, s.batch_size),
        judge(shape, kJudged),
        batch_target(outputs, s.batch_size),
        weight(s.batch_size),
        slope(outputs) {}
  static constexpr int kJudged = 256;
};

// Scores of held-out rows, and whether others are better.
struct Score {
  Vecd rows;
  double mean = 0;
};

// The chance that rows of one mean would look as much better: a normal approximation.
double luck(const Score& now, const Score& best) {
  const Vecd difference = now.rows - best.rows;
  const auto n = static_cast<double>(difference.size());
  const double mean = difference.mean();
  const double deviation = std::sqrt((difference.array() - mean).square().sum() / std::max(n - 1, 1.0));
  if (!std::isfinite(mean)) return 1;
  if (deviation == 0) return mean < 0 ? 0 : 1;
  return 0.5 * std::erfc(-mean * std::sqrt(n) / deviation / std::numbers::sqrt2);
}

class Training {
 public:
  Training(const TransitionBatch& data, DifferentiableEnsemble& model,
           const DifferentiableTrainingSettings& settings, std::uint64_t seed, std::uint32_t round)
      : data_(data),
        model_(model),
        settings_(settings),
        seed_(seed),
        round_(round),
        rows_(split(static_cast<std::uint32_t>(data.obs.cols()), settings, seed)),
        obs_(data.obs.rows(), data.obs.cols()),
        target_(data.obs.rows() + 1, data.obs.cols()) {
    model.normalise(data.obs, obs_);
    model.targets(data, target_);
    for (int k = 0; k < model.members(); ++k)
      learners_.emplace_back(model.network(k), settings, target_.rows());
    for (Learner& l : learners_)
      l.prediction.resize(target_.rows(), static_cast<Index>(rows_.holdout.size()));
  }

  bool judged() const { return !rows_.holdout.empty(); }
  std::vector<Learner>& learners() { return learners_; }

  // One epoch of member k.
  void epoch(int k, int number) {
    Learner& l = learners_[static_cast<std::size_t>(k)];
    l.loss = 0;
    for (int b = 0; b < settings_.batches; ++b)
      batch(l, k, static_cast<std::uint32_t>(number * settings_.batches + b));
    l.loss /= settings_.batches;
  }

  void predict(int k) {
    Learner& l = learners_[static_cast<std::size_t>(k)];
    const auto count = static_cast<Index>(rows_.holdout.size());
    for (Index begin = 0; begin < count; begin += Learner::kJudged) {
      const Index n = std::min<Index>(Learner::kJudged, count - begin);
      for (Index j = 0; j < n; ++j)
        set_column(l.judge, j, rows_.holdout[static_cast<std::size_t>(begin + j)]);
      l.judge.forward(model_.network(k), static_cast<int>(n));
      l.prediction.middleCols(begin, n) = l.judge.outputs(static_cast<int>(n));
    }
  }

  // Of the predictions of all members.
  Score score(std::vector<double>* member_errors = nullptr) const {
    const auto members = static_cast<double>(learners_.size());
    const auto count = static_cast<Index>(rows_.holdout.size());
    const Vecd noise = (2.0 * model_.log_deviation().cast<double>().rowwise().mean()).array().exp();
    Score score{Vecd::Zero(count)};
    for (Index j = 0; j < count; ++j) {
      const auto y = target_.col(rows_.holdout[static_cast<std::size_t>(j)]);
      for (Index d = 0; d < target_.rows(); ++d) {
        double sum = 0, squares = 0;
        for (const Learner& l : learners_) {
          const auto p = static_cast<double>(l.prediction(d, j));
          sum += p;
          squares += p * p;
        }
        const double mean = sum / members;
        const double between = members > 1 ? std::max(squares - sum * mean, 0.0) / (members - 1) : 0.0;
        const double variance = noise(d) + between, error = static_cast<double>(y(d)) - mean;
        score.rows(j) += 0.5 * (error * error / variance + std::log(variance));
      }
    }
    score.mean = count > 0 ? score.rows.mean() : 0;
    if (member_errors)
      for (const Learner& l : learners_) {
        double error = 0;
        for (Index j = 0; j < count; ++j)
          error += static_cast<double>(
              (l.prediction.col(j) - target_.col(rows_.holdout[static_cast<std::size_t>(j)])).squaredNorm());
        member_errors->push_back(error / static_cast<double>(count * target_.rows()));
      }
    return score;
  }

 private:
  void set_column(nn::Pass& pass, Index j, std::uint32_t row) const {
    const Index stride = pass.stride();
    float* input = pass.input() + j;
    for (Index r = 0; r < obs_.rows(); ++r) input[r * stride] = obs_(r, row);
    for (Index i = 0; i < data_.action.rows(); ++i)
      input[(obs_.rows() + i) * stride] = model_.scaled_action(i, data_.action(i, row));
  }

  void batch(Learner& l, int k, std::uint32_t number) {
    const int n = settings_.batch_size;
    const auto member = static_cast<std::uint32_t>(k);
    const RandomStream order(seed_, Stream::kShuffle), weights(seed_, Stream::kBootstrap);
    for (int j = 0; j < n; ++j) {
      const std::uint32_t row = rows_.train[static_cast<std::size_t>(
          order.below(rows_.train.size(), number, static_cast<std::uint32_t>(j), round_, member))];
      set_column(l.pass, j, row);
      l.batch_target.col(j) = target_.col(row);
      l.weight(j) =
          settings_.bootstrap ? static_cast<float>(-std::log(1.0 - weights.uniform(row, member))) : 1.0f;
    }
    nn::Network& network = model_.network(k);
    l.pass.forward(
        network, n,
        {.key = RandomStream(seed_, Stream::kUpdate).key(), .step = number, .network = member + 1000});
    auto gradient = l.pass.output_gradients(n);
    const auto out = l.pass.outputs(n);
    const float share = 1.0f / static_cast<float>(n), total_weight = share * l.weight.sum();
    auto log_deviation = model_.log_deviation().col(k);
    double loss = 0;
    for (Index d = 0; d < target_.rows(); ++d) {
      const float precision = std::exp(-2.0f * log_deviation(d));
      float squares = 0;
      for (int j = 0; j < n; ++j) {
        const float error = out(d, j) - l.batch_target(d, j), weighted = share * l.weight(j) * error;
        squares += weighted * error;
        gradient(d, j) = precision * weighted;
      }
      l.slope(d) = total_weight - precision * squares;
      loss += static_cast<double>(0.5f * precision * squares + total_weight * log_deviation(d));
    }
    l.loss += loss;
    l.pass.backward(network, n, &l.gradient);
    if (!std::isfinite(l.adam.step(network, l.gradient))) return;
    decay(network);
    l.deviation_adam.step(log_deviation, l.slope);
    log_deviation = log_deviation.cwiseMax(static_cast<float>(std::log(model_.settings().min_deviation)));
  }

  // w <- w - learning rate * decay * w, apart from the gradient's moments.
  void decay(nn::Network& network) const {
    const auto last = static_cast<double>(network.layers().size() - 1);
    for (std::size_t i = 0; i < network.layers().size(); ++i) {
      const nn::Network::Layer& layer = network.layers()[i];
      const double along = last > 0 ? static_cast<double>(i) / last : 1.0;
      const double lambda = settings_.first_decay + along * (settings_.last_decay - settings_.first_decay);
      Eigen::Map<Eigen::ArrayXf>(network.parameters().data() + layer.weight,
                                 static_cast<Index>(layer.in) * layer.stride) *=
          static_cast<float>(1.0 - settings_.learning_rate * lambda);
    }
  }

  const TransitionBatch& data_;
  DifferentiableEnsemble& model_;
  const DifferentiableTrainingSettings& settings_;
  std::uint64_t seed_;
  std::uint32_t round_;
  Rows rows_;
  Batchf obs_, target_;
  std::vector<Learner> learners_;
};

// Weights to go back to.
struct Kept {
  std::vector<AlignedFloats> parameters;
  Batchf log_deviation;

  explicit Kept(const DifferentiableEnsemble& model) : log_deviation(model.log_deviation()) {
    for (int k = 0; k < model.members(); ++k) parameters.push_back(model.network(k).parameters());
  }
  void restore(DifferentiableEnsemble& model) const {
    for (int k = 0; k < model.members(); ++k)
      model.network(k).parameters() = parameters[static_cast<std::size_t>(k)];
    model.log_deviation() = log_deviation;
  }
};

}  // namespace

void DifferentiableTrainingSettings::validate(const char* who) const {
  const auto at_least = [who](const char* name, int value) {
    require(value >= 1, who, ": training.", name, " is ", value, ", expected at least 1");
  };
  at_least("epochs", epochs);
  at_least("first_epochs", first_epochs);
  at_least("patience", patience);
  at_least("batches", batches);
  at_least("batch_size", batch_size);
  at_least("max_holdout", max_holdout);
  require(learning_rate > 0 && std::isfinite(learning_rate), who, ": training.learning_rate is ",
          learning_rate, ", expected more than 0");
  require(first_decay >= 0 && last_decay >= 0, who, ": training.first_decay is ", first_decay,
          " and last_decay ", last_decay, ", expected at least 0");
  require(holdout_ratio >= 0 && holdout_ratio < 1, who, ": training.holdout_ratio is ", holdout_ratio,
          ", expected 0 <= holdout_ratio < 1");
  require(improvement > 0 && improvement <= 0.5, who, ": training.improvement is ", improvement,
          ", expected 0 < improvement <= 0.5");
}

DifferentiableTrainer::DifferentiableTrainer(const DifferentiableTrainingSettings& settings, ThreadPool& pool,
                                             std::uint64_t seed)
    : settings_(settings), pool_(&pool), seed_(seed) {
  settings.validate("DifferentiableTrainer");
}

TrainingReport DifferentiableTrainer::train(const TransitionBatch& data, DifferentiableEnsemble& model,
                                            std::uint32_t round, const EpochCallback& on_epoch) {
  check_transitions(data, model.obs_dim(), model.action_dim(), true);
  model.set_statistics(data);
  Training training(data, model, settings_, seed_, round);
  const int members = model.members();
  TrainingReport report;
  const auto predict = [&](int k) { training.predict(k); };
  const auto judge = [&] {
    pool_->run(members, std::cref(predict));
    return training.score();
  };
  Score best = judge();
  Kept kept(model);
  int worse = 0;
  const int most = settings_.epochs_of(round);
  for (int epoch = 0; epoch < most && worse < settings_.patience; ++epoch) {
    const auto learn = [&](int k) { training.epoch(k, epoch); };
    pool_->run(members, std::cref(learn));
    report.epochs = epoch + 1;
    double loss = 0;
    for (const Learner& l : training.learners()) loss += l.loss / members;
    if (training.judged()) {
      Score now = judge();
      const double chance = luck(now, best);
      worse = chance < 0.5 ? 0 : worse + 1;
      if (chance < settings_.improvement) {
        best = std::move(now);
        kept = Kept(model);
      }
    }
    if (on_epoch && !on_epoch(report.epochs, most, loss)) break;
  }
  if (training.judged()) kept.restore(model);
  report.steps = static_cast<std::int64_t>(report.epochs) * settings_.batches;
  for (const Learner& l : training.learners()) report.train_loss.push_back(l.loss);
  if (training.judged()) {
    pool_->run(members, std::cref(predict));
    training.score(&report.holdout_loss);
  }
  return report;
}

}  // namespace mbrl
