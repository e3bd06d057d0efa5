// Rows of a batch are padded to whole vectors, so that every column goes through the same instructions
// wherever it stands.
#include "mbrl/policy/mlp_policy.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>

#include "mbrl/core/error.hpp"
#include "mbrl/core/normals.hpp"
#include "nn/elementary.hpp"

namespace mbrl {
namespace {

using Row = Eigen::Map<Eigen::ArrayXf, Eigen::Aligned64>;
using ConstRow = Eigen::Map<const Eigen::ArrayXf, Eigen::Aligned64>;

enum Block { kNoise, kTanh, kSpread, kSlope, kBlocks };
constexpr Index kScratchRows = 4;
constexpr Index kVector = 16;  // floats; a Pass pads its rows to it

// The numbers of counter_normals(key, {id, 0, step}, dims), up to rounding, [dims][stride]; `angles`: two
// rows of scratch.
void normals(const PolicyKey& key, Index batch, Index width, int dims, float* out, Index stride,
             float* angles) {
  for (int first = 0; first < dims; first += 4) {
    const int pairs = first + 2 < dims ? 2 : 1;
    for (Index j = 0; j < width; ++j) {
      const auto words = philox4x32(
          {key.id(std::min(j, batch - 1)), 0, key.step, static_cast<std::uint32_t>(first / 4)}, key.key);
      for (int pair = 0; pair < pairs; ++pair) {
        const auto at = 2 * static_cast<std::size_t>(pair);
        out[(first + 2 * pair) * stride + j] =
            static_cast<float>(static_cast<std::int32_t>(words[at] >> 1)) * 0x1p-31f + 0x1p-32f;
        angles[pair * stride + j] = static_cast<float>(static_cast<std::int32_t>(words[at + 1])) *
                                    (0x1p-31f * std::numbers::pi_v<float>);
      }
    }
    // Box and Muller 1958.
    for (int pair = 0; pair < pairs; ++pair) {
      const int i = first + 2 * pair;
      Row z(out + i * stride, width), angle(angles + pair * stride, width);
      nn::log_all(z.data(), z.data(), static_cast<std::size_t>(width));
      z = (-2.0f * z).sqrt();
      if (i + 1 < dims) Row(out + (i + 1) * stride, width) = z * angle.sin();
      z *= angle.cos();
    }
  }
}

}  // namespace

MlpPolicy::MlpPolicy(int obs_dim, const ActionBounds& bounds, const MlpPolicySettings& settings,
                     std::uint64_t seed, std::uint32_t index)
    : settings_(settings) {
  bounds.validate<float>("MlpPolicy", bounds.dim());
  require(bounds.dim() >= 1, "MlpPolicy: there are no actions, expected at least 1");
  require(bounds.choices == 0, "MlpPolicy: the actions are choices, expected real numbers");
  require(settings.min_logvar < settings.max_logvar, "MlpPolicy: min_logvar is ", settings.min_logvar,
          " and max_logvar ", settings.max_logvar, ", expected min_logvar < max_logvar");
  mid_ = bounds.mid<float>();
  half_ = bounds.half<float>();
  for (std::size_t i = 0; i < bounds.low.size(); ++i) {
    low_.push_back(bounds.inner_low<float>(i));
    high_.push_back(bounds.inner_high<float>(i));
  }
  network_ =
      nn::Network(obs_dim, gaussian() ? 2 * action_dim() : action_dim(), settings.network, seed, index);
}

// Columns with their padding.
Index MlpPolicy::width(const Workspace& w) { return (w.batch + kVector - 1) / kVector * kVector; }

float* MlpPolicy::row(Workspace& w, int block, Index i) const {
  return w.rows.data() + (block * action_dim() + i) * w.pass->stride();
}

void MlpPolicy::forward(const char* where, const ConstBatchRef<float>& obs, Index action_rows,
                        Index action_cols, Workspace& w) const {
  require_dim(where, "obs", obs.rows(), obs_dim());
  require_dim(where, "action", action_rows, action_dim());
  require_dim(where, "action's batch", action_cols, obs.cols());
  if (w.pass.fit(network_, obs.cols()))
    w.rows =
        AlignedFloats(static_cast<std::size_t>((kBlocks * action_dim() + kScratchRows) * w.pass->stride()));
  w.batch = obs.cols();
  w.pass->set_input(obs);
  if (w.in_batch)
    w.pass->forward_in_batch(network_, static_cast<int>(obs.cols()));
  else
    w.pass->forward(network_, static_cast<int>(obs.cols()));
}

// e^(v/2) of action i and dv/draw:  c = max - softplus(max - raw);  v = min + softplus(c - min).
void MlpPolicy::spread(Workspace& w, Index i) const {
  const Index stride = w.pass->stride(), n = width(w);
  const auto low = static_cast<float>(settings_.min_logvar), high = static_cast<float>(settings_.max_logvar);
  const ConstRow raw(w.pass->output() + (action_dim() + i) * stride, n);
  Row spread(row(w, kSpread, i), n), slope(row(w, kSlope, i), n), of_cap(row(w, kBlocks, 0), n);
  const auto count = static_cast<std::size_t>(n);
  spread = high - raw;
  nn::softplus_all(spread.data(), spread.data(), of_cap.data(), count);
  spread = (high - low) - spread;
  nn::softplus_all(spread.data(), spread.data(), slope.data(), count);
  spread = 0.5f * (low + spread);
  nn::exp_all(spread.data(), spread.data(), count);
  slope *= of_cap;
}

// dv/draw of action i.
float* MlpPolicy::slope(Workspace& w, Index i) const { return row(w, kSlope, i); }

// Tanh and actions of u = m + e^(v/2) z; key: null for the mode.
void MlpPolicy::squash(const PolicyKey* key, const ConstBatchRef<float>& obs, BatchRef<float>& action,
                       float* log_prob, Workspace& w) const {
  const Index stride = w.pass->stride(), n = width(w);
  const bool drawn = gaussian() && key != nullptr;
  w.given = false;
  if (drawn)
    normals(*key, w.batch, n, action_dim(), row(w, kNoise, 0), stride, row(w, kBlocks, 0) + 2 * stride);
  if (log_prob) std::fill_n(log_prob, w.batch, 0.0f);
  for (Index i = 0; i < action_dim(); ++i) {
    const ConstRow mean(w.pass->output() + i * stride, n);
    Row tanh(row(w, kTanh, i), n), u(row(w, kBlocks, 0) + stride, n), noise(row(w, kNoise, i), n);
    if (drawn) {
      spread(w, i);
      u = mean + ConstRow(row(w, kSpread, i), n) * noise;
    } else {
      u = mean;
      noise.setZero();
      Row(row(w, kSpread, i), n).setZero();
      Row(row(w, kSlope, i), n).setZero();
    }
    nn::tanh_all(u.data(), tanh.data(), static_cast<std::size_t>(n));
    if (log_prob) log_density(w, i, log_prob);
    const auto at = static_cast<std::size_t>(i);
    const float* t = tanh.data();
    for (Index j = 0; j < w.batch; ++j) {
      const float a = mid_[at] + half_[at] * t[j];
      action(i, j) = a < low_[at] ? low_[at] : a > high_[at] ? high_[at] : a;
    }
  }
  // A rectifier may have swallowed a NaN.
  for (Index j = 0; j < w.batch; ++j) {
    if (obs.col(j).allFinite()) continue;
    action.col(j).setConstant(std::numeric_limits<float>::quiet_NaN());
    if (log_prob) log_prob[j] = std::numeric_limits<float>::quiet_NaN();
  }
}

// Adds action i's share, from noise, spread and u (in the second row of scratch).
void MlpPolicy::log_density(Workspace& w, Index i, float* out) const {
  const Index stride = w.pass->stride(), n = width(w);
  const auto count = static_cast<std::size_t>(n);
  float* scratch = row(w, kBlocks, 0);
  const ConstRow u(scratch + stride, n), noise(row(w, kNoise, i), n);
  Row density(scratch, n), log_spread(scratch + 2 * stride, n), not_wanted(scratch + 3 * stride, n);
  nn::log_all(row(w, kSpread, i), log_spread.data(), count);
  density = -2.0f * u;
  nn::softplus_all(density.data(), density.data(), not_wanted.data(), count);
  constexpr float kHalfLogTwoPi = 0.918938533f;
  const float constant =
      -kHalfLogTwoPi - 2.0f * std::numbers::ln2_v<float> - std::log(half_[static_cast<std::size_t>(i)]);
  density = constant - 0.5f * noise.square() - log_spread + 2.0f * (u + density);
  for (Index j = 0; j < w.batch; ++j) out[j] += density[j];
}

void MlpPolicy::act(ConstBatchRef<float> obs, BatchRef<float>, const PolicyKey& key, BatchRef<float> action,
                    Workspace& w) const {
  forward("MlpPolicy::act", obs, action.rows(), action.cols(), w);
  squash(&key, obs, action, nullptr, w);
}

void MlpPolicy::sample(ConstBatchRef<float> obs, const PolicyKey& key, BatchRef<float> action,
                       VecRef<float> log_prob, Workspace& w) const {
  constexpr const char* kWhere = "MlpPolicy::sample";
  require(gaussian(), kWhere, ": the policy is deterministic, expected output = squashed_gaussian");
  require_dim(kWhere, "log_prob", log_prob.size(), obs.cols());
  forward(kWhere, obs, action.rows(), action.cols(), w);
  squash(&key, obs, action, log_prob.data(), w);
}

void MlpPolicy::mode(ConstBatchRef<float> obs, BatchRef<float>, BatchRef<float> action, Workspace& w) const {
  forward("MlpPolicy::mode", obs, action.rows(), action.cols(), w);
  squash(nullptr, obs, action, nullptr, w);
}

void MlpPolicy::log_probability(ConstBatchRef<float> obs, BatchRef<float>, ConstBatchRef<float> action,
                                VecRef<float> out, Workspace& w) const {
  constexpr const char* kWhere = "MlpPolicy::log_probability";
  require(gaussian(), kWhere, ": the policy is deterministic, expected output = squashed_gaussian");
  require_dim(kWhere, "out", out.size(), obs.cols());
  forward(kWhere, obs, action.rows(), action.cols(), w);
  w.given = true;
  out.setZero();
  const Index stride = w.pass->stride(), n = width(w);
  constexpr float kInside = 1.0f - 0x1p-24f;
  for (Index i = 0; i < action_dim(); ++i) {
    spread(w, i);
    Row tanh(row(w, kTanh, i), n), u(row(w, kBlocks, 0) + stride, n), noise(row(w, kNoise, i), n);
    const auto at = static_cast<std::size_t>(i);
    for (Index j = 0; j < n; ++j) {
      const float a = (action(i, std::min(j, w.batch - 1)) - mid_[at]) / half_[at];
      tanh[j] = a < -kInside ? -kInside : a > kInside ? kInside : a;
    }
    nn::atanh_all(tanh.data(), u.data(), static_cast<std::size_t>(n));
    noise = (u - ConstRow(w.pass->output() + i * stride, n)) / ConstRow(row(w, kSpread, i), n);
    log_density(w, i, out.data());
  }
}

// With sampled actions (noise z held):  g_u = half (1 - tanh^2) weight + 2 tanh g_log;  dm = g_u;
// dv = e^(v/2) z g_u / 2 - g_log / 2.  With given actions:  dm = g_log z e^(-v/2);  dv = g_log (z^2 - 1) / 2.
void MlpPolicy::carry_back(const ConstBatchRef<float>* weight, const float* log_prob_weight,
                           AlignedFloats* gradient, BatchRef<float>& obs_gradient, Workspace& w) const {
  const Index n = w.pass->stride();
  for (Index i = 0; i < action_dim(); ++i) {
    const float* noise = row(w, kNoise, i);
    const float* tanh = row(w, kTanh, i);
    const float* spread = row(w, kSpread, i);
    const float* slopes = gaussian() ? slope(w, i) : nullptr;
    float* mean = w.pass->output_gradient() + i * n;
    float* raw = w.pass->output_gradient() + (action_dim() + i) * n;
    const float half = half_[static_cast<std::size_t>(i)];
    for (Index j = 0; j < w.batch; ++j) {
      const float log_weight = log_prob_weight ? log_prob_weight[j] : 0.0f;
      if (w.given) {
        mean[j] = log_weight * noise[j] / spread[j];
        raw[j] = 0.5f * log_weight * (noise[j] * noise[j] - 1.0f) * slopes[j];
        continue;
      }
      const float action_weight = weight ? (*weight)(i, j) : 0.0f;
      const float u = half * (1.0f - tanh[j] * tanh[j]) * action_weight + 2.0f * tanh[j] * log_weight;
      mean[j] = u;
      if (gaussian()) raw[j] = 0.5f * (spread[j] * noise[j] * u - log_weight) * slopes[j];
    }
  }
  const bool obs_wanted = obs_gradient.cols() > 0;
  w.pass->backward(network_, static_cast<int>(w.batch), gradient, obs_wanted);
  if (!obs_wanted) return;
  require_dim("MlpPolicy", "obs_gradient", obs_gradient.rows(), obs_dim());
  require_dim("MlpPolicy", "obs_gradient's batch", obs_gradient.cols(), w.batch);
  for (Index j = 0; j < w.batch; ++j)
    for (Index k = 0; k < obs_dim(); ++k) obs_gradient(k, j) = w.pass->input_gradient()[k * n + j];
}

void MlpPolicy::backward(ConstBatchRef<float> weight, AlignedFloats* gradient, BatchRef<float> obs_gradient,
                         Workspace& w) const {
  constexpr const char* kWhere = "MlpPolicy::backward";
  require(w.pass && !w.given, kWhere, ": expected a call of act with the same workspace before it");
  require_dim(kWhere, "weight", weight.rows(), action_dim());
  require_dim(kWhere, "weight's batch", weight.cols(), w.batch);
  carry_back(&weight, nullptr, gradient, obs_gradient, w);
}

void MlpPolicy::sample_backward(ConstBatchRef<float> weight, ConstVecRef<float> log_prob_weight,
                                AlignedFloats* gradient, BatchRef<float> obs_gradient, Workspace& w) const {
  constexpr const char* kWhere = "MlpPolicy::sample_backward";
  require(w.pass && !w.given && gaussian(), kWhere,
          ": expected a call of sample with the same workspace before it");
  require_dim(kWhere, "weight", weight.rows(), action_dim());
  require_dim(kWhere, "weight's batch", weight.cols(), w.batch);
  require_dim(kWhere, "log_prob_weight", log_prob_weight.size(), w.batch);
  carry_back(&weight, log_prob_weight.data(), gradient, obs_gradient, w);
}

void MlpPolicy::log_probability_backward(ConstVecRef<float> log_prob_weight, AlignedFloats* gradient,
                                         BatchRef<float> obs_gradient, Workspace& w) const {
  constexpr const char* kWhere = "MlpPolicy::log_probability_backward";
  require(w.pass && w.given, kWhere,
          ": expected a call of log_probability with the same workspace before it");
  require_dim(kWhere, "log_prob_weight", log_prob_weight.size(), w.batch);
  carry_back(nullptr, log_prob_weight.data(), gradient, obs_gradient, w);
}

}  // namespace mbrl
