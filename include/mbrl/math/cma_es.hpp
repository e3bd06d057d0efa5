// Covariance matrix adaptation evolution strategy: a general minimiser that is asked and told.
// Hansen, "The CMA evolution strategy: a tutorial", arXiv:1604.00772; Ros, Hansen, "A simple modification in
// CMA-ES achieving linear time and space complexity", PPSN 2008 (separable); Krause, Arbones, Igel, "CMA-ES
// with optimal covariance update and storage complexity", NIPS 2016 (Cholesky factor).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/math/candidate_noise.hpp"

namespace mbrl {

struct CmaEsSettings {
  int population = 0;      // candidates a generation; 0: 4 + floor(3 ln n)
  bool separable = false;  // learn variances only: n numbers instead of n^2, and faster by (n + 2) / 3

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("population", s.population, "candidates a generation; 0: 4 + floor(3 ln n)");
    field("separable", s.separable, "learn variances only, no correlations");
  }
};

/// The tutorial's algorithm with its default constants and positive weights, for n variables. With lambda
/// candidates, mu = floor(lambda / 2) parents, w_i proportional to ln((lambda + 1) / 2) - ln i and mu_w = 1 /
/// sum w_i^2, a generation is
///   x_k = m + sigma A z_k,  z_k ~ N(0, I),  A A' = C;   y_i = (x_{i:lambda} - m) / sigma,  y_w = sum_i w_i
///   y_i m       <- m + sigma y_w p_sigma <- (1 - c_sigma) p_sigma + sqrt(c_sigma (2 - c_sigma) mu_w) A^-1 y_w
///   p_c     <- (1 - c_c) p_c + h sqrt(c_c (2 - c_c) mu_w) y_w
///   C       <- (1 + c_1 delta(h) - c_1 - c_mu) C + c_1 p_c p_c' + c_mu sum_i w_i y_i y_i'
///   sigma   <- sigma exp(c_sigma / d_sigma (|p_sigma| / E|N(0, I)| - 1)),
/// h being 0 while |p_sigma| is large. The tutorial has the symmetric root of C for A; here A is its Cholesky
/// factor, which costs a tenth to a thirtieth and serves as well (Krause et al.), renewed as the tutorial says
/// every 1 / (10 n (c_1 + c_mu)) generations. `separable`: C is diagonal, c_1 and c_mu are (n + 2) / 3 times
/// larger. A loss that is not finite ranks last and is never a parent's; where fewer than mu are finite those
/// are the parents, and a generation without any changes nothing but the numbers drawn next.
///
///   CmaEs search(start, 0.5, {}, seed);
///   while (search.spread() > 1e-9) {
///     const Batchd& x = search.ask();              // n x population
///     for (Index k = 0; k < x.cols(); ++k) losses(k) = f(x.col(k));
///     search.tell(losses);
///   }
///   search.mean();
class CmaEs {
 public:
  /// mean: n numbers; sigma: the first standard deviation in every direction. Throws unless all are finite,
  /// sigma > 0 and population is 0 or at least 2.
  CmaEs(ConstVecRef<double> mean, double sigma, const CmaEsSettings& settings, std::uint64_t seed);

  /// This generation's candidates, n x population: the same until they are told.
  const Batchd& ask();
  /// One loss a candidate, lower is better. Throws without candidates asked for, or on a wrong dimension.
  void tell(ConstVecRef<double> losses);
  /// Forgets all that was learned and starts anew. Random numbers are functions of (seed, run, generation,
  /// candidate, variable).
  void restart(ConstVecRef<double> mean, double sigma, std::uint32_t run);

  int dim() const { return static_cast<int>(n_); }
  int population() const { return settings_.population; }
  std::int64_t generation() const { return generation_; }  // generations told since the start or restart
  const Vecd& mean() const { return mean_; }               // where the optimum is believed to be
  double sigma() const { return sigma_; }
  /// Standard deviation of variable i.
  double std(Index i) const;
  /// The same for all variables, root mean square: a stopping criterion.
  double spread() const;

  /// Between generations: after `tell`, before `ask`.
  void save(StateDict& out, const std::string& prefix) const;
  void load(const StateDict& in, const std::string& prefix);

 private:
  void update();
  void renew_factor();
  bool factorise();

  CmaEsSettings settings_;
  CandidateNoise<double> noise_;
  Index n_;
  Vecd weights_;
  double c_sigma_ = 0, d_sigma_ = 0, c_c_ = 0, c_1_ = 0, c_mu_ = 0;
  double expected_norm_ = 0;  // E|N(0, I)|
  std::int64_t lag_ = 1;      // generations between factorisations

  std::uint32_t run_ = 0;
  std::int64_t generation_ = 0;
  bool asked_ = false;
  double sigma_ = 1;
  Vecd mean_, path_sigma_, path_c_;
  Batchd covariance_, factor_;  // C and A: their lower halves
  Vecd variance_, root_;        // the same for `separable`

  Vecd step_, white_step_;
  Batchd white_, candidates_;
  std::vector<int> order_;
};

}  // namespace mbrl
