#include "mbrl/algorithms/built_in/built_in.hpp"

#include "mbrl/algorithms/imagined/dhmbpo.hpp"
#include "mbrl/algorithms/imagined/dyna_algorithm.hpp"
#include "mbrl/algorithms/imagined/mb_mpo.hpp"
#include "mbrl/algorithms/imagined/mbpo.hpp"
#include "mbrl/algorithms/imagined/me_trpo.hpp"
#include "mbrl/algorithms/imagined/mopo.hpp"
#include "mbrl/algorithms/imagined/mve.hpp"
#include "mbrl/algorithms/imagined/pilco.hpp"
#include "mbrl/algorithms/imagined/rl2.hpp"
#include "mbrl/algorithms/imagined/slbo.hpp"
#include "mbrl/algorithms/imagined/steve.hpp"
#include "mbrl/algorithms/imagined/svg.hpp"
#include "mbrl/algorithms/imitation/gps.hpp"
#include "mbrl/algorithms/imitation/imitation.hpp"
#include "mbrl/algorithms/imitation/mbmf.hpp"
#include "mbrl/algorithms/imitation/plato.hpp"
#include "mbrl/algorithms/model_free/cql_algorithm.hpp"
#include "mbrl/algorithms/model_free/ppo_algorithm.hpp"
#include "mbrl/algorithms/model_free/sac_algorithm.hpp"
#include "mbrl/algorithms/model_free/td3_algorithm.hpp"
#include "mbrl/algorithms/model_free/trpo_algorithm.hpp"
#include "mbrl/algorithms/planning/pets_algorithm.hpp"
#include "mbrl/algorithms/planning/versions_algorithm.hpp"

namespace mbrl {

void register_built_in_algorithms(AlgorithmRegistry& registry, const EnsembleBackendSource& backend,
                                  const OwnPlanners& planners, const ExpertSource& experts) {
  register_cql(registry);
  register_dhmbpo(registry);
  register_dyna(registry);
  register_gps(registry, experts);
  register_imitation(registry, experts);
  register_mb_mpo(registry);
  register_mbmf(registry, planners);
  register_mbpo(registry);
  register_me_trpo(registry);
  register_mopo(registry);
  register_mve(registry);
  register_pets(registry, backend, planners);
  register_pilco(registry);
  register_plato(registry);
  register_ppo(registry);
  register_rl2(registry);
  register_sac(registry);
  register_slbo(registry);
  register_steve(registry);
  register_svg(registry);
  register_td3(registry);
  register_trpo(registry);
  register_versions(registry);
}

}  // namespace mbrl
