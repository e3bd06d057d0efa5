// Times of a round, by what they were spent on.
#include "mbrl/run/work_clock.hpp"

#include <chrono>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "mbrl/core/state_dict.hpp"

using namespace mbrl;

namespace {

void spend(WorkClock& clock, WorkKind work, int milliseconds) {
  const auto span = clock.time(work);
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

}  // namespace

TEST_CASE("work clock: time counts where it was spent, and a row holds all of a round") {
  MetricTable metrics = MetricTable::with(WorkClock::columns({{.name = "loss"}}));
  for (const char* name : {"collect_s", "model_s", "learn_s", "other_s"})
    CHECK(metrics.columns()[metrics.index(name)].wall_clock);

  const auto begun = std::chrono::steady_clock::now();
  WorkClock clock;
  spend(clock, WorkKind::kCollect, 2);
  spend(clock, WorkKind::kModel, 8);
  spend(clock, WorkKind::kCollect, 3);
  std::this_thread::sleep_for(std::chrono::milliseconds(4));
  CHECK(clock.seconds(WorkKind::kCollect) >= 0.005);
  CHECK(clock.seconds(WorkKind::kModel) >= 0.008);
  CHECK(clock.seconds(WorkKind::kLearn) == 0);
  CHECK(clock.seconds() == clock.seconds(WorkKind::kCollect) + clock.seconds(WorkKind::kModel));

  clock.end_round(metrics, {{"step", 10}, {"return", 1}, {"loss", 0.5}});
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - begun;
  CHECK(metrics.last("loss") == 0.5);
  CHECK(metrics.last("learn_s") == 0);
  CHECK(metrics.last("other_s") >= 0.004);
  CHECK(metrics.last("collect_s") + metrics.last("model_s") + metrics.last("other_s") <= passed.count());

  CHECK(clock.seconds() == 0);  // the next round
  spend(clock, WorkKind::kLearn, 2);
  clock.end_round(metrics, {{"step", 20}, {"return", 1}});
  CHECK(metrics.last("model_s") == 0);
  CHECK(metrics.last("learn_s") >= 0.002);
}

TEST_CASE("work clock: a round goes on where it was saved, without the time between") {
  WorkClock before;
  spend(before, WorkKind::kLearn, 3);
  StateDict state;
  before.save(state, "clock");
  std::this_thread::sleep_for(std::chrono::milliseconds(30));

  WorkClock after;
  spend(after, WorkKind::kCollect, 1);  // is not of that round
  const auto loaded = std::chrono::steady_clock::now();
  after.load(state, "clock");
  CHECK(after.seconds(WorkKind::kLearn) == before.seconds(WorkKind::kLearn));
  CHECK(after.seconds(WorkKind::kCollect) == 0);
  CHECK(after.elapsed() >= before.seconds());
  const std::chrono::duration<double> since = std::chrono::steady_clock::now() - loaded;
  CHECK(after.elapsed() <= state.get<double>("clock")[3] + since.count() + 1e-3);

  state.put("clock", std::vector<double>{1, 2});
  CHECK_THROWS_WITH(after.load(state, "clock"), Catch::Contains("'clock'"));
}
