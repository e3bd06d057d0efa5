#include "models/identification/fit_statistics.hpp"

#include <Eigen/QR>
#include <Eigen/SVD>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"

namespace mbrl {
namespace detail {
namespace {

// Quantile of the standard normal: Newton's method on its distribution function, from 0.
double normal_quantile(double p) {
  double x = 0;
  for (int i = 0; i < 100; ++i) {
    const double error = 0.5 * std::erfc(-x / std::sqrt(2.0)) - p;
    const double step = error * std::sqrt(2 * std::numbers::pi) * std::exp(0.5 * x * x);
    x -= std::clamp(step, -0.5, 0.5);
    if (std::abs(step) < 1e-14) break;
  }
  return x;
}

// F(d1, d2) as a standard normal: Paulson, "An approximate normalization of the analysis of variance
// distribution", Annals of Mathematical Statistics 1942.
double f_score(double f, double d1, double d2) {
  const double root = std::cbrt(f), a = 2 / (9 * d1), b = 2 / (9 * d2);
  return ((1 - b) * root - (1 - a)) / std::sqrt(b * root * root + a);
}

// 1, z and where there is data enough the products of z's entries, z = (s, a) standardised; one row a transition.
Batchd features(const IdentificationData& data) {
  const Index n = data.obs.cols(), d = data.obs.rows() + data.action.rows();
  Batchd z(n, d);
  z << data.obs.transpose(), data.action.transpose();
  z.rowwise() -= z.colwise().mean().eval();
  for (Index i = 0; i < d; ++i) {
    const double spread = std::sqrt(z.col(i).squaredNorm() / static_cast<double>(n));
    if (spread > 0) z.col(i) /= spread;
  }
  const Index products = d * (d + 1) / 2;
  constexpr Index kRowsAFeature = 10;
  const bool quadratic = n >= kRowsAFeature * (1 + d + products);
  Batchd out(n, 1 + d + (quadratic ? products : 0));
  out.col(0).setOnes();
  out.middleCols(1, d) = z;
  Index at = 1 + d;
  if (quadratic)
    for (Index i = 0; i < d; ++i)
      for (Index j = i; j < d; ++j) out.col(at++) = z.col(i).cwiseProduct(z.col(j));
  return out;
}

}  // namespace

ParameterSpread parameter_spread(const Batchd& jacobian, double noise) {
  // Derivatives by differences are not known better than this, relative to the largest.
  constexpr double kBlind = 1e-7;
  constexpr double kTooWide = 0.5;  // of a logarithm
  const Index p = jacobian.cols();
  const Eigen::JacobiSVD<Batchd> svd(
      jacobian.householderQr().matrixQR().topRows(p).triangularView<Eigen::Upper>(), Eigen::ComputeFullV);
  ParameterSpread out{Batchd::Zero(p, p), std::vector<bool>(static_cast<std::size_t>(p), true), {}};
  const Vecd& s = svd.singularValues();
  for (Index k = 0; k < p; ++k) {
    const Vecd v = svd.matrixV().col(k);
    const double sd = s(k) > 0 ? noise / s(k) : HUGE_VAL;
    if (s(k) > kBlind * s(0) && sd < kTooWide) {
      out.covariance += sd * sd * v * v.transpose();
      continue;
    }
    Direction direction{v, s(k) > kBlind * s(0) ? sd : HUGE_VAL};
    Index largest = 0;
    v.cwiseAbs().maxCoeff(&largest);
    if (v(largest) < 0) direction.along = -v;
    for (Index i = 0; i < p; ++i)
      if (std::abs(v(i)) > kPart) out.determined[static_cast<std::size_t>(i)] = false;
    out.unseen.push_back(std::move(direction));
  }
  return out;
}

double student_quantile(double p, double freedom) {
  // Cornish and Fisher's expansion in 1 / freedom (Abramowitz, Stegun, 26.7.5).
  const double x = normal_quantile(p), x2 = x * x, n = freedom;
  return x + x * (x2 + 1) / (4 * n) + x * ((5 * x2 + 16) * x2 + 3) / (96 * n * n) +
         x * (((3 * x2 + 19) * x2 + 17) * x2 - 15) / (384 * n * n * n);
}

std::vector<DimensionFit> dimension_fits(const IdentificationData& data, const Batchd& errors,
                                         const Vecd& change) {
  const Index n = errors.cols();
  const Batchd inputs = features(data);
  const Eigen::ColPivHouseholderQR<Batchd> qr(inputs);
  const auto used = static_cast<double>(qr.rank()), rest = static_cast<double>(n) - used;
  std::vector<DimensionFit> fits;
  for (Index i = 0; i < errors.rows(); ++i) {
    DimensionFit fit;
    const Vecd left = errors.row(i).transpose();
    const double squares = left.squaredNorm();
    fit.change = change(i);
    fit.left = std::sqrt(squares / static_cast<double>(n));
    if (squares > 0 && rest >= 1) {
      const Vecd predicted = inputs * qr.solve(left);
      const double explained = predicted.squaredNorm(), noise = (left - predicted).squaredNorm();
      // What chance explains is taken off.
      const double by_chance = noise / rest * used;
      fit.missing = std::sqrt(std::max(0.0, explained - by_chance) / static_cast<double>(n));
      fit.score = noise > 0 ? f_score(explained / used / (noise / rest), used, rest) : HUGE_VAL;
      double sum = 0, pairs = 0;
      for (Index t = 0; t + 1 < n; ++t)
        if (data.goes_on.empty() || data.goes_on[static_cast<std::size_t>(t)]) {
          sum += left(t) * left(t + 1);
          pairs += 1;
        }
      if (pairs > 0) fit.correlation = sum / pairs / (squares / static_cast<double>(n));
    }
    fits.push_back(fit);
  }
  return fits;
}

}  // namespace detail

namespace {

std::string remark_on(const UndeterminedDirection& direction) {
  const std::string& name = direction.parts[0].first;
  switch (direction.blindness) {
    case Blindness::kEverywhere:
      return name +
             " is not determined: the data look the same whatever it is; leave it out, or move what "
             "it acts on";
    case Blindness::kHere:
      return name + " is not determined: nothing changes with it near its start, but it does near " +
             general(direction.own, 5) + ", the model's own number; start there";
    case Blindness::kToZero:
      return name +
             " ran to 0, from which the data do not tell it: leave it out if it can be 0; else its "
             "sign, its start or the model (its time step, say) may be wrong";
    case Blindness::kToInfinity:
      return name +
             " ran without bound, the data do not tell it from any larger number: its start or the "
             "model (its time step, say) may be wrong";
    case Blindness::kWide:
      break;
  }
  return name +
         " is not determined: the data tell it from 0 and from large numbers, but leave more than half of "
         "it open; take more data, or move what it acts on";
}

}  // namespace

std::vector<Index> IdentificationReport::lacking() const {
  constexpr double kSure = 4;        // standard deviations
  constexpr double kMatters = 1e-5;  // of a step's change: floats and solvers of contacts leave less
  std::vector<Index> which;
  for (std::size_t i = 0; i < dimensions.size(); ++i)
    if (dimensions[i].change > 0 && dimensions[i].score > kSure &&
        dimensions[i].missing > kMatters * dimensions[i].change)
      which.push_back(static_cast<Index>(i));
  return which;
}

std::vector<Index> IdentificationReport::worse_than_nothing() const {
  constexpr double kWorse = 1.01;
  std::vector<Index> which;
  for (std::size_t i = 0; i < dimensions.size(); ++i)
    if (dimensions[i].change > 0 && !(dimensions[i].left <= kWorse * dimensions[i].change))
      which.push_back(static_cast<Index>(i));
  return which;
}

bool IdentificationReport::lacks_structure() const { return !lacking().empty(); }

std::vector<std::string> IdentificationReport::remarks(const std::vector<std::string>& names) const {
  std::vector<std::string> out;
  if (!converged)
    out.push_back(detail::concat("the fit did not converge in ", iterations,
                                 " iterations; start nearer, or allow more"));
  for (const UndeterminedDirection& direction : undetermined) {
    if (direction.parts.size() == 1) {
      out.push_back(remark_on(direction));
      continue;
    }
    std::string parts;
    for (const auto& [name, along] : direction.parts) {
      parts += parts.empty() ? "" : ", ";
      parts += name + (along > 0 ? " +" : " -") + fixed(std::abs(along), 2);
    }
    if (direction.blindness == Blindness::kToInfinity)
      out.push_back(
          "ran away together, in logarithms as " + parts +
          ": each step comes nearer to the data, and there is no end; the start, a sign or the model "
          "(its time step, say) may be wrong");
    else
      out.push_back("not determined one by one, only up to a common change of their logarithms: " + parts +
                    "; fix one of them");
  }
  const auto name = [&](Index i) {
    const auto k = static_cast<std::size_t>(i);
    return k < names.size() ? names[k] : "entry " + std::to_string(i);
  };
  for (const Index i : worse_than_nothing()) {
    const DimensionFit& d = dimensions[static_cast<std::size_t>(i)];
    out.push_back(detail::concat("of ", name(i), " the model predicts worse than 'nothing changes' (",
                                 general(100 * d.left / d.change, 3),
                                 " % of a step's change is left): start nearer, or see whether the data are "
                                 "of this model and its time step"));
  }
  constexpr double kLasts = 0.99;    // correlation
  constexpr double kMuchLeft = 0.2;  // of a step's change
  for (std::size_t i = 0; i < dimensions.size(); ++i)
    if (dimensions[i].correlation > kLasts && dimensions[i].left > kMuchLeft * dimensions[i].change) {
      out.push_back(
          detail::concat("what is left of ", name(static_cast<Index>(i)),
                         " lasts from step to step (correlation ", fixed(dimensions[i].correlation, 2),
                         "): the model's time step may not be the data's (--frame-skip of a file)"));
      break;
    }
  for (const Index i : lacking()) {
    const DimensionFit& d = dimensions[static_cast<std::size_t>(i)];
    out.push_back(detail::concat("the equations lack something: ", general(100 * d.missing / d.change, 3),
                                 " % of the change of ", name(i),
                                 " in a step follows from state and action but not from the model"));
  }
  return out;
}

}  // namespace mbrl
