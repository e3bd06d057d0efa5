// Episodes as CSV files, in the columns that the verifier reads.
#include "mbrl/env/wrappers/recorder.hpp"

#include <limits>
#include <utility>

namespace mbrl {
namespace {

constexpr double kEmpty = std::numeric_limits<double>::quiet_NaN();

}  // namespace

Recorder::Recorder(AnyEnvironment env, std::filesystem::path folder)
    : Wrapper(std::move(env)), folder_(std::move(folder)) {
  env_.physics_names();  // throws if it has none
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  require(!error, "Recorder: cannot make the folder ", folder_.string(), ": ", error.message());
}

std::filesystem::path Recorder::file() const {
  return folder_ / ("episode_" + std::to_string(episodes_) + ".csv");
}

Vecd Recorder::begin(const Vecd& obs) {
  std::vector<std::string> columns = {"step", "reward", "terminated"};
  const auto number = [&columns](const char* prefix, int count) {
    for (int i = 0; i < count; ++i) columns.push_back(prefix + std::to_string(i));
  };
  number("u", spec_.action_dim());
  for (const std::string& name : env_.physics_names()) columns.push_back(name);
  number("obs", spec_.obs_dim);
  ++episodes_;
  writer_ = CsvWriter::create(file(), std::move(columns));
  write(Vecd::Constant(spec_.action_dim(), kEmpty), kEmpty, kEmpty, obs);
  return obs;
}

StepResult Recorder::step(ConstVecRef<double> action) {
  StepResult result = env_.step(action);
  if (writer_ && result.fault.empty())
    write(action, result.reward, result.terminated ? 1.0 : 0.0, result.obs);
  return result;
}

void Recorder::write(const Vecd& action, double reward, double terminated, const Vecd& obs) {
  std::vector<double> row = {static_cast<double>(writer_->rows()), reward, terminated};
  row.insert(row.end(), action.begin(), action.end());
  const std::vector<double> physics = env_.physics_state();
  row.insert(row.end(), physics.begin(), physics.end());
  row.insert(row.end(), obs.begin(), obs.end());
  writer_->add_row(row);
}

void Recorder::set_state(const std::vector<double>& state) {
  env_.set_state(state);
  writer_.reset();
}

}  // namespace mbrl
