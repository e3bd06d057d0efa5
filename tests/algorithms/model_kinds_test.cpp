// Models by name in the loops that plan: one list of them, and what each has no use for is refused.
#include "mbrl/algorithms/planning/model_kinds.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/planning/pets_algorithm.hpp"
#include "mbrl/algorithms/planning/pets_configuration.hpp"
#include "mbrl/algorithms/planning/versions_algorithm.hpp"
#include "mbrl/env/classic/pendulum.hpp"

namespace mbrl {
namespace {

const AlgorithmRegistry& algorithms() {
  static const AlgorithmRegistry all = [] {
    AlgorithmRegistry registry;
    register_pets(registry);
    register_versions(registry);
    return registry;
  }();
  return all;
}

// The defaults of an algorithm on the pendulum, changed.
AnySettings settings(const std::string& algorithm, const std::vector<std::string>& assignments) {
  AnySettings own = algorithms().at(algorithm).defaults(Pendulum().spec());
  std::vector<SettingField> fields;
  own.append_fields("", fields);
  for (const std::string& assignment : assignments) {
    const auto equals = assignment.find('=');
    detail::set_field(fields, assignment.substr(0, equals), assignment.substr(equals + 1), "test");
  }
  return own;
}

void check(const std::string& algorithm, const std::vector<std::string>& assignments) {
  algorithms().at(algorithm).check(settings(algorithm, assignments), Pendulum().spec());
}

TEST_CASE("model kinds: PETS and the versions before it offer the same list") {
  CHECK(model_kind_names() == std::vector<std::string>{"linear", "forest", "gp", "bayesian", "mixture"});
  std::vector<std::string> of_pets, of_versions;
  for (const SettingInfo& s : list_keys<PetsConfiguration>()) of_pets.push_back(s.key);
  for (const SettingInfo& s : list_keys<VersionsConfiguration>()) of_versions.push_back(s.key);
  for (const std::string key : {"linear.ridge", "forest.trees", "gp.max_points", "bayesian.kl_weight",
                                "bayesian.epochs", "mixture.components", "mixture.weight_decay"}) {
    CHECK(std::count(of_versions.begin(), of_versions.end(), key) == 1);
    CHECK(std::count(of_pets.begin(), of_pets.end(), "model." + key) == 1);
  }
  for (const std::string& name : model_kind_names()) {
    CHECK_NOTHROW(check("pets", {"model.name=" + name}));
    CHECK_NOTHROW(check("versions", {"model=" + name}));
  }
  CHECK_THROWS_WITH(check("pets", {"model.name=forrest"}), Catch::Contains("did you mean 'forest'"));
  CHECK_THROWS_WITH(check("versions", {"model=ensemble"}), Catch::Contains("linear"));
}

TEST_CASE("model kinds: settings that the model does not read are refused") {
  for (const std::string key :
       {"model.hidden=[9]", "model.members=3", "training.epochs=7", "rollout.data_margin=0.123",
        "model.forest.trees=9", "trainer=torch-cpu", "evaluator=torch-cpu"})
    CHECK_THROWS_WITH(check("pets", {"model.name=linear", key}),
                      Catch::Contains(key.substr(0, key.find('='))) &&
                          Catch::Contains("has no effect: model.name is linear"));
  CHECK_THROWS_WITH(check("pets", {"model.gp.max_points=20"}),
                    Catch::Contains("has no effect: model.name is ensemble"));
  CHECK_NOTHROW(check("pets", {"model.name=linear", "model.linear.ridge=0.1", "rollout.particles=7"}));
  CHECK_THROWS_WITH(check("pets", {"model.name=forest", "rollout.particles=7"}),
                    Catch::Contains("a multiple of the 5 members of the forest"));
  CHECK_NOTHROW(check("pets", {"model.name=forest", "rollout.particles=7", "rollout.propagation=TS1"}));

  // What presets differ in is nobody's wish.
  const AlgorithmEntry& pets = algorithms().at("pets");
  for (const char* preset : {"quick", "published"}) {
    AnySettings chosen = pets.preset(preset, Pendulum().spec());
    chosen.get<PetsConfiguration>().model.name = "linear";
    CHECK_NOTHROW(pets.check(chosen, Pendulum().spec()));
  }
  AnySettings on_gpu = settings("pets", {"model.name=gp"});
  CHECK_THROWS_WITH(pets.choose_device(on_gpu, "cuda", Pendulum().spec()),
                    Catch::Contains("model.name is gp"));
  CHECK_NOTHROW(pets.choose_device(on_gpu, "cpu", Pendulum().spec()));
  EnvSpec without_reward = Pendulum().spec();
  without_reward.reward = {};
  CHECK_THROWS_WITH(pets.check(settings("pets", {"model.name=gp"}), without_reward),
                    Catch::Contains("no reward"));
}

}  // namespace
}  // namespace mbrl
