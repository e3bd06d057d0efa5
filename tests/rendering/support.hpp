// Shared by the tests of pictures and films.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include <unistd.h>

#include "mbrl/mujoco/render/image.hpp"
#include "mujoco/support.hpp"

namespace mbrl {

// A file of this test's own, gone at the end.
class ScratchFile {
 public:
  explicit ScratchFile(const std::string& name)
      : path_(std::filesystem::temp_directory_path() / ("mbrl_" + std::to_string(::getpid()) + "_" + name)) {}
  ~ScratchFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// Mean of |a - b| over all bytes.
inline double difference(const mujoco::Image& a, const mujoco::Image& b) {
  if (a.rgb.size() != b.rgb.size()) return 255.0;
  double sum = 0.0;
  for (std::size_t i = 0; i < a.rgb.size(); ++i) sum += std::abs(int{a.rgb[i]} - int{b.rgb[i]});
  return sum / static_cast<double>(a.rgb.size());
}

}  // namespace mbrl
