// The devices that this machine has: tests of LibTorch run on each.
#pragma once

#include <string>
#include <vector>

#include "mbrl/torch/device.hpp"

// "cpu", and "cuda" where LibTorch finds a GPU: for GENERATE(from_range(devices())).
inline std::vector<std::string> devices() {
  std::vector<std::string> all = {"cpu"};
  if (mbrl::libtorch::cuda_available()) all.push_back("cuda");
  return all;
}
