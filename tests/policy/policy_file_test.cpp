// Policies that leave the library: the C source, compiled, and the arrays give the library's actions.
#include "mbrl/policy/policy_file.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "policy/uneven_bounds.hpp"

namespace mbrl {
namespace {

using testing::kBounds;

constexpr int kObs = 4, kCount = 200;

MlpPolicy trained_policy_of(Activation activation, bool layer_norm, PolicyOutput output,
                            std::vector<int> hidden) {
  MlpPolicySettings settings;
  settings.output = output;
  settings.network = {.hidden = std::move(hidden), .activation = activation, .layer_norm = layer_norm};
  MlpPolicy policy(kObs, kBounds, settings, 3);
  const RandomStream random(5, Stream::kUser);
  for (int l = 0; l < static_cast<int>(policy.network().layers().size()); ++l) {
    nn::Network::Plain plain = policy.network().layer(l);  // gains and shifts as training leaves them
    for (Index i = 0; i < plain.gain.size(); ++i) {
      plain.gain(i) += 0.3f * static_cast<float>(random.normal(static_cast<std::uint32_t>(l), 1,
                                                               static_cast<std::uint32_t>(i)));
      plain.shift(i) += 0.3f * static_cast<float>(random.normal(static_cast<std::uint32_t>(l), 2,
                                                                static_cast<std::uint32_t>(i)));
    }
    policy.network().set_layer(l, plain);
  }
  return policy;
}

Batchf observations() {
  Batchf obs(kObs, kCount);
  const RandomStream random(6, Stream::kUser);
  for (Index j = 0; j < kCount; ++j)
    for (Index i = 0; i < kObs; ++i)
      obs(i, j) = 2.0f * static_cast<float>(
                             random.normal(static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(i)));
  obs.col(0).setZero();
  obs.col(1).setConstant(1e6f);  // far out: at the bounds
  return obs;
}

template <class P>
Batchf actions_of(const P& policy, const Batchf& obs) {
  Batchf action(policy.action_dim(), obs.cols()), memory(0, obs.cols());
  typename P::Workspace workspace;
  policy.mode(obs, memory, action, workspace);
  return action;
}

// The header under a main that reads observations and writes actions as %.9g, compiled as strict C99 and run.
Batchf compiled(const std::string& header, const Batchf& obs, Index actions = 3) {
  const TemporaryFolder folder;
  write_file_atomically(folder / "policy.h", header);
  std::ofstream(folder / "main.c")
      << "#include <stdio.h>\n#include \"policy.h\"\n"
         "int main(void) {\n"
         "  float obs[HOP_OBS_DIM], action[HOP_ACTION_DIM];\n"
         "  for (;;) {\n"
         "    for (int i = 0; i < HOP_OBS_DIM; ++i)\n"
         "      if (scanf(\"%f\", &obs[i]) != 1) return 0;\n"
         "    hop(obs, action);\n"
         "    for (int i = 0; i < HOP_ACTION_DIM; ++i) printf(\"%.9g \", action[i]);\n"
         "  }\n}\n";
  std::ofstream in(folder / "in.txt");
  in.precision(9);
  for (Index j = 0; j < obs.cols(); ++j)
    for (Index i = 0; i < obs.rows(); ++i) in << obs(i, j) << '\n';
  in.close();
  const std::string at = folder.path().string();
  const std::string command = "cd '" + at +
                              "' && cc -std=c99 -pedantic -Wall -Wextra -Werror -O1 main.c -o run -lm && "
                              "./run < in.txt > out.txt";
  REQUIRE(std::system(command.c_str()) == 0);
  std::istringstream out(read_file(folder / "out.txt"));
  Batchf action(actions, obs.cols());
  for (Index j = 0; j < action.cols(); ++j)
    for (Index i = 0; i < action.rows(); ++i) REQUIRE(out >> action(i, j));
  return action;
}

// As docs/export.md does it in numpy, in double precision.
Batchf by_arrays(const StateDict& arrays, const Batchf& obs) {
  Batchd x = obs.cast<double>();
  const int layers = std::stoi(arrays.metadata.at("layers"));
  const std::string activation = arrays.metadata.at("activation");
  for (int l = 0; l < layers; ++l) {
    const std::string own = "layers." + std::to_string(l) + ".";
    // [out][in], row by row
    const Batchd w = arrays.get_matrix<float>(own + "weight").cast<double>().transpose();
    const std::vector<float> b = arrays.get<float>(own + "bias");
    x = (w * x).colwise() + Eigen::Map<const Vecf>(b.data(), w.rows()).cast<double>();
    if (l + 1 == layers) break;
    if (arrays.metadata.at("layer_norm") == "true") {
      const auto g = arrays.get<float>(own + "gain"), h = arrays.get<float>(own + "shift");
      for (Index j = 0; j < x.cols(); ++j) {
        const double mean = x.col(j).mean(), square = (x.col(j).array() - mean).square().mean();
        for (Index i = 0; i < x.rows(); ++i)
          x(i, j) = static_cast<double>(g[static_cast<std::size_t>(i)]) * (x(i, j) - mean) /
                        std::sqrt(square + 1e-5) +
                    static_cast<double>(h[static_cast<std::size_t>(i)]);
      }
    }
    for (double& z : x.reshaped())
      z = activation == "relu"   ? std::max(z, 0.0)
          : activation == "tanh" ? std::tanh(z)
          : activation == "silu" ? z / (1 + std::exp(-z))
                                 : (z > 0 ? z : std::expm1(z));
  }
  if (arrays.metadata.contains("choices")) {
    Batchf choice(1, obs.cols());
    for (Index j = 0; j < obs.cols(); ++j) {
      Index best = 0;
      x.col(j).maxCoeff(&best);
      choice(0, j) = static_cast<float>(best);
    }
    return choice;
  }
  const auto mid = arrays.get<float>("action_mid"), half = arrays.get<float>("action_half");
  Batchf action(static_cast<Index>(mid.size()), obs.cols());
  for (Index i = 0; i < action.rows(); ++i)
    for (Index j = 0; j < action.cols(); ++j)
      action(i, j) = mid[static_cast<std::size_t>(i)] +
                     half[static_cast<std::size_t>(i)] * static_cast<float>(std::tanh(x(i, j)));
  return action;
}

TEST_CASE("policy file: C source and arrays give the policy's actions within 1e-6") {
  const Batchf obs = observations();
  const auto check = [&](const MlpPolicy& policy) {
    const Batchf expected = actions_of(policy, obs);
    CHECK((compiled(policy_c_header(policy, "hop", "A test"), obs) - expected).cwiseAbs().maxCoeff() <=
          1e-6f);
    CHECK((by_arrays(policy_arrays(policy), obs) - expected).cwiseAbs().maxCoeff() <= 1e-6f);
  };
  for (const Activation activation :
       {Activation::kSilu, Activation::kRelu, Activation::kTanh, Activation::kElu}) {
    CAPTURE(activation);
    check(trained_policy_of(activation, false, PolicyOutput::kSquashedGaussian, {20, 30}));
    check(trained_policy_of(activation, true, PolicyOutput::kTanh, {20, 30}));
  }
  check(trained_policy_of(Activation::kRelu, false, PolicyOutput::kTanh, {}));  // linear under tanh
  check(trained_policy_of(Activation::kRelu, false, PolicyOutput::kSquashedGaussian, {256, 256}));
}

TEST_CASE("policy file: batch normalisation is in the weights that are written") {
  MlpPolicySettings settings;
  settings.network.hidden = {20, 30};
  settings.network.batch_norm = {.on = true, .momentum = 0.2};
  MlpPolicy policy(kObs, kBounds, settings, 3);
  nn::Pass pass(policy.network(), kCount);
  Batchf obs = observations();
  obs.col(1).setConstant(3.0f);
  pass.set_input(obs);
  pass.forward_in_batch(policy.network(), kCount);
  const Batchf before = actions_of(policy, obs);
  policy.network().follow(pass);
  const Batchf expected = actions_of(policy, obs);
  CHECK((before - expected).cwiseAbs().maxCoeff() > 0.1f);
  CHECK((compiled(policy_c_header(policy, "hop", "A test"), obs) - expected).cwiseAbs().maxCoeff() <= 2e-6f);
  CHECK((by_arrays(policy_arrays(policy), obs) - expected).cwiseAbs().maxCoeff() <= 2e-6f);
}

TEST_CASE("policy file: C source and arrays make the policy's choices") {
  const Batchf obs = observations();
  for (const bool layer_norm : {false, true}) {
    CategoricalPolicy policy(kObs, ActionBounds::choice_of(3),
                             {.hidden = {20, 30}, .activation = Activation::kTanh, .layer_norm = layer_norm},
                             3);
    nn::Network::Plain last = policy.network().layer(2);
    last.bias.setZero();
    policy.network().set_layer(2, last);
    const Batchf expected = actions_of(policy, obs);
    CHECK(expected.minCoeff() < expected.maxCoeff());  // more than one is made
    CHECK(compiled(policy_c_header(policy, "hop", "A test"), obs, 1) == expected);
    CHECK(by_arrays(policy_arrays(policy), obs) == expected);
  }
}

TEST_CASE("policy file: names that are none in C are refused, and numbers are exact") {
  const MlpPolicy policy = trained_policy_of(Activation::kRelu, false, PolicyOutput::kTanh, {3});
  for (const char* name : {"", "2nd", "my policy", "a-b", "x;y", "double", "main"})
    CHECK(contains(error_of([&] { policy_c_header(policy, name, ""); }), "no name for a function"));
  CHECK(contains(error_of([&] { policy_c_header(policy, "hop", "a */ b"); }), "would end the comment"));
  const std::string text = policy_c_header(policy, "hop", "Some *words*");
  CHECK(contains(text, "Some *words*"));
  CHECK(contains(text, "hop_half[3] = {\n  0x1.8p+0f, 0x1p-3f, 0x1p+0f};"));
  CHECK(contains(text, "#define HOP_OBS_DIM 4\n"));
}

}  // namespace
}  // namespace mbrl
