// Many environments of a kind stepped together on several threads, each beginning anew when its episode ends.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "mbrl/core/thread_pool.hpp"
#include "mbrl/env/environment.hpp"

namespace mbrl {

/// What one step of all environments gives; column or entry i is environment i's.
struct VectorStep {
  Batchd next_obs;  // obs_dim x size: the transition's, the last observation of an episode included
  Batchd
      obs;  // obs_dim x size: where to go on from, the first observation of the next episode where one ended
  Vecd reward;
  std::vector<std::uint8_t> terminated, truncated;  // 0 or 1; an episode ends with either
  std::vector<std::string> fault;                   // see StepResult; empty as a rule
};

/// The numbers are the same for any number of threads. Environment i's k-th episode starts from a seed that is
/// a function of (seed, i, k). Memory: that of the environments, which `make` makes one after the other (the
/// engine's part is stated in docs/environments.md), and three observations each.
class VectorEnvironment {
 public:
  /// threads = 0 means one per hardware thread. Throws unless size >= 1 and all environments have the same
  /// dimensions.
  VectorEnvironment(const std::function<AnyEnvironment()>& make, int size, int threads = 0);

  int size() const { return static_cast<int>(envs_.size()); }
  const EnvSpec& spec() const { return envs_.front().spec(); }

  /// Begins all over; gives the first observations, obs_dim x size.
  const Batchd& reset(std::uint64_t seed);

  /// actions: action_dim x size. The result stands until the next call. Throws before anything was stepped on
  /// a wrong shape or a number that is not finite, and before the first reset.
  const VectorStep& step(ConstBatchRef<double> actions);
  const Batchd& observations() const { return step_.obs; }

  /// Seed, episode counts and all environments' states: put back, everything continues bit for bit.
  std::vector<double> state() const;
  void set_state(const std::vector<double>& state);

 private:
  std::uint64_t episode_seed(int env) const;

  std::vector<AnyEnvironment> envs_;
  ThreadPool pool_;
  int chunks_;
  std::uint64_t seed_ = 0;
  std::vector<std::uint32_t> episodes_;  // begun since reset
  VectorStep step_;
  EpisodeGuard episode_;  // of all: never over once begun
};

}  // namespace mbrl
