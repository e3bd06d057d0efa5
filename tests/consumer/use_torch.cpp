// Uses the LibTorch component without seeing LibTorch.
#include <cstdio>

#include "mbrl/core/error.hpp"
#include "mbrl/torch/device.hpp"

int main() {
  std::printf("LibTorch %s\n", mbrl::libtorch::version().c_str());
  try {
    mbrl::libtorch::check_device("toaster");
  } catch (const mbrl::Error& error) {
    std::printf("%s\n", error.what());
    return 0;
  }
  return 1;
}
