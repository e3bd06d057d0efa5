// Comparison of recorded and simulated trajectories, number by number.
#include "mbrl/env/verify.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "mbrl/core/text.hpp"

namespace mbrl {
namespace {

double relative_error(double recorded, double simulated) {
  if (recorded == simulated || (std::isnan(recorded) && std::isnan(simulated))) return 0.0;
  const double error = std::abs(recorded - simulated) / (1.0 + std::abs(recorded));
  return std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
}

// A group of the report and the columns it is compared with.
struct Comparison {
  std::size_t group;
  std::vector<std::size_t> columns;
};

class Verifier {
 public:
  Verifier(AnyEnvironment& env, const CsvTable& recording, std::optional<double> tolerance)
      : env_(env), recording_(recording) {
    require(!tolerance || *tolerance > 0.0, "verify: tolerance is ", tolerance.value_or(0.0),
            ", expected a number above 0");
    require(recording.rows() >= 2, recording.source, ": ", recording.rows(),
            " rows, expected the start state and at least one step");
    report_.env = env.spec().name;
    report_.file = recording.source;
    report_.tolerance = tolerance;

    std::vector<std::size_t> state_columns;
    for (const std::string& name : env.physics_names()) state_columns.push_back(recording.index(name));
    actions_ = recording.indices("u");
    require(actions_.size() == static_cast<std::size_t>(env.spec().action_dim()), recording.source, ": ",
            actions_.size(), " columns u0, u1, ..., expected ", env.spec().action_dim(), ", the actions of ",
            env.spec().name);
    if (recording.contains("step")) step_column_ = recording.index("step");

    state_ = add("state", std::move(state_columns));
    obs_ = add("observation", numbered("obs", env.spec().obs_dim));
    reward_ = add("reward", single("reward"));
    terminated_ = add("terminated", single("terminated"));
    encoded_ = add("model input", numbered("model_in", env.spec().encoding.feature_dim()));
  }

  VerifyReport run() {
    std::vector<double> start;
    for (const std::size_t column : state_->columns) start.push_back(cell(0, column, "the start state"));
    compare_observation(0, env_.set_physics_state(start));
    Vecd action(env_.spec().action_dim());
    for (std::size_t row = 1; row < recording_.rows(); ++row) {
      for (std::size_t i = 0; i < actions_.size(); ++i)
        action(static_cast<Index>(i)) = cell(row, actions_[i], "an action");
      const StepResult result = env_.step(action);
      if (!result.fault.empty()) {
        report_.fault = result.fault + " in step " + std::to_string(step_of(row));
        break;
      }
      report_.steps = row;
      // A recording may go on beyond an end, where `step` does not: the state put back is a new beginning.
      if (result.terminated || result.truncated) env_.set_state(env_.state());
      const std::vector<double> state = env_.physics_state();
      for (std::size_t i = 0; i < state.size(); ++i) compare(*state_, row, i, state[i]);
      compare_observation(row, result.obs);
      if (reward_) compare(*reward_, row, 0, result.reward);
      if (terminated_) compare(*terminated_, row, 0, result.terminated ? 1.0 : 0.0);
    }
    const bool compared = std::any_of(report_.groups.begin(), report_.groups.end(),
                                      [](const auto& g) { return g.compared > 0; });
    require(compared || !report_.fault.empty(), recording_.source,
            ": no number to compare: every cell is empty but the start state and the actions");
    return std::move(report_);
  }

 private:
  std::optional<Comparison> add(const char* name, std::vector<std::size_t> columns) {
    if (columns.empty()) return std::nullopt;
    report_.groups.push_back({name, 0, {}});
    return Comparison{report_.groups.size() - 1, std::move(columns)};
  }

  // The part after the last dash or before the slash: "v5" of HalfCheetah-v5, "mbpo" of mbpo/AntTruncatedObs.
  std::string version() const {
    const std::size_t dash = report_.env.rfind('-'), slash = report_.env.find('/');
    if (dash != std::string::npos) return report_.env.substr(dash + 1);
    return slash == std::string::npos ? "" : report_.env.substr(0, slash);
  }

  std::vector<std::size_t> single(const std::string& name) const {
    for (const std::string& column : {name, name + "_" + version(), name + "_env"})
      if (recording_.contains(column)) return {recording_.index(column)};
    return {};
  }

