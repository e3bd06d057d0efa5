#include "mbrl/models/neural/bayesian_network.hpp"

#include <cmath>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/nn/adam.hpp"
#include "models/neural/noise_level.hpp"
#include "models/neural/regression_loop.hpp"

namespace mbrl {
namespace {

nn::NetworkSettings without_dropout(nn::NetworkSettings settings) {
  settings.dropout = 0;
  return settings;
}

// A hidden unit that is left out is one whose weights and bias are 0: every activation is 0 there.
nn::Network thinned(const nn::Network& whole, double dropout, const RandomStream& random,
                    std::uint32_t member) {
  nn::Network network = whole;
  for (std::size_t l = 0; l + 1 < network.layers().size(); ++l) {
    nn::Network::Plain layer = network.layer(static_cast<int>(l));
    for (Index u = 0; u < layer.bias.size(); ++u) {
      const bool left_out =
          random.uniform(member, static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(u)) < dropout;
      const float factor = left_out ? 0.0f : static_cast<float>(1 / (1 - dropout));
      layer.weight.row(u) *= factor;
      layer.bias[u] *= factor;
    }
    network.set_layer(static_cast<int>(l), layer);
  }
  return network;
}

}  // namespace

void BayesianNetworkSettings::validate(const std::string& who) const {
  require(members >= 1, who, ": members is ", members, ", expected at least 1");
  require(!network.layer_norm && !network.batch_norm.on, who,
          ": the network has layer_norm or batch_norm, expected neither");
  require(posterior != WeightPosterior::kDropout || (network.dropout > 0 && network.dropout < 1), who,
          ": the posterior is that of dropout, and network.dropout is ", network.dropout,
          ", expected 0 < dropout < 1");
  const auto positive = [&who](const char* name, double value) {
    require(std::isfinite(value) && value > 0, who, ": ", name, " is ", value,
            ", expected a positive number");
  };
  positive("prior_deviation", prior_deviation);
  positive("initial_share", initial_share);
  check_noise(who, initial_noise, min_noise);
}

void BayesianTrainingSettings::validate(const std::string& who) const {
  run.validate(who);
  require(std::isfinite(kl_weight) && kl_weight >= 0, who, ": kl_weight is ", kl_weight,
          ", expected at least 0");
}

BayesianNetwork::BayesianNetwork(const ObsEncoding& encoding, int action_dim,
                                 const BayesianNetworkSettings& settings, std::uint64_t seed)
    : SampledModel("BayesianNetwork", encoding, action_dim,
                   (settings.validate("BayesianNetwork"), settings.initial_noise), seed),
      settings_(settings),
      posterior_(sampled_.scaling.input_dim(), encoding.obs_dim(), without_dropout(settings.network),
                 settings.prior_deviation, settings.initial_share, seed) {
  draw_members();
}

void BayesianNetwork::draw_members() {
  const RandomStream random(seed_, Stream::kModelMember);
  sampled_.functions.clear();
  if (settings_.posterior == WeightPosterior::kPoint) {
    sampled_.functions.push_back(posterior_.mean());
    return;
  }
  for (std::uint32_t m = 0; m < static_cast<std::uint32_t>(settings_.members); ++m)
    sampled_.functions.push_back(settings_.posterior == WeightPosterior::kGaussian
                                     ? posterior_.sample(random, m)
                                     : thinned(posterior_.mean(), settings_.network.dropout, random, m));
}

void BayesianNetwork::save(StateDict& out, const std::string& prefix) const {
  SampledModel::save(out, prefix);
  posterior_.save(out, prefix + "posterior.");
}

void BayesianNetwork::load(const StateDict& in, const std::string& prefix) {
  BayesianNetwork read = *this;
  read.SampledModel::load(in, prefix);
  read.posterior_.load(in, prefix + "posterior.");
  read.draw_members();
  *this = std::move(read);
}

BayesianTrainer::BayesianTrainer(const BayesianTrainingSettings& settings, std::uint64_t seed)
    : settings_(settings), seed_(seed) {
  settings.validate("BayesianTrainer");
}

TrainingReport BayesianTrainer::train(const TransitionBatch& data, BayesianNetwork& model,
                                      std::uint32_t round, const EpochCallback& on_epoch) {
  model.scaling().fit(data);
  const RegressionRows rows(data, model.sampled().scaling, settings_.run, seed_, round);
  const BayesianNetworkSettings& shape = model.settings();
  const nn::AdamSettings step_size{.learning_rate = settings_.run.learning_rate,
                                   .max_gradient = settings_.run.max_gradient};
  nn::Adam mean_adam(model.posterior().mean(), step_size), rho_adam(model.posterior().rho(), step_size);
  NoiseLevel noise(model.obs_dim(), settings_.run.learning_rate, shape.min_noise);
  nn::Network dropped(model.posterior().mean().in(), model.obs_dim(), shape.network, 0);  // its shape alone
  nn::VariationalPass variational;
  nn::GrowingPass pass;
  AlignedFloats mean_gradient, rho_gradient;
  Batchf output, to_output;
  const RandomStream draws = round_stream(seed_, Stream::kUpdate, round);
  const double prior = settings_.kl_weight / static_cast<double>(rows.train.size());

  const auto step = [&](const RegressionBatch& batch, std::uint32_t number) {
    nn::VariationalNetwork& q = model.posterior();
    const auto n = static_cast<int>(batch.inputs.cols());
    if (shape.posterior == WeightPosterior::kGaussian) {
      const double loss = noise.loss(variational.forward(q, batch.inputs, draws, number), batch.targets,
                                     model.log_deviation(), to_output);
      variational.backward(q, to_output, mean_gradient, rho_gradient);
      q.add_kl_gradient(prior, mean_gradient, rho_gradient);
      mean_adam.step(q.mean(), mean_gradient);
      rho_adam.step(q.rho(), rho_gradient);
      noise.step(model.log_deviation());
      return loss;
    }
    nn::Network* network = &q.mean();
    if (shape.posterior == WeightPosterior::kDropout) {
      dropped.parameters() = q.mean().parameters();
      network = &dropped;
    }
    pass.fit(*network, n);
    pass->set_input(batch.inputs);
    pass->forward(*network, n, {.key = draws.key(), .step = number});
    output.resize(model.obs_dim(), n);
    pass->get_output(output);
    const double loss = noise.loss(output, batch.targets, model.log_deviation(), to_output);
    pass->output_gradients(n) = to_output;
    pass->backward(*network, n, &mean_gradient);
    q.add_penalty_gradient(prior, mean_gradient);
    mean_adam.step(q.mean(), mean_gradient);
    noise.step(model.log_deviation());
    return loss;
  };
  const auto judge = [&](const RegressionBatch& batch) {
    output.resize(model.obs_dim(), batch.inputs.cols());
    model.posterior().mean().evaluate(batch.inputs, output);
    return noise.loss(output, batch.targets, model.log_deviation(), to_output);
  };
  TrainingReport report = run_regression(rows, settings_.run, seed_, round, on_epoch, model, step, judge);
  model.draw_members();
  if (rows.judged())
    report.holdout_loss.push_back(mean_squared_error(model.sampled().functions, rows.held_out));
  return report;
}

}  // namespace mbrl
