// An ensemble of multilayer perceptrons over encoded observations and actions: the parameters alone. Trainers
// (LibTorch, or the native one) write them; evaluators (the SIMD kernel, CUDA) read them. Chua et al., "Deep
// reinforcement learning in a handful of trials using probabilistic dynamics models", NeurIPS 2018.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/nn/activation.hpp"
#include "mbrl/task/observation_encoding.hpp"

namespace mbrl {

/// The shape of the ensemble; fixed at construction.
struct MlpEnsembleSettings {
  int members = 5;                                 // networks
  std::vector<int> hidden = {200, 200, 200, 200};  // units of each hidden layer
  Activation activation = Activation::kSilu;       // "swish" in the paper
  bool gaussian = true;              // false: the deterministic ensemble (DE), outputs are means only
  bool learned_reward = false;       // true: one more output after the observation's, the reward
  bool learned_termination = false;  // true: one more output, the last: whether the step ends it

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("members", s.members, "networks");
    field("hidden", s.hidden, "units of each hidden layer");
    field("activation", s.activation, "silu, relu, tanh or elu");
    field("gaussian", s.gaussian, "predict variances too; false: means only");
    field("learned_reward", s.learned_reward, "predict the reward too; always so where none is given");
    field("learned_termination", s.learned_termination,
          "predict too where episodes end, instead of being told");
  }
};

/// y = W x + b. Weights are stored out x in, column-major, in std::vector: storage that crosses the library's
/// boundary must not depend on the compile flags of either side, as Eigen's own does.
struct DenseLayer {
  int in = 0, out = 0;
  std::vector<float> weight;  // out x in, column-major
  std::vector<float> bias;    // out
  Eigen::Map<const Batchf> weight_matrix() const { return {weight.data(), out, in}; }
  Eigen::Map<Batchf> weight_matrix() { return {weight.data(), out, in}; }
  Eigen::Map<const Vecf> bias_vector() const { return {bias.data(), out}; }
  Eigen::Map<Vecf> bias_vector() { return {bias.data(), out}; }
};

/// Input x = [(encode(obs) - input_mean) / input_std; action standardised by the same vectors' tail].
/// Output: `target_dim` means, then (Gaussian) `target_dim` raw log-variances lv, bounded per member-shared
/// vectors as
///   lv <- max_logvar - softplus(max_logvar - lv);  lv <- min_logvar + softplus(lv - min_logvar)   (Chua et
///   al., app. A.1).
/// Both are in standardised units: of target k the network predicts the mean target_mean_k + target_std_k
/// mean_k with log-variance lv_k + 2 ln target_std_k, so that learning does not depend on the units of a task.
/// With target_mean = 0 and target_std = 1 they are the targets' own units, as in the authors' code.
struct MlpEnsemble {
  MlpEnsembleSettings settings;
  ObsEncoding encoding;
  int action_dim = 0;
  std::vector<std::vector<DenseLayer>> members;  // [member][layer]
  std::vector<float> input_mean, input_std;      // feature_dim + action_dim
  std::vector<float> target_mean, target_std;    // target_dim
  std::vector<float> max_logvar, min_logvar;     // target_dim
  std::vector<int> elites;                       // members used for prediction, best first
  // The range of every observation entry in training, which says what is far from the data; obs_dim each.
  // Infinite: no data seen yet.
  std::vector<float> obs_low, obs_high;

  /// Weights from a normal truncated at 2 sigma with sigma = 1 / (2 sqrt(fan_in)), biases 0; every number a
  /// function of (seed, member, layer, entry). Elites are all members, nothing is standardised.
  static MlpEnsemble create(const MlpEnsembleSettings& settings, const ObsEncoding& encoding, int action_dim,
                            std::uint64_t seed);

  int obs_dim() const { return encoding.obs_dim(); }
  int input_dim() const { return encoding.feature_dim() + action_dim; }
  int target_dim() const {
    return obs_dim() + (settings.learned_reward ? 1 : 0) + (settings.learned_termination ? 1 : 0);
  }
  int reward_row() const { return obs_dim(); }  // of the targets, where it is learned
  /// Of the targets, where it is learned: the logit that the step ends it, by logistic loss; above 0 it does.
  int termination_row() const { return target_dim() - 1; }
  int output_dim() const { return settings.gaussian ? 2 * target_dim() : target_dim(); }
  int layer_count() const { return static_cast<int>(settings.hidden.size()) + 1; }

  /// The same predictions from networks whose outputs are in the targets' own units: the scaling is multiplied
  /// into the last layer, the log-variances' biases and their bounds. What evaluators compute with.
  MlpEnsemble in_target_units() const;

  /// Throws if any array has the wrong size or holds a number that is not finite.
  void validate() const;

  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);
};

/// Plain Eigen forward pass of one member: the oracle the kernels are tested against, and good enough off the
/// hot path. obs: obs_dim x batch, action: action_dim x batch; mean and logvar: target_dim x batch (logvar
/// untouched if not Gaussian). The mean is the raw prediction: encoding.decode makes a next observation of its
/// first obs_dim rows.
void predict_member(const MlpEnsemble& model, int member, ConstBatchRef<float> obs,
                    ConstBatchRef<float> action, BatchRef<float> mean, BatchRef<float> logvar);

}  // namespace mbrl
