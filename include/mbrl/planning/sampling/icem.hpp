// The frugal planner: the improved cross-entropy method, with candidates raced over particles.
// Pinneri, Sawant, Blaes, Achterhold, Stueckler, Rolinek, Martius, "Sample-efficient cross-entropy method for
// real-time planning", CoRL 2020, algorithm 1.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/math/coloured_noise.hpp"
#include "mbrl/math/ranking.hpp"
#include "mbrl/planning/action_sequence.hpp"
#include "mbrl/planning/planner_settings.hpp"
#include "mbrl/planning/sampling/racing.hpp"
#include "mbrl/planning/sampling/sampling_planner.hpp"
#include "mbrl/rollout/rollout_evaluator.hpp"
#include "mbrl/task/action_bounds.hpp"

namespace mbrl {

/// With mean mu (the shifted previous plan) and standard deviation sigma, iteration i draws
///   N_i = max(N gamma^-i, 2 K) candidates  A = clip(mu + sigma C^beta(H)),  C^beta coloured noise of unit variance,
/// adds kept elites (of the previous plan in iteration 0, of the previous iteration afterwards) and, at last,
/// mu itself, and moves mu and sigma to the elites' mean and standard deviation with momentum alpha. A shifted
/// elite's missing last actions are drawn like a candidate's. Candidates without a finite return are never
/// elites; an iteration without any usable candidate changes nothing. The evaluator must outlive the planner.
template <RolloutEvaluator E>
class ICem : public SamplingPlanner<ICem<E>, E, ICemSettings> {
  using Base = SamplingPlanner<ICem<E>, E, ICemSettings>;
  friend Base;

 public:
  using Base::set_proposals;
  using typename Base::Scalar;
  using typename Base::State;

  ICem(E& evaluator, const ActionBounds& bounds, const ICemSettings& settings, std::uint64_t seed)
      : Base("icem", evaluator, bounds, checked(settings), seed),
        mixing_(coloured_noise_mixing(evaluator.horizon(), settings.noise_beta).template cast<Scalar>()),
        half_range_((box_.high() - box_.low()) * Scalar(0.5)),
        elites_(box_.size(), settings.elites) {}

  void advance(int steps) {
    Base::advance(steps);
    for (Index k = 0; k < elite_count_; ++k) box_.shift(elites_.col(k), steps, settings_.pad);
    elite_tail_ = std::min(box_.horizon(), elite_tail_ + std::min(steps, box_.horizon()));
  }

  /// Forgets mean and elites.
  void reset() {
    Base::reset();
    elite_count_ = 0;
    elite_tail_ = 0;
  }

  void save(StateDict& out, const std::string& prefix) const {
    Base::save(out, prefix);
    out.put_scalar(prefix + "elite_tail", static_cast<std::int64_t>(elite_tail_));
    out.put_matrix(prefix + "elites", elites_.leftCols(elite_count_));
  }
  void load(const StateDict& in, const std::string& prefix) {
    Batch<Scalar> elites = in.get_matrix<Scalar>(prefix + "elites");
    require_dim("checkpoint: '" + prefix + "elites'", "an action sequence", elites.rows(), box_.size());
    const auto tail = in.get_scalar<std::int64_t>(prefix + "elite_tail");
    require(tail >= 0 && tail <= box_.horizon(), "checkpoint: '", prefix, "elite_tail' is ", tail,
            ", expected 0 to the horizon, ", box_.horizon());
    Base::load(in, prefix);
    elite_tail_ = static_cast<int>(tail);
    elites_ = std::move(elites);
    elite_count_ = elites_.cols();
  }

  /// Standard deviation of the last plan's distribution around its actions (horizon x action_dim, stacked).
  const Vec<Scalar>& deviation() const { return sigma_; }

 private:
  using Base::box_, Base::settings_, Base::evaluator_, Base::noise_, Base::mean_, Base::candidates_,
      Base::returns_, Base::proposals_;

  bool begin(std::uint32_t) {
    sigma_ = half_range_ * static_cast<Scalar>(settings_.initial_std);
    best_ = mean_;
    return false;
  }

  bool iterate(const State& state, RolloutKey key, PlanReport& report) {
    const bool last = key.iteration + 1 == static_cast<std::uint32_t>(settings_.iterations);
    draw_candidates(key, last && settings_.add_mean);
    evaluate(state, key, settings_.execute == Execute::kBest, report);
    rank_candidates(returns_.head(count_), this->elites_of_tried(settings_.elites), order_);
    if (order_.empty()) return false;
    best_ = candidates_.col(order_[0]);
    report.best_return = static_cast<double>(returns_(order_[0]));
    refit();
    return spread() < settings_.stop_std;
  }

  const Vec<Scalar>& chosen() const { return settings_.execute == Execute::kBest ? best_ : mean_; }

  static const ICemSettings& checked(const ICemSettings& s) {
    require(s.elites >= 1 && s.elites <= s.population, "icem: elites is ", s.elites,
            ", expected 1 to the population, ", s.population);
    require(s.alpha >= 0 && s.alpha < 1, "icem: alpha is ", s.alpha, ", expected 0 <= alpha < 1");
    require(s.initial_std > 0, "icem: initial_std is ", s.initial_std, ", expected more than 0");
    require(s.decay >= 1, "icem: decay is ", s.decay, ", expected at least 1");
    require(s.keep_fraction >= 0 && s.keep_fraction <= 1, "icem: keep_fraction is ", s.keep_fraction,
            ", expected 0 to 1");
    require(s.stop_std >= 0, "icem: stop_std is ", s.stop_std, ", expected 0 or more");
    require(s.racing.first_particles >= 2, "icem: racing.first_particles is ", s.racing.first_particles,
            ", expected at least 2: one particle says nothing about its error");
    require(s.racing.confidence >= 0, "icem: racing.confidence is ", s.racing.confidence,
            ", expected 0 or more");
    return s;
  }

