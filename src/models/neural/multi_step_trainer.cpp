#include "mbrl/models/neural/multi_step_trainer.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"
#include "mbrl/models/neural/member_network.hpp"

namespace mbrl {
namespace {

constexpr int kPart = 64;  // windows of one thread's work

}  // namespace

void MultiStepSettings::validate() const {
  require(!curriculum.empty(), "training: curriculum is empty, expected steps of the unroll");
  for (const int steps : curriculum)
    require(steps >= 1, "training: curriculum holds ", steps, ", expected numbers of at least 1");
  require(updates >= static_cast<int>(curriculum.size()), "training: updates is ", updates,
          ", expected at least ", curriculum.size(), ", one for each stage of the curriculum");
  require(batch_size >= 1, "training: batch_size is ", batch_size, ", expected at least 1");
}

MultiStepTrainer::MultiStepTrainer(const MlpEnsemble& shape, const MultiStepSettings& settings,
                                   ThreadPool& pool, std::uint64_t seed)
    : settings_(settings), pool_(pool), seed_(seed) {
  settings.validate();
  require(!shape.settings.gaussian, "MultiStepTrainer: the model is Gaussian, expected a deterministic one");
  const int longest = *std::max_element(settings.curriculum.begin(), settings.curriculum.end());
  for (std::size_t m = 0; m < shape.members.size(); ++m) {
    const nn::Network network = network_of(shape, static_cast<int>(m));
    adam_.emplace_back(network, settings.adam);
    for (Index first = 0; first < settings.batch_size; first += kPart) {
      const Index count = std::min<Index>(kPart, settings.batch_size - first);
      parts_.push_back({m, first, count, Unroll(network, longest, static_cast<int>(count))});
    }
  }
}

// One step of every network.
void MultiStepTrainer::update(const TransitionBuffer& data, const std::vector<std::uint32_t>& starts,
                              int steps, const MlpEnsemble& model, std::vector<nn::Network>& networks,
                              std::vector<double>& losses) {
  const RandomStream random(seed_, Stream::kShuffle);
  std::vector<Windows> windows;
  std::vector<std::uint32_t> rows(static_cast<std::size_t>(settings_.batch_size));
  for (std::size_t m = 0; m < networks.size(); ++m) {
    for (std::size_t i = 0; i < rows.size(); ++i)
      rows[i] = starts[random.below(starts.size(), static_cast<std::uint32_t>(adam_[m].steps()),
                                    static_cast<std::uint32_t>(i), static_cast<std::uint32_t>(m))];
    windows.push_back(windows_at(data, steps, rows));
  }
  const auto one = [&](int k) {
    Part& p = parts_[static_cast<std::size_t>(k)];
    p.loss = p.unroll.run(model, networks[p.member], windows[p.member], p.first, p.count, settings_.loss);
  };
  pool_.run(static_cast<int>(parts_.size()), std::cref(one));
  for (std::size_t m = 0; m < networks.size(); ++m) {
    AlignedFloats gradient(networks[m].parameters().size());
    double loss = 0;
    for (const Part& p : parts_) {
      if (p.member != m) continue;
      loss += p.loss;
      gradient += p.unroll.gradient();
    }
    require(std::isfinite(loss), "training: the loss of member ", m, " over ", steps, " steps is ", loss,
            ", expected a finite number (try a smaller learning_rate, or max_gradient)");
    losses[m] += loss;
    adam_[m].step(networks[m], gradient);
  }
}

TrainingReport MultiStepTrainer::train(const TransitionBuffer& data, MlpEnsemble& model,
                                       const EpochCallback& on_stage) {
  require_dim("MultiStepTrainer", "the model's networks", model.members.size(), adam_.size());
  require(
      !model.settings.learned_termination,
      "training: model.learned_termination is true, expected false: the error several steps ahead is that of "
      "observations and rewards");
  fit_scaling(data.batch(), model);
  std::vector<nn::Network> networks;
  for (std::size_t m = 0; m < adam_.size(); ++m) networks.push_back(network_of(model, static_cast<int>(m)));
  TrainingReport report;
  const auto stages = static_cast<int>(settings_.curriculum.size());
  for (int stage = 0; stage < stages; ++stage) {
    const int steps = settings_.curriculum[static_cast<std::size_t>(stage)];
    const std::vector<std::uint32_t> starts = data.window_starts(steps);
    require(!starts.empty(), "training: no episode has ", steps, " steps, which the curriculum asks for");
    const std::int64_t updates = std::int64_t{settings_.updates} * (stage + 1) / stages -
                                 std::int64_t{settings_.updates} * stage / stages;
    report.train_loss.assign(networks.size(), 0.0);
    for (std::int64_t u = 0; u < updates; ++u)
      update(data, starts, steps, model, networks, report.train_loss);
    for (double& loss : report.train_loss) loss /= static_cast<double>(updates);
    report.steps += updates;
    ++report.epochs;
    const double mean = std::accumulate(report.train_loss.begin(), report.train_loss.end(), 0.0);
    if (on_stage && !on_stage(stage, stages, mean / static_cast<double>(networks.size()))) break;
  }
  for (std::size_t m = 0; m < networks.size(); ++m) set_member(model, static_cast<int>(m), networks[m]);
  return report;
}

void MultiStepTrainer::save(StateDict& out, const std::string& prefix) const {
  for (std::size_t m = 0; m < adam_.size(); ++m) adam_[m].save(out, prefix + std::to_string(m) + ".");
}

void MultiStepTrainer::load(const StateDict& in, const std::string& prefix) {
  for (std::size_t m = 0; m < adam_.size(); ++m) adam_[m].load(in, prefix + std::to_string(m) + ".");
}

}  // namespace mbrl
