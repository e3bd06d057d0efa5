// Dynamics whose next observation is one of several: a network that predicts a mixture of Gaussians, which has a mode for
// each of them where a single Gaussian predicts their mean, which may be none of them. Bishop, "Mixture density networks",
// NCRG/94/004, 1994; as the head of a world model: Ha and Schmidhuber, "Recurrent world models facilitate policy
// evolution", NeurIPS 2018.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/regression_scaling.hpp"
#include "mbrl/nn/distributions.hpp"
#include "mbrl/nn/growing_pass.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

struct MixtureModelSettings {
  int components = 5;  // Gaussians
  nn::NetworkSettings network{.hidden = {200, 200}, .activation = Activation::kSilu};
  // Of what is predicted and drawn: logits are divided by it, variances multiplied. Above 1 draws are wilder, towards
  // 0 they are the most likely component's mean.
  double temperature = 1.0;
  double min_logvar = -10.0, max_logvar = 0.5;  // of components, in units of the targets' variance

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("components", s.components, "Gaussians of the mixture");
    field("network", s.network, "the layers");
    field("temperature", s.temperature,
          "of predictions and draws: logits are divided by it, variances multiplied");
    field("min_logvar", s.min_logvar,
          "lowest log-variance of a component, in units of the targets' variance");
    field("max_logvar", s.max_logvar, "highest log-variance of a component, in the same units");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

/// Of the target y (the next observation's change, as a rule) in units of its standard deviation the network predicts
///   p(y | obs, action) = sum_k w_k prod_d N(y_d; m_kd, s_kd^2),   w = softmax(l / T),  s_kd^2 = T exp(lv_kd)
/// with logits l, means m and log-variances lv, bounded as nn::Gaussian does. One component spans all entries, so that a
/// draw is of one piece. As a ProbabilisticModel it is the Gaussian of the mixture's mean and variance; `draw` and
/// `components` know the modes. Const and safe to share between threads.
class MixtureModel {
 public:
  using Scalar = float;
  /// Of the components, n columns: `weight` components x n; mean[k], variance[k] obs_dim x n, of the next observation.
  struct Components {
    Batchf weight;
    std::vector<Batchf> mean, variance;
  };
  struct Workspace {
    Components components;
    nn::GrowingPass pass;
    Batchf inputs;
    nn::RowBatch<float> logits, weight, mean, variance;
  };

  /// Weights are functions of the seed; before it is trained it predicts by them, with nothing scaled. Throws for settings that make no sense, and unless both dimensions are at least
  /// 1.
  MixtureModel(const ObsEncoding& encoding, int action_dim, const MixtureModelSettings& settings = {},
               std::uint64_t seed = 1);
  MixtureModel(int obs_dim, int action_dim, const MixtureModelSettings& settings = {}, std::uint64_t seed = 1)
      : MixtureModel(ObsEncoding::identity(obs_dim), action_dim, settings, seed) {}

  int obs_dim() const { return scaling_.obs_dim(); }
  int action_dim() const { return scaling_.action_dim(); }
  const MixtureModelSettings& settings() const { return settings_; }
  const ObsEncoding& encoding() const { return scaling_.encoding(); }

  /// Mean and variance of the mixture, obs_dim x n each. NaN for inputs that are not finite.
  void predict(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> mean,
               BatchRef<float> variance, Workspace& workspace) const;
  /// The mean alone, which need not be likely.
  void step(ConstBatchRef<float> obs, ConstBatchRef<float> action, BatchRef<float> next_obs,
            Workspace& workspace) const;
  /// Into workspace.components.
  void components(ConstBatchRef<float> obs, ConstBatchRef<float> action, Workspace& workspace) const;
  /// Next observations: that of column j is a function of (random, a, b, j).
  void draw(ConstBatchRef<float> obs, ConstBatchRef<float> action, const RandomStream& random,
            std::uint32_t a, std::uint32_t b, BatchRef<float> next_obs, Workspace& workspace) const;
  /// log p(next_obs | obs, action) of every column, over the entries that are not constant in an episode.
  void log_prob(ConstBatchRef<float> obs, ConstBatchRef<float> action, ConstBatchRef<float> next_obs,
                VecRef<double> out, Workspace& workspace) const;

  /// For trainers: the network over scaled inputs, whose outputs are the parameters of `head`.
  nn::Network& network() { return network_; }
  const nn::Network& network() const { return network_; }
  const nn::Mixture<float>& head() const { return head_; }
  RegressionScaling& scaling() { return scaling_; }
  const RegressionScaling& scaling() const { return scaling_; }

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for another shape or encoding; the model is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  MixtureModelSettings settings_;
  RegressionScaling scaling_;
  nn::Categorical<float> choice_;
  nn::Gaussian<float> component_;
  nn::Mixture<float> head_;
  nn::Network network_;
};

static_assert(ProbabilisticModel<MixtureModel>);

struct MixtureTrainingSettings {
  RegressionTrainingSettings run = {};
  double weight_decay = 1e-5;  // L2 weight of the layers' weights

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    RegressionTrainingSettings::describe(s.run, field);
    field("weight_decay", s.weight_decay, "L2 weight of the layers' weights");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

/// Descends -log p(y | obs, action), a logarithm of a sum of exponentials (nn::Mixture). A ModelTrainer of MixtureModel;
/// a round goes on from the last one's weights, Adam begins anew. Losses are in units of the targets' deviations: of
/// training -log p a sample, held out the squared error of the mean, as of every model.
class MixtureTrainer {
 public:
  /// Throws for settings that make no sense.
  MixtureTrainer(const MixtureTrainingSettings& settings, std::uint64_t seed);

  TrainingReport train(const TransitionBatch& data, MixtureModel& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

 private:
  MixtureTrainingSettings settings_;
  std::uint64_t seed_;
};

static_assert(ModelTrainer<MixtureTrainer, MixtureModel>);

}  // namespace mbrl
