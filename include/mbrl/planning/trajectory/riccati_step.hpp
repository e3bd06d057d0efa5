// One stage of the backward pass that LQR, iLQR and DDP share: from the value function of the next state to
// the feedback law and the value function of this one.
#pragma once

#include <algorithm>
#include <cstddef>

#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/box_qp.hpp"
#include "mbrl/math/dense_kernels.hpp"
#include "mbrl/math/small_cholesky.hpp"

namespace mbrl {

/// Where one stage's numbers are; all matrices are dense and column-major. nz = nx + nu, z = [x; u].
struct RiccatiStage {
  const double* jacobian = nullptr;       // F, nx x nz
  const double* offset = nullptr;         // f, nx; null: zero
  const double* cost = nullptr;           // C, nz x nz, symmetric
  const double* cost_gradient = nullptr;  // c, nz
  const double* next_hessian = nullptr;   // V', nx x nx
  const double* next_gradient = nullptr;  // v', nx
  const double* low = nullptr;            // nu, of the change of the action; null: unlimited
  const double* high = nullptr;
  const double* jacobian_after = nullptr;  // of the stage that will be run next, to be fetched from memory
  const double* cost_after = nullptr;      // meanwhile; null: unknown
  double* hessian = nullptr;               // V, nx x nx
  double* gradient = nullptr;              // v, nx
  double* gain_t = nullptr;                // K', nx x nu
  double* feedforward = nullptr;           // k, nu; with limits also the start of the inner problem
};

/// With the quadratic cost 1/2 z'Cz + c'z and x' = F z + f:
///   Q = C + F'V'F,  q = c + F'(V'f + v'),  K = -Quu^-1 Qux,  k = -Quu^-1 qu,
///   V = Qxx + K'Quu K + K'Qux + Qxu K,  v = qx + K'Quu k + K'qu + Qxu k.
/// (Levine's notation; with mu > 0 the gains come from V' + mu I as in Tassa, Erez, Todorov, IROS 2012,
/// equations 10, 11 and V, v as above.) With limits, k is the solution of the box-constrained problem and K is
/// zero for actions on a bound (Tassa, Mansard, Todorov, ICRA 2014). Sizes are template parameters where they
/// are known at compile time: small systems then need no call at all, larger ones go through the vector
/// kernels. Allocates only when constructed.
template <int Nx = Eigen::Dynamic, int Nu = Eigen::Dynamic>
class RiccatiStep {
 public:
  static constexpr int Nz = Nx == Eigen::Dynamic || Nu == Eigen::Dynamic ? Eigen::Dynamic : Nx + Nu;
  template <int R, int C>
  using Mat = Eigen::Matrix<double, R, C>;

  RiccatiStep(int nx, int nu, const BoxQpSettings& box = {}) : nx_(nx), nu_(nu), box_(std::max(1, nu), box) {
    require(nx >= 1 && nu >= 1, "RiccatiStep: ", nx, " states and ", nu,
            " actions, expected at least one of each");
    require((Nx == Eigen::Dynamic || Nx == nx) && (Nu == Eigen::Dynamic || Nu == nu), "RiccatiStep: ", nx,
            " states and ", nu, " actions, but compiled for ", Nx, " and ", Nu);
    const int nz = nx + nu;
    p_.setZero(nx);
    q_.setZero(nz);
    w_.setZero(nx, nz);
    wt_.setZero(nz, nx);
    qxx_.setZero(nx, nx);
    qxu_.setZero(nx, nu);
    quu_.setZero(nu, nu);
    qxu_r_ = y_ = t_ = qxu_;
    quu_r_ = factor_ = quu_;
    inverse_diagonal_.setZero(nu);
    quu_k_.setZero(nu);
    yu_.setZero(nu);
  }

