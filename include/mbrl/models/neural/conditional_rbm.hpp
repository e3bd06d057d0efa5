// A model of sequences with binary hidden units: a restricted Boltzmann machine whose biases depend on the frames before.
// Taylor, Hinton, Roweis, "Modeling human motion using binary latent variables", NeurIPS 2006.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/models/model_trainer.hpp"

namespace mbrl {

struct ConditionalRbmSettings {
  int order = 3;           // frames before the next that it sees
  int hidden = 60;         // binary units
  double deviation = 0.2;  // of frames given the hidden units, in standard deviations of the data
  int iterations = 30;     // of the mean field that predicts a frame
  int epochs = 100;
  int batch_size = 100;
  double learning_rate = 5e-3;
  double momentum = 0.9;
  double weight_decay = 2e-4;  // of weights, not of biases

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("order", s.order, "frames before the next that it sees");
    field("hidden", s.hidden, "binary units");
    field("deviation", s.deviation, "of frames given the hidden units, in standard deviations of the data");
    field("iterations", s.iterations, "of the mean field that predicts a frame");
    field("epochs", s.epochs, "passes over the frames");
    field("batch_size", s.batch_size, "frames a step");
    field("learning_rate", s.learning_rate, "step size; of the autoregression times deviation squared");
    field("momentum", s.momentum, "share of a step that the next one keeps");
    field("weight_decay", s.weight_decay, "L2 weight of weights, not of biases");
  }

  /// Throws mbrl::Error, which begins with `who`, unless every value makes sense.
  void validate(const std::string& who) const;
};

/// With the frames before in one vector u, oldest first, v the next one, both in units of `deviation` after
/// standardisation, and h binary:
///   E(v, h | u) = |v - a - A u|^2 / 2 - h' (b + B u) - v' W h
///   p(h_j = 1 | v, u) = sigmoid(b + B u + W' v)_j,   p(v | h, u) = N(a + A u + W h, I)
/// A linear autoregression that its hidden units bend. Columns of `history` are u in the frames' own units.
class ConditionalRbm {
 public:
  struct Parameters {
    Batchf weight;         // W: dim x hidden
    Batchf of_visible;     // A: dim x (order dim)
    Batchf of_hidden;      // B: hidden x (order dim)
    Vecf visible, hidden;  // a, b
  };

  /// Weights are functions of the seed. Throws unless dim >= 1 and the settings make sense.
  ConditionalRbm(int dim, const ConditionalRbmSettings& settings = {}, std::uint64_t seed = 1);

  int dim() const { return static_cast<int>(mean_.size()); }
  int order() const { return settings_.order; }
  const ConditionalRbmSettings& settings() const { return settings_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }

  /// Contrastive divergence with one step (Hinton 2002), the reconstruction without noise; goes on from what it has
  /// learned. Each series is dim x frames. The loss is the squared error of reconstructions a number, in variances of the
  /// data. Throws for frames of another dimension or that are not finite, where no series is longer than `order`, and where
  /// it diverges, which a lower learning rate prevents.
  TrainingReport train(const std::vector<Batchf>& series, std::uint32_t round = 0,
                       const EpochCallback& on_epoch = {});

  /// The next frames (dim x n) after histories ((order dim) x n): v and the probabilities of h are set to each other's
  /// conditional means in turn, from the last frame on.
  void predict(ConstBatchRef<float> history, BatchRef<float> next) const;
  /// dim x frames, each from those before, after `first` (dim x order, oldest first).
  Batchf generate(ConstBatchRef<float> first, int frames) const;

  /// F(v | u) = -log sum_h exp(-E), of every column.
  Vecd free_energy(ConstBatchRef<float> history, ConstBatchRef<float> next) const;
  /// Its gradient, summed over the columns.
  Parameters free_energy_gradient(ConstBatchRef<float> history, ConstBatchRef<float> next) const;

  void save(StateDict& out, const std::string& prefix) const;
  /// Throws for another shape; the model is then unchanged.
  void load(const StateDict& in, const std::string& prefix);

 private:
  Batchf scaled(ConstBatchRef<float> frames) const;  // of dim, or order of them below each other
  void fit_scale(const std::vector<Batchf>& series);
  Batchf hidden_probability(const Batchf& history, const Batchf& next) const;
  Parameters gradient(const Batchf& history, const Batchf& next) const;  // of scaled frames

  ConditionalRbmSettings settings_;
  std::uint64_t seed_;
  Vecf mean_, scale_;
  Parameters parameters_;
};

/// Histories and the frames that follow, of every place in a series (dim x frames) that has `order` frames before it.
struct SeriesWindows {
  Batchf history, next;
};
SeriesWindows windows_of(const Batchf& series, int order);

}  // namespace mbrl
