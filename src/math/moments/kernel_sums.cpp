#include "mbrl/math/moments/kernel_sums.hpp"

#include <Eigen/Cholesky>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include "core/for_each.hpp"
#include "math/moments/pair_sums.hpp"
#include "mbrl/core/error.hpp"

namespace mbrl {
namespace {

Index padded(Index n) {
  constexpr auto kPad = static_cast<Index>(moments::kPad);
  return (n + kPad - 1) / kPad * kPad;
}

// root'root = W^1/2 S W^1/2 + I of a diagonal W: its inverse into `inverse`; half the logarithm of its determinant, NaN
// where S is no covariance.
double invert(const Batchd& covariance, const Vecd& root_w, Batchd& inverse) {
  const Index dims = covariance.rows();
  const Eigen::LLT<Batchd> factor(Batchd(root_w.asDiagonal() * covariance * root_w.asDiagonal()) +
                                  Batchd::Identity(dims, dims));
  if (factor.info() != Eigen::Success) return std::numeric_limits<double>::quiet_NaN();
  inverse.setIdentity(dims, dims);
  factor.solveInPlace(inverse);
  return factor.matrixLLT().diagonal().array().log().sum();
}

}  // namespace

KernelMoments::KernelMoments(KernelSums sums) : sums_(std::move(sums)) {
  constexpr const char* kWho = "KernelMoments";
  const Index dims = sums_.inputs(), count = sums_.size(), outputs = sums_.outputs();
  require(dims >= 1 && count >= 1 && outputs >= 1, kWho, ": ", dims, " inputs, ", count, " centres and ",
          outputs, " outputs, expected at least 1 of each");
  require_dim(kWho, "weights' rows (one a centre)", sums_.weights.rows(), count);
  require_dim(kWho, "lengthscale2's rows", sums_.lengthscale2.rows(), dims);
  require_dim(kWho, "lengthscale2's columns", sums_.lengthscale2.cols(), outputs);
  require_dim(kWho, "signal2", sums_.signal2.size(), outputs);
  require(sums_.centres.allFinite() && sums_.weights.allFinite(), kWho,
          ": centres or weights are not finite, expected numbers");
  require(sums_.lengthscale2.allFinite() && (sums_.lengthscale2.array() > 0).all() &&
              sums_.signal2.allFinite() && (sums_.signal2.array() > 0).all(),
          kWho, ": squared lengths and signals must be finite and more than 0");
  inverse_lengthscale2_ = sums_.lengthscale2.cwiseInverse();
  for (Index a = 0; a < outputs; ++a)
    for (Index b = a; b < outputs; ++b) pairs_.push_back({a, b});
}

KernelMoments::KernelMoments(KernelSums sums, const std::vector<const Batchd*>& inverse)
    : KernelMoments(std::move(sums)) {
  constexpr const char* kWho = "KernelMoments";
  require_dim(kWho, "inverse", inverse.size(), outputs());
  const Index n = sums_.size();
  for (Index a = 0; a < outputs(); ++a) {
    const Batchd& k = *inverse[static_cast<std::size_t>(a)];
    require_dim(kWho, "an inverse's rows", k.rows(), n);
    require_dim(kWho, "an inverse's columns", k.cols(), n);
    require(k.allFinite(), kWho, ": an inverse is not finite, expected numbers");
    const auto w = sums_.weights.col(a);
    const auto last = static_cast<std::size_t>(n - 1);
    Vecd p = Vecd::Zero(
        static_cast<Index>(moments::packed_weight(last / moments::kPanel * moments::kPanel, last + 1)));
    for (Index j = 0; j < n; ++j) {
      for (Index i = j; i < n; ++i)
        p(static_cast<Index>(
            moments::packed_weight(static_cast<std::size_t>(i), static_cast<std::size_t>(j)))) =
            (i > j ? 2.0 : 1.0) * (w(i) * w(j) - k(i, j));
    }
    pair_weights_.push_back(std::move(p));
  }
}

void KernelMoments::resize(Tape& tape) const {
  const Index dims = inputs(), n = sums_.size(), rows = padded(n);
  const auto count = static_cast<Index>(pairs_.size());
  tape.pairs.resize(pairs_.size());
  tape.slopes.resize(dims + dims * dims, count);
  tape.mean.resize(outputs());
  for (Scratch& s : tape.pairs) {
    if (s.turned.rows() == rows && s.turned.cols() == dims) continue;
    s.turned.setZero(rows, dims);
    s.moved.setZero(rows, dims);
    s.row.setZero(rows);
    s.row_weight.setZero(rows);
    s.row_sum.setZero(rows);
    s.column.setZero(n);
    s.column_sum.setZero(n);
    s.lanes.setZero(n * static_cast<Index>(moments::kPad));
  }
}

// inner = (S + L)^-1, scaled_a = inner nu, row = q. False: S is no covariance.
bool KernelMoments::prepare_mean(Index output, const Tape& tape, Scratch& s) const {
  const Vecd root_w = inverse_lengthscale2_.col(output).cwiseSqrt();
  const double half_log_det = invert(tape.in.covariance, root_w, s.inner);
  if (!std::isfinite(half_log_det)) return false;
  s.inner = (root_w.asDiagonal() * s.inner * root_w.asDiagonal()).eval();
  s.scaled_a.noalias() = s.inner * tape.offsets;
  const double top = std::log(sums_.signal2(output)) - half_log_det;
  s.row =
      (top - 0.5 * tape.offsets.cwiseProduct(s.scaled_a).colwise().sum().array()).exp().matrix().transpose();
  return true;
}

// Q of a pair as pair_sums takes it. inner: (W^1/2 S W^1/2 + I)^-1 with W = L_a^-1 + L_b^-1, turn: T = R^-1 S.
bool KernelMoments::prepare_pair(const Pair& pair, const Tape& tape, Scratch& s) const {
  const Index n = sums_.size();
  const auto la = inverse_lengthscale2_.col(pair.a), lb = inverse_lengthscale2_.col(pair.b);
  const Vecd root_w = (la + lb).cwiseSqrt();
  const double half_log_det = invert(tape.in.covariance, root_w, s.inner);
  if (!std::isfinite(half_log_det)) return false;
  s.middle.noalias() = s.inner * root_w.asDiagonal() * tape.in.covariance;
  s.turn = root_w.cwiseInverse().asDiagonal() * s.middle;
  s.middle = s.turn.transpose();  // symmetric but for rounding
  s.turn = 0.5 * (s.turn + s.middle);

  s.scaled_a = la.asDiagonal() * tape.offsets;
  s.scaled_b = lb.asDiagonal() * tape.offsets;
  const double top = std::log(sums_.signal2(pair.a)) + std::log(sums_.signal2(pair.b)) - half_log_det;
  const auto exponent = [&](const Batchd& scaled) {
    s.turned.topRows(n).noalias() = scaled.transpose() * s.turn;
    return 0.5 * (s.turned.topRows(n).cwiseProduct(scaled.transpose()) -
                  tape.offsets.cwiseProduct(scaled).transpose())
                     .rowwise()
                     .sum();
  };
  s.column = exponent(s.scaled_b);
  s.row.head(n) = exponent(s.scaled_a).array() + top;
  return true;
}

void KernelMoments::sum_pair(const Pair& pair, bool weigh_rows, Scratch& s) const {
  const Index n = sums_.size();
  if (weigh_rows)
    s.row_weight.head(n) = sums_.weights.col(pair.a);
  else
    s.row_weight.head(n).setOnes();
  const bool uncertain = pair.a == pair.b && !pair_weights_.empty();
  moments::pair_sums(
      {.padded = static_cast<std::size_t>(s.row.size()),
       .columns = static_cast<std::size_t>(n),
       .dims = static_cast<std::size_t>(inputs()),
       .turned = s.turned.data(),
       .row = s.row.data(),
       .scaled = s.scaled_b.data(),
       .column = s.column.data(),
       .row_weight = s.row_weight.data(),
       .column_weight = sums_.weights.col(pair.b).data(),
       .weights = uncertain ? pair_weights_[static_cast<std::size_t>(pair.a)].data() : nullptr},
      {.row_sum = s.row_sum.data(),
       .column_sum = s.column_sum.data(),
       .moved = s.moved.data(),
       .lanes = s.lanes.data()});
}

// sum_ij P_ij Q_ij, and its slopes: with r, c the sums of P Q over j and i, Abar = sum_i r_i a_i, Bbar = sum_j c_j b_j and
// Z = sum_ij P_ij Q_ij z_ij z_ij',
//   by m: R^-T (Abar + Bbar),   by S: 1/2 (R^-T Z R^-1 - sum W R^-1).
double KernelMoments::pair_forward(Index number, Tape& tape) const {
  const Pair& pair = pairs_[static_cast<std::size_t>(number)];
  Scratch& s = tape.pairs[static_cast<std::size_t>(number)];
  const Index dims = inputs(), n = sums_.size();
  if (!prepare_pair(pair, tape, s)) return std::numeric_limits<double>::quiet_NaN();
  sum_pair(pair, true, s);
  const auto r = s.row_sum.head(n);
  const double sum = r.sum();
  const Vecd root_w = (inverse_lengthscale2_.col(pair.a) + inverse_lengthscale2_.col(pair.b)).cwiseSqrt();
  const Vecd first = s.scaled_a * r + s.scaled_b * s.column_sum;
  Batchd z = s.scaled_a * s.moved.topRows(n);
  z += z.transpose().eval();
  z.noalias() += s.scaled_a * r.asDiagonal() * s.scaled_a.transpose();
  z.noalias() += s.scaled_b * s.column_sum.asDiagonal() * s.scaled_b.transpose();
  const Batchd inverse_r = root_w.cwiseInverse().asDiagonal() * s.inner * root_w.asDiagonal();
  tape.slopes.col(number).head(dims).noalias() = inverse_r.transpose() * first;
  Eigen::Map<Batchd>(tape.slopes.col(number).data() + dims, dims, dims) =
      0.5 * (inverse_r.transpose() * z * inverse_r -
             sum * Batchd(root_w.asDiagonal() * s.inner * root_w.asDiagonal()));
  return sum;
}

void KernelMoments::forward(const GaussianMoments& in, MomentImage& out, Tape& tape, ThreadPool* pool) const {
  constexpr const char* kWho = "KernelMoments::forward";
  require_dim(kWho, "the mean", in.mean.size(), inputs());
  require_dim(kWho, "the covariance's rows", in.covariance.rows(), inputs());
  require_dim(kWho, "the covariance's columns", in.covariance.cols(), inputs());
  out.set_zero(inputs(), outputs());
  resize(tape);
  tape.in = in;
  bool valid = in.mean.allFinite() && in.covariance.allFinite();
  if (valid) {
    tape.offsets = sums_.centres.colwise() - in.mean;
    for (Index a = 0; a < outputs(); ++a) {
      valid = prepare_mean(a, tape, tape.single);
      if (!valid) break;
      const Vecd p = sums_.weights.col(a).cwiseProduct(tape.single.row);
      out.mean(a) = p.sum();
      out.gain.col(a).noalias() = tape.single.scaled_a * p;
    }
  }
  if (valid) {
    const auto one = [&](int number) {
      const auto [a, b] = pairs_[static_cast<std::size_t>(number)];
      out.covariance(a, b) = pair_forward(number, tape);
    };
    for_each(pool, static_cast<int>(pairs_.size()), one);
    for (const auto& [a, b] : pairs_) {
      out.covariance(a, b) -= out.mean(a) * out.mean(b);
      if (a == b && !pair_weights_.empty()) out.covariance(a, a) += sums_.signal2(a);
      out.covariance(b, a) = out.covariance(a, b);
    }
    valid = out.covariance.allFinite();
  }
  if (!valid) {
    constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
    out.mean.setConstant(kNan);
    out.covariance.setConstant(kNan);
    out.gain.setConstant(kNan);
  }
  tape.mean = out.mean;
}

void KernelMoments::backward(const MomentImage& adjoint, Tape& tape, GaussianMoments& in_gradient,
                             KernelSumsGradient* gradient) const {
  constexpr const char* kWho = "KernelMoments::backward";
  require_dim(kWho, "the adjoint of the mean", adjoint.mean.size(), outputs());
  require_dim(kWho, "the tape's input (that of the last forward)", tape.in.mean.size(), inputs());
  require(!gradient || pair_weights_.empty(), kWho,
          ": there is no gradient by the parameters of a process that is uncertain");
  const Index dims = inputs();
  in_gradient.set_zero(dims);
  if (!tape.mean.allFinite()) {
    in_gradient.mean.setConstant(tape.mean(0));
    return;
  }
  Vecd by_mean = adjoint.mean;
  for (std::size_t number = 0; number < pairs_.size(); ++number) {
    const auto [a, b] = pairs_[number];
    const double factor = a == b ? adjoint.covariance(a, a) : 2.0 * adjoint.covariance(a, b);
    if (factor == 0.0) continue;
    const auto slopes = tape.slopes.col(static_cast<Index>(number));
    in_gradient.mean += factor * slopes.head(dims);
    in_gradient.covariance += factor * Eigen::Map<const Batchd>(slopes.data() + dims, dims, dims);
    by_mean(a) -= factor * tape.mean(b);
    by_mean(b) -= factor * tape.mean(a);
    if (gradient) pair_gradient(pairs_[number], factor, tape, *gradient);
  }
  for (Index a = 0; a < outputs(); ++a) {
    Scratch& s = tape.single;
    prepare_mean(a, tape, s);
    const auto h = adjoint.gain.col(a);
    const auto w = sums_.weights.col(a);
    const Vecd inner_h = s.inner * h;
    const Vecd p = w.cwiseProduct(s.row);
    const Vecd e = (s.scaled_a.transpose() * h).array() + by_mean(a);
    const Vecd pe = p.cwiseProduct(e);
    const Vecd gain = s.scaled_a * p;
    const double sum = pe.sum();
    Batchd by_covariance = s.scaled_a * pe.asDiagonal() * s.scaled_a.transpose() - sum * s.inner;
    by_covariance -= inner_h * gain.transpose() + gain * inner_h.transpose();
    by_covariance *= 0.5;
    in_gradient.covariance += by_covariance;
    in_gradient.mean += s.scaled_a * pe - p.sum() * inner_h;
    if (!gradient) continue;
    gradient->weights.col(a) += s.row.cwiseProduct(e);
    gradient->centres += inner_h * p.transpose() - s.scaled_a * pe.asDiagonal();
    gradient->log_lengthscale.col(a).array() +=
        2.0 * sums_.lengthscale2.col(a).array() * by_covariance.diagonal().array() + sum;
  }
}

// Of factor times the double sum of a pair. With r_i the sums of P Q over j and g_i those of P Q b_j,
//   by nu_i (as a row): L_a^-1 (T (r_i a_i + g_i) - r_i nu_i);   by W: -1/2 diag(T Z T + sum T);
// as a column likewise.
void KernelMoments::pair_gradient(const Pair& pair, double factor, Tape& tape,
                                  KernelSumsGradient& gradient) const {
  const Index dims = inputs(), n = sums_.size();
  const bool twin = pair.a == pair.b;
  Scratch& s = tape.pairs.front();
  Batchd z = Batchd::Zero(dims, dims);
  Batchd e, turned_e;
  double sum = 0.0;
  for (const Pair& role : {pair, Pair{pair.b, pair.a}}) {
    prepare_pair(role, tape, s);
    sum_pair(role, false, s);
    const double times = twin ? 2.0 * factor : factor;
    const auto w = sums_.weights.col(role.a);
    const auto inverse = inverse_lengthscale2_.col(role.a);
    const Vecd r = w.cwiseProduct(s.row_sum.head(n));
    sum = r.sum();
    e = s.scaled_a * r.asDiagonal();
    e += s.moved.topRows(n).transpose() * w.asDiagonal();
    turned_e = s.turn * e;
    z.noalias() += s.scaled_a * e.transpose();
    gradient.weights.col(role.a) += times * s.row_sum.head(n);
    gradient.centres += times * (inverse.asDiagonal() * (turned_e - tape.offsets * r.asDiagonal()));
    gradient.log_lengthscale.col(role.a) -=
        2.0 * times *
        inverse.cwiseProduct((tape.offsets.cwiseProduct(turned_e) -
                              0.5 * tape.offsets.cwiseProduct(tape.offsets) * r.asDiagonal())
                                 .rowwise()
                                 .sum());
    if (twin) {
      z += z.transpose().eval();
      break;
    }
  }
  const Vecd by_w = -0.5 * factor * ((s.turn * z * s.turn).diagonal() + sum * s.turn.diagonal());
  for (const Index output : {pair.a, pair.b})
    gradient.log_lengthscale.col(output) -= 2.0 * inverse_lengthscale2_.col(output).cwiseProduct(by_w);
}

void KernelMoments::value(ConstVecRef<double> x, VecRef<double> out) const {
  require_dim("KernelMoments::value", "x", x.size(), inputs());
  require_dim("KernelMoments::value", "out", out.size(), outputs());
  for (Index a = 0; a < outputs(); ++a) {
    double sum = 0.0;
    for (Index i = 0; i < sums_.size(); ++i) {
      const double distance2 =
          (sums_.centres.col(i) - x).cwiseAbs2().cwiseProduct(inverse_lengthscale2_.col(a)).sum();
      sum += sums_.weights(i, a) * std::exp(-0.5 * distance2);
    }
    out(a) = sums_.signal2(a) * sum;
  }
}

}  // namespace mbrl
