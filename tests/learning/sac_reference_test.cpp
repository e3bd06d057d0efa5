// Soft actor-critic against Stable-Baselines3: the same weights, batches and noise give the same networks.
#include <array>
#include <cmath>
#include <string>
#include <vector>

#include "catch.hpp"
#include "learning/replay_batches.hpp"
#include "mbrl/learning/sac.hpp"

namespace mbrl {
namespace {

constexpr int kObs = 3, kAction = 2, kBatch = 8, kProbes = 4, kNumbers = 33;
constexpr std::array kSizes = {kObs, 16, 16, 2 * kAction}, kCriticSizes = {kObs + kAction, 16, 16, 1};

// Of stable_baselines3_sac.py beside this file, which says how they are made: after each of three updates, the
// policy's outputs for four observations, values of the critics and of their targets, and the temperature.
constexpr float kReference[][kNumbers] = {
    {0.3834205f, -0.0266993f, 0.7840269f,  0.6609954f,  0.2219211f,  -0.0885130f, 0.7029517f,
     0.3276606f, 0.9302263f,  -0.4560354f, 0.1757597f,  -0.2162832f, 0.6127125f,  -1.2818270f,
     0.3368731f, 0.4583475f,  0.4197461f,  0.4610581f,  0.0374451f,  -1.0799938f, 0.8235399f,
     0.6453747f, 0.0835812f,  -0.1090026f, 0.4319462f,  0.4697700f,  0.0928660f,  -1.0385029f,
     0.8981943f, 0.6827362f,  0.1100433f,  -0.0672928f, 0.1994009f},
    {0.3882934f, -0.0146489f, 0.7997414f,  0.6382699f,  0.2275924f,  -0.0732981f, 0.7147290f,
     0.3043481f, 0.8649265f,  -0.4327646f, 0.2274392f,  -0.2236768f, 0.5749760f,  -1.2495239f,
     0.3500295f, 0.4197274f,  0.3965177f,  0.4327726f,  -0.0199699f, -1.1500844f, 0.7310128f,
     0.5526377f, 0.0597285f,  -0.1701723f, 0.4312394f,  0.4690246f,  0.0907032f,  -1.0407257f,
     0.8947586f, 0.6801430f,  0.1090444f,  -0.0693495f, 0.1988091f},
    {0.3763363f, -0.0176483f, 0.7984676f,  0.6036397f,  0.2185438f,  -0.0717423f, 0.7116718f,
     0.2718145f, 0.8065037f,  -0.4270264f, 0.2569770f,  -0.2423455f, 0.5386004f,  -1.2331244f,
     0.3482891f, 0.3788143f,  0.3690835f,  0.3942616f,  -0.0664453f, -1.2329339f, 0.6263977f,
     0.4384267f, 0.0358259f,  -0.2256065f, 0.4299902f,  0.4675110f,  0.0876568f,  -1.0445626f,
     0.8892333f, 0.6753293f,  0.1075930f,  -0.0724770f, 0.1982211f},
};

// Entries of every array, there and here.
std::vector<double> wave(int count, double phase) {
  std::vector<double> out;
  for (int k = 0; k < count; ++k) out.push_back(std::sin(1.7 * k + 0.37 * k * k + phase));
  return out;
}

Batchf filled(int rows, int columns, double phase, double scale = 1) {
  const std::vector<double> values = wave(rows * columns, phase);
  Batchf out(rows, columns);
  for (int j = 0; j < columns; ++j)
    for (int i = 0; i < rows; ++i)
      out(i, j) = static_cast<float>(scale * values[static_cast<std::size_t>(j * rows + i)]);
  return out;
}

void put_layers(StateDict& state, const std::string& prefix, const std::array<int, 4>& sizes, double phase) {
  for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
    const std::string name = prefix + "layers." + std::to_string(l) + ".";
    const int in = sizes[l], out = sizes[l + 1];
    const double at = phase + static_cast<double>(l);
    std::vector<float> weight, bias;  // [in][out]
    for (const double x : wave(in * out, at)) weight.push_back(static_cast<float>(x * 1.8 / std::sqrt(in)));
    state.put(name + "weight", weight);
    for (const double x : wave(out, at + 0.5)) bias.push_back(static_cast<float>(0.1 * x));
    state.put(name + "bias", bias);
  }
}

Transitions batch_of(int update) {
  Transitions t = testing::empty(kObs, kAction, kBatch);
  t.obs = filled(kObs, kBatch, 100.0 + update);
  t.action = filled(kAction, kBatch, 200.0 + update, 0.9);
  t.next_obs = filled(kObs, kBatch, 300.0 + update);
  t.reward = filled(1, kBatch, 400.0 + update, 2).row(0);
  for (std::size_t j = 3; j < kBatch; j += 4) t.terminated[j] = 1;
  return t;
}

Batchf outputs(const nn::Network& network, const Batchf& input) {
  Batchf out(network.out(), input.cols());
  network.evaluate(input, out);
  return out;
}

}  // namespace

TEST_CASE("sac: updates from the same weights and batches are those of Stable-Baselines3") {
  SacSettings settings;
  settings.policy.hidden = settings.critic.hidden = {16, 16};
  settings.adam.learning_rate = 3e-3;
  settings.discount = 0.97;
  settings.tau = 0.02;
  settings.temperature = 0.2;
  ThreadPool pool(1);
  Sac sac(kObs, ActionBounds::uniform(kAction, -1, 1), settings, 1, pool);
  StateDict state = testing::state_of(sac);
  put_layers(state, "policy.network.", kSizes, 0);
  for (int i = 0; i < 2; ++i)
    for (const char* what : {".network.", ".target."})
      put_layers(state, "critic" + std::to_string(i) + what, kCriticSizes, 10.0 * (i + 1));
  sac.load(state, "");

  const Batchf obs = filled(kObs, kProbes, 500), action = filled(kAction, kProbes, 600, 0.9);
  Batchf both(kObs + kAction, kProbes);
  both << obs, action;
  int update = 0;
  for (const auto& expected : kReference) {
    INFO("update " << update + 1);
    sac.update(batch_of(update++));
    const Batchf policy = outputs(sac.policy().network(), obs);
    std::vector<float> got(policy.data(), policy.data() + policy.size());
    state = testing::state_of(sac);
    for (const char* what : {".network.", ".target."})
      for (int i = 0; i < 2; ++i) {
        nn::Network critic = sac.critic(i);
        critic.load(state, "critic" + std::to_string(i) + what);
        const Batchf values = outputs(critic, both);
        got.insert(got.end(), values.data(), values.data() + values.size());
      }
    got.push_back(static_cast<float>(sac.temperature()));
    REQUIRE(got.size() == kNumbers);
    for (std::size_t k = 0; k < kNumbers; ++k) {
      INFO("number " << k);
      CHECK(got[k] == Approx(expected[k]).margin(1e-5));
    }
  }
}

}  // namespace mbrl
