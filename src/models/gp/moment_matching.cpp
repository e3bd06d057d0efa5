#include "mbrl/models/gp/moment_matching.hpp"

#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"

namespace mbrl {

KernelMoments target_moments(const GpModel& model, bool uncertain) {
  require(!model.empty(),
          "target_moments: the model has learned nothing, expected one that a GpTrainer has filled");
  const Index n = model.inputs().cols(), outputs = model.obs_dim();
  KernelSums sums{.centres = model.inputs(),
                  .weights = Batchd(n, outputs),
                  .lengthscale2 = Batchd(model.input_dim(), outputs),
                  .signal2 = Vecd(outputs)};
  std::vector<const Batchd*> inverse;
  for (int a = 0; a < model.obs_dim(); ++a) {
    const GpPosterior& posterior = model.posterior(a);
    sums.weights.col(a) = posterior.beta;
    sums.lengthscale2.col(a) = posterior.lengthscale2;
    sums.signal2(a) = posterior.signal2;
    inverse.push_back(&posterior.inverse);
  }
  return uncertain ? KernelMoments(std::move(sums), inverse) : KernelMoments(std::move(sums));
}

}  // namespace mbrl