  /// False, with nothing of use written, if Quu (of the free actions) is not positive definite.
  bool run(const RiccatiStage& s, double mu) {
    const Index nx = nx_, nu = nu_;
    const Eigen::Map<const Mat<Nx, Nz>> f(s.jacobian, nx, nx + nu);
    const Eigen::Map<const Mat<Nz, Nz>> c(s.cost, nx + nu, nx + nu);
    const Eigen::Map<const Mat<Nx, Nx>> next(s.next_hessian, nx, nx);
    Eigen::Map<Mat<Nx, Nx>> v(s.hessian, nx, nx);
    Eigen::Map<Mat<Nx, 1>> gradient(s.gradient, nx);
    Eigen::Map<Mat<Nx, Nu>> g(s.gain_t, nx, nu);
    Eigen::Map<Mat<Nu, 1>> k(s.feedforward, nu);
    const auto fx = f.template leftCols<Nx>(nx);
    const auto fu = f.template rightCols<Nu>(nu);

    const Eigen::Map<const Mat<Nx, 1>> next_gradient(s.next_gradient, nx);
    if (s.offset) {
      const Eigen::Map<const Mat<Nx, 1>> offset(s.offset, nx);
      transposed_times(next, offset, s.next_gradient, p_);  // V' is symmetric
      offset_value_ = 0.5 * offset.dot(next_gradient + p_);
    } else {
      p_ = next_gradient;
      offset_value_ = 0;
    }
    transposed_times(f, p_, s.cost_gradient, q_);
    const auto qx = q_.template segment<Nx>(0, nx);
    const auto qu = q_.template segment<Nu>(nx, nu);

    fetch(s, 0);
    multiply(next, f, w_);
    fetch(s, 1);
    transpose(w_, wt_);
    const auto wxt = wt_.template topRows<Nx>(nx);
    const auto wut = wt_.template bottomRows<Nu>(nu);
    multiply_add<true>(c.template topLeftCorner<Nx, Nx>(nx, nx), wxt, fx, qxx_);
    fetch(s, 2);
    multiply_add<false>(c.template topRightCorner<Nx, Nu>(nx, nu), wxt, fu, qxu_);
    multiply_add<true>(c.template bottomRightCorner<Nu, Nu>(nu, nu), wut, fu, quu_);

    fetch(s, 3);

    const bool regularized = mu > 0;
    if (regularized) {
      quu_r_ = quu_;
      quu_r_.noalias() += mu * fu.transpose().lazyProduct(fu);
      qxu_r_ = qxu_;
      qxu_r_.noalias() += mu * fx.transpose().lazyProduct(fu);
    }
    const auto& quu = regularized ? quu_r_ : quu_;
    const auto& qxu = regularized ? qxu_r_ : qxu_;

    if (s.low) {
      if (!limited(s, quu, qu, qxu, k, g)) return false;
    } else {
      factor_ = quu;
      if (!detail::cholesky_in_place(factor_, inverse_diagonal_, nu)) return false;
      detail::solve_lower(factor_, inverse_diagonal_, qu, yu_, nu);
      detail::solve_negative_upper(factor_, inverse_diagonal_, yu_, k, nu);
      solve_gain(qxu, g);
    }

    if (!s.low && !regularized) {
      // With y = Qxu l'^-1 and yu = l^-1 qu: V = Qxx - y y', v = qx - y yu, and k'Quu k = yu'yu = -k'qu.
      second_order_ = 0.5 * yu_.squaredNorm();
      first_order_ = -2 * second_order_;
      subtract_vector(qx, y_, yu_, gradient);
      subtract_product<true>(qxx_, y_, v);
    } else {
      // Only the lower triangle of Quu is known.
      multiply_lower_symmetric(quu_, k, quu_k_);
      first_order_ = k.dot(qu);
      second_order_ = 0.5 * k.dot(quu_k_);
      gradient = qx;
      for (Index j = 0; j < nu; ++j) gradient += qu(j) * g.col(j);
      // t = K'Quu + Qxu
      t_ = qxu_;
      for (Index j = 0; j < nu; ++j)
        for (Index i = 0; i < nu; ++i) t_.col(j) += (i >= j ? quu_(i, j) : quu_(j, i)) * g.col(i);
      for (Index j = 0; j < nu; ++j) gradient += k(j) * t_.col(j);
      multiply_add<true>(qxx_, t_, g.transpose(), v);
      multiply_add<true>(v, g, qxu_.transpose(), qxx_);
      v = qxx_;
    }
    mirror_lower(v);
    return true;
  }

