// The toy on which models are to know what they do not know: a cubic seen from -4 to 4.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "catch.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

inline constexpr double kCubicNoise = 3.0;

// x changes by x^3 and noise of standard deviation 3 (Hernandez-Lobato and Adams, ICML 2015).
inline TransitionBatch cubic(int n) {
  const RandomStream random(5, Stream::kUser);
  TransitionBatch data{Batchf(1, n), Batchf::Zero(1, n), Batchf(1, n), {}};
  for (int i = 0; i < n; ++i) {
    const auto at = static_cast<std::uint32_t>(i);
    const double x = random.uniform(-4.0, 4.0, at);
    data.obs(0, i) = static_cast<float>(x);
    data.next_obs(0, i) = static_cast<float>(x + x * x * x + kCubicNoise * random.normal(at, 1));
  }
  return data;
}

struct Predicted {
  double mean = 0, deviation = 0;  // of the members' Gaussians together
  double spread = 0;               // standard deviation of the members' means
};

template <class Model>
Predicted predicted(const Model& model, double x) {
  typename Model::Workspace w;
  Batchf mean(1, 1), variance(1, 1);
  double sum = 0, squares = 0, variances = 0;
  const auto members = static_cast<double>(model.members());
  for (int m = 0; m < model.members(); ++m) {
    model.predict(m, Batchf::Constant(1, 1, static_cast<float>(x)), Batchf::Zero(1, 1), mean, variance, w);
    const auto value = static_cast<double>(mean(0, 0));
    sum += value / members;
    squares += value * value / members;
    variances += static_cast<double>(variance(0, 0)) / members;
  }
  const double between = std::max(squares - sum * sum, 0.0);
  return {sum, std::sqrt(variances + between), std::sqrt(between)};
}

// The mean over a model's functions at every row.
template <class Model>
Batchf step_of(const Model& model, const TransitionBatch& data) {
  typename Model::Workspace w;
  Batchf next(1, data.obs.cols());
  model.step(data.obs, data.action, next, w);
  return next;
}

// Training, trained(seed, round), is a function of both. What was saved and is loaded predicts the same and learns on the
// same, and a model of the settings `other` does not load it.
template <class Trained, class Trainer, class Settings>
void check_repeats(const TransitionBatch& data, const Trained& trained, Trainer trainer,
                   const Settings& other) {
  const auto model = trained(1, 0);
  using Model = std::remove_const_t<decltype(model)>;
  CHECK(step_of(model, data) == step_of(trained(1, 0), data));
  CHECK(step_of(model, data) != step_of(trained(2, 0), data));
  CHECK(step_of(model, data) != step_of(trained(1, 1), data));
  StateDict dict;
  model.save(dict, "m.");
  Model again(1, 1, model.settings(), 99);
  again.load(dict, "m.");
  CHECK(step_of(again, data) == step_of(model, data));
  Model unlike(1, 1, other);
  CHECK_THROWS_AS(unlike.load(dict, "m."), Error);
  Model on = model;
  trainer.train(data, on, 1);
  trainer.train(data, again, 1);
  CHECK(step_of(again, data) == step_of(on, data));
}

}  // namespace mbrl
