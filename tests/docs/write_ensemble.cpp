// write_ensemble FILE: an ensemble with numbers in every array, as a checkpoint holds it, beside
// observations, actions and what the library predicts for them. numpy.cmake has docs/files.md's Python
// reproduce it.
#include <array>
#include <cmath>
#include <cstdio>
#include <string>
#include <vector>

#include "mbrl/core/random.hpp"
#include "mbrl/io/safetensors.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const mbrl::RandomStream random(1, mbrl::Stream::kUser);
  mbrl::ObsEncoding encoding = mbrl::ObsEncoding::identity(3);
  encoding.features = {{mbrl::ObsFeature::Kind::kIdentity, 0},
                       {mbrl::ObsFeature::Kind::kSin, 1},
                       {mbrl::ObsFeature::Kind::kCos, 1},
                       {mbrl::ObsFeature::Kind::kIdentity, 2}};
  encoding.targets[1] = mbrl::TargetKind::kConstant;
  encoding.targets[2] = mbrl::TargetKind::kAbsolute;
  mbrl::StateDict state;
  constexpr std::array kActivations = {mbrl::Activation::kSilu, mbrl::Activation::kRelu,
                                       mbrl::Activation::kTanh, mbrl::Activation::kElu};
  for (std::size_t i = 0; i < kActivations.size(); ++i) {
    auto model = mbrl::MlpEnsemble::create(
        {.members = 2, .hidden = {7, 5}, .activation = kActivations[i], .learned_reward = i == 1}, encoding,
        2, i);
    for (auto& member : model.members)
      for (std::size_t l = 0; l < member.size(); ++l)
        for (std::size_t k = 0; k < member[l].bias.size(); ++k)
          member[l].bias[k] =
              static_cast<float>(random.normal(static_cast<std::uint32_t>(l), static_cast<std::uint32_t>(k)));
    for (std::size_t k = 0; k < model.input_mean.size(); ++k) {
      model.input_mean[k] = 0.1f * static_cast<float>(k);
      model.input_std[k] = 1.0f + 0.5f * static_cast<float>(k);
    }
    for (std::size_t k = 0; k < model.max_logvar.size(); ++k) {
      model.max_logvar[k] = 0.5f - 0.1f * static_cast<float>(k);
      model.min_logvar[k] = -3.0f + 0.1f * static_cast<float>(k);
    }
    for (std::size_t k = 0; k < model.target_mean.size(); ++k) {
      model.target_mean[k] = 0.1f * static_cast<float>(k) - 0.1f;
      model.target_std[k] = 0.5f + static_cast<float>(k);
    }

    mbrl::Batchf obs(3, 6), action(2, 6);
    for (mbrl::Index c = 0; c < 6; ++c) {
      for (mbrl::Index r = 0; r < 3; ++r)
        obs(r, c) = static_cast<float>(
            2 * random.normal(static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(c), 1));
      for (mbrl::Index r = 0; r < 2; ++r)
        action(r, c) = static_cast<float>(
            random.normal(static_cast<std::uint32_t>(r), static_cast<std::uint32_t>(c), 2));
    }
    mbrl::Batchf mean(model.target_dim(), 6), logvar(model.target_dim(), 6), next(3, 6);
    mbrl::predict_member(model, 1, obs, action, mean, logvar);
    model.encoding.decode<float>(obs, mean.topRows(3), next);

    const std::string name = std::to_string(i);
    model.save(state, "model" + name + ".");
    state.put_matrix("obs" + name, obs);
    state.put_matrix("action" + name, action);
    state.put_matrix("next_obs" + name, next);
    state.put_matrix("mean" + name, mean);
    state.put_matrix("variance" + name, mbrl::Batchf(logvar.array().exp().matrix()));
  }
  mbrl::save_safetensors(argv[1], state);
  std::printf("%s\n", argv[1]);
}
