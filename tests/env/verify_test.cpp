// The verifier on a recording that is right, and on ones made wrong on purpose.
#include "mbrl/env/verify.hpp"

#include <cmath>
#include <limits>
#include <string>

#include "catch.hpp"
#include "mbrl/env/analytic_environment.hpp"
#include "mbrl/env/classic/pendulum.hpp"
#include "paths.hpp"

using namespace mbrl;

namespace {

const std::string kFile = test::data_folder() / "reference/classic_pendulum.csv";

AnyEnvironment pendulum() { return AnyEnvironment(Pendulum()); }

const VerifyReport::Group& group(const VerifyReport& report, const std::string& name) {
  for (const auto& g : report.groups)
    if (g.name == name) return g;
  FAIL("no group " << name);
  return report.groups.front();
}

}  // namespace

TEST_CASE("verify: the recorded pendulum is reproduced") {
  AnyEnvironment env = pendulum();
  const VerifyReport report = verify_recording(env, kFile);
  INFO(to_string(report));
  CHECK(report.within());
  CHECK(report.steps == 200);
  REQUIRE(report.groups.size() == 4);  // the recording has no model_in columns
  CHECK(group(report, "state").compared == 400);
  CHECK(group(report, "observation").compared == 603);
  CHECK(group(report, "reward").compared == 200);
  CHECK(group(report, "terminated").compared == 200);
  for (const auto& g : report.groups) CHECK(g.largest.error < 1e-12);
  CHECK(to_string(report).find("within tolerance") != std::string::npos);
}

TEST_CASE("verify: a changed number is found, with its step and column") {
  AnyEnvironment env = pendulum();
  CsvTable table = read_csv(kFile);
  const std::size_t column = table.index("obs1"), at = 57 * table.columns.size() + column;
  const double truth = table.values[at];
  table.values[at] += 1e-5;
  VerifyReport report = verify_recording(env, table);
  CHECK_FALSE(report.within());
  REQUIRE(report.first_outside);
  CHECK(report.first_outside->step == 57);
  CHECK(report.first_outside->column == "obs1");
  CHECK(report.first_outside->simulated == Approx(truth));
  CHECK(group(report, "observation").largest.error ==
        Approx(1e-5 / (1.0 + std::abs(truth + 1e-5))).epsilon(1e-6));
  CHECK(group(report, "state").largest.error < 1e-12);
  CHECK(to_string(report).find("outside tolerance") != std::string::npos);
  CHECK(verify_recording(env, table, 1e-4).within());
  CHECK_FALSE(verify_recording(env, table, 1e-6).within());

  table.values[at] = std::numeric_limits<double>::infinity();
  CHECK_FALSE(verify_recording(env, table, 1e6).within());
}

TEST_CASE("verify: tolerance grows with the step, a wrong flag or reward counts") {
  CHECK(default_verify_tolerance(20) == 1e-9);
  CHECK(default_verify_tolerance(21) == 1e-8);
  CHECK(default_verify_tolerance(100) == 1e-7);
  CHECK(default_verify_tolerance(101) == 1e-6);
  AnyEnvironment env = pendulum();
  for (const char* name : {"terminated", "reward"}) {
    CsvTable table = read_csv(kFile);
    table.values[10 * table.columns.size() + table.index(name)] += 1.0;
    const VerifyReport report = verify_recording(env, table);
    REQUIRE(report.first_outside);
    CHECK(report.first_outside->column == name);
  }
}

TEST_CASE("verify: empty cells and missing columns are not compared") {
  AnyEnvironment env = pendulum();
  const CsvTable table = parse_csv("state0,state1,u0,reward_v1\n3,0.1,,\n,,0,\n,,0.25,-100\n", "short.csv");
  const VerifyReport report = verify_recording(env, table);
  CHECK(report.steps == 2);
  REQUIRE(report.groups.size() == 2);
  CHECK(group(report, "state").compared == 0);
  CHECK(group(report, "reward").compared == 1);  // found as the variant of version v1
  CHECK_FALSE(report.within());
}

TEST_CASE("verify: a recording that does not fit is refused") {
  AnyEnvironment env = pendulum();
  const auto refused = [&](const char* text) {
    CHECK_THROWS_AS(verify_recording(env, parse_csv(text, "test.csv")), Error);
  };
  refused("state0,state1,u0\n3,0.1,\n");                             // no step
  refused("qpos0,qvel0,u0\n3,0.1,\n3,0.1,1\n");                      // another kind of state
  refused("state0,state1,u0,u1\n3,0.1,,\n3,0.1,1,1\n");              // two actions
  refused("state0,state1,u0,obs0,obs1\n3,0.1,,1,1\n3,0.1,1,1,1\n");  // two observations
  refused("state0,state1,u0\n3,,\n3,0.1,1\n");                       // incomplete start
  refused("state0,state1,u0\n3,0.1,\n3,0.1,\n");                     // no action
  refused("state0,state1,u0\n3,0.1,\n,,0\n");                        // nothing to compare
  CHECK_THROWS_AS(verify_recording(env, kFile, 0.0), Error);
  CHECK_THROWS_AS(verify_recording(env, kFile, std::numeric_limits<double>::quiet_NaN()), Error);
  CHECK_THROWS_AS(verify_recording(env, std::string("/nonexistent.csv")), Error);
}

TEST_CASE("verify: a recorded nan is no empty cell") {
  AnyEnvironment env = pendulum();
  VerifyReport report =
      verify_recording(env, parse_csv("step,state0,state1,u0,reward\n0,3,0.1,,\n,,,0,nan\n", "nan.csv"), 1e6);
  REQUIRE(report.first_outside);
  CHECK(report.first_outside->column == "reward");
  CHECK(report.first_outside->step == 1);  // the row, where the step is not recorded
  CHECK(std::isinf(report.first_outside->error));

  struct Unseen {
    EnvSpec spec() const {
      EnvSpec spec;
      spec.name = "unseen";
      spec.obs_dim = 1;
      spec.action_low = Vecd::Constant(1, -1.0);
      spec.action_high = Vecd::Constant(1, 1.0);
      spec.max_steps = 10;
      spec.encoding = ObsEncoding::identity(1);
      return spec;
    }
    int state_dim() const { return 1; }
    void draw_start(const RandomStream&, Vecd&) const {}
    StepOutcome step(Vecd&, ConstVecRef<double>) const { return {}; }
    void observe(const Vecd&, Vecd& obs) const { obs(0) = std::numeric_limits<double>::quiet_NaN(); }
  };
  AnyEnvironment unseen{AnalyticEnvironment<Unseen>()};
  report = verify_recording(unseen, parse_csv("state0,u0,obs0\n0,,nan\n0,0,nan\n", "nan.csv"));
  CHECK(report.within());
  CHECK(group(report, "observation").compared == 2);
  CHECK(group(report, "observation").largest.error == 0.0);
  CHECK_FALSE(verify_recording(unseen, parse_csv("state0,u0,obs0\n0,,nan\n0,0,1\n", "one.csv")).within());
}
