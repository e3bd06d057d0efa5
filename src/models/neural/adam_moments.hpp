// Adam's moments of an ensemble's parameters as checkpoints hold them: the same for every trainer, so that
// one may continue what another began.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/state_dict.hpp"
#include "mbrl/models/neural/mlp_ensemble.hpp"

namespace mbrl::training {

struct AdamMoments {
  // members, target_dim (0 without log-variance bounds), then the sizes of all layers from the input to the
  // output; empty before the first training.
  std::vector<std::int64_t> shape;
  std::vector<float> first, second;  // member by member, layer by layer: weight (as DenseLayer), then bias
  std::vector<float> bound_first, bound_second;  // max_logvar, then min_logvar
  std::int64_t steps = 0;

  std::size_t per_member() const { return first.size() / static_cast<std::size_t>(shape[0]); }

  // Starts from zero if new; throws if these are another network's.
  void fit_to(const MlpEnsemble& model) {
    std::vector<std::int64_t> wanted = {model.settings.members,
                                        model.settings.gaussian ? model.target_dim() : 0, model.input_dim()};
    for (const DenseLayer& layer : model.members[0]) wanted.push_back(layer.out);
    if (shape.empty()) {
      const std::size_t count = parameters(wanted), bounds = static_cast<std::size_t>(2 * wanted[1]);
      *this = {wanted,
               std::vector<float>(count),
               std::vector<float>(count),
               std::vector<float>(bounds),
               std::vector<float>(bounds),
               0};
    }
    require(shape == wanted, "training: the trainer's optimiser state is for ", text(shape),
            ", the model is ", text(wanted));
  }

  void save(StateDict& out, const std::string& prefix) const {
    out.put(prefix + "shape", shape);
    out.put(prefix + "first", first);
    out.put(prefix + "second", second);
    out.put(prefix + "bound_first", bound_first);
    out.put(prefix + "bound_second", bound_second);
    out.put_scalar(prefix + "steps", steps);
  }

  void load(const StateDict& in, const std::string& prefix) {
    AdamMoments m;
    m.shape = in.get<std::int64_t>(prefix + "shape");
    m.first = in.get<float>(prefix + "first");
    m.second = in.get<float>(prefix + "second");
    m.bound_first = in.get<float>(prefix + "bound_first");
    m.bound_second = in.get<float>(prefix + "bound_second");
    m.steps = in.get_scalar<std::int64_t>(prefix + "steps");
    if (!m.shape.empty()) {
      bool possible = m.shape.size() >= 4;
      for (std::size_t i = 0; i < m.shape.size(); ++i)
        possible = possible && m.shape[i] >= (i == 1 ? 0 : 1) && m.shape[i] < (std::int64_t{1} << 20);
      require(possible, "checkpoint: '", prefix, "shape' is no shape of an ensemble");
      const std::size_t count = parameters(m.shape), bounds = static_cast<std::size_t>(2 * m.shape[1]);
      require(m.first.size() == count && m.second.size() == count, "checkpoint: '", prefix,
              "first' and 'second' hold ", m.first.size(), " and ", m.second.size(), " numbers, expected ",
              count);
      require(m.bound_first.size() == bounds && m.bound_second.size() == bounds, "checkpoint: '", prefix,
              "bound_first' and 'bound_second' hold ", m.bound_first.size(), " and ", m.bound_second.size(),
              " numbers, expected ", bounds);
      require(m.steps >= 0, "checkpoint: '", prefix, "steps' is ", m.steps, ", expected at least 0");
    }
    *this = std::move(m);
  }

 private:
  static std::size_t parameters(const std::vector<std::int64_t>& shape) {
    std::int64_t count = 0;
    for (std::size_t i = 3; i < shape.size(); ++i) count += shape[i] * (shape[i - 1] + 1);
    return static_cast<std::size_t>(count * shape[0]);
  }
  static std::string text(const std::vector<std::int64_t>& shape) {
    std::string s = std::to_string(shape[0]) + " x (";
    for (std::size_t i = 2; i < shape.size(); ++i) s += (i > 2 ? "-" : "") + std::to_string(shape[i]);
    return s + (shape[1] > 0 ? ", Gaussian)" : ", deterministic)");
  }
};

}  // namespace mbrl::training