  // Columns: fresh candidates, kept elites, proposals, then possibly the mean.
  void draw_candidates(RolloutKey key, bool with_mean) {
    const double decayed =
        settings_.population * std::pow(settings_.decay, -static_cast<double>(key.iteration));
    const Index fresh =
        std::clamp<Index>(static_cast<Index>(std::lround(decayed)),
                          std::min(2 * settings_.elites, settings_.population), settings_.population);
    const bool reuse = key.iteration == 0 ? settings_.shift_elites : settings_.keep_elites;
    Index kept = 0;
    if (reuse && elite_tail_ < box_.horizon())
      kept = std::min<Index>(elite_count_, std::lround(settings_.keep_fraction * settings_.elites));
    const Index proposed = proposals_.cols();
    count_ = fresh + kept + proposed + (with_mean ? 1 : 0);
    reserve(settings_.population + settings_.elites + proposed + 1);
    noise_.normal(key.plan, key.iteration, white_.leftCols(fresh + kept));
    const int a = box_.action_dim(), h = box_.horizon();
    for (Index k = 0; k < fresh + kept; ++k) {
      const Eigen::Map<const Batch<Scalar>> white(white_.col(k).data(), a, h);
      Eigen::Map<Batch<Scalar>> coloured(candidates_.col(k).data(), a, h);
      if (settings_.noise_beta > 0)
        coloured.noalias() = white * mixing_.transpose();
      else
        coloured = white;
      candidates_.col(k) = this->inside(mean_ + sigma_.cwiseProduct(candidates_.col(k)));
    }
    const Index known = static_cast<Index>(h - elite_tail_) * a;
    for (Index k = 0; k < kept; ++k) candidates_.col(fresh + k).head(known) = elites_.col(k).head(known);
    candidates_.middleCols(fresh + kept, proposed) = proposals_;
    if (with_mean) candidates_.col(count_ - 1) = mean_;
  }

  // Iterations differ in how many candidates they have: the columns that none needs stay unused.
  void reserve(Index most) {
    white_.resize(box_.size(), most);
    candidates_.resize(box_.size(), most);
    returns_.resize(most);
  }

  // From the last candidate backwards, so that kept elites, proposals and the mean are not what there is no time for.
  void evaluate(const State& state, RolloutKey key, bool rank_elites, PlanReport& report) {
    const auto candidates = candidates_.leftCols(count_);
    auto returns = returns_.head(count_);
    Index tried = 0;
    bool raced = false;
    if constexpr (ParticleEvaluator<E>) {
      if (settings_.racing.on && can_race(*evaluator_)) {
        const auto outcome = race_.run(*evaluator_, state, candidates, key, settings_.elites, rank_elites,
                                       settings_.racing, returns, *this->pace_, this->cost_);
        report.rollouts += outcome.rollouts;
        report.unusable += outcome.unusable;
        tried = outcome.tried;
        raced = true;
      }
    }
    if (!raced) {
      returns.setConstant(std::numeric_limits<Scalar>::quiet_NaN());
      const int particles = particles_of(*evaluator_);
      tried = this->pace_->in_parts(count_, particles, this->cost_, [&](Index done, Index number) {
        const Index first = count_ - done - number;
        evaluator_->evaluate(state, candidates.middleCols(first, number), key,
                             returns.segment(first, number));
      });
      report.rollouts += static_cast<std::int64_t>(tried) * particles;
      report.unusable += tried - returns.array().isFinite().template cast<Index>().sum();
    }
    this->keep_better_than_start(key, tried, count_, returns);
  }

  void refit() {
    const auto count = static_cast<Index>(order_.size());
    const auto alpha = static_cast<Scalar>(settings_.alpha);
    elites_.resize(box_.size(), settings_.elites);
    elite_count_ = count;
    elite_tail_ = 0;
    for (Index k = 0; k < count; ++k) elites_.col(k) = candidates_.col(order_[static_cast<std::size_t>(k)]);
    const auto elites = elites_.leftCols(count);
    elite_mean_ = elites.rowwise().mean();
    elite_sigma_ = ((elites.colwise() - elite_mean_).array().square().rowwise().mean()).sqrt();
    mean_ = this->inside(alpha * mean_ + (Scalar(1) - alpha) * elite_mean_);
    sigma_ = alpha * sigma_ + (Scalar(1) - alpha) * elite_sigma_;
  }

  // Root mean square of the standard deviation in half action ranges.
  double spread() const {
    return std::sqrt(static_cast<double>((sigma_.array() / half_range_.array()).square().mean()));
  }

  struct NoRace {};
  template <class Evaluator, bool kParticles>
  struct RaceOf {
    using type = NoRace;
  };
  template <class Evaluator>
  struct RaceOf<Evaluator, true> {
    using type = CandidateRace<Evaluator>;
  };

  Batch<Scalar> mixing_;  // horizon x horizon
  Vec<Scalar> half_range_;
  Batch<Scalar> elites_;  // of the last iteration, best first: the leading columns
  Index elite_count_ = 0;
  int elite_tail_ = 0;  // last actions of the elites that were never planned
  Vec<Scalar> sigma_, best_, elite_mean_, elite_sigma_;
  Batch<Scalar> white_;
  Index count_ = 0;  // candidates of this iteration: the leading columns
  std::vector<int> order_;
  typename RaceOf<E, ParticleEvaluator<E>>::type race_;
};

}  // namespace mbrl
