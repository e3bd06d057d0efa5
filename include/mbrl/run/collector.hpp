// Experience: what an environment does under someone's actions, episode by episode, into a buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/task/env_spec.hpp"
#include "mbrl/task/transitions.hpp"

namespace mbrl {

/// Where an episode stands.
struct EpisodePosition {
  int t = 0;                // control steps so far
  double total = 0;         // reward so far
  bool running = false;     // it goes on
  bool terminated = false;  // the last step ended it before any time limit
};

/// Control steps that end an episode: `steps` (0: any number), or the environment's own limit where that comes before;
/// 0: none do.
inline int episode_limit(const EnvSpec& spec, int steps) {
  return spec.max_steps == 0 || steps == 0 ? std::max(spec.max_steps, steps)
                                           : std::min(spec.max_steps, steps);
}

/// Steps an environment and remembers: actions as they were executed, time limits, simulations that broke
/// down, and where an episode stands, for a checkpoint. Who acts is the caller's. Environment and buffer must
/// outlive it. Several, each with an environment and a lane of the buffer of its own, may be stepped together.
template <Environment Env>
class Collector {
 public:
  /// `seed` and an episode's number fix its start state. `episode_steps`: control steps that end an episode,
  /// where the environment's own limit does not come before; 0: that limit decides.
  Collector(Env& env, TransitionBuffer& buffer, std::uint64_t seed, int episode_steps = 0, int lane = 0)
      : env_(env),
        buffer_(buffer),
        seed_(seed),
        limit_(episode_limit(env.spec(), episode_steps)),
        lane_(lane) {}

  const Vecd& begin(std::uint32_t episode) {
    obs_ = env_.reset(episode_seed(seed_, episode));
    buffer_.begin_episode(lane_);
    position_ = {.running = true};
    fault_.clear();
    return obs_;
  }

  /// One control step; whether its transition is in the buffer now. The outcome of a failed simulation never
  /// is, and nothing where `keep` is false. `last`: the step ends an episode that has no limit.
  bool step(ConstVecRef<double> action, bool last = false, bool keep = true) {
    simulate(action);
    return remember(last, keep);
  }

  /// The two halves of step(). The first touches nothing but this collector and its environment, so that those of
  /// several may run at once; the second follows it.
  void simulate(ConstVecRef<double> action) {
    require(position_.running, "collector: a step before an episode has begun, or after its end");
    executed_ = env_.spec().executed(action);
    result_ = env_.step(executed_);
  }
  bool remember(bool last = false, bool keep = true) {
    StepResult& result = result_;
    ++steps_;
    ++position_.t;
    position_.total += result.reward;
    const bool over = limit_ > 0 ? position_.t >= limit_ : last;
    result.truncated |= over && !result.terminated;
    const bool stored = keep && result.fault.empty();
    if (stored)
      buffer_.add(obs_, executed_, result.obs, result.reward, result.terminated, result.truncated, lane_);
    else
      buffer_.begin_episode(lane_);  // the next transition does not continue the last one
    reward_ = result.reward;
    fault_ = std::move(result.fault);
    obs_ = std::move(result.obs);
    position_.terminated = result.terminated;
    position_.running = !result.terminated && !result.truncated;
    return stored;
  }

  /// The same with an action drawn from the environment's range, a function of (seed, episode, index) alone.
  bool random_step(std::uint32_t episode, std::uint32_t index, bool last = false) {
    const RandomStream random(seed_, Stream::kRandomAction);
    return step(env_.spec().random_action([&](double low, double high, std::uint32_t i) {
      return random.uniform(low, high, episode, index, i);
    }),
                last);
  }

  /// Between episodes, for a run taken up again: environment steps it has made.
  void resume_at(std::int64_t steps) {
    steps_ = steps;
    position_ = {};
  }

  const Vecd& obs() const { return obs_; }
  const EpisodePosition& position() const { return position_; }
  bool running() const { return position_.running; }
  int t() const { return position_.t; }
  double total() const { return position_.total; }
  double reward() const { return reward_; }            // of the last step
  const std::string& fault() const { return fault_; }  // of the last step; see StepResult
  std::int64_t steps() const { return steps_; }        // of the environment, in all episodes
  int limit() const { return limit_; }                 // control steps that end an episode; 0: none do

  /// The episode that has just ended, if all of its steps are in the buffer.
  std::optional<Transitions> ended_episode() const {
    if (position_.running || position_.t == 0) return std::nullopt;
    const std::vector<std::uint32_t> rows = buffer_.episode_rows(lane_);
    if (rows.size() != static_cast<std::size_t>(position_.t)) return std::nullopt;
    return buffer_.batch(std::span<const std::uint32_t>(rows));
  }

  /// Where a run without a budget of rounds stands after a step, for its observer; `finished`: episodes.
  RunProgress progress(std::int64_t random_steps, std::size_t finished) const {
    return {.phase = steps_ <= random_steps ? RunPhase::kRandom : RunPhase::kActing,
            .round = static_cast<int>(finished) + (position_.running ? 1 : 0),
            .done = position_.t,
            .total = limit_,
            .value = position_.total,
            .steps = steps_,
            .fault = fault_};
  }

  /// The environment and the last observation; steps and position go with the algorithm's own figures.
  void save(StateDict& out, const std::string& prefix) const
    requires Resettable<Env>
  {
    out.put(prefix + "env", env_.state());
    out.put(prefix + "obs", std::vector<double>(obs_.data(), obs_.data() + obs_.size()));
  }
  /// Throws mbrl::Error for an observation of another length, or whatever the environment refuses.
  void load(const StateDict& in, const std::string& prefix, std::int64_t steps,
            const EpisodePosition& position)
    requires Resettable<Env>
  {
    const auto obs = in.get<double>(prefix + "obs");
    require_dim("checkpoint", "'" + prefix + "obs'", obs.size(), env_.spec().obs_dim);
    env_.set_state(in.get<double>(prefix + "env"));
    obs_ = Eigen::Map<const Vecd>(obs.data(), static_cast<Index>(obs.size()));
    steps_ = steps;
    position_ = position;
    fault_.clear();
  }

 private:
  Env& env_;
  TransitionBuffer& buffer_;
  std::uint64_t seed_;
  int limit_, lane_;
  std::int64_t steps_ = 0;
  Vecd obs_, executed_;
  StepResult result_;
  double reward_ = 0;
  std::string fault_;
  EpisodePosition position_;
};

}  // namespace mbrl
