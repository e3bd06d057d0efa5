#include "mbrl/models/neural/hyper_gan.hpp"

#include <cmath>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/normals.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/adam.hpp"
#include "mbrl/nn/bounded_logvar.hpp"
#include "mbrl/nn/growing_pass.hpp"
#include "models/neural/noise_level.hpp"
#include "models/neural/regression_loop.hpp"

namespace mbrl {
namespace {

nn::NetworkSettings inner_network(const HyperGanSettings& settings) {
  return {.hidden = {settings.inner}, .activation = Activation::kRelu};
}

float weight_scale(const nn::Network::Layer& layer) { return 1.0f / std::sqrt(static_cast<float>(layer.in)); }

int generated_size(const nn::Network::Layer& layer) { return layer.out * (layer.in + 1); }

Batchf normals(const RandomStream& random, std::uint32_t a, std::uint32_t b, int rows, int columns) {
  Batchf out(rows, columns);
  for (int j = 0; j < columns; ++j)
    counter_normals(random.key(), {a, b, static_cast<std::uint32_t>(j)}, rows, out.col(j).data());
  return out;
}

// One network that learns: forward, gradient of inputs, a step.
class Learner {
 public:
  Learner(nn::Network& network, const nn::AdamSettings& settings)
      : network_(&network), adam_(network, settings) {}

  Batchf forward(const Batchf& x) {
    samples_ = static_cast<int>(x.cols());
    pass_.fit(*network_, samples_);
    pass_->set_input(x);
    pass_->forward(*network_, samples_);
    return pass_->outputs(samples_);
  }
  // Returns the gradient with respect to the last input.
  Batchf backward(const Batchf& output_gradient, bool learn = true) {
    pass_->output_gradients(samples_) = output_gradient;
    pass_->backward(*network_, samples_, learn ? &gradient_ : nullptr, true);
    return pass_->input_gradients(samples_);
  }
  void step() { adam_.step(*network_, gradient_); }

 private:
  nn::Network* network_;
  nn::Adam adam_;
  nn::GrowingPass pass_;
  AlignedFloats gradient_;
  int samples_ = 0;
};

// Everything that one step moves.
class Training {
 public:
  Training(HyperGan& model, const HyperGanTrainingSettings& settings, std::uint64_t seed, std::uint32_t round)
      : model_(model),
        settings_(settings),
        step_size_{.learning_rate = settings.run.learning_rate, .max_gradient = settings.run.max_gradient},
        draws_(round_stream(seed, Stream::kUpdate, round)),
        mixer_(model.mixer(), step_size_),
        discriminator_(model.discriminator(), step_size_),
        noise_(model.obs_dim(), settings.run.learning_rate, model.settings().min_noise),
        networks_(static_cast<std::size_t>(settings.networks), model.shape()),
        passes_(networks_.size()),
        gradients_(networks_.size()) {
    for (nn::Network& generator : model.generators()) generators_.emplace_back(generator, step_size_);
  }

  double step(const RegressionBatch& batch, std::uint32_t number) {
    const int count = settings_.networks, code = model_.settings().code_dim;
    const Batchf codes = mixer_.forward(normals(draws_, number, 0, model_.settings().noise_dim, count));
    std::vector<Batchf> made;
    for (std::size_t l = 0; l < generators_.size(); ++l)
      made.push_back(generators_[l].forward(codes.middleRows(static_cast<Index>(l) * code, code)));
    const double loss = fit(batch, made);

    Batchf to_codes = adversarial(codes);
    for (std::size_t l = 0; l < generators_.size(); ++l) {
      for (Index m = 0; m < count; ++m) made[l].col(m) = gradients_[static_cast<std::size_t>(m)][l];
      to_codes.middleRows(static_cast<Index>(l) * code, code) += generators_[l].backward(made[l]);
    }
    mixer_.backward(to_codes);
    mixer_.step();
    for (Learner& generator : generators_) generator.step();
    noise_.step(model_.log_deviation());
    tell_apart(codes, number);
    return loss;
  }