  /// Of the last stage: the cost changes by alpha first_order + alpha^2 second_order for a step alpha k.
  double first_order() const { return first_order_; }
  double second_order() const { return second_order_; }
  /// What the offset alone adds to the cost: v''f + 1/2 f'V'f.
  double offset_value() const { return offset_value_; }
  const Mat<Nu, Nu>& quu() const { return quu_; }  // lower triangle
  // The gradient of the cost with respect to the action, qu.
  auto action_gradient() const { return q_.template segment<Nu>(nx_, nu_); }

 private:
  static constexpr bool kUnrolled = Nz != Eigen::Dynamic && Nz <= 8;

  // A quarter of the next stage's numbers, so that they are on their way while this one is computed: long
  // horizons do not fit into the near caches.
  void fetch(const RiccatiStage& s, Index quarter) const {
    if constexpr (!kUnrolled) {
      const auto part = [quarter](const double* begin, Index size) {
        constexpr Index kLine = 8;  // doubles
        for (Index i = size * quarter / 4; i < size * (quarter + 1) / 4; i += kLine) {
#if defined(__GNUC__)
          __builtin_prefetch(begin + i, 0, 2);
#endif
        }
      };
      const Index nz = nx_ + nu_;
      if (s.jacobian_after) part(s.jacobian_after, nx_ * nz);
      if (s.cost_after) part(s.cost_after, nz * nz);
      part(s.hessian, nx_ * nx_);
    }
  }

  template <class A, class X>
  static void multiply_lower_symmetric(const A& a, const X& x, Mat<Nu, 1>& out) {
    for (Index i = 0; i < x.size(); ++i) {
      double sum = 0;
      for (Index j = 0; j < x.size(); ++j) sum += (i >= j ? a(i, j) : a(j, i)) * x(j);
      out(i) = sum;
    }
  }

  template <class Quu, class Qu, class Qxu, class K, class G>
  bool limited(const RiccatiStage& s, const Quu& quu, const Qu& qu, const Qxu& qxu, K& k, G& g) {
    const Eigen::Map<const Mat<Nu, 1>> low(s.low, nu_), high(s.high, nu_);
    box_.x() = k;
    if (box_.solve(quu, qu, low, high) == BoxQpStatus::kIndefinite) return false;
    k = box_.x();
    g.setZero();
    // K_f = -Quu_ff^-1 Qux_f, by columns of K' in place.
    const auto& free = box_.free();
    const auto n = static_cast<Index>(free.size());
    const auto& l = box_.factor();
    const auto& inverse = box_.inverse_diagonal();
    const auto column = [&](Index i) { return g.col(free[static_cast<std::size_t>(i)]); };
    for (Index i = 0; i < n; ++i) {
      auto target = column(i);
      target = -qxu.col(free[static_cast<std::size_t>(i)]);
      for (Index j = 0; j < i; ++j) target -= l(i, j) * column(j);
      target *= inverse(i);
    }
    for (Index i = n; i-- > 0;) {
      auto target = column(i);
      for (Index j = i + 1; j < n; ++j) target -= l(j, i) * column(j);
      target *= inverse(i);
    }
    return true;
  }

