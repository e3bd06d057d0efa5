// Creation, checks, checkpointing and the plain Eigen forward pass of an MLP ensemble.
#include "mbrl/models/neural/mlp_ensemble.hpp"

#include <cmath>
#include <cstdint>
#include <limits>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/nn/bounded_logvar.hpp"
#include "mbrl/task/encoding_checkpoint.hpp"

namespace mbrl {
namespace {

void check_settings(const MlpEnsembleSettings& s, const ObsEncoding& encoding, int action_dim) {
  require(s.members >= 1, "MlpEnsemble: members is ", s.members, ", expected at least 1");
  for (std::size_t i = 0; i < s.hidden.size(); ++i)
    require(s.hidden[i] >= 1, "MlpEnsemble: hidden layer ", i, " has ", s.hidden[i],
            " units, expected at least 1");
  const int activation = static_cast<int>(s.activation);
  require(activation >= 0 && activation <= 3, "MlpEnsemble: unknown activation ", activation,
          ", expected 0 (silu), 1 (relu), 2 (tanh) or 3 (elu)");
  require(action_dim >= 0, "MlpEnsemble: action_dim is ", action_dim, ", expected at least 0");
  require(encoding.obs_dim() >= 1, "MlpEnsemble: the encoding has no observation entries");
  encoding.validate();
  require(encoding.feature_dim() + action_dim >= 1, "MlpEnsemble: the networks have no inputs");
}

void check_numbers(const std::vector<float>& v, int size, const std::string& name) {
  require(v.size() == static_cast<std::size_t>(size), "MlpEnsemble: ", name, " has ", v.size(),
          " entries, expected ", size);
  for (std::size_t i = 0; i < v.size(); ++i)
    require(std::isfinite(v[i]), "MlpEnsemble: ", name, "[", i, "] is ", v[i], ", expected a finite number");
}

std::string layer_name(const std::string& prefix, std::size_t member, std::size_t layer) {
  return prefix + "members." + std::to_string(member) + ".layers." + std::to_string(layer) + ".";
}

std::vector<std::int64_t> widen(const std::vector<int>& v) { return {v.begin(), v.end()}; }

std::vector<int> narrow(const std::vector<std::int64_t>& v, const std::string& name) {
  std::vector<int> out;
  for (const std::int64_t x : v) {
    require(x >= std::numeric_limits<int>::min() && x <= std::numeric_limits<int>::max(), "checkpoint: '",
            name, "' holds ", x, ", which does not fit an int");
    out.push_back(static_cast<int>(x));
  }
  return out;
}

}  // namespace

MlpEnsemble MlpEnsemble::create(const MlpEnsembleSettings& settings, const ObsEncoding& encoding,
                                int action_dim, std::uint64_t seed) {
  check_settings(settings, encoding, action_dim);
  MlpEnsemble model;
  model.settings = settings;
  model.encoding = encoding;
  model.action_dim = action_dim;
  const RandomStream random(seed, Stream::kWeights);
  for (int m = 0; m < settings.members; ++m) {
    std::vector<DenseLayer> layers;
    for (int l = 0; l < model.layer_count(); ++l) {
      DenseLayer layer;
      layer.in = l == 0 ? model.input_dim() : settings.hidden[static_cast<std::size_t>(l) - 1];
      layer.out =
          l + 1 == model.layer_count() ? model.output_dim() : settings.hidden[static_cast<std::size_t>(l)];
      layer.weight.resize(static_cast<std::size_t>(layer.in) * static_cast<std::size_t>(layer.out));
      layer.bias.assign(static_cast<std::size_t>(layer.out), 0.0f);
      const double sigma = 1.0 / (2.0 * std::sqrt(static_cast<double>(layer.in)));
      for (std::size_t i = 0; i < layer.weight.size(); ++i)
        layer.weight[i] = static_cast<float>(
            sigma * random.truncated_normal(2.0, static_cast<std::uint32_t>(m), static_cast<std::uint32_t>(l),
                                            static_cast<std::uint32_t>(i)));
      layers.push_back(std::move(layer));
    }
    model.members.push_back(std::move(layers));
    model.elites.push_back(m);
  }
  const auto inputs = static_cast<std::size_t>(model.input_dim());
  const auto targets = static_cast<std::size_t>(model.target_dim());
  model.input_mean.assign(inputs, 0.0f);
  model.input_std.assign(inputs, 1.0f);
  model.target_mean.assign(targets, 0.0f);
  model.target_std.assign(targets, 1.0f);
  const auto obs = static_cast<std::size_t>(model.obs_dim());
  model.obs_low.assign(obs, -std::numeric_limits<float>::infinity());
  model.obs_high.assign(obs, std::numeric_limits<float>::infinity());
  model.max_logvar.assign(targets, 0.5f);
  model.min_logvar.assign(targets, -10.0f);
  return model;
}

MlpEnsemble MlpEnsemble::in_target_units() const {
  MlpEnsemble model = *this;
  const auto targets = static_cast<std::size_t>(target_dim());
  for (std::size_t k = 0; k < targets; ++k) {
    const float mean = target_mean[k], std_dev = target_std[k], shift = 2.0f * std::log(std_dev);
    if (mean == 0.0f && std_dev == 1.0f) continue;
    for (auto& layers : model.members) {
      DenseLayer& last = layers.back();
      for (int i = 0; i < last.in; ++i) last.weight[static_cast<std::size_t>(i * last.out) + k] *= std_dev;
      last.bias[k] = mean + std_dev * last.bias[k];
      if (settings.gaussian) last.bias[targets + k] += shift;
    }
    model.max_logvar[k] += shift;
    model.min_logvar[k] += shift;
    model.target_mean[k] = 0.0f;
    model.target_std[k] = 1.0f;
  }
  return model;
}

void MlpEnsemble::validate() const {
  check_settings(settings, encoding, action_dim);
  require(members.size() == static_cast<std::size_t>(settings.members), "MlpEnsemble: has ", members.size(),
          " members, expected ", settings.members);
  for (std::size_t m = 0; m < members.size(); ++m) {
    require(members[m].size() == static_cast<std::size_t>(layer_count()), "MlpEnsemble: member ", m, " has ",
            members[m].size(), " layers, expected ", layer_count());
    for (std::size_t l = 0; l < members[m].size(); ++l) {
      const DenseLayer& layer = members[m][l];
      const std::string where = layer_name("", m, l);
      require_dim("MlpEnsemble", where + "in", layer.in, l == 0 ? input_dim() : settings.hidden[l - 1]);
      require_dim("MlpEnsemble", where + "out", layer.out,
                  l + 1 == members[m].size() ? output_dim() : settings.hidden[l]);
      check_numbers(layer.weight, layer.in * layer.out, where + "weight");
      check_numbers(layer.bias, layer.out, where + "bias");
    }
  }
  check_numbers(input_mean, input_dim(), "input_mean");
  check_numbers(input_std, input_dim(), "input_std");
  for (std::size_t i = 0; i < input_std.size(); ++i)
    require(input_std[i] > 0.0f, "MlpEnsemble: input_std[", i, "] is ", input_std[i],
            ", expected a positive number");
  check_numbers(target_mean, target_dim(), "target_mean");
  check_numbers(target_std, target_dim(), "target_std");
  for (std::size_t i = 0; i < target_std.size(); ++i)
    require(target_std[i] > 0.0f, "MlpEnsemble: target_std[", i, "] is ", target_std[i],
            ", expected a positive number");
  check_numbers(max_logvar, target_dim(), "max_logvar");
  check_numbers(min_logvar, target_dim(), "min_logvar");
  require(!elites.empty(), "MlpEnsemble: no elites; expected at least one member index");
  for (const int e : elites)
    require(e >= 0 && e < settings.members, "MlpEnsemble: elite ", e, " does not exist, expected 0 to ",
            settings.members - 1);
  require_dim("MlpEnsemble", "obs_low", obs_low.size(), obs_dim());
  require_dim("MlpEnsemble", "obs_high", obs_high.size(), obs_dim());
  for (std::size_t i = 0; i < obs_low.size(); ++i)  // infinite where no data have been seen
    require(obs_low[i] <= obs_high[i], "MlpEnsemble: the range of observation entry ", i, " is [", obs_low[i],
            ", ", obs_high[i], "], expected low <= high");
}

void MlpEnsemble::save(StateDict& out, const std::string& prefix) const {
  out.put(prefix + "hidden", widen(settings.hidden));
  const std::vector<std::int64_t> shape = {settings.members,
                                           static_cast<std::int64_t>(settings.activation),
                                           settings.gaussian ? 1 : 0,
                                           settings.learned_reward ? 1 : 0,
                                           action_dim,
                                           settings.learned_termination ? 1 : 0};
  // members, activation, gaussian, learned_reward, action_dim, learned_termination
  out.put(prefix + "shape", shape);
  save_encoding(encoding, out, prefix);
  for (std::size_t m = 0; m < members.size(); ++m) {
    for (std::size_t l = 0; l < members[m].size(); ++l) {
      const DenseLayer& layer = members[m][l];
      out.put(layer_name(prefix, m, l) + "weight", layer.weight.data(), {layer.in, layer.out});
      out.put(layer_name(prefix, m, l) + "bias", layer.bias);
    }
  }
  out.put(prefix + "input_mean", input_mean);
  out.put(prefix + "input_std", input_std);
  out.put(prefix + "max_logvar", max_logvar);
  out.put(prefix + "min_logvar", min_logvar);
  out.put(prefix + "elites", widen(elites));
  out.put(prefix + "target_mean", target_mean);
  out.put(prefix + "target_std", target_std);
  out.put(prefix + "obs_low", obs_low);
  out.put(prefix + "obs_high", obs_high);
}

void MlpEnsemble::load(const StateDict& in, const std::string& prefix) {
  MlpEnsemble model;
  model.settings.hidden = narrow(in.get<std::int64_t>(prefix + "hidden"), prefix + "hidden");
  const std::vector<int> shape = narrow(in.get<std::int64_t>(prefix + "shape"), prefix + "shape");
  require(shape.size() == 5 || shape.size() == 6, "checkpoint: '", prefix, "shape' has ", shape.size(),
          " values, expected 6");
  model.settings.members = shape[0];
  model.settings.activation = static_cast<Activation>(shape[1]);
  model.settings.gaussian = shape[2] != 0;
  model.settings.learned_reward = shape[3] != 0;
  model.action_dim = shape[4];
  model.settings.learned_termination = shape.size() > 5 && shape[5] != 0;  // 5: written before it was there
  model.encoding = load_encoding(in, prefix);
  check_settings(model.settings, model.encoding, model.action_dim);
  for (int m = 0; m < model.settings.members; ++m) {
    std::vector<DenseLayer> layers;
    for (int l = 0; l < model.layer_count(); ++l) {
      const std::string name = layer_name(prefix, static_cast<std::size_t>(m), static_cast<std::size_t>(l));
      DenseLayer layer;
      layer.in = l == 0 ? model.input_dim() : model.settings.hidden[static_cast<std::size_t>(l) - 1];
      layer.out = l + 1 == model.layer_count() ? model.output_dim()
                                               : model.settings.hidden[static_cast<std::size_t>(l)];
      layer.weight = in.get<float>(name + "weight");
      layer.bias = in.get<float>(name + "bias");
      layers.push_back(std::move(layer));
    }
    model.members.push_back(std::move(layers));
  }
  model.input_mean = in.get<float>(prefix + "input_mean");
  model.input_std = in.get<float>(prefix + "input_std");
  model.max_logvar = in.get<float>(prefix + "max_logvar");
  model.min_logvar = in.get<float>(prefix + "min_logvar");
  model.elites = narrow(in.get<std::int64_t>(prefix + "elites"), prefix + "elites");
  model.obs_low = in.get<float>(prefix + "obs_low");
  model.obs_high = in.get<float>(prefix + "obs_high");
  if (in.contains(prefix + "target_std")) {
    model.target_mean = in.get<float>(prefix + "target_mean");
    model.target_std = in.get<float>(prefix + "target_std");
  } else {  // written before targets were standardised
    model.target_mean.assign(static_cast<std::size_t>(model.target_dim()), 0.0f);
    model.target_std.assign(static_cast<std::size_t>(model.target_dim()), 1.0f);
  }
  model.validate();
  *this = std::move(model);  // only a complete, sound model replaces the old one
}

void predict_member(const MlpEnsemble& model, int member, ConstBatchRef<float> obs,
                    ConstBatchRef<float> action, BatchRef<float> mean, BatchRef<float> logvar) {
  constexpr const char* kWhere = "predict_member";
  require(member >= 0 && member < model.settings.members, kWhere, ": member ", member,
          " does not exist, expected 0 to ", model.settings.members - 1);
  require_dim(kWhere, "obs", obs.rows(), model.obs_dim());
  require_dim(kWhere, "action", action.rows(), model.action_dim);
  require_dim(kWhere, "mean", mean.rows(), model.target_dim());
  require_dim(kWhere, "action's batch", action.cols(), obs.cols());
  require_dim(kWhere, "mean's batch", mean.cols(), obs.cols());
  const Index features = model.encoding.feature_dim();
  Batchf x(model.input_dim(), obs.cols());
  model.encoding.encode<float>(obs, x.topRows(features));
  x.bottomRows(model.action_dim) = action;
  const Eigen::Map<const Vecf> input_mean(model.input_mean.data(), model.input_dim());
  const Eigen::Map<const Vecf> input_std(model.input_std.data(), model.input_dim());
  x = ((x.colwise() - input_mean).array().colwise() / input_std.array()).matrix().eval();

  const std::vector<DenseLayer>& layers = model.members[static_cast<std::size_t>(member)];
  for (std::size_t l = 0; l < layers.size(); ++l) {
    Batchf y = layers[l].weight_matrix() * x;
    y.colwise() += layers[l].bias_vector();
    if (l + 1 < layers.size()) {
      switch (model.settings.activation) {
        case Activation::kSilu:
          y = (y.array() / (1.0f + (-y.array()).exp())).matrix().eval();
          break;
        case Activation::kRelu:
          y = y.cwiseMax(0.0f).eval();
          break;
        case Activation::kTanh:
          y = y.array().tanh().matrix().eval();
          break;
        case Activation::kElu:
          y = (y.array() > 0.0f).select(y.array(), y.array().exp() - 1.0f).matrix().eval();
          break;
      }
    }
    x.swap(y);
  }
  const Index targets = model.target_dim();
  const Eigen::Map<const Vecf> target_mean(model.target_mean.data(), targets);
  const Eigen::Map<const Vecf> target_std(model.target_std.data(), targets);
  mean =
      ((x.topRows(targets).array().colwise() * target_std.array()).colwise() + target_mean.array()).matrix();
  if (!model.settings.gaussian) return;
  require_dim(kWhere, "logvar", logvar.rows(), targets);
  require_dim(kWhere, "logvar's batch", logvar.cols(), obs.cols());
  for (Index j = 0; j < x.cols(); ++j) {
    for (Index i = 0; i < targets; ++i) {
      const float high = model.max_logvar[static_cast<std::size_t>(i)];
      const float low = model.min_logvar[static_cast<std::size_t>(i)];
      logvar(i, j) = nn::bounded_logvar(x(targets + i, j), low, high) + 2.0f * std::log(target_std(i));
    }
  }
}

}  // namespace mbrl
