// Chunks of environments on a pool of threads; every result has its own column.
#include "mbrl/env/vector_environment.hpp"

#include <algorithm>

#include "mbrl/core/random.hpp"

namespace mbrl {

VectorEnvironment::VectorEnvironment(const std::function<AnyEnvironment()>& make, int size, int threads)
    : pool_(threads) {
  require(size >= 1, "VectorEnvironment: size is ", size, ", expected 1 or more");
  for (int i = 0; i < size; ++i) {
    envs_.push_back(make());
    require_dim("VectorEnvironment", "another environment's observation", envs_.back().spec().obs_dim,
                spec().obs_dim);
    require_dim("VectorEnvironment", "another environment's action", envs_.back().spec().action_dim(),
                spec().action_dim());
  }
  // Several a thread: all wait for the last chunk, and steps do not all take the same time.
  chunks_ = std::min(size, 4 * pool_.size());
  const auto count = static_cast<std::size_t>(size);
  step_.next_obs = step_.obs = Batchd::Zero(spec().obs_dim, size);
  step_.reward = Vecd::Zero(size);
  step_.terminated.assign(count, 0);
  step_.truncated.assign(count, 0);
  step_.fault.assign(count, {});
  episodes_.assign(count, 0);
  reset(0);
  episode_.forget();
}

// The next episode's: 64 bits of a block that belongs to (environment, episode).
std::uint64_t VectorEnvironment::episode_seed(int env) const {
  const auto bits = RandomStream(seed_, Stream::kEnvironment)
                        .bits(static_cast<std::uint32_t>(env), episodes_[static_cast<std::size_t>(env)]);
  return (std::uint64_t{bits[1]} << 32) | bits[0];
}

const Batchd& VectorEnvironment::reset(std::uint64_t seed) {
  seed_ = seed;
  episode_.begin();
  episodes_.assign(episodes_.size(), 0);
  pool_.parallel_for(size(), chunks_, [&](std::ptrdiff_t begin, std::ptrdiff_t end, int) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const auto k = static_cast<std::size_t>(i);
      step_.obs.col(i) = envs_[k].reset(episode_seed(static_cast<int>(i)));
      ++episodes_[k];
    }
  });
  return step_.obs;
}

const VectorStep& VectorEnvironment::step(ConstBatchRef<double> actions) {
  episode_.require_running(spec().name);
  require_dim("VectorEnvironment::step", "actions", actions.rows(), spec().action_dim());
  require_dim("VectorEnvironment::step", "actions' batch", actions.cols(), size());
  for (Index i = 0; i < actions.cols(); ++i)
    require(actions.col(i).allFinite(), spec().name, ": the action of environment ", i, " is ",
            actions.col(i).transpose(), ", expected finite numbers");
  pool_.parallel_for(size(), chunks_, [&](std::ptrdiff_t begin, std::ptrdiff_t end, int) {
    for (std::ptrdiff_t i = begin; i < end; ++i) {
      const auto k = static_cast<std::size_t>(i);
      StepResult result = envs_[k].step(actions.col(i));
      step_.next_obs.col(i) = result.obs;
      step_.reward(i) = result.reward;
      step_.terminated[k] = result.terminated;
      step_.truncated[k] = result.truncated;
      step_.fault[k] = std::move(result.fault);
      if (result.terminated || result.truncated) {
        step_.obs.col(i) = envs_[k].reset(episode_seed(static_cast<int>(i)));
        ++episodes_[k];
      } else {
        step_.obs.col(i) = result.obs;
      }
    }
  });
  return step_;
}

// [seed (two halves), for each environment: episodes, length of its state, state, observation]
std::vector<double> VectorEnvironment::state() const {
  std::vector<double> all = {static_cast<double>(seed_ >> 32), static_cast<double>(seed_ & 0xFFFFFFFFu)};
  for (std::size_t i = 0; i < envs_.size(); ++i) {
    const std::vector<double> state = envs_[i].state();
    all.push_back(episodes_[i]);
    all.push_back(static_cast<double>(state.size()));
    all.insert(all.end(), state.begin(), state.end());
    const auto obs = step_.obs.col(static_cast<Index>(i));
    all.insert(all.end(), obs.begin(), obs.end());
  }
  return all;
}

void VectorEnvironment::set_state(const std::vector<double>& state) {
  std::size_t at = 0;
  const auto take = [&](std::size_t count) {
    require(at + count <= state.size(), "VectorEnvironment::set_state: state has ", state.size(),
            " numbers, expected more for ", size(), " environments");
    at += count;
    return state.data() + at - count;
  };
  const double* seed = take(2);
  seed_ = (static_cast<std::uint64_t>(seed[0]) << 32) | static_cast<std::uint64_t>(seed[1]);
  for (std::size_t i = 0; i < envs_.size(); ++i) {
    episodes_[i] = static_cast<std::uint32_t>(*take(1));
    const auto length = static_cast<std::size_t>(*take(1));
    const double* own = take(length);
    envs_[i].set_state({own, own + length});
    const auto dim = static_cast<std::size_t>(spec().obs_dim);
    step_.obs.col(static_cast<Index>(i)) = Eigen::Map<const Vecd>(take(dim), spec().obs_dim);
  }
  require_dim("VectorEnvironment::set_state", "state", state.size(), at);
  episode_.begin();
}

}  // namespace mbrl