 private:
  // The networks' loss, and its gradient with respect to what the generators made.
  double fit(const RegressionBatch& batch, const std::vector<Batchf>& made) {
    const Index n = batch.inputs.cols(), dim = batch.targets.rows();
    const auto count = static_cast<Index>(networks_.size());
    Batchf outputs(dim, n * count), to_outputs;
    std::vector<Vecf> layers(made.size());
    for (Index m = 0; m < count; ++m) {
      const auto i = static_cast<std::size_t>(m);
      for (std::size_t l = 0; l < made.size(); ++l) layers[l] = made[l].col(m);
      model_.fill(networks_[i], layers);
      passes_[i].fit(networks_[i], n);
      passes_[i]->set_input(batch.inputs);
      passes_[i]->forward(networks_[i], static_cast<int>(n));
      passes_[i]->get_output(outputs.middleCols(m * n, n));
    }
    const double loss =
        noise_.loss(outputs, batch.targets.replicate(1, count), model_.log_deviation(), to_outputs);
    for (Index m = 0; m < count; ++m) {
      const auto i = static_cast<std::size_t>(m);
      passes_[i]->output_gradients(static_cast<int>(n)) = to_outputs.middleCols(m * n, n);
      passes_[i]->backward(networks_[i], static_cast<int>(n), &gradient_);
      model_.to_generated(gradient_, gradients_[i]);
    }
    return loss;
  }

  // Gradient of adversarial * mean of -log D(q) with respect to the codes.
  Batchf adversarial(const Batchf& codes) {
    const Batchf logit = discriminator_.forward(codes);
    const float share = static_cast<float>(settings_.adversarial) / static_cast<float>(codes.cols());
    return discriminator_.backward(logit.unaryExpr([&](float v) { return -share * nn::sigmoid(-v); }), false);
  }

  // A step of D down the mean of -log D(prior) - log(1 - D(codes)).
  void tell_apart(const Batchf& codes, std::uint32_t number) {
    const Index count = codes.cols();
    Batchf both(codes.rows(), 2 * count);
    both << normals(draws_, number, 1, static_cast<int>(codes.rows()), static_cast<int>(count)), codes;
    Batchf gradient = discriminator_.forward(both).unaryExpr([](float v) { return nn::sigmoid(v); });
    gradient.leftCols(count).array() -= 1.0f;
    discriminator_.backward(gradient / static_cast<float>(count));
    discriminator_.step();
  }

  HyperGan& model_;
  const HyperGanTrainingSettings& settings_;
  nn::AdamSettings step_size_;
  RandomStream draws_;
  Learner mixer_, discriminator_;
  std::vector<Learner> generators_;
  NoiseLevel noise_;
  std::vector<nn::Network> networks_;
  std::vector<nn::GrowingPass> passes_;
  std::vector<std::vector<Vecf>> gradients_;  // [network][layer]
  AlignedFloats gradient_;
};

}  // namespace

void HyperGanSettings::validate(const std::string& who) const {
  const auto at_least = [&who](const char* name, int value) {
    require(value >= 1, who, ": ", name, " is ", value, ", expected at least 1");
  };
  at_least("members", members);
  at_least("noise_dim", noise_dim);
  at_least("code_dim", code_dim);
  at_least("inner", inner);
  require(!network.layer_norm && !network.batch_norm.on && network.dropout == 0, who,
          ": the network has layer_norm, dropout or batch_norm, expected none of them");
  check_noise(who, initial_noise, min_noise);
}

void HyperGanTrainingSettings::validate(const std::string& who) const {
  run.validate(who);
  require(networks >= 1, who, ": networks is ", networks, ", expected at least 1");
  require(std::isfinite(adversarial) && adversarial >= 0, who, ": adversarial is ", adversarial,
          ", expected at least 0");
}

HyperGan::HyperGan(const ObsEncoding& encoding, int action_dim, const HyperGanSettings& settings,
                   std::uint64_t seed)
    : SampledModel("HyperGan", encoding, action_dim, (settings.validate("HyperGan"), settings.initial_noise),
                   seed),
      settings_(settings),
      shape_(sampled_.scaling.input_dim(), encoding.obs_dim(), settings.network, seed),
      mixer_(settings.noise_dim, settings.code_dim * static_cast<int>(shape_.layers().size()),
             inner_network(settings), seed, 1),
      discriminator_(mixer_.out(), 1, inner_network(settings), seed, 2) {
  for (std::size_t l = 0; l < shape_.layers().size(); ++l)
    generators_.emplace_back(settings.code_dim, generated_size(shape_.layers()[l]), inner_network(settings),
                             seed, 3 + static_cast<std::uint32_t>(l));
  draw_members();
}

void HyperGan::fill(nn::Network& network, const std::vector<Vecf>& layers) const {
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const nn::Network::Layer& layer = shape_.layers()[l];
    const Index weights = static_cast<Index>(layer.out) * layer.in;
    network.set_layer(static_cast<int>(l),
                      {weight_scale(layer) * layers[l].head(weights).reshaped(layer.out, layer.in),
                       layers[l].tail(layer.out),
                       {},
                       {}});
  }
}

