// System identification: the numbers of a model whose equations are known, from transitions. Ljung, "System
// identification: theory for the user", 1999; for robots Gautier, Khalil, "Exciting trajectories for the
// identification of base inertial parameters of robots", IJRR 1992 (what can be seen, and what only in
// combinations).
//   theta* = argmin sum_t |W (s_t+1 - f_theta(s_t, a_t))|^2
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/math/least_squares.hpp"
#include "mbrl/models/dynamics_model.hpp"

namespace mbrl {

/// A number of a model, by name.
struct ModelParameter {
  std::string name;
  double value = 0;
  std::string help{};
  /// It may change its sign (a position, say). Else it is searched for by its logarithm and keeps the sign.
  bool any_sign = false;
  /// A start of the other sign makes sense (gravity, a gear); else it is refused.
  bool either_sign = false;
};

// clang-format off
/// A family of models that differ in numbers: model(values) is the one with these, in the order of parameters().
template <class F>
concept ParametricModel = requires(const F& family, const Vecd& values) {
  { family.parameters() } -> std::convertible_to<std::vector<ModelParameter>>;
  { family.obs_dim() } -> std::convertible_to<int>;
  { family.action_dim() } -> std::convertible_to<int>;
  { family.model(values) } -> DynamicsModel;
};
// clang-format on

/// Any of them behind one type. A model's step may be called for all columns or for some; it must not depend on that.
struct AnyParametricModel {
  std::vector<ModelParameter> parameters;
  int obs_dim = 0, action_dim = 0;
  /// The next observations of all columns for each set of values, each as large as obs. The same numbers for any
  /// number of threads.
  std::function<std::vector<Batchd>(const Batchd& obs, const Batchd& action, const std::vector<Vecd>& values,
                                    ThreadPool& pool)>
      predict;
};

template <ParametricModel F>
AnyParametricModel any_parametric_model(F family);

/// What is identified from: transitions in the order in which they were experienced.
struct IdentificationData {
  Batchd obs, action, next_obs;         // obs_dim, action_dim, obs_dim x n
  std::vector<std::uint8_t> goes_on{};  // n: 1 where column t + 1 is what came next; empty: all but the last
  static IdentificationData from(const TransitionBuffer& buffer);
};

/// A parameter to be found, and where to begin: the model's own number unless given.
struct SoughtParameter {
  std::string name;
  std::optional<double> start{};
};

struct IdentificationSettings {
  LeastSquaresSettings solver{};
  // Fits after which each dimension's weight is 1 over the standard deviation of what is left.
  int reweightings = 3;
  double difference = 1e-4;  // of logarithms, for derivatives by central differences
  double confidence = 0.95;  // of the intervals

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("solver", s.solver, "");
    field("reweightings", s.reweightings,
          "fits after which a dimension's weight is 1 over the standard deviation of what is left of it; 0: "
          "1 over that of its change in a step");
    field("difference", s.difference, "by how much logarithms are moved for derivatives");
    field("confidence", s.confidence, "of the intervals");
  }
  void validate() const;
};

struct ParameterEstimate {
  std::string name;
  double start = 0, value = 0;
  double low = 0, high = 0;  // the interval; where the data do not determine it, from 0 or -inf to inf
  bool determined = true;    // false, too, where the fit did not converge and nobody knows
};

/// How a dimension of the observation is explained.
struct DimensionFit {
  double change = 0;   // s' - s, root mean square
  double left = 0;     // s' - f(s, a), root mean square
  double missing = 0;  // the part of it that a quadratic function of (s, a) predicts: what the model lacks
  double score = 0;    // how sure that is: standard normal where nothing is missing
  double correlation = 0;  // of what is left, from one step to the next
};

/// How far the data look the same along a direction.
enum class Blindness {
  kEverywhere,  // whatever the parameters are
  kHere,        // near the start, though not where the model's own number is
  kToZero,      // down to 0, where the fit ran, but not where it started
  kToInfinity,  // without bound
  kWide         // within a wide interval
};

