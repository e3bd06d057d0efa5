// Identification of analytic systems: what is known of it is recovered, covered, named or missed.
#include "mbrl/models/identification/identification.hpp"

#include <cmath>
#include <string>

#include "catch.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/analytic/systems.hpp"
#include "mbrl/models/identification/analytic_family.hpp"

namespace mbrl {
namespace {

static_assert(ParametricModel<AnalyticFamily<CartPoleSystem>>);

// States and actions drawn apart from one another, and what comes of them, with noise on it.
template <class System>
IdentificationData transitions(const System& system, Index n, const Vecd& noise, std::uint64_t seed,
                               double force = 5.0) {
  const AnalyticModel<System> model(system, {.dt = 0.05});
  const RandomStream random(seed, Stream::kUser);
  IdentificationData data{Batchd(System::kObsDim, n), Batchd(System::kActionDim, n),
                          Batchd(System::kObsDim, n),
                          std::vector<std::uint8_t>(static_cast<std::size_t>(n), 0)};
  for (Index t = 0; t < n; ++t) {
    const auto column = static_cast<std::uint32_t>(t);
    for (Index i = 0; i < data.obs.rows(); ++i)
      data.obs(i, t) = random.uniform(-3.0, 3.0, 0, column, static_cast<std::uint32_t>(i));
    for (Index i = 0; i < data.action.rows(); ++i)
      data.action(i, t) = random.uniform(-force, force, 1, column, static_cast<std::uint32_t>(i));
  }
  typename AnalyticModel<System>::Workspace workspace;
  model.step(data.obs, data.action, data.next_obs, workspace);
  for (Index t = 0; t < n; ++t)
    for (Index i = 0; i < data.obs.rows(); ++i)
      data.next_obs(i, t) +=
          noise(i) * random.normal(2, static_cast<std::uint32_t>(t), static_cast<std::uint32_t>(i));
  return data;
}

template <class System>
AnalyticFamily<System> family(const System& system) {
  return AnalyticFamily<System>(AnalyticModel<System>(system, {.dt = 0.05}));
}

TEST_CASE("identify: a cart-pole's masses and length from exact transitions") {
  ThreadPool pool(2);
  const CartPoleSystem truth{.cart_mass = 1.3, .pole_mass = 0.21, .length = 0.8};
  const auto data = transitions(truth, 200, Vecd::Zero(4), 1);
  const IdentificationReport report =
      identify(family(CartPoleSystem{}), {{"cart_mass"}, {"pole_mass"}, {"length"}}, data, pool);
  CHECK(report.converged);
  CHECK(report.parameters[0].value == Approx(1.3).epsilon(1e-6));
  CHECK(report.parameters[1].value == Approx(0.21).epsilon(1e-6));
  CHECK(report.parameters[2].value == Approx(0.8).epsilon(1e-6));
  CHECK(report.values(3) == 9.81);  // was not sought
  CHECK(report.undetermined.empty());
  CHECK_FALSE(report.lacks_structure());
  CHECK(report.remarks().empty());
}

TEST_CASE("identify: any number of threads gives the same numbers") {
  const auto data =
      transitions(AcrobotSystem{.mass2 = 1.4, .com1 = 0.6}, 150, Vecd::Constant(4, 0.01), 2, 1.0);
  ThreadPool one(1), four(4);
  const std::vector<SoughtParameter> sought = {{"mass1"}, {"mass2"}, {"com1"}};
  const IdentificationReport a = identify(family(AcrobotSystem{}), sought, data, one),
                             b = identify(family(AcrobotSystem{}), sought, data, four);
  CHECK(a.values == b.values);
  CHECK(a.covariance == b.covariance);
}

TEST_CASE("identify: 95 % intervals hold the truth in 95 of 100 noisy data sets") {
  ThreadPool pool(1);
  const PendulumSystem truth{.mass = 0.7, .length = 1.2, .damping = 0.3};
  constexpr int kSets = 200;
  int held[3] = {}, white = 0;
  for (int set = 0; set < kSets; ++set) {
    // The noise of angles and of velocities is of other sizes, which is not told.
    const auto data = transitions(truth, 100, Vecd{{0.001, 0.05}}, 100 + static_cast<std::uint64_t>(set));
    const auto report = identify(family(PendulumSystem{.mass = 1, .length = 1, .damping = 0.1}),
                                 {{"mass"}, {"length"}, {"damping"}}, data, pool);
    REQUIRE(report.undetermined.empty());
    const double truths[] = {0.7, 1.2, 0.3};
    for (std::size_t k = 0; k < 3; ++k)
      held[k] += report.parameters[k].low < truths[k] && truths[k] < report.parameters[k].high;
    white += !report.lacks_structure();
  }
  CAPTURE(held[0], held[1], held[2], white);
  // 190 +- 3.1; four standard deviations either way.
  for (const int count : held) CHECK((count >= 178 && count <= 199));
  CHECK(white >= kSets - 2);
}

TEST_CASE("identify: friction that the model lacks shows in what is left") {
  ThreadPool pool(1);
  const Vecd noise{{0.001, 0.01}};
  const auto data = transitions(PendulumSystem{.mass = 0.7, .length = 1.2, .damping = 0.3}, 200, noise, 5);
  const auto without = identify(family(PendulumSystem{}), {{"mass"}, {"length"}}, data, pool);
  CHECK(without.lacks_structure());
  CHECK(without.dimensions[1].missing > 3 * 0.01);
  REQUIRE_FALSE(without.remarks({"angle", "velocity"}).empty());
  CHECK_THAT(without.remarks({"angle", "velocity"}).back(), Catch::Contains("lack something"));
  const auto with = identify(family(PendulumSystem{}), {{"mass"}, {"length"}, {"damping", 0.1}}, data, pool);
  CHECK_FALSE(with.lacks_structure());
  CHECK(with.dimensions[1].left == Approx(0.01).epsilon(0.15));
}

TEST_CASE("identify: what the data do not show is named") {
  ThreadPool pool(1);
  // Gravity, length and mass of a pendulum without friction: two numbers for three.
  const auto data = transitions(PendulumSystem{}, 100, Vecd{{0.001, 0.01}}, 6);
  const auto three = identify(family(PendulumSystem{}), {{"mass"}, {"length"}, {"gravity"}}, data, pool);
  REQUIRE(three.undetermined.size() == 1);
  CHECK(three.undetermined[0].parts.size() == 3);
  for (const ParameterEstimate& p : three.parameters) CHECK_FALSE(p.determined);
  CHECK_THAT(three.remarks().front(), Catch::Contains("mass") && Catch::Contains("gravity"));
  // mass length^2 and gravity / length stay: logarithms move as (-2, 1, 1).
  double mass = 0, length = 0;
  for (const auto& [name, along] : three.undetermined[0].parts) {
    if (name == "mass") mass = along;
    if (name == "length") length = along;
  }
  CHECK(mass / length == Approx(-2).epsilon(0.01));

  // From far away along that line, too, the parameters stand as near to their start as they can: at right angles.
  const auto far =
      identify(family(PendulumSystem{}), {{"mass", 50.0}, {"length", 0.3}, {"gravity", 3.0}}, data, pool);
  REQUIRE(far.undetermined.size() == 1);
  CHECK_THAT(far.remarks().front(), Catch::StartsWith("not determined one by one"));
  double along = 0;
  for (const auto& [name, part] : far.undetermined[0].parts)
    for (const ParameterEstimate& p : far.parameters)
      if (p.name == name) along += part * std::log(p.value / p.start);
  CHECK(std::abs(along) < 0.1);

  // A cart whose pole hangs at rest: nothing of gravity is to be seen.
  auto still = transitions(CartPoleSystem{}, 50, Vecd::Zero(4), 7);
  still.obs.row(1).setZero();
  still.obs.row(3).setZero();
  AnalyticModel<CartPoleSystem>::Workspace workspace;
  AnalyticModel<CartPoleSystem>(CartPoleSystem{}, {.dt = 0.05, .method = Integrator::kEuler})
      .step(still.obs, still.action, still.next_obs, workspace);
  const AnalyticFamily<CartPoleSystem> euler(
      AnalyticModel<CartPoleSystem>(CartPoleSystem{}, {.dt = 0.05, .method = Integrator::kEuler}));
  const auto hidden = identify(euler, {{"cart_mass", 1.0}, {"gravity", 5.0}}, still, pool);
  CHECK(hidden.parameters[0].determined);
  CHECK(hidden.parameters[0].value == Approx(2).epsilon(1e-6));
  CHECK_FALSE(hidden.parameters[1].determined);
  CHECK(hidden.parameters[1].value == 5.0);
  CHECK(hidden.parameters[1].low == 0);
  CHECK(std::isinf(hidden.parameters[1].high));
  REQUIRE(hidden.remarks().size() == 1);
  CHECK_THAT(hidden.remarks()[0], Catch::StartsWith("gravity is not determined"));
}

TEST_CASE("identify: bad input is refused in words") {
  ThreadPool pool(1);
  const auto cartpole = family(CartPoleSystem{});
  const auto data = transitions(CartPoleSystem{}, 10, Vecd::Zero(4), 8);
  const auto with = [&](const auto& change) {
    IdentificationData changed = data;
    change(changed);
    return changed;
  };
  const auto refused = [&](const IdentificationData& given, const std::vector<SoughtParameter>& sought,
                           const std::string& why) {
    CHECK_THROWS_WITH(identify(cartpole, sought, given, pool), Catch::Contains(why));
  };
  refused(data, {}, "no parameter is sought");
  refused(data, {{"cart_mas"}}, "did you mean 'cart_mass'");
  refused(data, {{"length"}, {"length"}}, "named twice");
  refused(data, {{"length", 0.0}}, "starts at 0");
  refused(data, {{"length", NAN}}, "expected a finite number");
  refused(data, {{"pole_mass"}, {"cart_mass", -1.0}}, "'cart_mass' starts at -1, expected more than 0");
  AnyParametricModel hanging = any_parametric_model(cartpole);
  hanging.parameters[3].value = -9.81;
  CHECK_THROWS_WITH(identify(hanging, {{"gravity", 9.81}}, data, pool),
                    Catch::Contains("starts at 9.81, expected less than 0, as in the model"));
  refused(with([](auto& d) { d.obs(1, 3) = NAN; }), {{"length"}}, "not finite");
  refused(with([](auto& d) { d.action.conservativeResize(1, 9); }), {{"length"}}, "action's columns");
  refused(with([](auto& d) { d.next_obs = d.obs; }), {{"length"}}, "no observation changes");
  refused(with([](auto& d) {
            d.obs = d.obs.leftCols(1).eval();
            d.action = d.action.leftCols(1).eval();
            d.next_obs = d.next_obs.leftCols(1).eval();
            d.goes_on.resize(1);
          }),
          {{"length"}, {"cart_mass"}, {"pole_mass"}, {"gravity"}}, "more numbers than parameters");
  CHECK_THROWS_WITH(identify(cartpole, {{"length"}}, data, pool, {.confidence = 1.0}),
                    Catch::Contains("confidence is 1"));
}

TEST_CASE("identify: doubled rows and a dimension that stands still do no harm") {
  ThreadPool pool(1);
  const PendulumSystem truth{.mass = 0.7, .length = 1.2};
  auto data = transitions(truth, 40, Vecd::Zero(2), 9);
  data.obs.rightCols(20) = data.obs.leftCols(20).eval();
  data.action.rightCols(20) = data.action.leftCols(20).eval();
  data.next_obs.rightCols(20) = data.next_obs.leftCols(20).eval();
  const auto report = identify(family(PendulumSystem{}), {{"mass"}, {"length"}}, data, pool);
  CHECK(report.parameters[0].value == Approx(0.7).epsilon(1e-6));
  // A point mass that is pushed along x alone.
  auto line = transitions(PointMassSystem{.mass = 3}, 40, Vecd::Zero(4), 10);
  for (Batchd* m : {&line.obs, &line.next_obs})
    for (const Index row : {1, 3}) m->row(row).setZero();
  const auto mass = identify(family(PointMassSystem{}), {{"mass"}}, line, pool);
  CHECK(mass.parameters[0].value == Approx(3).epsilon(1e-6));
}

std::string all_remarks(const IdentificationReport& report) {
  std::string all;
  for (const std::string& remark : report.remarks()) all += remark + "\n";
  return all;
}

TEST_CASE("identify: a model that predicts worse than no change is said to") {
  ThreadPool pool(1);
  const auto data = transitions(CartPoleSystem{}, 100, Vecd::Zero(4), 11);
  const auto worse = identify(family(CartPoleSystem{.cart_mass = 0.001}), {{"gravity"}}, data, pool);
  REQUIRE_FALSE(worse.worse_than_nothing().empty());
  CHECK_THAT(all_remarks(worse), Catch::Contains("worse than 'nothing changes'"));
  const auto well = identify(family(CartPoleSystem{}), {{"cart_mass", 1.0}}, data, pool);
  CHECK(well.worse_than_nothing().empty());
  CHECK(well.remarks().empty());
}

TEST_CASE("identify: what is left that lasts from step to step points at the time step") {
  ThreadPool pool(1);
  // A pendulum that falls along, of which the model takes half the step.
  const AnalyticModel<PendulumSystem> model(PendulumSystem{}, {.dt = 0.02});
  AnalyticModel<PendulumSystem>::Workspace workspace;
  IdentificationData data{Batchd(2, 100), Batchd::Zero(1, 100), Batchd(2, 100)};
  Batchd at{{1.0}, {0.0}}, next(2, 1);
  for (Index t = 0; t < 100; ++t) {
    model.step(at, Batchd::Zero(1, 1), next, workspace);
    data.obs.col(t) = at;
    data.next_obs.col(t) = next;
    at = next;
  }
  const AnalyticFamily half(AnalyticModel<PendulumSystem>(PendulumSystem{}, {.dt = 0.01}));
  CHECK_THAT(all_remarks(identify(half, {{"length"}}, data, pool)), Catch::Contains("time step may not be"));
  CHECK(identify(AnalyticFamily(model), {{"length", 0.8}}, data, pool).remarks().empty());
}

TEST_CASE("identify: a parameter that runs away says so and stays finite") {
  ThreadPool pool(1);
  const auto data = transitions(CartPoleSystem{}, 100, Vecd::Zero(4), 12);
  // Gravity that is sought with the wrong sign: the best of those is none.
  AnyParametricModel any = any_parametric_model(family(CartPoleSystem{}));
  any.parameters[3].either_sign = true;
  const auto upwards = identify(any, {{"gravity", -9.81}}, data, pool);
  REQUIRE(upwards.undetermined.size() == 1);
  CHECK(upwards.undetermined[0].blindness == Blindness::kToZero);
  CHECK(upwards.parameters[0].value <= 0);
  CHECK(upwards.parameters[0].value > -0.1);
  CHECK_THAT(all_remarks(upwards),
             Catch::Contains("gravity ran to 0") && !Catch::Contains("the same whatever"));

  // One row again and again, of a push that no mass explains.
  IdentificationData rows{Batchd::Zero(4, 50), Batchd::Constant(1, 50, 5.0), Batchd::Zero(4, 50)};
  rows.next_obs.row(2).setConstant(1e15);
  const auto light = identify(any, {{"cart_mass"}, {"pole_mass"}}, rows, pool);
  for (const ParameterEstimate& p : light.parameters) {
    CAPTURE(p.name, p.value);
    CHECK(std::isfinite(p.value));
    CHECK(p.value >= 0.999e-9 * p.start);
  }
  CHECK_THAT(all_remarks(light), !Catch::Contains("the same whatever"));
}

TEST_CASE("identify: that the data look the same is said only where that was found") {
  ThreadPool pool(1);
  const auto data = transitions(CartPoleSystem{}, 100, Vecd::Zero(4), 13);
  const auto cartpole = family(CartPoleSystem{});
  const std::vector<SoughtParameter> sought = {{"pole_mass", 0.01}};
  const auto stopped =
      identify(cartpole, sought, data, pool, {.solver = {.iterations = 1}, .reweightings = 0});
  CHECK_FALSE(stopped.converged);
  CHECK(stopped.undetermined.empty());
  CHECK_FALSE(stopped.parameters[0].determined);
  CHECK(std::isinf(stopped.parameters[0].high));
  CHECK_THAT(all_remarks(stopped),
             Catch::Contains("did not converge") && !Catch::Contains("the same whatever"));
  CHECK(identify(cartpole, sought, data, pool).parameters[0].value == Approx(0.5).epsilon(1e-6));

  const auto tiny = identify(cartpole, {{"cart_mass", 1e-300}}, data, pool);
  REQUIRE(tiny.undetermined.size() == 1);
  CHECK(tiny.undetermined[0].blindness == Blindness::kHere);
  CHECK_THAT(all_remarks(tiny), Catch::Contains("2, the model's own number; start there") &&
                                    !Catch::Contains("the same whatever"));
}

}  // namespace
}  // namespace mbrl
