// Models that a planning loop can learn besides the ensemble of networks, by name. Another one is a struct like those
// below and its name in ModelKinds: its settings, its choice by name and what acts with it follow from that.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/core/thread_pool.hpp"
#include "mbrl/models/forest/forest_trainer.hpp"
#include "mbrl/models/gp/gp_trainer.hpp"
#include "mbrl/models/linear/linear_gaussian_model.hpp"
#include "mbrl/models/neural/bayesian_network.hpp"
#include "mbrl/models/neural/mixture_model.hpp"
#include "mbrl/task/env_spec.hpp"

namespace mbrl {

// Each is a ProbabilisticModel or an EnsembleModel that can be saved, with a trainer; members: of which particles
// follow one each.

struct LinearKind {
  static constexpr const char* kName = "linear";
  static constexpr const char* kHelp = "the linear model's regression";
  using Settings = RidgeSettings;
  using Model = LinearGaussianModel;
  using Trainer = RidgeTrainer;
  static int members(const Settings&) { return 1; }
  static Model model(const EnvSpec& spec, const Settings&, std::uint64_t) {
    return {spec.obs_dim, spec.action_dim()};
  }
  static Trainer trainer(const Settings& settings, ThreadPool&, std::uint64_t) { return Trainer(settings); }
};

// One that sees observations by the environment's encoding, and learns in parallel.
template <class S, class M, class T>
struct EncodedKind {
  using Settings = S;
  using Model = M;
  using Trainer = T;
  static int members(const Settings&) { return 1; }
  static Model model(const EnvSpec& spec, const Settings&, std::uint64_t) {
    return {spec.encoding, spec.action_dim()};
  }
  static Trainer trainer(const Settings& settings, ThreadPool& pool, std::uint64_t seed) {
    return {settings, pool, seed};
  }
};

struct ForestKind : EncodedKind<ForestSettings, ForestModel, ForestTrainer> {
  static constexpr const char* kName = "forest";
  static constexpr const char* kHelp = "the forest and its training";
  static int members(const Settings& settings) { return settings.trees; }
};

struct GpKind : EncodedKind<GpSettings, GpModel, GpTrainer> {
  static constexpr const char* kName = "gp";
  static constexpr const char* kHelp = "the Gaussian processes and their evidence";
};

// The shape of networks and how they learn, side by side.
template <class Shape, class Training>
struct NetworkKindSettings {
  Shape shape;
  Training training;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    Shape::describe(s.shape, field);
    Training::describe(s.training, field);
  }
};

// One with both.
template <class Shape, class Training, class M, class T>
struct NetworkKind {
  using Settings = NetworkKindSettings<Shape, Training>;
  using Model = M;
  using Trainer = T;
  static int members(const Settings&) { return 1; }
  static Model model(const EnvSpec& spec, const Settings& settings, std::uint64_t seed) {
    return {spec.encoding, spec.action_dim(), settings.shape, seed};
  }
  static Trainer trainer(const Settings& settings, ThreadPool&, std::uint64_t seed) {
    return {settings.training, seed};
  }
};

struct BayesianKind
    : NetworkKind<BayesianNetworkSettings, BayesianTrainingSettings, BayesianNetwork, BayesianTrainer> {
  static constexpr const char* kName = "bayesian";
  static constexpr const char* kHelp = "the Bayesian network and its inference";
  static int members(const Settings& settings) {
    return settings.shape.posterior == WeightPosterior::kPoint ? 1 : settings.shape.members;
  }
};

struct MixtureKind
    : NetworkKind<MixtureModelSettings, MixtureTrainingSettings, MixtureModel, MixtureTrainer> {
  static constexpr const char* kName = "mixture";
  static constexpr const char* kHelp = "the mixture of Gaussians, of which plans see mean and variance";
};

using ModelKinds = std::tuple<LinearKind, ForestKind, GpKind, BayesianKind, MixtureKind>;

namespace detail {

template <class Kind>
struct SettingsOfKind {
  typename Kind::Settings settings;
};

template <class List>
struct OfEachKind;
template <class... Kinds>
struct OfEachKind<std::tuple<Kinds...>> {
  using Settings = std::tuple<SettingsOfKind<Kinds>...>;
  using First = std::tuple_element_t<0, std::tuple<Kinds...>>;

  /// visit(Kind{}) for each.
  template <class Visit>
  static void all(Visit&& visit) {
    (visit(Kinds{}), ...);
  }
};
using EachModelKind = OfEachKind<ModelKinds>;

}  // namespace detail

/// The settings of every kind, each below its name.
struct ModelKindSettings {
  detail::EachModelKind::Settings each;

  template <class Kind>
  typename Kind::Settings& of() {
    return std::get<detail::SettingsOfKind<Kind>>(each).settings;
  }
  template <class Kind>
  const typename Kind::Settings& of() const {
    return std::get<detail::SettingsOfKind<Kind>>(each).settings;
  }

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    detail::EachModelKind::all(
        [&]<class Kind>(Kind) { field(Kind::kName, s.template of<Kind>(), Kind::kHelp); });
  }
};

inline std::vector<std::string> model_kind_names() {
  std::vector<std::string> names;
  detail::EachModelKind::all([&](auto kind) { names.emplace_back(decltype(kind)::kName); });
  return names;
}

/// Throws, with the nearest, for a name that is none of `known`.
inline void require_model_kind(std::string_view what, std::string_view name,
                               const std::vector<std::string>& known) {
  for (const std::string& one : known)
    if (name == one) return;
  fail(what, " is '", name, "'", did_you_mean(name, known));
}

/// What visit(Kind{}) gives for the kind of that name; nothing if there is none.
template <class Visit>
auto with_model_kind(std::string_view name, const Visit& visit) {
  std::optional<decltype(visit(detail::EachModelKind::First{}))> result;
  detail::EachModelKind::all([&](auto kind) {
    if (name == decltype(kind)::kName) result.emplace(visit(kind));
  });
  return result;
}

}  // namespace mbrl
