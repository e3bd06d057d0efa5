// Equations of motion as a family of models: an AnalyticSystem that describes its members can be identified.
#pragma once

#include <utility>
#include <variant>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/settings.hpp"
#include "mbrl/models/analytic/analytic_model.hpp"
#include "mbrl/models/identification/identification.hpp"

namespace mbrl {

/// A ParametricModel: the parameters are the system's members of type double, by the names that `describe` gives
/// them, as settings have. They are searched for by their logarithms.
template <AnalyticSystem System>
  requires Settings<System>
class AnalyticFamily {
 public:
  explicit AnalyticFamily(AnalyticModel<System> model) : model_(std::move(model)) {}

  int obs_dim() const { return System::kObsDim; }
  int action_dim() const { return System::kActionDim; }
  std::vector<ModelParameter> parameters() const {
    System system = model_.system();
    std::vector<ModelParameter> all;
    for (const SettingField& field : setting_fields(system))
      if (const auto* value = std::get_if<double*>(&field.value))
        all.push_back({field.key, **value, field.help});
    return all;
  }
  AnalyticModel<System> model(const Vecd& values) const {
    require_dim("AnalyticFamily", "values", values.size(), static_cast<Index>(parameters().size()));
    System system = model_.system();
    Index i = 0;
    for (const SettingField& field : setting_fields(system))
      if (const auto* value = std::get_if<double*>(&field.value)) **value = values(i++);
    return AnalyticModel<System>(std::move(system), model_.integrator());
  }

 private:
  AnalyticModel<System> model_;
};

}  // namespace mbrl
