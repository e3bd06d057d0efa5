// Rewards of environments as tensor operations, for rollouts on the device.
#pragma once

#include <memory>
#include <string>
#include <vector>

namespace mbrl::libtorch {

struct TensorTask;  // mbrl/torch/interop.hpp

/// The planner-side reward and termination of an environment, the same function as EnvSpec's. Known:
/// those of tensor_task_names(): Pendulum-v1 and the tasks of PETS. Throws mbrl::Error for any other; own tasks
/// are written as a TensorTask.
std::shared_ptr<const TensorTask> tensor_task(const std::string& environment);
std::vector<std::string> tensor_task_names();

}  // namespace mbrl::libtorch