  std::vector<std::size_t> numbered(const std::string& prefix, int expected) const {
    std::vector<std::size_t> columns = recording_.indices(prefix);
    if (columns.empty()) columns = recording_.indices(prefix + "_" + version());
    require(columns.empty() || columns.size() == static_cast<std::size_t>(expected), recording_.source, ": ",
            columns.size(), " columns ", prefix, "0, ", prefix, "1, ..., expected ", expected, " for ",
            report_.env);
    return columns;
  }

  std::size_t step_of(std::size_t row) const {
    const double step = step_column_ ? recording_.at(row, *step_column_) : -1.0;
    return std::isfinite(step) && step >= 0.0 ? static_cast<std::size_t>(step) : row;
  }

  double cell(std::size_t row, std::size_t column, const char* what) const {
    const double value = recording_.at(row, column);
    require(std::isfinite(value), recording_.source, ": column ", recording_.columns[column], " of step ",
            step_of(row), " is ", value, ", expected a number: it is part of ", what);
    return value;
  }

  void compare_observation(std::size_t row, const Vecd& obs) {
    if (obs_)
      for (Index i = 0; i < obs.size(); ++i) compare(*obs_, row, static_cast<std::size_t>(i), obs(i));
    if (!encoded_) return;
    Batchd encoded(env_.spec().encoding.feature_dim(), 1);
    env_.spec().encoding.encode<double>(obs, encoded);
    for (Index i = 0; i < encoded.rows(); ++i)
      compare(*encoded_, row, static_cast<std::size_t>(i), encoded(i, 0));
  }

  void compare(const Comparison& comparison, std::size_t row, std::size_t i, double simulated) {
    const std::size_t column = comparison.columns[i];
    const double recorded = recording_.at(row, column);
    if (recording_.is_blank(row, column)) return;
    VerifyReport::Group& group = report_.groups[comparison.group];
    const Deviation deviation{relative_error(recorded, simulated), step_of(row), recording_.columns[column],
                              recorded, simulated};
    if (group.compared++ == 0 || deviation.error > group.largest.error) group.largest = deviation;
    if (!report_.first_outside && deviation.error > report_.tolerance.value_or(default_verify_tolerance(row)))
      report_.first_outside = deviation;
  }

  AnyEnvironment& env_;
  const CsvTable& recording_;
  VerifyReport report_;
  std::vector<std::size_t> actions_;
  std::optional<std::size_t> step_column_;
  std::optional<Comparison> state_, obs_, reward_, terminated_, encoded_;
};

std::string describe(const Deviation& deviation) {
  return general(deviation.error, 3) + " (step " + std::to_string(deviation.step) + ", " + deviation.column +
         ": recorded " + general(deviation.recorded, 17) + ", simulated " + general(deviation.simulated, 17) +
         ")";
}

}  // namespace

double default_verify_tolerance(std::size_t step) {
  if (step <= 20) return 1e-9;
  if (step <= 50) return 1e-8;
  if (step <= 100) return 1e-7;
  return 1e-6;
}

VerifyReport verify_recording(AnyEnvironment& env, const CsvTable& recording,
                              std::optional<double> tolerance) {
  return Verifier(env, recording, tolerance).run();
}

VerifyReport verify_recording(AnyEnvironment& env, const std::filesystem::path& file,
                              std::optional<double> tolerance) {
  return verify_recording(env, read_csv(file), tolerance);
}

std::string to_string(const VerifyReport& report) {
  std::string text = report.env + " against " + report.file + ": " + std::to_string(report.steps) +
                     " steps; largest |recorded - simulated| / (1 + |recorded|):\n";
  for (const VerifyReport::Group& group : report.groups)
    text += "  " + group.name + std::string(13 - group.name.size(), ' ') +
            (group.compared == 0          ? "nothing recorded"
             : group.largest.error == 0.0 ? "0"
                                          : describe(group.largest)) +
            "\n";
  const std::string tolerance = report.tolerance ? general(*report.tolerance, 3)
                                                 : "1e-9 to step 20, 1e-8 to 50, 1e-7 to 100, 1e-6 after";
  if (!report.fault.empty()) text += "broken down: " + report.fault + "\n";
  if (report.first_outside)
    text += "outside tolerance (" + tolerance + "), first: " + describe(*report.first_outside) + "\n";
  if (report.within()) text += "within tolerance (" + tolerance + ")\n";
  return text;
}

}  // namespace mbrl
