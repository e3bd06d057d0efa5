// Devices and threads of LibTorch.
#include "mbrl/torch/device.hpp"

#include <dlfcn.h>
#include <torch/torch.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <thread>

#include "mbrl/core/error.hpp"
#include "models/neural/training_log.hpp"

namespace mbrl::libtorch {

std::string version() { return TORCH_VERSION; }

bool cuda_available() { return ::torch::cuda::is_available(); }

void check_device(std::string_view name) {
  const bool cuda = name == "cuda" || name.substr(0, 5) == "cuda:";
  require(name == "cpu" || cuda, "torch: device is '", name, "', expected cpu, cuda or cuda:<index>");
  if (!cuda) return;
  require(cuda_available(), "torch: device '", name, "' asked for, but LibTorch ", version(),
          " finds no CUDA GPU here, expected a CUDA build of LibTorch and a GPU (or device 'cpu')");
  if (name == "cuda") return;
  const std::string_view digits = name.substr(5);
  int index = -1;
  if (!digits.empty() && digits.size() < 4 &&
      digits.find_first_not_of("0123456789") == std::string_view::npos)
    index = std::stoi(std::string(digits));
  const int count = static_cast<int>(::torch::cuda::device_count());
  require(index >= 0 && index < count, "torch: device is '", name, "', expected an index from 0 to ",
          count - 1);
}

int use_threads(int threads) {
  require(threads >= 0, "torch: threads is ", threads, ", expected at least 0");
  static std::once_flag once;
  std::call_once(once, [threads] {
    const int wanted =
        threads > 0 ? threads : std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
    at::set_num_threads(wanted);
    bool openblas = false;
    if (void* symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads")) {
      reinterpret_cast<void (*)(int)>(symbol)(1);
      openblas = true;
    }
    training::log_info("LibTorch " + version() + " uses " + std::to_string(wanted) + " CPU thread" +
                       (wanted == 1 ? "" : "s") + (openblas ? " (OpenBLAS one)" : ""));
  });
  return at::get_num_threads();
}

}  // namespace mbrl::libtorch
