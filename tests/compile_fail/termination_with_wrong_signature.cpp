// A termination of one observation, not of a batch: the words name both forms that are accepted.
// expect: TerminationModel
// expect: NextObsTermination
#include "mbrl/task/task_functions.hpp"

struct Fallen {
#ifdef MBRL_BREAK
  bool operator()(const mbrl::Vecf& next_obs) const { return next_obs(0) < 0; }
#else
  void operator()(mbrl::ConstBatchRef<float> next_obs, mbrl::VecRef<float> done) const {
    done = (next_obs.row(0).array() < 0.0f).cast<float>().transpose();
  }
#endif
};

const mbrl::TerminationFunction<float> fallen(Fallen{});
