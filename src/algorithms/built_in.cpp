#include "mbrl/algorithms/built_in.hpp"

#include "mbrl/algorithms/cql_algorithm.hpp"
#include "mbrl/algorithms/mbpo.hpp"
#include "mbrl/algorithms/mopo.hpp"
#include "mbrl/algorithms/pets_algorithm.hpp"
#include "mbrl/algorithms/sac_algorithm.hpp"
#include "mbrl/algorithms/td3_algorithm.hpp"
#include "mbrl/algorithms/versions_algorithm.hpp"

namespace mbrl {

void register_built_in_algorithms(AlgorithmRegistry& registry, const EnsembleBackendSource& backend,
                                  const OwnPlanners& planners) {
  register_cql(registry);
  register_mbpo(registry);
  register_mopo(registry);
  register_pets(registry, backend, planners);
  register_sac(registry);
  register_td3(registry);
  register_versions(registry);
}

}  // namespace mbrl
