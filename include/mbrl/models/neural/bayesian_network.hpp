// Dynamics with networks that are uncertain of their weights, and so of what they predict far from the data. By variational
// inference: Blundell, Cornebise, Kavukcuoglu, Wierstra, "Weight uncertainty in neural networks", ICML 2015; by dropout:
// Gal, McAllister, Rasmussen, "Improving PILCO with Bayesian neural network dynamics models", 2016.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/regression_scaling.hpp"
#include "mbrl/models/neural/sampled_networks.hpp"
#include "mbrl/nn/network.hpp"
#include "mbrl/nn/variational.hpp"

namespace mbrl {

/// What stands for the posterior of the weights.
enum class WeightPosterior : int {
  kGaussian = 0,  // independent Gaussians, by variational inference
  kDropout = 1,   // the networks that dropout leaves of one
  kPoint = 2,     // the most likely weights (MAP): weight decay, a single member
};

constexpr auto enum_names(WeightPosterior) {
  return std::array{std::pair{WeightPosterior::kGaussian, "gaussian"},
                    std::pair{WeightPosterior::kDropout, "dropout"},
                    std::pair{WeightPosterior::kPoint, "point"}};
}

struct BayesianNetworkSettings {
  WeightPosterior posterior = WeightPosterior::kGaussian;
  int members = 20;  // functions drawn from the posterior; of a point there is one
  nn::NetworkSettings network{.hidden = {64, 64}, .activation = Activation::kRelu, .dropout = 0.1};
  double prior_deviation = 3.0;  // of biases, and of weights times the root of their layer's inputs
  double initial_share = 0.1;    // of the prior's deviation that weights have before they have learned
  double initial_noise = 0.3;    // standard deviation, in units of the targets' own; learned
  double min_noise = 1e-3;       // the same at least

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("posterior", s.posterior, "gaussian, dropout or point (MAP)");
    field("members", s.members, "functions drawn from the posterior; of a point there is one");
    field("network", s.network, "the layers; dropout counts where it is the posterior");
    field("prior_deviation", s.prior_deviation,
          "of biases, and of weights times the root of their layer's inputs");
    field("initial_share", s.initial_share,
          "share of the prior's deviation that weights have before they have learned");
    field("initial_noise", s.initial_noise, "noise's deviation at first, in units of the targets' own");
    field("min_noise", s.min_noise, "noise's deviation at least, in the same units");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

/// y = f_w(obs, action) + e, with the target y (the next observation's change, as a rule) in units of its standard
/// deviation, w from the posterior and noise e ~ N(0, diag s^2) that is learned with it. An EnsembleModel: its members
/// are functions f_w drawn after each training, each of one w for all inputs and as long as a particle lives (TSinf), and
/// functions of the posterior and the seed alone. Const and safe to share between threads.
class BayesianNetwork : public SampledModel {
 public:
  /// Weights are functions of the seed. Throws for settings that make no sense, and unless both dimensions are at least
  /// 1.
  BayesianNetwork(const ObsEncoding& encoding, int action_dim, const BayesianNetworkSettings& settings = {},
                  std::uint64_t seed = 1);
  BayesianNetwork(int obs_dim, int action_dim, const BayesianNetworkSettings& settings = {},
                  std::uint64_t seed = 1)
      : BayesianNetwork(ObsEncoding::identity(obs_dim), action_dim, settings, seed) {}

  const BayesianNetworkSettings& settings() const { return settings_; }

  /// For trainers, who draw the members anew when they have changed the posterior. With dropout or a point the means of
  /// the weights are all that counts of it.
  nn::VariationalNetwork& posterior() { return posterior_; }
  const nn::VariationalNetwork& posterior() const { return posterior_; }
  void draw_members();

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for another shape or encoding; the model is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  BayesianNetworkSettings settings_;
  nn::VariationalNetwork posterior_;
};

static_assert(EnsembleModel<BayesianNetwork> && DynamicsModel<BayesianNetwork>);

struct BayesianTrainingSettings {
  RegressionTrainingSettings run = {};
  double kl_weight = 1.0;  // of the prior beside the data; 1 is Bayes' rule

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    RegressionTrainingSettings::describe(s.run, field);
    field("kl_weight", s.kl_weight,
          "of the prior beside the data; 1 is Bayes' rule, less trusts the data more");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

/// Descends, by batches of the N training rows, the negative evidence lower bound a row,
///   L = mean_i E_q[-log N(y_i; f_w(x_i), s^2)] + kl_weight / N KL(q || p),
/// by local reparameterisation (nn::VariationalPass) with one draw a row; with dropout or a point -log p(w) in place of the
/// divergence. A ModelTrainer of BayesianNetwork; a round goes on from the last one's posterior, Adam begins anew. Losses
/// are in units of the targets' deviations: of training the first term of L but for a constant, held out the squared
/// error of the members' mean. Held-out rows judge the posterior's mean.
class BayesianTrainer {
 public:
  /// Throws for settings that make no sense.
  BayesianTrainer(const BayesianTrainingSettings& settings, std::uint64_t seed);

  TrainingReport train(const TransitionBatch& data, BayesianNetwork& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

 private:
  BayesianTrainingSettings settings_;
  std::uint64_t seed_;
};

static_assert(ModelTrainer<BayesianTrainer, BayesianNetwork>);

}  // namespace mbrl
