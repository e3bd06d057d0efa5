// Which model for how much data? A cart-pole with friction is learned from few to many transitions by models that assume
// much or little: its equations with unknown masses (with and without the friction), a linear model, Gaussian processes
// and networks. What assumes much is good at once and stays where its assumptions are wrong; what assumes little ends
// better. Atkeson and Santamaria, "A comparison of direct and model-based reinforcement learning", ICRA 1997, argue for
// the former; Deisenroth and Rasmussen, "PILCO", ICML 2011, and Chua et al., "PETS", NeurIPS 2018, stand for the others.
// Needs the core component alone.
//   under_and_over_modelling [folder for under_and_over_modelling.csv and .png [repetitions]]
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <numbers>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/output_path.hpp"
#include "mbrl/io/plot.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/gp/gp_trainer.hpp"
#include "mbrl/models/identification/analytic_family.hpp"
#include "mbrl/models/linear/linear_gaussian_model.hpp"
#include "mbrl/models/neural/ensemble_mean_model.hpp"
#include "mbrl/models/neural/native_trainer.hpp"

namespace {

using mbrl::Batchd;
using mbrl::Index;
using mbrl::Vecd;

// The library's cart-pole with viscous friction in both joints.
struct Cart : mbrl::CartPoleSystem {
  double cart_friction = 0.0;  // N s / m
  double pole_friction = 0.0;  // N m s

  template <class T>
  void derivative(const std::array<T, 4>& x, const std::array<T, 1>& u, std::array<T, 4>& dx) const {
    using std::cos, std::sin;
    const T s = sin(x[1]), c = cos(x[1]);
    const T force = u[0] - x[2] * cart_friction, torque = x[3] * (-pole_friction);
    const T inverse = 1.0 / (cart_mass + pole_mass * s * s);
    const T push = x[3] * x[3] * s * (length * pole_mass) + force - torque * c / length;
    dx[0] = x[2];
    dx[1] = x[3];
    dx[2] = (push + c * s * (pole_mass * gravity)) * inverse;
    dx[3] = -(dx[2] * c + s * gravity) / length + torque / (pole_mass * length * length);
  }
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    mbrl::CartPoleSystem::describe(s, field);
    field("cart_friction", s.cart_friction, "N s/m");
    field("pole_friction", s.pole_friction, "N m s");
  }
};
using Model = mbrl::AnalyticModel<Cart>;

constexpr double kDt = 0.05;
constexpr double kNoise = 0.05;  // standard deviation, on the next velocities; a tenth of it on positions
constexpr std::array kSizes = {8, 15, 30, 60, 125, 250, 500, 1000, 2000, 4000};
constexpr Index kTest = 2000;
const Cart kTruth = [] {
  Cart cart;
  cart.cart_friction = 2.0;
  cart.pole_friction = 0.2;
  return cart;
}();

// n transitions of states and forces drawn evenly, with noise on what comes next.
mbrl::TransitionBatch draw(Index n, std::uint32_t set, double noise) {
  const mbrl::RandomStream random(7, mbrl::Stream::kUser);
  const Vecd range{{1.5, std::numbers::pi, 2.0, 6.0}};
  Batchd obs(4, n), action(1, n), next(4, n);
  for (Index t = 0; t < n; ++t) {
    const auto column = static_cast<std::uint32_t>(t);
    for (Index i = 0; i < 4; ++i)
      obs(i, t) = range(i) * random.uniform(-1.0, 1.0, set, column, static_cast<std::uint32_t>(i));
    action(0, t) = 20 * random.uniform(-1.0, 1.0, set, column, 4);
  }
  Model::Workspace none;
  Model(kTruth, {.dt = kDt}).step(obs, action, next, none);
  for (Index t = 0; t < n; ++t)
    for (Index i = 0; i < 4; ++i)
      next(i, t) += (i < 2 ? 0.1 : 1.0) * noise *
                    random.normal(set, static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i), 1);
  return {obs.cast<float>(), action.cast<float>(), next.cast<float>(), {}};
}

// What networks and Gaussian processes see: the angle as sine and cosine.
mbrl::ObsEncoding encoding() {
  using Kind = mbrl::ObsFeature::Kind;
  mbrl::ObsEncoding e = mbrl::ObsEncoding::identity(4);
  e.features = {
      {Kind::kIdentity, 0}, {Kind::kSin, 1}, {Kind::kCos, 1}, {Kind::kIdentity, 2}, {Kind::kIdentity, 3}};
  return e;
}

// Root mean square error of the next velocities, in units of their change.
template <class M>
double error(const M& model, const mbrl::TransitionBatch& test) {
  using S = typename M::Scalar;
  mbrl::Batch<S> next(4, test.obs.cols());
  typename M::Workspace workspace;
  model.step(mbrl::Batch<S>(test.obs.cast<S>()), mbrl::Batch<S>(test.action.cast<S>()), next, workspace);
  const Batchd truth = test.next_obs.cast<double>(), change = truth - test.obs.cast<double>();
  const Batchd wrong = next.template cast<double>() - truth;
  double sum = 0;
  for (Index i = 2; i < 4; ++i) sum += wrong.row(i).squaredNorm() / change.row(i).squaredNorm() / 2;
  return std::sqrt(sum);
}

