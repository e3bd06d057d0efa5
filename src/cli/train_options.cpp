#include "train_options.hpp"

#include <algorithm>
#include <array>

#include "environments.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/settings_file.hpp"
#include "pets_session.hpp"
#include "run_reporter.hpp"

namespace mbrl::cli {
namespace {

void apply(const TrainOptions& options, PetsConfiguration& configuration) {
  if (!options.settings_file.empty()) load_settings_file(configuration, options.settings_file);
  for (const std::string& assignment : options.assignments) set_assignment(configuration, assignment);
  if (!options.environment.empty()) configuration.environment = options.environment;
  if (options.seed) configuration.seed = *options.seed;
  if (options.trials) configuration.pets.trials = *options.trials;
  if (options.steps) configuration.pets.steps = *options.steps;
  require(!options.steps || *options.steps >= 1, "--steps is ", options.steps.value_or(0),
          ", expected at least 1");
  require(!options.trials || configuration.pets.steps == 0,
          "--trials has no effect: the budget is pets.steps, ", configuration.pets.steps,
          " environment steps");
}

PetsConfiguration preset(const std::string& name, const std::string& environment) {
  if (name.empty() || name == "default") return default_pets(environment);
  if (name == "quick") return quick_pets(environment);
  if (name == "published") return published_pets(environment);
  fail("--preset is '", name, "'",
       did_you_mean(name, std::array<std::string, 3>{"default", "quick", "published"}));
}

// What the checkpoint has done already must fit into the budget, unless that is the run's own.
void require_not_done(const PetsSettings& budget, const PetsSettings& stored, const RunFolder& folder) {
  if (!folder.has_checkpoint() || (budget.steps == stored.steps && budget.trials == stored.trials)) return;
  const StateDict state = load_pets_checkpoint(folder);
  const auto position = state.get<std::int64_t>("pets.position");
  require(position.size() >= 4, folder.checkpoint().string(), ": 'pets.position' has ", position.size(),
          " values, expected at least 4");
  const std::string where = folder.path().string();
  if (budget.steps > 0) {
    const auto steps = state.get<float>("pets.buffer.reward").size();
    require(budget.steps >= static_cast<std::int64_t>(steps), "--resume: the budget is ", budget.steps,
            " steps, but ", steps, " are done in ", where);
    return;
  }
  const std::int64_t done = position[1], begun = position[3] != 0 ? 1 : 0;
  require(budget.trials >= done + begun, "--resume: the budget is ", budget.trials, " trials, but ", done,
          " are done", begun != 0 ? " and another is under way" : "", " in ", where, "; expected at least ",
          done + begun);
}

}  // namespace

PetsConfiguration configure(const TrainOptions& options) {
  PetsConfiguration named;
  apply(options, named);
  const EnvSpec spec =
      all_environments().spec(named.environment);  // an unknown name fails before anything is written
  PetsConfiguration configuration = preset(options.preset, named.environment);
  apply(options, configuration);
  choose_device(configuration, options.device, spec);
  most_transitions(configuration.pets, spec);  // throws where the budget makes no sense
  return configuration;
}

PetsConfiguration configuration_to_resume(const TrainOptions& options, const RunFolder& folder) {
  require(options.preset.empty(),
          "--resume: a resumed run keeps its settings; leave out --preset and --published");
  require(options.device.empty(),
          "--resume: a resumed run keeps its trainer and evaluator; leave out --device");
  PetsConfiguration stored;
  load_settings_file(stored, folder.settings());
  PetsConfiguration wanted = stored;
  apply(options, wanted);
  PetsConfiguration same = wanted;
  same.pets.trials = stored.pets.trials;
  same.pets.steps = stored.pets.steps;
  const auto given = list_keys(same), kept = list_keys(stored);
  for (std::size_t i = 0; i < kept.size(); ++i)
    require(given[i].value == kept[i].value, "--resume: ", kept[i].key, " is ", kept[i].value, " in ",
            folder.path().string(), ", but ", given[i].value,
            " was given; a resumed run keeps its settings (only the budget, trials or steps, may change)");
  most_transitions(wanted.pets, all_environments().spec(wanted.environment));
  require_not_done(wanted.pets, stored.pets, folder);
  return wanted;
}

std::vector<std::string> settings_without_effect(const TrainOptions& options,
                                                 const PetsConfiguration& configuration) {
  std::vector<std::string> sentences;
  const auto has = [&](const std::string& prefix) {
    const auto keys = list_keys(configuration);
    return std::any_of(keys.begin(), keys.end(),
                       [&](const SettingInfo& k) { return k.key.starts_with(prefix); });
  };
  for (const std::string& assignment : options.assignments) {
    const std::string key(trim(assignment.substr(0, assignment.find('='))));
    const auto because = [&](const std::string& reason) {
      sentences.push_back(key + " has no effect: " + reason);
    };
    if (key == "pets.trials" && configuration.pets.steps > 0)
      because("the budget is pets.steps, " + std::to_string(configuration.pets.steps));
    // planner.NAME.x belongs to the planner of that name.
    constexpr std::string_view kPlanner = "planner.";
    if (!key.starts_with(kPlanner)) continue;
    const std::string name = key.substr(kPlanner.size(), key.find('.', kPlanner.size()) - kPlanner.size());
    if (has("planner." + name + ".") && has("planner." + configuration.planner.name + ".") &&
        name != configuration.planner.name)
      because("planner.name is " + configuration.planner.name);
  }
  if (configuration.model.hidden.empty()) sentences.push_back("model.hidden is []: the models are linear");
  return sentences;
}

}  // namespace mbrl::cli