constexpr auto enum_names(Blindness) {
  return std::array{std::pair{Blindness::kEverywhere, "everywhere"}, std::pair{Blindness::kHere, "here"},
                    std::pair{Blindness::kToZero, "to_zero"},
                    std::pair{Blindness::kToInfinity, "to_infinity"}, std::pair{Blindness::kWide, "wide"}};
}

/// A direction in which the parameters can be moved without a visible effect; of several, kToInfinity: they ran away
/// along it. The parameters stand on it as near to
/// their start as the data allow.
struct UndeterminedDirection {
  // Of logarithms (or of the number, for any sign); the largest first.
  std::vector<std::pair<std::string, double>> parts;
  double uncertainty = 0;  // standard deviation along it, of logarithms
  Blindness blindness = Blindness::kEverywhere;
  double own = 0;  // the model's number, of a single parameter
};

struct IdentificationReport {
  std::vector<ParameterEstimate> parameters;
  std::vector<DimensionFit> dimensions;  // of the observation
  std::vector<UndeterminedDirection> undetermined;
  Batchd covariance;  // of the logarithms (of the number, for any sign), within what is determined
  double noise = 0;   // standard deviation of what is left, in units of the last weights: about 1
  Vecd values;        // of all parameters of the model
  Index transitions = 0;
  int iterations = 0;
  bool converged = false;

  /// A part of what is left follows from (s, a), and is large enough to matter: the equations lack something, and
  /// the intervals hold only as if they did not.
  bool lacks_structure() const;
  /// Entries of the observation where that is so.
  std::vector<Index> lacking() const;
  /// Entries of the observation that the model predicts worse than "nothing changes" does.
  std::vector<Index> worse_than_nothing() const;
  /// What is to be said of it in sentences, one each; empty where all is well. `names`: of the observation's entries.
  std::vector<std::string> remarks(const std::vector<std::string>& names = {}) const;
};

/// Intervals are theta +- t (sigma^2 (J'J)^-1)^1/2 in logarithms, with J of the last iteration: right where what is
/// left is independent noise on s' (noise on s biases the estimate). Directions along which they are wider than
/// half the number itself, or which J does not see at all, are reported as undetermined where the fit converged. No
/// logarithm moves further than by that of 1e9. Throws for parameters that the model does not have or has twice, that
/// start at 0 or with a sign that is not the model's, too few transitions, and numbers that are not finite.
IdentificationReport identify(const AnyParametricModel& model, const std::vector<SoughtParameter>& sought,
                              const IdentificationData& data, ThreadPool& pool,
                              const IdentificationSettings& settings = {});

template <ParametricModel F>
IdentificationReport identify(const F& family, const std::vector<SoughtParameter>& sought,
                              const IdentificationData& data, ThreadPool& pool,
                              const IdentificationSettings& settings = {}) {
  return identify(any_parametric_model(family), sought, data, pool, settings);
}

template <ParametricModel F>
AnyParametricModel any_parametric_model(F family) {
  AnyParametricModel any{family.parameters(), family.obs_dim(), family.action_dim(), {}};
  any.predict = [family = std::move(family)](const Batchd& obs, const Batchd& action,
                                             const std::vector<Vecd>& values, ThreadPool& pool) {
    constexpr Index kBlock = 64;  // columns a task
    using Model = std::remove_cvref_t<decltype(family.model(values.front()))>;
    const auto count = static_cast<int>(values.size());
    std::vector<std::optional<Model>> models(values.size());
    std::vector<Batchd> next(values.size(), Batchd(obs.rows(), obs.cols()));
    pool.run(count, [&](int i) {
      models[static_cast<std::size_t>(i)].emplace(family.model(values[static_cast<std::size_t>(i)]));
    });
    const auto blocks = static_cast<int>((obs.cols() + kBlock - 1) / kBlock);
    pool.run(count * blocks, [&](int task) {
      const auto which = static_cast<std::size_t>(task / blocks);
      const Index first = kBlock * (task % blocks), columns = std::min(kBlock, obs.cols() - first);
      typename Model::Workspace workspace;
      models[which]->step(obs.middleCols(first, columns), action.middleCols(first, columns),
                          next[which].middleCols(first, columns), workspace);
    });
    return next;
  };
  return any;
}

}  // namespace mbrl
