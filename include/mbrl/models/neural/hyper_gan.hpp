// Dynamics with networks whose weights another network makes from noise: a posterior without a form, of as many functions as
// are asked for. Ratzlaff and Li, "HyperGAN: a generative model for diverse, performant neural networks", ICML 2019.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/dynamics_model.hpp"
#include "mbrl/models/model_trainer.hpp"
#include "mbrl/models/neural/regression_scaling.hpp"
#include "mbrl/models/neural/sampled_networks.hpp"
#include "mbrl/nn/network.hpp"

namespace mbrl {

struct HyperGanSettings {
  int members = 20;  // functions drawn after each training
  nn::NetworkSettings network{.hidden = {32}, .activation = Activation::kRelu};  // whose weights are made
  int noise_dim = 32;          // numbers that a network is made from
  int code_dim = 16;           // numbers that each of its layers is made from
  int inner = 64;              // hidden units of mixer, generators and discriminator
  double initial_noise = 0.3;  // of the targets: standard deviation, in units of their own; learned
  double min_noise = 1e-3;     // the same at least

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("members", s.members, "functions drawn after each training");
    field("network", s.network, "the layers whose weights are made");
    field("noise_dim", s.noise_dim, "numbers that a network is made from");
    field("code_dim", s.code_dim, "numbers that each of its layers is made from");
    field("inner", s.inner, "hidden units of mixer, generators and discriminator");
    field("initial_noise", s.initial_noise, "noise's deviation at first, in units of the targets' own");
    field("min_noise", s.min_noise, "noise's deviation at least, in the same units");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

/// Noise e ~ N(0, I) goes through the mixer to a code q_l for each layer, and each code through that layer's generator to
/// its weights and biases; weights are what comes out over the root of the layer's inputs. An EnsembleModel whose members are
/// networks made from the first noises of its seed, with one noise of the targets for all.
class HyperGan : public SampledModel {
 public:
  /// Weights are functions of the seed. Throws for settings that make no sense, and unless both dimensions are at least
  /// 1.
  HyperGan(const ObsEncoding& encoding, int action_dim, const HyperGanSettings& settings = {},
           std::uint64_t seed = 1);
  HyperGan(int obs_dim, int action_dim, const HyperGanSettings& settings = {}, std::uint64_t seed = 1)
      : HyperGan(ObsEncoding::identity(obs_dim), action_dim, settings, seed) {}

  const HyperGanSettings& settings() const { return settings_; }

  /// Mean over pairs of members of the distance of their weights, over the root of the mean square of a member's length: 0
  /// where all are the same.
  double weight_distance() const;

  /// The network of layers[l] = weights (out x in, column-major), then biases, as a generator makes them.
  void fill(nn::Network& network, const std::vector<Vecf>& layers) const;
  /// The gradient with respect to those, from that of the network's parameters.
  void to_generated(const AlignedFloats& gradient, std::vector<Vecf>& layers) const;

  /// For trainers, who draw the members anew when they have changed anything.
  nn::Network& mixer() { return mixer_; }
  std::vector<nn::Network>& generators() { return generators_; }
  /// Of all codes of a network: the logit that they are the prior's.
  nn::Network& discriminator() { return discriminator_; }
  const nn::Network& shape() const { return shape_; }
  void draw_members();

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for another shape or encoding; the model is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  HyperGanSettings settings_;
  nn::Network shape_;  // of members
  nn::Network mixer_, discriminator_;
  std::vector<nn::Network> generators_;  // [layer]
};

static_assert(EnsembleModel<HyperGan> && DynamicsModel<HyperGan>);

struct HyperGanTrainingSettings {
  RegressionTrainingSettings run = {};
  int networks = 10;         // made for each step
  double adversarial = 1.0;  // weight of the term that keeps codes apart

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    RegressionTrainingSettings::describe(s.run, field);
    field("networks", s.networks, "networks made for each step");
    field("adversarial", s.adversarial, "weight of the term that keeps codes, and so networks, apart");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

/// Descends the mean over networks and rows of -log N(y; f_w(x), s^2) plus adversarial times the mean of -log D(q), where
/// the discriminator D learns to tell codes q from N(0, I): without that, all noise would come to make the same network. A
/// ModelTrainer of HyperGan; a round goes on from the last one's weights, Adam begins anew. Losses as of BayesianTrainer.
class HyperGanTrainer {
 public:
  /// Throws for settings that make no sense.
  HyperGanTrainer(const HyperGanTrainingSettings& settings, std::uint64_t seed);

  TrainingReport train(const TransitionBatch& data, HyperGan& model, std::uint32_t round,
                       const EpochCallback& on_epoch = {});

 private:
  HyperGanTrainingSettings settings_;
  std::uint64_t seed_;
};

static_assert(ModelTrainer<HyperGanTrainer, HyperGan>);

}  // namespace mbrl