  template <class A, class B, class D>
  static void fill(dense::Product& p, const A& a, const B& b, D& d) {
    p.rows = a.rows();
    p.cols = b.cols();
    p.depth = a.cols();
    p.a = a.data();
    p.lda = a.colStride();
    p.b = b.data();
    p.b_row = b.rowStride();
    p.b_col = b.colStride();
    p.d = d.data();
    p.ldd = d.colStride();
  }
  template <class A, class B, class D>
  static void multiply(const A& a, const B& b, D& d) {
    if constexpr (kUnrolled) {
      d.noalias() = a.lazyProduct(b);
    } else {
      dense::Product p;
      fill(p, a, b, d);
      dense::product(p);
    }
  }
  template <bool kLower, class C, class A, class B, class D>
  static void multiply_add(const C& c, const A& a, const B& b, D& d) {
    if constexpr (kUnrolled) {
      d.noalias() = c + a.lazyProduct(b);
    } else {
      dense::Product p;
      fill(p, a, b, d);
      p.c = c.data();
      p.ldc = c.colStride();
      p.lower = kLower;
      dense::product(p);
    }
  }
  // d = c - a a'
  template <bool kLower, class C, class A, class D>
  static void subtract_product(const C& c, const A& a, D& d) {
    if constexpr (kUnrolled) {
      d.noalias() = c - a.lazyProduct(a.transpose());
    } else {
      dense::Product p;
      fill(p, a, a.transpose(), d);
      p.c = c.data();
      p.ldc = c.colStride();
      p.subtract = true;
      p.lower = kLower;
      dense::product(p);
    }
  }
  // d = c - a b for a vector b
  template <class C, class A, class B, class D>
  static void subtract_vector(const C& c, const A& a, const B& b, D& d) {
    if constexpr (kUnrolled) {
      d.noalias() = c - a.lazyProduct(b);
    } else {
      dense::Product p;
      fill(p, a, b, d);
      p.c = c.data();
      p.ldc = c.size();
      p.subtract = true;
      dense::product(p);
    }
  }
  template <class A, class B>
  static void transpose(const A& a, B& b) {
    if constexpr (kUnrolled)
      b = a.transpose();
    else
      dense::transpose(a.rows(), a.cols(), a.data(), a.colStride(), b.data(), b.colStride());
  }
  template <class A, class X, class Y>
  static void transposed_times(const A& a, const X& x, const double* c, Y& y) {
    if constexpr (kUnrolled)
      y.noalias() = Eigen::Map<const Y>(c) + a.transpose().lazyProduct(x);
    else
      dense::transposed_times(a.rows(), a.cols(), a.data(), a.colStride(), x.data(), c, y.data());
  }
  template <class A>
  static void mirror_lower(A& a) {
    if constexpr (kUnrolled) {
      for (Index j = 0; j < a.cols(); ++j)
        for (Index i = 0; i < j; ++i) a(i, j) = a(j, i);
    } else {
      dense::mirror_lower(a.rows(), a.data(), a.colStride());
    }
  }
  // y = Qxu l'^-1 and K' = -y l^-1.
  template <class Q, class G>
  void solve_gain(const Q& qxu, G& g) {
    if constexpr (kUnrolled) {
      for (Index j = 0; j < nu_; ++j) {
        y_.col(j) = qxu.col(j);
        for (Index i = 0; i < j; ++i) y_.col(j) -= factor_(j, i) * y_.col(i);
        y_.col(j) *= inverse_diagonal_(j);
      }
      for (Index j = nu_; j-- > 0;) {
        g.col(j) = -y_.col(j);
        for (Index i = j + 1; i < nu_; ++i) g.col(j) -= factor_(i, j) * g.col(i);
        g.col(j) *= inverse_diagonal_(j);
      }
    } else {
      dense::solve_gain(nx_, nu_, factor_.data(), factor_.colStride(), inverse_diagonal_.data(), qxu.data(),
                        qxu.colStride(), y_.data(), y_.colStride(), g.data(), g.colStride());
    }
  }

  Index nx_, nu_;
  BoxQp<Nu> box_;
  Mat<Nx, 1> p_;
  Mat<Nz, 1> q_;
  Mat<Nx, Nz> w_;   // V'F
  Mat<Nz, Nx> wt_;  // its transpose
  Mat<Nx, Nx> qxx_;
  Mat<Nx, Nu> qxu_, qxu_r_, y_, t_;
  Mat<Nu, Nu> quu_, quu_r_, factor_;
  Mat<Nu, 1> inverse_diagonal_, quu_k_, yu_;
  double first_order_ = 0, second_order_ = 0, offset_value_ = 0;
};

}  // namespace mbrl
