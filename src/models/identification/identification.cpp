// The fit: from names to a least-squares problem in logarithms, and back to estimates.
#include "mbrl/models/identification/identification.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "mbrl/core/text.hpp"
#include "models/identification/fit_statistics.hpp"

namespace mbrl {
namespace {

constexpr const char* kWhere = "identify";
constexpr double kFar = 20.7;  // log 1e9: a logarithm that moves further has run away

// Least squares in z, all 0 at the start: value = start exp(z), or start + z for parameters of any sign.
class Problem {
 public:
  Problem(const AnyParametricModel& model, const IdentificationData& data,
          const IdentificationSettings& settings, ThreadPool& pool)
      : model_(model), data_(data), settings_(settings), pool_(pool), values_(as_values(model)) {}

  void seek(const SoughtParameter& sought) {
    std::vector<std::string> known;
    for (const ModelParameter& p : model_.parameters) known.push_back(p.name);
    const auto found = std::find(known.begin(), known.end(), sought.name);
    require(found != known.end(), kWhere, ": the model has no parameter '", sought.name, "'",
            did_you_mean(sought.name, known));
    const Index i = found - known.begin();
    require(std::find(index_.begin(), index_.end(), i) == index_.end(), kWhere, ": parameter '", sought.name,
            "' is named twice");
    if (sought.start) values_(i) = *sought.start;
    require(std::isfinite(values_(i)), kWhere, ": parameter '", sought.name, "' starts at ", values_(i),
            ", expected a finite number");
    require(parameter(i).any_sign || values_(i) != 0, kWhere, ": parameter '", sought.name,
            "' starts at 0, which has no logarithm; expected a start of the right order, as in ", sought.name,
            "=0.01");
    const double own = parameter(i).value;
    require(parameter(i).any_sign || parameter(i).either_sign || (values_(i) > 0) == (own >= 0), kWhere,
            ": parameter '", sought.name, "' starts at ", values_(i), ", expected ",
            own >= 0 ? "more than 0" : "less than 0, as in the model");
    index_.push_back(i);
  }

  Index dim() const { return static_cast<Index>(index_.size()); }
  const ModelParameter& parameter(Index i) const { return model_.parameters[static_cast<std::size_t>(i)]; }
  const ModelParameter& sought(Index k) const { return parameter(index_[static_cast<std::size_t>(k)]); }
  double start(Index k) const { return values_(index_[static_cast<std::size_t>(k)]); }
  double value(Index k, double z) const {
    return sought(k).any_sign ? start(k) + z : start(k) * std::exp(std::clamp(z, -kFar, kFar));
  }
  Vecd values(const Vecd& z) const {
    Vecd all = values_;
    for (Index k = 0; k < dim(); ++k) all(index_[static_cast<std::size_t>(k)]) = value(k, z(k));
    return all;
  }

  void set_weights(Vecd weights) { weights_ = std::move(weights); }
  const Vecd& weights() const { return weights_; }

  Batchd errors(const Vecd& z) const { return data_.next_obs - predict({values(z)}).front(); }
  Vecd residuals(const Vecd& z) const { return weighted(errors(z)); }
  // With another value of parameter k.
  Vecd residuals(const Vecd& z, Index k, double value) const {
    Vecd all = values(z);
    all(index_[static_cast<std::size_t>(k)]) = value;
    return weighted(data_.next_obs - predict({all}).front());
  }
  Batchd jacobian(const Vecd& z) const {
    std::vector<Vecd> moved;
    for (Index k = 0; k < dim(); ++k)
      for (const double sign : {1.0, -1.0}) {
        Vecd there = z;
        there(k) += sign * settings_.difference;
        moved.push_back(values(there));
      }
    const std::vector<Batchd> next = predict(moved);
    Batchd out(data_.obs.size(), dim());
    for (Index k = 0; k < dim(); ++k) {
      const auto at = 2 * static_cast<std::size_t>(k);
      out.col(k) = weighted((next[at + 1] - next[at]) / (2 * settings_.difference));
    }
    return out;
  }

 private:
  static Vecd as_values(const AnyParametricModel& model) {
    Vecd values(static_cast<Index>(model.parameters.size()));
    for (Index i = 0; i < values.size(); ++i) values(i) = model.parameters[static_cast<std::size_t>(i)].value;
    return values;
  }
  std::vector<Batchd> predict(const std::vector<Vecd>& values) const {
    for (const Vecd& each : values)  // a step too far: refused by the solver, not by the model
      if (!each.allFinite())
        return std::vector<Batchd>(values.size(), Batchd::Constant(data_.obs.rows(), data_.obs.cols(), NAN));
    return model_.predict(data_.obs, data_.action, values, pool_);
  }
  Vecd weighted(const Batchd& errors) const { return (weights_.asDiagonal() * errors).reshaped(); }

