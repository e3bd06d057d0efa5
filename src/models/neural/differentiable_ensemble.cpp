#include "mbrl/models/neural/differentiable_ensemble.hpp"

#include <cmath>

#include "mbrl/core/error.hpp"
#include "mbrl/data/normalizer.hpp"

namespace mbrl {
namespace {

constexpr double kConstant = 1e-6;  // deviations below it are those of a dimension that does not vary

std::string member_name(const std::string& prefix, std::size_t k) {
  return prefix + "member" + std::to_string(k) + ".";
}

void read(const StateDict& in, const std::string& name, Vecf& out) {
  const std::vector<float> values = in.get<float>(name);
  require_dim("checkpoint", "'" + name + "'", values.size(), out.size());
  out = Eigen::Map<const Vecf>(values.data(), out.size());
}

}  // namespace

void DifferentiableEnsembleSettings::validate(const char* who) const {
  require(members >= 1, who, ": model.members is ", members, ", expected at least 1");
  require(min_deviation > 0 && min_deviation <= 1, who, ": model.min_deviation is ", min_deviation,
          ", expected 0 < min_deviation <= 1");
}

DifferentiableEnsemble::DifferentiableEnsemble(int obs_dim, const ActionBounds& bounds,
                                               const DifferentiableEnsembleSettings& settings,
                                               std::uint64_t seed)
    : settings_(settings),
      log_deviation_(Batchf::Zero(obs_dim + 1, settings.members)),
      obs_mean_(Vecf::Zero(obs_dim)),
      obs_scale_(Vecf::Ones(obs_dim)),
      target_mean_(Vecf::Zero(obs_dim + 1)),
      target_scale_(Vecf::Ones(obs_dim + 1)) {
  constexpr const char* kWhere = "DifferentiableEnsemble";
  settings.validate(kWhere);
  bounds.validate<float>(kWhere, bounds.dim());
  require(bounds.choices == 0, kWhere, ": the actions are choices, expected real numbers");
  mid_ = bounds.mid<float>();
  half_ = bounds.half<float>();
  constexpr std::uint32_t kFirst = 1000;  // behind those of policies and critics
  for (int k = 0; k < settings.members; ++k)
    networks_.emplace_back(obs_dim + bounds.dim(), obs_dim + 1, settings.network, seed,
                           kFirst + static_cast<std::uint32_t>(k));
}

void DifferentiableEnsemble::set_statistics(const TransitionBatch& data) {
  Normalizer obs(obs_dim(), kConstant), target(obs_dim() + 1, kConstant);
  obs.fit(data.obs);
  obs_mean_ = obs.mean().cast<float>();
  obs_scale_ = obs.scale().cast<float>();
  target_mean_.setZero();
  target_scale_.setOnes();
  Batchf plain(obs_dim() + 1, data.obs.cols());
  targets(data, plain);
  target.fit(plain);
  target_mean_ = target.mean().cast<float>();
  target_scale_ = target.scale().cast<float>();
}

void DifferentiableEnsemble::normalise(ConstBatchRef<float> in, BatchRef<float> out) const {
  out = ((in.colwise() - obs_mean_).array().colwise() / obs_scale_.array()).matrix();
}

void DifferentiableEnsemble::denormalise(ConstBatchRef<float> in, BatchRef<float> out) const {
  out = ((in.array().colwise() * obs_scale_.array()).colwise() + obs_mean_.array()).matrix();
}

void DifferentiableEnsemble::targets(const TransitionBatch& data, BatchRef<float> out) const {
  out.topRows(obs_dim()) = ((data.next_obs - data.obs).array().colwise() / obs_scale_.array()).matrix();
  out.row(obs_dim()) = data.reward.transpose();
  out = ((out.colwise() - target_mean_).array().colwise() / target_scale_.array()).matrix();
}

void DifferentiableEnsemble::step(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                                  ConstBatchRef<float> noise, BatchRef<float> next_obs, VecRef<float> reward,
                                  nn::Pass& pass) const {
  const auto n = static_cast<int>(obs.cols());
  const Index stride = pass.stride();
  for (Index r = 0; r < obs.rows(); ++r)
    for (Index j = 0; j < n; ++j) pass.input()[r * stride + j] = obs(r, j);
  for (Index i = 0; i < action.rows(); ++i)
    for (Index j = 0; j < n; ++j)
      pass.input()[(obs.rows() + i) * stride + j] = scaled_action(i, action(i, j));
  pass.forward(network(member), n);
  const auto out = pass.outputs(n);
  for (Index r = 0; r < obs.rows(); ++r) {
    const float mean = target_mean_(r), scale = target_scale_(r),
                deviation = std::exp(log_deviation_(r, member));
    for (Index j = 0; j < n; ++j)
      next_obs(r, j) = obs(r, j) + mean + scale * (out(r, j) + deviation * noise(r, j));
  }
  const Index last = obs.rows();
  for (Index j = 0; j < n; ++j) reward(j) = target_mean_(last) + target_scale_(last) * out(last, j);
}

void DifferentiableEnsemble::step_backward(int member, ConstBatchRef<float> next_weight,
                                           ConstVecRef<float> reward_weight, BatchRef<float> obs_gradient,
                                           BatchRef<float> action_gradient, nn::Pass& pass) const {
  const auto n = static_cast<int>(next_weight.cols());
  const Index last = obs_dim();
  auto out = pass.output_gradients(n);
  for (Index r = 0; r < last; ++r) out.row(r) = target_scale_(r) * next_weight.row(r);
  out.row(last) = target_scale_(last) * reward_weight.transpose();
  pass.backward(network(member), n, nullptr, true);
  const auto in = pass.input_gradients(n);
  obs_gradient = next_weight + in.topRows(last);
  for (Index i = 0; i < action_dim(); ++i)
    action_gradient.row(i) = in.row(last + i) / half_[static_cast<std::size_t>(i)];
}

void DifferentiableEnsemble::save(StateDict& out, const std::string& prefix) const {
  for (std::size_t k = 0; k < networks_.size(); ++k) networks_[k].save(out, member_name(prefix, k));
  out.put_matrix(prefix + "log_deviation", log_deviation_);
  out.put_matrix(prefix + "obs_mean", obs_mean_);
  out.put_matrix(prefix + "obs_scale", obs_scale_);
  out.put_matrix(prefix + "target_mean", target_mean_);
  out.put_matrix(prefix + "target_scale", target_scale_);
}

void DifferentiableEnsemble::load(const StateDict& in, const std::string& prefix) {
  Vecf deviations(log_deviation_.size());
  read(in, prefix + "log_deviation", deviations);
  read(in, prefix + "obs_mean", obs_mean_);
  read(in, prefix + "obs_scale", obs_scale_);
  read(in, prefix + "target_mean", target_mean_);
  read(in, prefix + "target_scale", target_scale_);
  log_deviation_ = deviations.reshaped(log_deviation_.rows(), log_deviation_.cols());
  for (std::size_t k = 0; k < networks_.size(); ++k) networks_[k].load(in, member_name(prefix, k));
}

}  // namespace mbrl
