#include "mbrl/models/local/switching_linear_model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"

namespace mbrl {
namespace {

constexpr const char* kWhere = "SwitchingLinearModel";

Vecd input(ConstVecRef<double> state, ConstVecRef<double> action) {
  Vecd z(state.size() + action.size());
  z << state, action;
  return z;
}

ConditionalGaussian fitted(const Batchd& transitions, const Vecd& weights, Index given, const Vecd& least) {
  GaussianMoments p = moments_of(transitions, weights);
  p.covariance.diagonal() += least;
  return condition(p, given);
}

}  // namespace

void SwitchingSettings::validate() const {
  require(modes >= 1, "switching: modes is ", modes, ", expected at least 1");
  require(iterations >= 1, "switching: iterations is ", iterations, ", expected at least 1");
  require(restarts >= 1, "switching: restarts is ", restarts, ", expected at least 1");
  require(tolerance >= 0 && std::isfinite(tolerance), "switching: tolerance is ", tolerance,
          ", expected at least 0");
  require(ridge > 0 && std::isfinite(ridge), "switching: ridge is ", ridge, ", expected more than 0");
  require(transitions > 0 && std::isfinite(transitions), "switching: transitions is ", transitions,
          ", expected more than 0");
}

SwitchingLinearModel SwitchingLinearModel::fit(const std::vector<StateTrajectory>& trajectories,
                                               const SwitchingSettings& s, std::uint64_t seed) {
  s.validate();
  check_trajectories(kWhere, trajectories, 1);
  const Index nx = trajectories.front().states.rows(), nz = nx + trajectories.front().actions.rows();
  const Index steps = trajectories.front().steps();
  std::vector<Batchd> data;
  for (const StateTrajectory& each : trajectories) data.push_back(all_transitions({each}));
  const Batchd all = all_transitions(trajectories);
  const Index n = all.cols();
  require(n >= 2 * s.modes * (nz + 1), kWhere, ": ", n, " transitions, expected at least ",
          2 * s.modes * (nz + 1), " for ", s.modes, " modes of ", nz + 1, " coefficients");
  const Vecd variance = moments_of(all).covariance.diagonal();
  require(variance.tail(nx).maxCoeff() > 0, kWhere, ": no state varies, expected at least one that does");
  const Vecd least = s.ridge * variance.cwiseMax(1e-6 * variance.maxCoeff());

  const Index stretch = std::min(steps, 2 * (nz + 1));
  const RandomStream random(seed, Stream::kBootstrap);
  SwitchingLinearModel best;
  double best_likelihood = -std::numeric_limits<double>::infinity();
  for (int r = 0; r < s.restarts; ++r) {
    SwitchingLinearModel model;
    model.initial_ = Vecd::Constant(s.modes, 1.0 / s.modes);
    model.transition_ = Batchd::Constant(s.modes, s.modes, 1.0 / s.modes);
    for (int k = 0; k < s.modes; ++k) {
      const auto at = [&](Index choices, std::uint32_t which) {
        return static_cast<Index>(random.below(static_cast<std::uint64_t>(choices),
                                               static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(k),
                                               which));
      };
      const Index first = at(static_cast<Index>(data.size()), 0) * steps + at(steps - stretch + 1, 1);
      Vecd weight = Vecd::Zero(n);
      weight.segment(first, stretch).setOnes();
      ConditionalGaussian map = fitted(all, weight, nz, least);
      // Before modes are known all are as uncertain as the data are, or the narrowest would take nothing but its own.
      map.covariance += 0.01 * Batchd(variance.tail(nx).asDiagonal());
      model.maps_.push_back(std::move(map));
    }
    double last = -std::numeric_limits<double>::infinity();
    for (int i = 0; i < s.iterations; ++i) {
      std::vector<Smoothed> given;
      double total = 0;
      for (const Batchd& each : data) {
        given.push_back(model.smooth(each));
        total += given.back().log_likelihood;
      }
      if (!(total - last > s.tolerance * static_cast<double>(n))) break;
      last = total;
      model.maximise(data, given, least, s.transitions);
    }
    if (last > best_likelihood) {
      best_likelihood = last;
      best = std::move(model);
    }
  }
  require(best.modes() > 0, kWhere, ": no fit has a finite likelihood; a larger ridge may help");
  return best;
}

void SwitchingLinearModel::maximise(const std::vector<Batchd>& transitions,
                                    const std::vector<Smoothed>& given, const Vecd& least, double imagined) {
  const Index k_count = modes(), nz = maps_.front().in();
  Index n = 0;
  for (const Batchd& each : transitions) n += each.cols();
  Batchd all(transitions.front().rows(), n), weights(k_count, n);
  initial_.setConstant(imagined);
  transition_.setConstant(imagined);
  Index at = 0;
  for (std::size_t i = 0; i < transitions.size(); ++i) {
    const Index steps = transitions[i].cols();
    all.middleCols(at, steps) = transitions[i];
    weights.middleCols(at, steps) = given[i].modes;
    initial_ += given[i].modes.col(0);
    transition_ += given[i].pairs;
    at += steps;
  }
  initial_ /= initial_.sum();
  for (Index k = 0; k < k_count; ++k) {
    transition_.row(k) /= transition_.row(k).sum();
    const Vecd weight = weights.row(k).transpose();
    // A mode that explains less than its coefficients stays as it is.
    if (weight.sum() > static_cast<double>(nz + 1))
      maps_[static_cast<std::size_t>(k)] = fitted(all, weight, nz, least);
  }
}

// Forward and backward probabilities, scaled at every step.
SwitchingLinearModel::Smoothed SwitchingLinearModel::smooth(const Batchd& transitions) const {
  const Index k_count = modes(), steps = transitions.cols(), nz = maps_.front().in();
  Batchd likelihood(k_count, steps);
  for (Index k = 0; k < k_count; ++k)
    likelihood.row(k) = log_density(map(static_cast<int>(k)), transitions.topRows(nz),
                                    transitions.bottomRows(transitions.rows() - nz))
                            .transpose();
  const Eigen::RowVectorXd top = likelihood.colwise().maxCoeff();
  likelihood = (likelihood.rowwise() - top).array().exp();

  Smoothed result{Batchd(k_count, steps), Batchd::Zero(k_count, k_count), top.sum()};
  Batchd forward(k_count, steps);
  Vecd scale(steps), backward = Vecd::Ones(k_count);
  for (Index t = 0; t < steps; ++t) {
    const Vecd before = t == 0 ? initial_ : Vecd(transition_.transpose() * forward.col(t - 1));
    forward.col(t) = before.cwiseProduct(likelihood.col(t));
    scale(t) = forward.col(t).sum();
    forward.col(t) /= scale(t);
  }
  result.log_likelihood += scale.array().log().sum();
  for (Index t = steps; t-- > 0;) {
    result.modes.col(t) = forward.col(t).cwiseProduct(backward);
    if (t == 0) break;
    const Vecd weighed = likelihood.col(t).cwiseProduct(backward) / scale(t);
    result.pairs += transition_.cwiseProduct(forward.col(t - 1) * weighed.transpose());
    backward = transition_ * weighed;
  }
  return result;
}

Batchd SwitchingLinearModel::mode_probabilities(const StateTrajectory& trajectory) const {
  check_trajectories(kWhere, {trajectory}, 1);
  require(modes() > 0, kWhere, ": it has not been fitted");
  return smooth(all_transitions({trajectory})).modes;
}

double SwitchingLinearModel::log_likelihood(const StateTrajectory& trajectory) const {
  check_trajectories(kWhere, {trajectory}, 1);
  require(modes() > 0, kWhere, ": it has not been fitted");
  return smooth(all_transitions({trajectory})).log_likelihood;
}

GaussianMoments SwitchingLinearModel::predict(ConstVecRef<double> state, ConstVecRef<double> action,
                                              ConstVecRef<double> mode_weights) const {
  require_dim(kWhere, "the modes", mode_weights.size(), modes());
  const Vecd z = input(state, action);
  std::vector<GaussianMoments> parts;
  for (const ConditionalGaussian& map : maps_) parts.push_back({map.mean(z), map.covariance});
  return mixture_moments(parts, mode_weights);
}

Vecd SwitchingLinearModel::filter(ConstVecRef<double> mode_weights, ConstVecRef<double> state,
                                  ConstVecRef<double> action, ConstVecRef<double> next_state) const {
  require_dim(kWhere, "the modes", mode_weights.size(), modes());
  const Vecd z = input(state, action);
  Vecd likelihood(modes());
  for (int k = 0; k < modes(); ++k) likelihood(k) = log_density(map(k), z, next_state)(0);
  const Vecd seen = mode_weights.array() * (likelihood.array() - likelihood.maxCoeff()).exp();
  return transition_.transpose() * (seen / seen.sum());
}

void SwitchingLinearModel::save(StateDict& out, const std::string& prefix) const {
  out.put_matrix(prefix + "initial", initial_);
  out.put_matrix(prefix + "transition", transition_);
  for (int k = 0; k < modes(); ++k) {
    const std::string mode = prefix + "mode" + std::to_string(k) + ".";
    out.put_matrix(mode + "gain", map(k).gain);
    out.put_matrix(mode + "offset", map(k).offset);
    out.put_matrix(mode + "covariance", map(k).covariance);
  }
}

void SwitchingLinearModel::load(const StateDict& in, const std::string& prefix) {
  SwitchingLinearModel read;
  read.initial_ = in.get_matrix<double>(prefix + "initial").reshaped();
  read.transition_ = in.get_matrix<double>(prefix + "transition");
  require_dim("checkpoint: '" + prefix + "transition'", "the matrix", read.transition_.rows(),
              read.initial_.size());
  require_dim("checkpoint: '" + prefix + "transition'", "its columns", read.transition_.cols(),
              read.initial_.size());
  for (Index k = 0; k < read.initial_.size(); ++k) {
    const std::string mode = prefix + "mode" + std::to_string(k) + ".";
    read.maps_.push_back({in.get_matrix<double>(mode + "gain"),
                          in.get_matrix<double>(mode + "offset").reshaped(),
                          in.get_matrix<double>(mode + "covariance")});
  }
  *this = std::move(read);
}

}  // namespace mbrl
