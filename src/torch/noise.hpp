// rollout/noise.hpp in tensor operations: the same random numbers, drawn on the device.
#pragma once

#include <torch/torch.h>

#include <array>
#include <cstdint>
#include <numbers>
#include <vector>

namespace mbrl::libtorch {

// Philox4x32-10 of a batch of counters; words are the low 32 bits of int64 tensors that broadcast against
// each other.
inline std::array<at::Tensor, 4> philox4x32(std::array<at::Tensor, 4> counter,
                                            std::array<at::Tensor, 2> key) {
  constexpr std::int64_t kLow = 0xFFFFFFFF;
  for (int round = 0; round < 10; ++round) {
    // A 64-bit product wraps into the sign; its upper word is right after masking the shifted sign bits away.
    const at::Tensor p0 = counter[0] * std::int64_t{0xD2511F53}, p1 = counter[2] * std::int64_t{0xCD9E8D57};
    const at::Tensor high0 = (p0.__rshift__(32)).bitwise_and(kLow),
                     high1 = (p1.__rshift__(32)).bitwise_and(kLow);
    counter = {high1.bitwise_xor(counter[1]).bitwise_xor(key[0]), p1.bitwise_and(kLow),
               high0.bitwise_xor(counter[3]).bitwise_xor(key[1]), p0.bitwise_and(kLow)};
    key = {(key[0] + std::int64_t{0x9E3779B9}).bitwise_and(kLow),
           (key[1] + std::int64_t{0xBB67AE85}).bitwise_and(kLow)};
  }
  return counter;
}

// Standard normals [steps, rows, dims] (double) of rows named by (candidate, particle), each [rows] int64;
// key [2] and steps [steps] int64, blocks [ceil(dims / 4)] int64 holding 0, 1, ...: see mbrl::particle_noise.
inline at::Tensor particle_normals(const at::Tensor& key, const at::Tensor& candidate,
                                   const at::Tensor& particle, const at::Tensor& steps,
                                   const at::Tensor& blocks, std::int64_t dims) {
  const auto words = philox4x32({candidate.view({1, -1, 1}), particle.view({1, -1, 1}),
                                 steps.view({-1, 1, 1}), blocks.view({1, 1, -1})},
                                {key.select(0, 0), key.select(0, 1)});
  constexpr std::int64_t kHalf = 0x80000000;
  const auto pair = [](const at::Tensor& radius_word, const at::Tensor& angle_word) {
    const at::Tensor u = (radius_word.__rshift__(1).to(at::kDouble) + 0.5) * 0x1p-31;
    const at::Tensor radius = at::sqrt(at::log(u) * -2.0);
    // the word as a signed 32-bit number of turns
    const at::Tensor turns = ((angle_word + kHalf).bitwise_and(2 * kHalf - 1) - kHalf).to(at::kDouble);
    const at::Tensor angle = turns * (0x1p-32 * 2.0 * std::numbers::pi);
    return std::array{radius * at::cos(angle), radius * at::sin(angle)};
  };
  const auto a = pair(words[0], words[1]), b = pair(words[2], words[3]);
  const at::Tensor all = at::stack({a[0], a[1], b[0], b[1]}, -1).flatten(2);  // [steps, rows, blocks * 4]
  return all.narrow(2, 0, dims);
}

}  // namespace mbrl::libtorch
