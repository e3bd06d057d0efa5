#include "mbrl/algorithms/built_in.hpp"

#include "mbrl/algorithms/cql_algorithm.hpp"
#include "mbrl/algorithms/dhmbpo.hpp"
#include "mbrl/algorithms/dyna_algorithm.hpp"
#include "mbrl/algorithms/imitation.hpp"
#include "mbrl/algorithms/mbpo.hpp"
#include "mbrl/algorithms/me_trpo.hpp"
#include "mbrl/algorithms/mopo.hpp"
#include "mbrl/algorithms/mve.hpp"
#include "mbrl/algorithms/pets_algorithm.hpp"
#include "mbrl/algorithms/ppo_algorithm.hpp"
#include "mbrl/algorithms/sac_algorithm.hpp"
#include "mbrl/algorithms/slbo.hpp"
#include "mbrl/algorithms/steve.hpp"
#include "mbrl/algorithms/svg.hpp"
#include "mbrl/algorithms/td3_algorithm.hpp"
#include "mbrl/algorithms/trpo_algorithm.hpp"
#include "mbrl/algorithms/versions_algorithm.hpp"

namespace mbrl {

void register_built_in_algorithms(AlgorithmRegistry& registry, const EnsembleBackendSource& backend,
                                  const OwnPlanners& planners, const ExpertSource& experts) {
  register_cql(registry);
  register_dhmbpo(registry);
  register_dyna(registry);
  register_imitation(registry, experts);
  register_mbpo(registry);
  register_me_trpo(registry);
  register_mopo(registry);
  register_mve(registry);
  register_pets(registry, backend, planners);
  register_ppo(registry);
  register_sac(registry);
  register_slbo(registry);
  register_steve(registry);
  register_svg(registry);
  register_td3(registry);
  register_trpo(registry);
  register_versions(registry);
}

}  // namespace mbrl
