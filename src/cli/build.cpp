// What this build is: compiled into the program and into its plug-ins.
#include "mbrl_commit.hpp"
#include "torch_plugin.hpp"
#include "version.hpp"

namespace mbrl::cli {

const char* commit() { return kCommit; }

std::string plugin_build() {
  std::string build =
      "mbrl " MBRL_VERSION ", commit " + std::string(kCommit) + ", compiler " __VERSION__ ", sizes";
  for (const std::size_t size :
       {sizeof(TorchPlugin), sizeof(AnyEnsembleTrainer), sizeof(AnyEnsembleEvaluator), sizeof(MlpEnsemble),
        sizeof(EnsembleTrainingSettings), sizeof(EnsembleRolloutSettings), sizeof(RolloutCounts),
        alignof(Eigen::Matrix4d)})
    build += " " + std::to_string(size);
  return build;
}

}  // namespace mbrl::cli
