// Names of entries, by comparing observations with the state of the model.
#include "mbrl/mujoco/entry_names.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mbrl/core/random.hpp"
#include "mbrl/mujoco/environments.hpp"
#include "mbrl/mujoco/render/scene.hpp"
#include "mujoco/render/pose_model.hpp"

namespace mbrl::mujoco {
namespace {

std::string name_of(const mjModel& model, mjtObj kind, int id, const std::string& otherwise) {
  const char* name = mj_id2name(&model, kind, id);
  return name != nullptr && *name != '\0' ? name : otherwise + " " + std::to_string(id);
}

std::string joint_name(const mjModel& model, int joint) {
  return name_of(model, mjOBJ_JOINT, joint, "joint");
}

// Of the nq positions, then of the nv velocities.
std::vector<std::string> state_names(const mjModel& model) {
  std::vector<std::string> positions, velocities;
  const auto add = [](std::vector<std::string>& names, const std::string& name,
                      std::initializer_list<const char*> parts) {
    for (const char* part : parts) names.push_back(name + part);
  };
  for (int j = 0; j < static_cast<int>(model.njnt); ++j) {
    const std::string name = joint_name(model, j);
    switch (model.jnt_type[j]) {
      case mjJNT_FREE:
        add(positions, name, {" x", " y", " z", " qw", " qx", " qy", " qz"});
        add(velocities, name,
            {" x velocity", " y velocity", " z velocity", " roll rate", " pitch rate", " yaw rate"});
        break;
      case mjJNT_BALL:
        add(positions, name, {" qw", " qx", " qy", " qz"});
        add(velocities, name, {" x rate", " y rate", " z rate"});
        break;
      default:
        positions.push_back(name);
        velocities.push_back(name + " velocity");
    }
  }
  positions.insert(positions.end(), velocities.begin(), velocities.end());
  return positions;
}

struct Quantity {
  std::string name;
  double value = 0;
  bool lags = false;  // behind the state after a step, see Derived::kLagging
};

// Everything an entry is compared with, the likeliest first.
std::vector<Quantity> quantities(const Scene& scene, const std::vector<double>& physics, const mjModel& model,
                                 mjData& data) {
  std::vector<Quantity> all;
  const std::vector<std::string> names = state_names(model);
  for (std::size_t i = 0; i < names.size(); ++i) all.push_back({names[i], physics[i]});
  for (std::size_t i = 0; i < static_cast<std::size_t>(model.nq); ++i) {
    all.push_back({"cos(" + names[i] + ")", std::cos(physics[i])});
    all.push_back({"sin(" + names[i] + ")", std::sin(physics[i])});
  }
  pose_model(scene, physics, model, data);
  const int bodies = static_cast<int>(model.nbody);
  const auto coordinate = [&](int body, int k) { return data.xpos[3 * body + k]; };
  const auto body_name = [&](int body) { return name_of(model, mjOBJ_BODY, body, "body"); };
  constexpr const char* kAxes[] = {" x", " y", " z"};
  for (int b = 1; b < bodies; ++b)
    for (int k = 0; k < 3; ++k) all.push_back({body_name(b) + kAxes[k], coordinate(b, k), true});
  for (int b = 1; b < bodies; ++b)
    for (int other = 1; other < bodies; ++other)
      for (int k = 0; k < 3 && other != b; ++k)
        all.push_back({body_name(b) + " - " + body_name(other) + kAxes[k],
                       coordinate(b, k) - coordinate(other, k), true});
  for (int b = 1; b < bodies; ++b)
    for (int k = 0; k < 3; ++k)
      all.push_back(
          {body_name(b) + " and beyond, centre of mass" + kAxes[k], data.subtree_com[3 * b + k], true});
  return all;
}

}  // namespace

std::optional<EntryNames> entry_names(AnyEnvironment& env) {
  const EnvSpec spec = env.spec();
  const auto found = find_model(spec.name);
  if (!found) return std::nullopt;
  const mjModel& model = **found;
  const Scene scene = scene_of(*found);
  Simulation simulation(*found);

  EntryNames names;
  for (Index i = 0; i < spec.action_low.size(); ++i) {
    const int actuator = static_cast<int>(i);
    std::string name;
    if (actuator < static_cast<int>(model.nu)) {
      const char* own = mj_id2name(&model, mjOBJ_ACTUATOR, actuator);
      if (own != nullptr && *own != '\0')
        name = own;
      else if (model.actuator_trntype[actuator] == mjTRN_JOINT)
        name = joint_name(model, model.actuator_trnid[2 * actuator]);
    }
    names.action.push_back(name);
  }

  constexpr int kEpisodes = 5, kSteps = 3;
  constexpr double kSame = 1e-9;
  const RandomStream random(1, Stream::kUser);
  struct Moment {
    bool start;
    Vecd obs;
    std::vector<Quantity> known;
  };
  std::vector<Moment> moments;
  for (int episode = 0; episode < kEpisodes; ++episode) {
    const auto look = [&](bool start, Vecd obs) {
      moments.push_back(
          {start, std::move(obs), quantities(scene, env.physics_state(), model, simulation.data())});
    };
    look(true, env.reset(static_cast<std::uint64_t>(episode) + 1));
    for (int t = 0; t < kSteps; ++t) {
      const StepResult result = env.step(spec.random_action([&](double low, double high, std::uint32_t i) {
        return random.uniform(low, high, static_cast<std::uint32_t>(t), i,
                              static_cast<std::uint32_t>(episode));
      }));
      if (result.terminated || result.truncated) break;
      look(false, result.obs);
    }
  }
  const auto is = [&](Index entry, std::size_t q) {
    const Quantity& first = moments.front().known[q];
    bool moves = false;  // one that does not says nothing: zeros would be called by the first of them
    for (const Moment& moment : moments) {
      if (first.lags && !moment.start) continue;
      const double value = moment.known[q].value;
      moves = moves || std::abs(value - first.value) > kSame;
      if (!(std::abs(moment.obs(entry) - value) <= kSame * (1 + std::abs(value)))) return false;
    }
    return moves;
  };
  for (Index entry = 0; entry < spec.obs_dim; ++entry) {
    names.obs.emplace_back();
    for (std::size_t q = 0; q < moments.front().known.size() && names.obs.back().empty(); ++q)
      if (is(entry, q)) names.obs.back() = moments.front().known[q].name;
  }
  return names;
}

}  // namespace mbrl::mujoco
