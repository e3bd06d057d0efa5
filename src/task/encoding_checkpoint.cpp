#include "mbrl/task/encoding_checkpoint.hpp"

#include <cstdint>
#include <limits>
#include <vector>

namespace mbrl {

void save_encoding(const ObsEncoding& encoding, StateDict& out, const std::string& prefix) {
  std::vector<std::int64_t> features, targets;
  for (const ObsFeature& f : encoding.features) {
    features.push_back(static_cast<std::int64_t>(f.kind));
    features.push_back(f.obs_index);
  }
  for (const TargetKind t : encoding.targets) targets.push_back(static_cast<std::int64_t>(t));
  out.put(prefix + "encoding.features", features.data(), {encoding.feature_dim(), 2});  // kind, obs_index
  out.put(prefix + "encoding.targets", targets);
}

ObsEncoding load_encoding(const StateDict& in, const std::string& prefix) {
  ObsEncoding encoding;
  const std::string names[] = {prefix + "encoding.features", prefix + "encoding.targets"};
  const auto features = in.get<std::int64_t>(names[0]);
  require(features.size() % 2 == 0, "checkpoint: '", names[0], "' has ", features.size(),
          " values, expected pairs of kind and observation entry");
  for (std::size_t i = 0; i < features.size(); i += 2) {
    const std::int64_t kind = features[i], entry = features[i + 1];
    require(kind >= 0 && kind <= 2, "checkpoint: unknown kind of feature ", kind, " in '", names[0], "'");
    require(entry >= 0 && entry <= std::numeric_limits<int>::max(), "checkpoint: '", names[0],
            "' names observation entry ", entry);
    encoding.features.push_back({static_cast<ObsFeature::Kind>(kind), static_cast<int>(entry)});
  }
  for (const std::int64_t t : in.get<std::int64_t>(names[1])) {
    require(t >= 0 && t <= 2, "checkpoint: unknown kind of target ", t, " in '", names[1], "'");
    encoding.targets.push_back(static_cast<TargetKind>(t));
  }
  encoding.validate();
  return encoding;
}

}  // namespace mbrl
