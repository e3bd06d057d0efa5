// The vector kernels against the double-precision oracle, on every instruction set this processor has.
#include "mbrl/models/neural/packed_ensemble.hpp"

#include <array>
#include <string>
#include <vector>

#include "catch.hpp"
#include "each_target.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/rollout/noise.hpp"
#include "models/neural/ensemble_kernels.hpp"
#include "models/neural/ensemble_oracle.hpp"

namespace mbrl {
namespace {

TEST_CASE("packed ensemble: predictions agree with double precision on every instruction set") {
  ThreadPool pool(2);
  testing::for_each_target([&](const std::string& target) {
    INFO(target);
    for (const Activation activation :
         {Activation::kSilu, Activation::kRelu, Activation::kTanh, Activation::kElu}) {
      INFO("activation " << static_cast<int>(activation));
      for (const std::vector<int>& hidden : {std::vector<int>{200, 200, 200, 200}, {17, 33, 5}, {1}, {}}) {
        for (const bool gaussian : {true, false}) {
          const MlpEnsemble model = testing::lively_model(hidden, activation, gaussian, 2);
          const PackedEnsemble packed(model);
          const int batch = hidden.size() == 4 ? 70 : 53;
          const Batchf obs = 2.0f * testing::normals(5, batch, 1), action = testing::normals(2, batch, 2);
          Batchf mean(5, batch), logvar(5, batch), eigen_mean(5, batch), eigen_logvar(5, batch);
          packed.predict(1, obs, action, mean, logvar, pool);
          const testing::Prediction oracle = testing::predict_in_double(model, 1, obs, action);
          CHECK(testing::relative_error(mean, oracle.mean) < 1e-5);
          predict_member(model, 1, obs, action, eigen_mean, eigen_logvar);
          CHECK(testing::relative_error(mean, eigen_mean.cast<double>()) < 1e-5);
          if (gaussian) CHECK(testing::relative_error(logvar, oracle.logvar) < 1e-5);
        }
      }
    }
  });
}

TEST_CASE("packed ensemble: the bare network on prepared inputs") {
  ThreadPool pool(2);
  const MlpEnsemble model = testing::lively_model({24, 31}, Activation::kSilu, true, 3);
  const PackedEnsemble packed(model);
  const Batchf input = testing::normals(model.input_dim(), 101, 3);
  Batchf output(model.output_dim(), 101);
  for (int member = 0; member < 3; ++member) {
    packed.forward(member, input, output, pool);
    CHECK(testing::relative_error(
              output, testing::forward_in_double(packed.model(), member, input.cast<double>())) < 1e-5);
  }
  CHECK(flops_per_row(model) == 2.0 * (8 * 24 + 24 * 31 + 31 * 10));
}

TEST_CASE("packed ensemble: large and tiny activations survive silu") {
  ThreadPool pool(1);
  MlpEnsembleSettings settings;
  settings.members = 1;
  settings.hidden = {1};
  settings.gaussian = false;
  MlpEnsemble model = MlpEnsemble::create(settings, ObsEncoding::identity(1), 0, 1);
  model.members[0][0].weight = {1.0f};
  model.members[0][1].weight = {1.0f};
  testing::for_each_target([&](const std::string& target) {
    INFO(target);
    const PackedEnsemble packed(model);
    std::vector<float> values = {0.0f,  -0.0f,  1e-30f, -1e-20f, 1e-4f, -1e-4f,
                                 87.0f, -87.0f, 1e4f,   -1e4f,   1e30f, -1e30f};
    for (float x = -30.0f; x < 30.0f; x += 0.37f) values.push_back(x);
    const auto n = static_cast<Index>(values.size());
    const Batchf input = Eigen::Map<const Batchf>(values.data(), 1, n);
    Batchf output(1, n);
    packed.forward(0, input, output, pool);
    for (Index i = 0; i < n; ++i) {
      const double x = values[static_cast<std::size_t>(i)];
      const double exact = x / (1.0 + std::exp(-x));
      INFO("silu(" << x << ")");
      CHECK(output(0, i) == Approx(exact).epsilon(1e-6).margin(std::abs(x) < 10.0 ? 1e-37 : 1e-7));
    }
  });
}

TEST_CASE("packed ensemble: a column's result depends on nothing but the column") {
  const MlpEnsemble model = testing::lively_model({50, 60}, Activation::kSilu, true, 1);
  ThreadPool one(1), three(3);
  testing::for_each_target([&](const std::string& target) {
    INFO(target);
    const PackedEnsemble packed(model);
    const Batchf obs = testing::normals(5, 200, 1), action = testing::normals(2, 200, 2);
    Batchf mean(5, 200), logvar(5, 200), mean3(5, 200), logvar3(5, 200);
    packed.predict(0, obs, action, mean, logvar, one);
    packed.predict(0, obs, action, mean3, logvar3, three);
    CHECK(mean == mean3);
    CHECK(logvar == logvar3);
    for (const int first : {1, 13, 100}) {
      for (const int count : {1, 5, 20, 64}) {
        Batchf part(5, count), part_logvar(5, count);
        packed.predict(0, obs.middleCols(first, count), action.middleCols(first, count), part, part_logvar,
                       three);
        CHECK(part == mean.middleCols(first, count));
        CHECK(part_logvar == logvar.middleCols(first, count));
      }
    }
  });
}

TEST_CASE("packed ensemble: wrong dimensions are named") {
  ThreadPool pool(1);
  const PackedEnsemble packed(testing::lively_model({4}, Activation::kRelu, true, 2));
  Batchf mean(5, 3), logvar(5, 3);
  CHECK_THROWS_AS(packed.predict(2, Batchf::Zero(5, 3), Batchf::Zero(2, 3), mean, logvar, pool), Error);
  CHECK_THROWS_AS(packed.predict(0, Batchf::Zero(4, 3), Batchf::Zero(2, 3), mean, logvar, pool), Error);
  CHECK_THROWS_AS(packed.predict(0, Batchf::Zero(5, 3), Batchf::Zero(3, 3), mean, logvar, pool), Error);
  CHECK_THROWS_AS(packed.predict(0, Batchf::Zero(5, 3), Batchf::Zero(2, 4), mean, logvar, pool), Error);
  CHECK_THROWS_AS(packed.forward(0, Batchf::Zero(7, 3), mean, pool), Error);
  Batchf empty_mean(5, 0), empty_logvar(5, 0);
  CHECK_NOTHROW(packed.predict(0, Batchf::Zero(5, 0), Batchf::Zero(2, 0), empty_mean, empty_logvar, pool));
}

TEST_CASE("kernels: normals are those of the scalar generator and standard") {
  testing::for_each_target([&](const std::string& target) {
    INFO(target);
    const simd::EnsembleKernels& kernels = simd::ensemble_kernels();
    constexpr int kDims = 6, kColumns = 48;
    alignas(simd::kAlignment) std::array<float, 8 * kColumns> out{};
    std::array<std::uint32_t, kColumns> candidate{}, particle{};
    double sum = 0, square = 0, fourth = 0, neighbours = 0;
    int n = 0;
    for (std::uint32_t round = 0; round < 200; ++round) {
      for (std::uint32_t j = 0; j < kColumns; ++j)
        candidate[j] = round / 7, particle[j] = round * kColumns + j;
      kernels.normals({123u, 456u}, candidate.data(), particle.data(), round, kDims, kColumns, out.data());
      for (std::size_t j = 0; j < kColumns; ++j) {
        std::array<double, kDims> z{};
        particle_noise({123u, 456u}, candidate[j], particle[j], round, kDims, z.data());
        for (std::size_t i = 0; i < kDims; ++i) {
          const double x = out[i * kColumns + j];
          if (std::abs(x - z[i]) > 1e-5 * (1.0 + std::abs(z[i]))) CHECK(x == Approx(z[i]));
          sum += x, square += x * x, fourth += x * x * x * x;
          neighbours += x * static_cast<double>(out[(i + 1) % kDims * kColumns + j]);
          ++n;
        }
      }
    }
    CHECK(std::abs(sum / n) < 5.0 / std::sqrt(n));
    CHECK(std::abs(square / n - 1.0) < 5.0 * std::sqrt(2.0 / n));
    CHECK(std::abs(fourth / n - 3.0) < 5.0 * std::sqrt(96.0 / n));
    CHECK(std::abs(neighbours / n) < 5.0 / std::sqrt(n));
  });
}

}  // namespace
}  // namespace mbrl