double equations(const mbrl::TransitionBatch& data, const mbrl::TransitionBatch& test,
                 const std::vector<mbrl::SoughtParameter>& sought, mbrl::ThreadPool& pool) {
  const mbrl::AnalyticFamily<Cart> family(Model({}, {.dt = kDt}));
  const mbrl::IdentificationData given{data.obs.cast<double>(), data.action.cast<double>(),
                                       data.next_obs.cast<double>()};
  return error(family.model(mbrl::identify(family, sought, given, pool).values), test);
}

double linear(const mbrl::TransitionBatch& data, const mbrl::TransitionBatch& test) {
  mbrl::LinearGaussianModel model(4, 1);
  mbrl::RidgeTrainer({.ridge = 1e-3}).train(data, model);
  return error(model, test);
}

double gaussian_processes(const mbrl::TransitionBatch& data, const mbrl::TransitionBatch& test,
                          mbrl::ThreadPool& pool, std::uint64_t seed) {
  mbrl::GpModel model(encoding(), 1);
  mbrl::GpTrainer({.max_points = 250, .restarts = 0}, pool, seed).train(data, model, 0);
  return error(model, test);
}

double networks(const mbrl::TransitionBatch& data, const mbrl::TransitionBatch& test, mbrl::ThreadPool& pool,
                std::uint64_t seed) {
  mbrl::MlpEnsemble model =
      mbrl::MlpEnsemble::create({.members = 3, .hidden = {64, 64}}, encoding(), 1, seed);
  const Index batches = (data.obs.cols() + 31) / 32;  // an epoch
  mbrl::NativeTrainer trainer({.epochs = static_cast<int>(std::clamp<Index>(4000 / batches, 40, 400))}, pool,
                              seed);
  trainer.train(data, model, 0);
  return error(mbrl::EnsembleMeanModel(model), test);
}

}  // namespace

int main(int argc, char** argv) try {
  CLI::App app("Models that assume much and little, learned from few transitions and many");
  std::string out;
  int repetitions = 3;
  app.add_option("folder", out,
                 "Folder for under_and_over_modelling.csv and .png (default: none are written)");
  app.add_option("repetitions", repetitions, "Data sets of each size, of which the median is shown")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const std::filesystem::path folder = out;
  if (!out.empty()) mbrl::require_writable_folder(folder);  // before the work
  mbrl::ThreadPool pool;
  const mbrl::TransitionBatch test = draw(kTest, 1000, 0.0);
  const std::vector<mbrl::SoughtParameter> masses = {{"cart_mass", 1.0}, {"pole_mass", 1.0}, {"length", 0.7}};
  std::vector<mbrl::SoughtParameter> all = masses;
  all.push_back({"cart_friction", 0.5});
  all.push_back({"pole_friction", 0.5});

  std::vector<mbrl::PlotSeries> curves = {{"equations, with friction", {}, {}},
                                          {"equations without friction", {}, {}},
                                          {"linear", {}, {}},
                                          {"Gaussian processes (250 points)", {}, {}},
                                          {"networks", {}, {}}};
  std::string csv = "transitions,equations,without_friction,linear,gp,networks\n";
  std::printf("one-step error of the velocities, in units of their change; median of %d\n", repetitions);
  std::printf("%12s %10s %16s %10s %10s %10s\n", "transitions", "equations", "without friction", "linear",
              "gp", "networks");
  for (const int n : kSizes) {
    std::array<std::vector<double>, 5> errors;
    for (int k = 0; k < repetitions; ++k) {
      const auto set = static_cast<std::uint32_t>(k);
      const mbrl::TransitionBatch data = draw(n, set, kNoise);
      errors[0].push_back(equations(data, test, all, pool));
      errors[1].push_back(equations(data, test, masses, pool));
      errors[2].push_back(linear(data, test));
      errors[3].push_back(gaussian_processes(data, test, pool, set));
      errors[4].push_back(networks(data, test, pool, set));
    }
    std::printf("%12d", n);
    csv += std::to_string(n);
    for (std::size_t i = 0; i < errors.size(); ++i) {
      std::sort(errors[i].begin(), errors[i].end());
      const double median = errors[i][errors[i].size() / 2];
      curves[i].x.push_back(std::log10(n));
      curves[i].y.push_back(std::log10(median));
      curves[i].low.push_back(std::log10(errors[i].front()));
      curves[i].high.push_back(std::log10(errors[i].back()));
      std::printf(i == 1 ? " %16.4f" : " %10.4f", median);
      csv += mbrl::detail::concat(',', median);
    }
    csv += '\n';
    std::printf("\n");
    std::fflush(stdout);
  }
  if (out.empty()) return 0;
  mbrl::write_file_atomically(folder / "under_and_over_modelling.csv", csv);
  mbrl::plot_lines(folder / "under_and_over_modelling.png",
                   {"Assumptions against data", "log10 of transitions", "log10 of the one-step error"},
                   curves);
  return 0;
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
