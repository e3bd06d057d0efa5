// write_policy FILE: policies as mbrl export writes them, beside observations and the library's actions.
// numpy.cmake has docs/export.md's Python reproduce them.
#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/io/safetensors.hpp"
#include "mbrl/policy/policy_file.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const mbrl::RandomStream random(1, mbrl::Stream::kUser);
  const mbrl::ActionBounds bounds(std::vector<double>{-2.0, 0.5}, std::vector<double>{1.0, 0.75});
  mbrl::Batchf obs(3, 6);
  for (mbrl::Index c = 0; c < 6; ++c)
    for (mbrl::Index r = 0; r < 3; ++r)
      obs(r, c) =
          static_cast<float>(2 * random.normal(static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(c)));
  constexpr std::array kActivations = {mbrl::Activation::kSilu, mbrl::Activation::kRelu,
                                       mbrl::Activation::kTanh, mbrl::Activation::kElu};
  mbrl::StateDict state;
  state.put_matrix("obs", obs);
  for (std::size_t i = 0; i < kActivations.size(); ++i) {
    mbrl::MlpPolicySettings settings;
    settings.network = {.hidden = {7, 5}, .activation = kActivations[i], .layer_norm = i % 2 == 1};
    settings.output = i < 2 ? mbrl::PolicyOutput::kTanh : mbrl::PolicyOutput::kSquashedGaussian;
    const mbrl::MlpPolicy policy(3, bounds, settings, i);
    mbrl::Batchf action(2, 6), memory(0, 6);
    mbrl::MlpPolicy::Workspace workspace;
    policy.mode(obs, memory, action, workspace);
    const std::string prefix = mbrl::to_string(kActivations[i]) + ".";
    for (auto& [name, array] : mbrl::policy_arrays(policy).arrays) state.arrays[prefix + name] = array;
    state.put_matrix(prefix + "expected", action);
  }
  const mbrl::CategoricalPolicy policy(3, mbrl::ActionBounds::choice_of(4), {.hidden = {7, 5}}, 1);
  mbrl::Batchf action(1, 6), memory(0, 6);
  mbrl::CategoricalPolicy::Workspace workspace;
  policy.mode(obs, memory, action, workspace);
  for (auto& [name, array] : mbrl::policy_arrays(policy).arrays) state.arrays["choices." + name] = array;
  state.put_matrix("choices.expected", action);
  mbrl::save_safetensors(argv[1], state);
  std::printf("%s\n", argv[1]);
}
