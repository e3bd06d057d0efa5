#include "mbrl/algorithms/offline_data.hpp"

#include "mbrl/core/error.hpp"
#include "mbrl/env/episode_seed.hpp"
#include "mbrl/learning/agent_parts.hpp"
#include "mbrl/learning/replay_agent.hpp"

namespace mbrl {
namespace {

constexpr std::uint32_t kShowing = 2;  // series of its episodes' seeds: neither learning's nor evaluation's

TransitionBuffer checked(const char* who, const std::string& file, const EnvSpec& spec) {
  std::string environment;
  TransitionBuffer data = TransitionBuffer::load_dataset(file, 0, &environment);
  require(!data.empty(), who, ": ", file, " holds no transition");
  require(data.obs_dim() == spec.obs_dim && data.action_dim() == spec.action_dim(), who, ": ", file,
          " has observations of ", data.obs_dim(), " and actions of ", data.action_dim(),
          " numbers, expected ", spec.obs_dim, " and ", spec.action_dim(), " as ", spec.name, " has them");
  require(environment.empty() || environment == spec.name, who, ": ", file, " is of ", environment,
          ", expected transitions of ", spec.name, "; 'mbrl dataset ", file, " --env ", spec.name,
          " --out OTHER.safetensors' says that they are, where they are");
  for (std::size_t row = 0; row < data.size(); ++row)
    for (int i = 0; i < data.action_dim(); ++i) {
      const double a = static_cast<double>(data.action(row)(i)), low = spec.action_low(i),
                   high = spec.action_high(i), rounding = 1e-5 * (high - low);
      require(a >= low - rounding && a <= high + rounding, who, ": ", file, " has ", a, " as action ", i,
              " of row ", row, ", expected ", low, " to ", high, ", the bounds of ", spec.name);
    }
  return data;
}

// Of every byte of its arrays, in their order (FNV-1a).
std::uint64_t fingerprint(const TransitionBuffer& data) {
  StateDict arrays;
  data.save(arrays, "");
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const auto& [name, array] : arrays.arrays)
    for (const auto byte : array.bytes) hash = (hash ^ static_cast<std::uint8_t>(byte)) * 0x100000001b3;
  return hash;
}

}  // namespace

void OfflineSettings::validate(const char* who, const EnvSpec& spec) const {
  require(!data.empty(), who, ": data is empty, expected a data set of ", spec.name,
          ", e.g. --set data=file.safetensors; 'mbrl dataset RUN --out FILE' makes one of a run");
  require(updates >= 1, who, ": updates is ", updates, ", expected at least 1");
  require(updates_per_round >= 1, who, ": updates_per_round is ", updates_per_round, ", expected at least 1");
  require(batch_size >= 1, who, ": batch_size is ", batch_size, ", expected at least 1");
  require_real_actions(who, spec);
  require_time_limit(who, spec);
}

OfflineData::OfflineData(const char* who, const std::string& file, const EnvSpec& spec)
    : who_(who),
      file_(file),
      transitions_(checked(who, file, spec)),
      fingerprint_(fingerprint(transitions_)) {}

void OfflineData::check(const StateDict& in, const std::string& name) const {
  require(in.get_scalar<std::uint64_t>(name) == fingerprint_, who_, ": ", file_,
          " is not the data set that this run began with");
}

EpisodeResult show_policy(AnyEnvironment& env, const MlpPolicy& policy, std::uint64_t seed,
                          std::uint32_t round) {
  AnyActor actor = mode_actor(policy);
  return run_episode(env, actor, episode_seed(seed, round, kShowing), {});
}

}  // namespace mbrl
