#include "models/gp/factor.hpp"

#include <Eigen/Cholesky>
#include <cmath>

namespace mbrl::gp {

Batchd Factor::inverse() const {
  Batchd out(lower.rows(), lower.rows());
  out.setZero();
  out.selfadjointView<Eigen::Lower>().rankUpdate(inverse_lower.transpose());
  out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
  return out;
}

Vecd Factor::solve(ConstVecRef<double> v) const {
  const Vecd half = inverse_lower.triangularView<Eigen::Lower>() * v;
  return inverse_lower.transpose().triangularView<Eigen::Upper>() * half;
}

std::optional<Factor> factorise(const Batchd& m, double scale) {
  if (!m.allFinite()) return std::nullopt;
  for (double share : {0.0, 1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4}) {
    Factor factor;
    factor.jitter = share * scale;
    factor.lower = m;
    factor.lower.diagonal().array() += factor.jitter;
    Eigen::LLT<Eigen::Ref<Batchd>> llt(factor.lower);
    // A pivot of rounding alone says nothing: as good as none.
    if (llt.info() != Eigen::Success || !(factor.lower.diagonal().minCoeff() > 1e-9 * std::sqrt(scale)))
      continue;
    factor.lower.triangularView<Eigen::StrictlyUpper>().setZero();
    factor.inverse_lower = Batchd::Identity(m.rows(), m.rows());
    factor.lower.triangularView<Eigen::Lower>().solveInPlace(factor.inverse_lower);
    return factor;
  }
  return std::nullopt;
}

}  // namespace mbrl::gp
