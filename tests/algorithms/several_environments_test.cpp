// Learning from replay in several environments at once: how steps, updates and rows are counted, and what it leaves.
#include <string>
#include <vector>

#include "algorithms/analytic_registries.hpp"
#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/algorithms/capabilities.hpp"

using namespace mbrl;

namespace {

AnyAlgorithm make(const std::vector<std::string>& settings, ThreadPool& pool,
                  const std::string& name = "sac") {
  RunConfiguration run{.algorithm = name, .environment = "Pendulum-v1", .seed = 5, .eval = {}, .own = {}};
  run.own = analytic_registries().algorithms.at(name).defaults(
      analytic_registries().environments.spec("Pendulum-v1"));
  for (const char* small :
       {"steps=900", "random_steps=60", "batch_size=8", "sac.policy.hidden=8", "sac.critic.hidden=8"})
    if (name == "sac") set_assignment(run, small);
  for (const std::string& assignment : settings) set_assignment(run, assignment);
  return make_algorithm(run, analytic_registries(), pool);
}

}  // namespace

TEST_CASE("several environments: steps and updates are those of all, rows the means of what ends together") {
  ThreadPool pool(2);
  AnyAlgorithm algorithm = make({"environments=3", "updates_per_step=2"}, pool);
  RunObserver silent;
  REQUIRE(algorithm.run(silent));
  // Episodes of 200 steps, three at a time: those begun before step 900 are finished.
  const MetricTable& table = algorithm.metrics();
  CHECK(table.column("step") == std::vector<double>{600, 1200});
  CHECK(table.column("episode_length") == std::vector<double>{200, 200});
  StateDict state;
  algorithm.save(state, "");
  CHECK(state.get_scalar<std::int64_t>("sac.updates") == 2 * (1200 - 60));

  const auto* data = algorithm.find<DataOwner>();
  REQUIRE(data != nullptr);
  const TransitionBuffer& buffer = data->buffer();
  CHECK(buffer.size() == 1200);
  double sum = 0;  // of the first three episodes
  for (std::size_t row = 0; row < 600; ++row) sum += static_cast<double>(buffer.reward(row));
  CHECK(table.at(0, "return") == Approx(sum / 3).epsilon(1e-6));
  const TemporaryFolder folder;
  buffer.save_dataset(folder / "data.safetensors");
  const auto episodes = TransitionBuffer::load_dataset(folder / "data.safetensors").episodes();
  REQUIRE(episodes.size() == 6);
  for (const EpisodeRange& episode : episodes) CHECK(episode.length == 200);
}

TEST_CASE("several environments: a run of another number of them is not taken up") {
  ThreadPool pool(1);
  AnyAlgorithm three = make({"environments=3"}, pool), two = make({"environments=2"}, pool),
               one = make({}, pool);
  RunObserver silent;
  three.run(silent);
  StateDict state;
  three.save(state, "");
  CHECK(contains(error_of([&] { two.load(state, ""); }), "of 3 environments, expected those of 2"));
  CHECK(contains(error_of([&] { one.load(state, ""); }), "of 3 environments, expected those of 1"));
  for (const char* name : {"mve", "steve", "dhmbpo", "svg"})
    CHECK(contains(error_of([&] { make({"environments=2"}, pool, name); }), "environments is 2, expected 1"));
}
