#include "train_options.hpp"

#include <tuple>

#include "command_line.hpp"
#include "mbrl/io/settings_file.hpp"
#include "mbrl/run/evaluation.hpp"
#include "registries.hpp"

namespace mbrl::cli {
namespace {

// What has an option of its own is not set to something else beside it.
void require_said_once(const TrainOptions& options, const AlgorithmEntry& entry) {
  const std::tuple<std::string, bool, const char*> owned[] = {
      {"environment", !options.environment.empty(), "--env"},
      {"seed", options.seed.has_value(), "--seed"},
      {entry.rounds_key, options.trials.has_value(), "--trials"},
      {entry.steps_key, options.steps.has_value(), "--steps"},
      {"eval.every", options.eval_every.has_value(), "--eval-every"},
      {"eval.episodes", options.eval_episodes.has_value(), "--eval-episodes"}};
  for (const std::string& assignment : options.assignments)
    for (const auto& [key, given, option] : owned)
      require(!given || assigned_key(assignment) != key, "--set ", assignment, " has no effect: ", option,
              " says otherwise; give one of the two");
}

void apply(const TrainOptions& options, RunConfiguration& configuration) {
  const AlgorithmEntry& entry = algorithms().at(options.algorithm);
  require_said_once(options, entry);
  if (!options.settings_file.empty()) {
    const std::string of = json_text_at(read_file(options.settings_file), "algorithm", options.settings_file);
    require(of.empty() || of == options.algorithm, options.settings_file, " has the settings of ", of,
            ", expected some of ", options.algorithm, "; what they have in common can be given by --set");
    load_settings_file(configuration, options.settings_file);
  }
  for (const std::string& assignment : options.assignments) set_assignment(configuration, assignment);
  require(configuration.algorithm == options.algorithm, "algorithm is '", configuration.algorithm,
          "' in the settings given, but this is 'mbrl train ", options.algorithm, "'");
  if (!options.environment.empty()) configuration.environment = options.environment;
  if (options.seed) configuration.seed = *options.seed;
  if (options.trials) set_value(configuration, entry.rounds_key, std::to_string(*options.trials), "--trials");
  if (options.steps) set_value(configuration, entry.steps_key, std::to_string(*options.steps), "--steps");
  if (options.eval_every) configuration.eval.every = *options.eval_every;
  if (options.eval_episodes) configuration.eval.episodes = *options.eval_episodes;
  require(!options.steps || *options.steps >= 1, "--steps is ", options.steps.value_or(0),
          ", expected at least 1");
  const RunBudget budget = entry.budget(configuration.own);
  require(!options.trials || budget.steps == 0, "--trials has no effect: the budget is ", entry.steps_key,
          ", ", budget.steps, " environment steps");
  Evaluations check(configuration.eval, configuration.seed);  // throws where its settings make no sense
}

}  // namespace

RunConfiguration default_configuration(const std::string& algorithm, const std::string& environment) {
  RunConfiguration c{.algorithm = algorithm, .environment = environment, .eval = {}, .own = {}};
  c.own = algorithms().at(algorithm).defaults(registries().environments.spec(environment));
  return c;
}

RunConfiguration chosen_configuration(const TrainOptions& options) {
  const AlgorithmEntry& entry = algorithms().at(options.algorithm);
  RunConfiguration named{
      .algorithm = options.algorithm, .environment = entry.environment, .eval = {}, .own = entry.blank};
  apply(options, named);
  // An unknown name fails before anything is written.
  const EnvSpec& spec = registries().environments.spec(named.environment);
  RunConfiguration configuration = default_configuration(options.algorithm, named.environment);
  configuration.own = entry.preset(options.preset, spec);
  apply(options, configuration);
  if (!options.device.empty()) entry.choose_device(configuration.own, options.device, spec);
  return configuration;
}

RunConfiguration configure(const TrainOptions& options) {
  RunConfiguration configuration = chosen_configuration(options);
  algorithms()
      .at(options.algorithm)
      .check(configuration.own, registries().environments.spec(configuration.environment));
  return configuration;
}

void check_session(const TrainOptions& options, const EnvSpec& spec) {
  require(options.checkpoint_every_s >= 0, "--checkpoint-every is ", options.checkpoint_every_s,
          " s, expected 0 (every step) or more");
  if (options.video) check_video(spec, options.video_options);
}

void require_budget_for(const RunPosition& done, const RunConfiguration& wanted, const RunFolder& folder,
                        const std::string& round_name) {
  const AlgorithmEntry& entry = algorithms().at(wanted.algorithm);
  // What a run did beyond its own budget, to finish an episode, is no mistake.
  if (entry.budget(wanted.own) == entry.budget(read_configuration(folder, algorithms()).own)) return;
  require_not_spent(entry.budget(wanted.own), done, round_name, folder);
}

RunConfiguration configuration_to_resume(const TrainOptions& options, const RunFolder& folder) {
  require(options.preset.empty(), "--resume: a resumed run keeps its settings; leave out the preset, '",
          options.preset, "'");
  require(options.device.empty(),
          "--resume: a resumed run keeps its trainer and evaluator; leave out --device");
  const RunConfiguration stored = read_configuration(folder, algorithms());
  require(stored.algorithm == options.algorithm, "--resume: ", folder.path().string(), " is a run of ",
          stored.algorithm, "; continue it with: mbrl train ", stored.algorithm, " --out ",
          folder.path().string(), " --resume");
  RunConfiguration wanted = stored;
  apply(options, wanted);
  const AlgorithmEntry& entry = algorithms().at(options.algorithm);
  require_resumable(stored, wanted, entry.budget_keys(), folder);
  entry.check(wanted.own, registries().environments.spec(wanted.environment));
  return wanted;
}

std::vector<std::string> settings_without_effect(const TrainOptions& options,
                                                 const RunConfiguration& configuration) {
  const AlgorithmEntry& entry = algorithms().at(configuration.algorithm);
  std::vector<std::string> keys, sentences;
  for (const std::string& assignment : options.assignments) keys.push_back(assigned_key(assignment));
  const RunBudget budget = entry.budget(configuration.own);
  for (const std::string& key : keys)
    if (!key.empty() && key == entry.rounds_key && budget.steps > 0)
      sentences.push_back(key + " has no effect: the budget is " + entry.steps_key + ", " +
                          std::to_string(budget.steps));
  if (options.eval_episodes && configuration.eval.every == 0)
    sentences.push_back("--eval-episodes has no effect: without --eval-every nothing is evaluated");
  for (std::string& sentence : entry.remarks(configuration.own, keys))
    sentences.push_back(std::move(sentence));
  return sentences;
}

}  // namespace mbrl::cli