  const AnyParametricModel& model_;
  const IdentificationData& data_;
  const IdentificationSettings& settings_;
  ThreadPool& pool_;
  Vecd values_;
  std::vector<Index> index_;
  Vecd weights_;
};

void check(const AnyParametricModel& model, const IdentificationData& data) {
  require_dim(kWhere, "obs", data.obs.rows(), model.obs_dim);
  require_dim(kWhere, "action", data.action.rows(), model.action_dim);
  require_dim(kWhere, "next_obs", data.next_obs.rows(), model.obs_dim);
  require_dim(kWhere, "action's columns", data.action.cols(), data.obs.cols());
  require_dim(kWhere, "next_obs' columns", data.next_obs.cols(), data.obs.cols());
  require(data.goes_on.empty() || static_cast<Index>(data.goes_on.size()) == data.obs.cols(), kWhere,
          ": goes_on has ", data.goes_on.size(), " entries, expected ", data.obs.cols(), " or none");
  require(data.obs.allFinite() && data.action.allFinite() && data.next_obs.allFinite(), kWhere,
          ": the data hold a number that is not finite");
}

Vecd rms(const Batchd& rows) {
  return (rows.rowwise().squaredNorm() / static_cast<double>(rows.cols())).cwiseSqrt();
}

constexpr double kFloats = 1e-7;  // of a change: what floats show

// 1 over what is left of a dimension; what floats cannot show does not count. A dimension that never changes has
// nothing to say.
Vecd weights_of(const Vecd& left, const Vecd& change) {
  Vecd weights(left.size());
  for (Index i = 0; i < left.size(); ++i)
    weights(i) = change(i) > 0 ? 1 / std::max(left(i), kFloats * change(i)) : 0.0;
  return weights;
}

// What the data say along the directions that a fit does not see.
class Unseen {
 public:
  // `noise`: the size of a residual that says nothing.
  Unseen(const Problem& problem, double noise) : problem_(problem), noise_(noise) {}

  // The point nearest to the start, along one direction, that explains the data as well as z.
  Vecd nearest(const Vecd& z, const Vecd& along) const {
    constexpr double kAsWell = 0.01;  // of chi squared
    const double far = along.dot(z), cost = squares(z);
    const auto as_well = [&](double at) { return !(squares(z + (at - far) * along) - cost > kAsWell); };
    if (as_well(0)) return z - far * along;
    double worse = 0, well = far;
    for (int i = 0; i < 30; ++i) {
      const double middle = 0.5 * (worse + well);
      (as_well(middle) ? well : worse) = middle;
    }
    return z + (well - far) * along;
  }

  // Further away from the start along a direction it is all the same, too.
  bool ran_away(const Vecd& z, const Vecd& along) const {
    constexpr double kAway = 2.3, kFurther = 10;  // of logarithms
    const double moved = along.dot(z);
    const Vecd further = z + std::copysign(kFurther, moved) * along;
    return std::abs(moved) > kAway &&
           (problem_.residuals(further) - problem_.residuals(z)).squaredNorm() < noise_ * noise_;
  }

  // Where parameter k alone could be as well.
  Blindness blindness(const Vecd& z, Index k) const {
    const Vecd here = problem_.residuals(z);
    const auto same = [&](double value) {
      return (problem_.residuals(z, k, value) - here).squaredNorm() < noise_ * noise_;
    };
    const double start = problem_.start(k), own = problem_.sought(k).value;
    if (problem_.sought(k).any_sign) {
      if (!same(start - 1) || !same(start + 1)) return Blindness::kWide;
      return same(own) ? Blindness::kEverywhere : Blindness::kHere;
    }
    const bool low = same(start * std::exp(-kFar)), high = same(start * std::exp(kFar));
    if (low && high) return own == 0 || same(own) ? Blindness::kEverywhere : Blindness::kHere;
    return low ? Blindness::kToZero : high ? Blindness::kToInfinity : Blindness::kWide;
  }

 private:
  double squares(const Vecd& z) const {
    const double all = problem_.residuals(z).squaredNorm() / (noise_ * noise_);
    return std::isfinite(all) ? all : HUGE_VAL;
  }

