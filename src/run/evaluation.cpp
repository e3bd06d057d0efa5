#include "mbrl/run/evaluation.hpp"

#include <algorithm>

#include "mbrl/env/episode_seed.hpp"

namespace mbrl {

EpisodeResult run_episode(AnyEnvironment& env, AnyActor& actor, std::uint64_t seed, const OnStep& on_step,
                          int most_steps) {
  EpisodeResult episode;
  Vecd obs = env.reset(seed);
  actor.begin(seed);
  StepResult start;
  start.obs = obs;
  if (on_step && !on_step(0, start, 0.0)) return episode;
  while (!episode.over && (most_steps == 0 || episode.steps < most_steps)) {
    StepResult step = env.step(env.spec().executed(actor.act(obs, episode.steps)));
    ++episode.steps;
    episode.total += step.reward;
    episode.over = step.terminated || step.truncated;
    if (episode.over) episode.fault = step.fault;
    if (on_step && !on_step(episode.steps, step, episode.total)) break;
    obs = std::move(step.obs);
  }
  return episode;
}

Evaluations::Evaluations(const EvaluationSettings& settings, std::uint64_t seed)
    : settings_(settings), seed_(seed) {
  require(settings.every >= 0, "eval.every is ", settings.every, " steps, expected at least 0");
  require(settings.episodes >= 1, "eval.episodes is ", settings.episodes, ", expected at least 1");
}

bool Evaluations::due(std::int64_t step) const {
  return settings_.every > 0 && static_cast<double>(step) >= (steps_.empty() ? 0 : steps_.back()) +
                                                                 static_cast<double>(settings_.every);
}

bool Evaluations::evaluate(AnyEnvironment& env, AnyActor& actor, std::int64_t step,
                           const std::function<void(int, int, double)>& on_step,
                           const std::function<bool()>& stop) {
  owed_ = true;
  double sum = 0;
  for (int episode = 0; episode < settings_.episodes; ++episode) {
    constexpr std::uint32_t kEvaluation = 1;  // other start states than those of learning
    const EpisodeResult result =
        run_episode(env, actor, episode_seed(seed_, static_cast<std::uint32_t>(episode), kEvaluation),
                    [&](int done, const StepResult&, double total) {
                      if (on_step) on_step(episode + 1, done, total);
                      return !(stop && stop());
                    });
    if (!result.over) return false;
    sum += result.total;
  }
  steps_.push_back(static_cast<double>(step));
  returns_.push_back(sum / settings_.episodes);
  owed_ = false;
  return true;
}

MetricTable Evaluations::joined(const MetricTable& metrics) const {
  std::vector<double> column(metrics.rows(), MetricTable::kNone);
  const std::vector<double> steps = metrics.column("step");
  for (std::size_t i = 0; i < steps_.size(); ++i)
    for (std::size_t row = 0; row < column.size(); ++row)
      if (steps[row] == steps_[i]) column[row] = returns_[i];
  MetricColumn title{"eval_return"};
  if (settings_.every > 0) title = {"eval_return", false, "evaluated", 9, 1};
  return metrics.extended(title, column);
}

void Evaluations::save(StateDict& out) const {
  if (settings_.every == 0 && steps_.empty()) return;
  out.put("run.evaluations.steps", steps_);
  out.put("run.evaluations.returns", returns_);
  out.put_scalar("run.evaluations.owed", std::int64_t{owed_});
}

void Evaluations::load(const StateDict& in) {
  steps_.clear();
  returns_.clear();
  owed_ = false;
  if (!in.contains("run.evaluations.steps")) return;
  steps_ = in.get<double>("run.evaluations.steps");
  returns_ = in.get<double>("run.evaluations.returns");
  require_dim("checkpoint: 'run.evaluations'", "returns", returns_.size(), steps_.size());
  owed_ = in.get_scalar<std::int64_t>("run.evaluations.owed") != 0 && settings_.every > 0;
}

}  // namespace mbrl