void HyperGan::to_generated(const AlignedFloats& gradient, std::vector<Vecf>& layers) const {
  layers.resize(shape_.layers().size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const nn::Network::Layer& layer = shape_.layers()[l];
    const nn::Network::Plain plain = shape_.plain(gradient, static_cast<int>(l));
    layers[l].resize(generated_size(layer));
    layers[l] << weight_scale(layer) * plain.weight.reshaped(), plain.bias;
  }
}

void HyperGan::draw_members() {
  const Batchf noise =
      normals(RandomStream(seed_, Stream::kModelMember), 0, 0, settings_.noise_dim, settings_.members);
  Batchf codes(mixer_.out(), settings_.members);
  mixer_.evaluate(noise, codes);
  std::vector<Batchf> made;
  for (std::size_t l = 0; l < generators_.size(); ++l) {
    made.emplace_back(generators_[l].out(), settings_.members);
    generators_[l].evaluate(codes.middleRows(static_cast<Index>(l) * settings_.code_dim, settings_.code_dim),
                            made.back());
  }
  sampled_.functions.assign(static_cast<std::size_t>(settings_.members), shape_);
  std::vector<Vecf> layers(made.size());
  for (Index m = 0; m < settings_.members; ++m) {
    for (std::size_t l = 0; l < made.size(); ++l) layers[l] = made[l].col(m);
    fill(sampled_.functions[static_cast<std::size_t>(m)], layers);
  }
}

double HyperGan::weight_distance() const {
  const auto count = static_cast<Index>(sampled_.functions.size());
  if (count < 2) return 0;
  Batchd weights(static_cast<Index>(shape_.parameters().size()), count);
  for (Index m = 0; m < count; ++m) {
    const AlignedFloats& block = sampled_.functions[static_cast<std::size_t>(m)].parameters();
    weights.col(m) = Eigen::Map<const Vecf>(block.data(), weights.rows()).cast<double>();
  }
  double sum = 0;
  for (Index a = 0; a < count; ++a)
    for (Index b = 0; b < a; ++b) sum += (weights.col(a) - weights.col(b)).norm();
  const double length = std::sqrt(weights.squaredNorm() / static_cast<double>(count));
  return sum / (0.5 * static_cast<double>(count * (count - 1)) * length);
}

void HyperGan::save(StateDict& out, const std::string& prefix) const {
  SampledModel::save(out, prefix);
  mixer_.save(out, prefix + "mixer.");
  discriminator_.save(out, prefix + "discriminator.");
  for (std::size_t l = 0; l < generators_.size(); ++l)
    generators_[l].save(out, prefix + "generators." + std::to_string(l) + ".");
}

void HyperGan::load(const StateDict& in, const std::string& prefix) {
  HyperGan read = *this;
  read.SampledModel::load(in, prefix);
  read.mixer_.load(in, prefix + "mixer.");
  read.discriminator_.load(in, prefix + "discriminator.");
  for (std::size_t l = 0; l < generators_.size(); ++l)
    read.generators_[l].load(in, prefix + "generators." + std::to_string(l) + ".");
  read.draw_members();
  *this = std::move(read);
}

HyperGanTrainer::HyperGanTrainer(const HyperGanTrainingSettings& settings, std::uint64_t seed)
    : settings_(settings), seed_(seed) {
  settings.validate("HyperGanTrainer");
}

TrainingReport HyperGanTrainer::train(const TransitionBatch& data, HyperGan& model, std::uint32_t round,
                                      const EpochCallback& on_epoch) {
  model.scaling().fit(data);
  const RegressionRows rows(data, model.sampled().scaling, settings_.run, seed_, round);
  Training training(model, settings_, seed_, round);
  const auto step = [&](const RegressionBatch& batch, std::uint32_t number) {
    return training.step(batch, number);
  };
  const auto judge = [&](const RegressionBatch& batch) {
    model.draw_members();
    return mean_squared_error(model.sampled().functions, batch);
  };
  TrainingReport report = run_regression(rows, settings_.run, seed_, round, on_epoch, model, step, judge);
  model.draw_members();
  if (rows.judged())
    report.holdout_loss.push_back(mean_squared_error(model.sampled().functions, rows.held_out));
  return report;
}

}  // namespace mbrl
