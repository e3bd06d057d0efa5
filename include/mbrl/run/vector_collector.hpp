// Environments that are stepped together and remembered in one buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/core/types.hpp"
#include "mbrl/data/transition_buffer.hpp"
#include "mbrl/env/environment.hpp"
#include "mbrl/run/collector.hpp"
#include "mbrl/run/observer.hpp"

namespace mbrl {

/// A collector for each of several environments, on a lane of its own in one buffer. Actions are asked for and transitions
/// remembered in the order of the environments; what is between, the simulations, runs on the pool's threads: the numbers
/// do not depend on how many there are. Environments, buffer and pool must outlive it.
class VectorCollector {
 public:
  using One = Collector<AnyEnvironment>;

  /// `seed` and an episode's number fix its start; episodes are numbered as they begin. Throws mbrl::Error unless the
  /// buffer has as many lanes as there are environments.
  VectorCollector(std::span<AnyEnvironment> envs, TransitionBuffer& buffer, std::uint64_t seed,
                  ThreadPool& pool)
      : pool_(pool), actions_(envs.size()) {
    require(!envs.empty(), "VectorCollector: no environment");
    require_dim("VectorCollector", "the buffer's lanes", buffer.lanes(), envs.size());
    for (std::size_t k = 0; k < envs.size(); ++k)
      all_.emplace_back(envs[k], buffer, seed, 0, static_cast<int>(k));
  }

  int size() const { return static_cast<int>(all_.size()); }
  const One& operator[](int k) const { return all_[static_cast<std::size_t>(k)]; }
  bool running() const {
    return std::any_of(all_.begin(), all_.end(), [](const One& c) { return c.running(); });
  }
  /// Of all environments, in all episodes.
  std::int64_t steps() const {
    std::int64_t sum = 0;
    for (const One& c : all_) sum += c.steps();
    return sum;
  }
  std::int64_t episodes() const { return episodes_; }  // that have ended

  /// An episode in every environment that has none under way; begun(k) is told of each.
  template <class F>
  void begin_where_ended(F&& begun) {
    std::int64_t number =
        episodes_ + std::count_if(all_.begin(), all_.end(), [](const One& c) { return c.running(); });
    for (int k = 0; k < size(); ++k) {
      One& c = all_[static_cast<std::size_t>(k)];
      if (c.running()) continue;
      c.begin(static_cast<std::uint32_t>(number++));
      begun(k);
    }
  }

  /// One control step of every environment whose episode is under way. act(collector, k, step) gives the action of
  /// environment k, which is environment step `step` of the run. The number of transitions that are in the buffer now.
  template <class Act>
  int step(Act&& act) {
    ended_.clear();
    fault_.clear();
    acting_.clear();
    std::int64_t step = steps();
    for (int k = 0; k < size(); ++k) {
      if (!(*this)[k].running()) continue;
      actions_[static_cast<std::size_t>(k)] = act((*this)[k], k, step++);
      acting_.push_back(k);
    }
    const auto count = static_cast<std::ptrdiff_t>(acting_.size());
    pool_.parallel_for(count, static_cast<int>(count), [&](std::ptrdiff_t begin, std::ptrdiff_t end, int) {
      for (std::ptrdiff_t i = begin; i < end; ++i) {
        const auto k = static_cast<std::size_t>(acting_[static_cast<std::size_t>(i)]);
        all_[k].simulate(actions_[k]);
      }
    });
    int stored = 0;
    for (const int k : acting_) {
      One& c = all_[static_cast<std::size_t>(k)];
      stored += c.remember() ? 1 : 0;
      if (!c.fault().empty()) fault_ = c.fault();
      if (c.running()) continue;
      ended_.push_back(k);
      ++episodes_;
    }
    return stored;
  }

  /// Environments whose episodes ended with the last step.
  const std::vector<int>& ended() const { return ended_; }
  const std::string& fault() const { return fault_; }  // one of the last step's

  /// Where a run without a budget of rounds stands, of which `finished` have ended; the first environment's episode is
  /// shown.
  RunProgress progress(std::int64_t random_steps, std::size_t finished) const {
    RunProgress p = all_.front().progress(random_steps, finished);
    p.steps = steps();
    p.phase = p.steps <= random_steps ? RunPhase::kRandom : RunPhase::kActing;
    p.fault = fault_;
    return p;
  }

  /// Environments and where their episodes stand.
  void save(StateDict& out, const std::string& prefix) const {
    for (std::size_t k = 0; k < all_.size(); ++k) {
      const std::string own = lane_prefix(prefix, k);
      const EpisodePosition& at = all_[k].position();
      out.put(own + "position",
              std::vector<std::int64_t>{all_[k].steps(), episodes_, at.running ? 1 : 0, at.t});
      out.put(own + "figures", std::vector<double>{at.total});
      all_[k].save(out, own);
    }
  }
  /// `who` begins the errors about another number of environments.
  void load(const StateDict& in, const std::string& prefix, const std::string& who) {
    const std::string one_more = lane_prefix(prefix, all_.size()) + "position";
    require(!in.contains(one_more), "checkpoint of ", who, ": more environments than ", size());
    for (std::size_t k = 0; k < all_.size(); ++k) {
      const std::string own = lane_prefix(prefix, k);
      require(in.contains(own + "position"), "checkpoint of ", who, ": ", k, " environments, expected ",
              size());
      const auto position = in.get<std::int64_t>(own + "position");
      require_dim("checkpoint of " + who, "'position'", position.size(), 4);
      const auto figures = in.get<double>(own + "figures");
      require_dim("checkpoint of " + who, "'figures'", figures.size(), 1);
      episodes_ = position[1];
      all_[k].load(in, own, position[0],
                   {.t = static_cast<int>(position[3]), .total = figures[0], .running = position[2] != 0});
    }
  }

 private:
  ThreadPool& pool_;
  std::vector<One> all_;
  std::vector<Vecd> actions_;
  std::vector<int> acting_, ended_;
  std::string fault_;
  std::int64_t episodes_ = 0;  // ended
};

}  // namespace mbrl