  const Problem& problem_;
  double noise_;
};

// By name; x moves back along them as near to the start as the data allow.
std::vector<UndeterminedDirection> undetermined(const Problem& problem,
                                                const std::vector<detail::Direction>& directions,
                                                double noise, Vecd& x) {
  const Unseen unseen(problem, noise);
  std::vector<UndeterminedDirection> all;
  for (const detail::Direction& direction : directions) {
    UndeterminedDirection named;
    named.uncertainty = direction.uncertainty;
    std::vector<Index> parts;
    for (Index k = 0; k < problem.dim(); ++k)
      if (std::abs(direction.along(k)) > detail::kPart) {
        parts.push_back(k);
        named.parts.emplace_back(problem.sought(k).name, direction.along(k));
      }
    if (parts.size() == 1) {
      const Index k = parts.front();
      x = unseen.nearest(x, Vecd::Unit(problem.dim(), k));
      named.own = problem.sought(k).value;
      named.blindness = unseen.blindness(x, k);
    } else {
      x = unseen.nearest(x, direction.along);
      if (unseen.ran_away(x, direction.along)) {
        named.blindness = Blindness::kToInfinity;
        for (auto& part : named.parts) part.second *= std::copysign(1.0, direction.along.dot(x));
      }
    }
    std::stable_sort(named.parts.begin(), named.parts.end(),
                     [](const auto& a, const auto& b) { return std::abs(a.second) > std::abs(b.second); });
    all.push_back(std::move(named));
  }
  return all;
}

}  // namespace

IdentificationData IdentificationData::from(const TransitionBuffer& buffer) {
  const Transitions all = buffer.batch();
  IdentificationData data{all.obs.cast<double>(), all.action.cast<double>(), all.next_obs.cast<double>()};
  data.goes_on.assign(buffer.size(), 0);
  for (const EpisodeRange& episode : buffer.episodes())
    for (std::size_t row = episode.first; row + 1 < episode.first + episode.length; ++row)
      data.goes_on[row] = buffer.step(row) + 1 == buffer.step(row + 1) ? 1 : 0;
  return data;
}

void IdentificationSettings::validate() const {
  solver.validate();
  require(reweightings >= 0, kWhere, ": reweightings is ", reweightings, ", expected at least 0");
  require(std::isfinite(difference) && difference > 0, kWhere, ": difference is ", difference,
          ", expected more than 0");
  require(confidence > 0 && confidence < 1, kWhere, ": confidence is ", confidence,
          ", expected more than 0 and less than 1");
}

IdentificationReport identify(const AnyParametricModel& model, const std::vector<SoughtParameter>& sought,
                              const IdentificationData& data, ThreadPool& pool,
                              const IdentificationSettings& settings) {
  settings.validate();
  check(model, data);
  require(!sought.empty(), kWhere, ": no parameter is sought");
  Problem problem(model, data, settings, pool);
  for (const SoughtParameter& one : sought) problem.seek(one);
  require(data.obs.size() > problem.dim(), kWhere, ": ", data.obs.cols(), " transitions of ", data.obs.rows(),
          " numbers for ", problem.dim(), " parameters, expected more numbers than parameters");
  const Vecd change = rms(data.next_obs - data.obs);
  require(change.maxCoeff() > 0, kWhere, ": no observation changes in any transition");

  LeastSquaresResult fit;
  fit.x = Vecd::Zero(problem.dim());
  require(problem.errors(fit.x).allFinite(), kWhere,
          ": the model's predictions are not finite with the parameters it starts from");
  problem.set_weights(weights_of(change, change));
  int iterations = 0;
  for (int round = 0; round <= settings.reweightings; ++round) {
    if (round > 0) problem.set_weights(weights_of(rms(problem.errors(fit.x)), change));
    fit = least_squares(problem, fit.x, settings.solver);
    iterations += fit.iterations;
  }

  IdentificationReport report;
  report.transitions = data.obs.cols();
  report.iterations = iterations;
  report.converged = fit.converged;
  const auto counted = static_cast<double>((problem.weights().array() > 0).count() * data.obs.cols());
  const double freedom = std::max(1.0, counted - static_cast<double>(problem.dim()));
  report.noise = std::sqrt(2 * fit.cost / freedom);
  const detail::ParameterSpread spread = detail::parameter_spread(fit.jacobian, report.noise);
  report.covariance = spread.covariance;
  // Of a fit that did not converge nothing is known: not what the data do not show either.
  if (fit.converged) {
    const double floats = kFloats * problem.weights().cwiseProduct(change).maxCoeff();
    report.undetermined = undetermined(problem, spread.unseen, std::max(report.noise, floats), fit.x);
  }
  report.values = problem.values(fit.x);
  const double width = detail::student_quantile(0.5 + 0.5 * settings.confidence, freedom);
  for (Index k = 0; k < problem.dim(); ++k) {
    const ModelParameter& p = problem.sought(k);
    ParameterEstimate e{p.name, problem.start(k), problem.value(k, fit.x(k))};
    e.determined = fit.converged && spread.determined[static_cast<std::size_t>(k)];
    const double infinite = std::numeric_limits<double>::infinity();
    const double half = e.determined ? width * std::sqrt(spread.covariance(k, k)) : infinite;
    e.low = e.determined || p.any_sign ? problem.value(k, fit.x(k) - half) : 0;
    e.high = e.determined || p.any_sign ? problem.value(k, fit.x(k) + half)
                                        : std::copysign(infinite, problem.start(k));
    if (e.low > e.high) std::swap(e.low, e.high);  // of a negative number
    report.parameters.push_back(std::move(e));
  }
  report.dimensions = detail::dimension_fits(data, problem.errors(fit.x), change);
  return report;
}

}  // namespace mbrl
