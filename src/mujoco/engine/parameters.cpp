// Numbers of a compiled model by name.
#include "mbrl/mujoco/engine/parameters.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/random.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mujoco/engine/plain_numbers.hpp"

namespace mbrl::mujoco {
namespace {

// A number: how it is read from the model as it was, and written into a copy, of which others may have been changed.
struct Slot {
  ModelParameter parameter;
  std::function<void(mjModel&, double value)> set;
};

std::string name_of(const mjModel& model, mjtObj kind, int id) {
  const char* name = mj_id2name(&model, kind, id);
  return name && *name ? name : std::to_string(id);
}

void scale(mjtNum* values, int count, double factor) {
  for (int i = 0; i < count; ++i) values[i] *= factor;
}

// Lengths times `factor`: what is fixed to the body stays where it was on it.
void resize_body(mjModel& m, int body, double factor) {
  scale(m.body_ipos + 3 * body, 3, factor);
  scale(m.body_inertia + 3 * body, 3, factor * factor);
  for (int other = 1; other < static_cast<int>(m.nbody); ++other)
    if (m.body_parentid[other] == body) scale(m.body_pos + 3 * other, 3, factor);
  for (int joint = 0; joint < static_cast<int>(m.njnt); ++joint)
    if (m.jnt_bodyid[joint] == body) scale(m.jnt_pos + 3 * joint, 3, factor);
  for (int site = 0; site < static_cast<int>(m.nsite); ++site)
    if (m.site_bodyid[site] == body) scale(m.site_pos + 3 * site, 3, factor);
  for (int geom = 0; geom < static_cast<int>(m.ngeom); ++geom) {
    if (m.geom_bodyid[geom] != body) continue;
    scale(m.geom_pos + 3 * geom, 3, factor);
    scale(m.geom_size + 3 * geom, 3, factor);
    m.geom_rbound[geom] *= factor;
  }
}

void add_bodies(const mjModel& m, std::vector<Slot>& all) {
  for (int body = 1; body < static_cast<int>(m.nbody); ++body) {
    const std::string at = "body/" + name_of(m, mjOBJ_BODY, body) + "/";
    const double mass = m.body_mass[body];
    if (mass > 0) {
      all.push_back(
          {{at + "mass", mass, "kg; its rotational inertia goes along"}, [body, mass](mjModel& c, double v) {
             c.body_mass[body] = v;
             scale(c.body_inertia + 3 * body, 3, v / mass);
           }});
      all.push_back({{at + "inertia", 1.0, "a factor on the rotational inertia"},
                     [body](mjModel& c, double v) { scale(c.body_inertia + 3 * body, 3, v); }});
    }
    all.push_back({{at + "size", 1.0, "a factor on its lengths at equal mass"},
                   [body](mjModel& c, double v) { resize_body(c, body, v); }});
    constexpr std::array kAxes = {"x", "y", "z"};
    for (int i = 0; i < 3 && mass > 0; ++i) {
      const double place = m.body_ipos[3 * body + i];
      all.push_back({{at + "com_" + kAxes[static_cast<std::size_t>(i)], place, "centre of mass, m", true},
                     [k = 3 * body + i, place](mjModel& c, double v) { c.body_ipos[k] += v - place; }});
    }
  }
}

void add_joints(const mjModel& m, std::vector<Slot>& all) {
  for (int joint = 0; joint < static_cast<int>(m.njnt); ++joint) {
    const std::string at = "joint/" + name_of(m, mjOBJ_JOINT, joint) + "/";
    const int first = m.jnt_dofadr[joint], type = m.jnt_type[joint];
    const int count = type == mjJNT_FREE ? 6 : type == mjJNT_BALL ? 3 : 1;
    const bool turns = type != mjJNT_SLIDE;
    const auto add = [&](const char* name, const char* help, auto member) {
      all.push_back({{at + name, (m.*member)[first], help}, [member, first, count](mjModel& c, double v) {
                       std::fill_n(c.*member + first, count, v);
                     }});
    };
    add("damping", turns ? "N m s / rad" : "N s / m", &mjModel::dof_damping);
    add("frictionloss", turns ? "dry friction, N m" : "dry friction, N", &mjModel::dof_frictionloss);
    add("armature", turns ? "rotor inertia, kg m^2" : "rotor inertia, kg", &mjModel::dof_armature);
    all.push_back({{at + "stiffness", m.jnt_stiffness[joint], turns ? "N m / rad" : "N / m"},
                   [joint](mjModel& c, double v) { c.jnt_stiffness[joint] = v; }});
  }
}

void add_actuators(const mjModel& m, std::vector<Slot>& all) {
  for (int actuator = 0; actuator < static_cast<int>(m.nu); ++actuator) {
    const std::string at = "actuator/" + name_of(m, mjOBJ_ACTUATOR, actuator) + "/";
    all.push_back({{at + "gear", m.actuator_gear[6 * actuator], "force in the joint a unit of the actuator's",
                    false, true},
                   [actuator](mjModel& c, double v) { c.actuator_gear[6 * actuator] = v; }});
    const double gain = m.actuator_gainprm[mjNGAIN * actuator];
    const bool servo = gain != 0 && m.actuator_biasprm[mjNBIAS * actuator + 1] == -gain;
    all.push_back({{at + "gain", gain, "force a unit of control", false, true},
                   [actuator, servo](mjModel& c, double v) {
                     c.actuator_gainprm[mjNGAIN * actuator] = v;
                     if (servo) c.actuator_biasprm[mjNBIAS * actuator + 1] = -v;
                   }});
  }
}

std::vector<Slot> slots(const mjModel& m) {
  std::vector<Slot> all;
  add_bodies(m, all);
  add_joints(m, all);
  for (int geom = 0; geom < static_cast<int>(m.ngeom); ++geom)
    all.push_back(
        {{"geom/" + name_of(m, mjOBJ_GEOM, geom) + "/friction", m.geom_friction[3 * geom], "sliding"},
         [geom](mjModel& c, double v) { c.geom_friction[3 * geom] = v; }});
  add_actuators(m, all);
  all.push_back({{"option/gravity", m.opt.gravity[2], "along z, m/s^2", false, true},
                 [](mjModel& c, double v) { c.opt.gravity[2] = v; }});
  all.push_back({{"option/density", m.opt.density, "of the medium, kg/m^3"},
                 [](mjModel& c, double v) { c.opt.density = v; }});
  all.push_back({{"option/viscosity", m.opt.viscosity, "of the medium, Pa s"},
                 [](mjModel& c, double v) { c.opt.viscosity = v; }});
  return all;
}

void apply(const std::vector<Slot>& all, const Vecd& values, mjModel& copy) {
  require_dim("mujoco::with_parameters", "values", values.size(), all.size());
  for (std::size_t i = 0; i < all.size(); ++i)
    require(std::isfinite(values(static_cast<Index>(i))), "mujoco::with_parameters: ", all[i].parameter.name,
            " is ", values(static_cast<Index>(i)), ", which is not finite");
  for (std::size_t i = 0; i < all.size(); ++i)
    if (const double v = values(static_cast<Index>(i)); v != all[i].parameter.value) all[i].set(copy, v);
}

std::string numbers(const mjtNum* values, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) text += (i > 0 ? " " : "") + shortest(values[i]);
  return text;
}

// The engine leaves inertias to be computed from geoms again, as of old: here every body that has a mass says it. Its
// text has the bodies in the order of their numbers.
std::string with_inertias(std::string text, const mjModel& m) {
  for (const char* way : {"inertiafromgeom=\"true\"", "inertiafromgeom=\"auto\""})
    if (const std::size_t at = text.find(way); at != std::string::npos)
      text.replace(at, std::strlen(way), "inertiafromgeom=\"false\"");
  std::size_t at = text.find("<worldbody");
  for (int body = 1; body < static_cast<int>(m.nbody) && at != std::string::npos; ++body) {
    do {
      at = text.find("<body", at + 1);
    } while (at != std::string::npos && text[at + 5] != ' ' && text[at + 5] != '>' && text[at + 5] != '/');
    const std::size_t end = text.find('>', at);
    if (at == std::string::npos || end == std::string::npos || text[end - 1] == '/') continue;
    const std::size_t next = text.find('<', end);
    if (next != std::string::npos && text.compare(next, 9, "<inertial") == 0)
      text.erase(next, text.find('>', next) + 1 - next);
    if (m.body_mass[body] > 0)
      text.insert(end + 1, "\n<inertial pos=\"" + numbers(m.body_ipos + 3 * body, 3) + "\" quat=\"" +
                               numbers(m.body_iquat + 4 * body, 4) + "\" mass=\"" +
                               shortest(m.body_mass[body]) + "\" diaginertia=\"" +
                               numbers(m.body_inertia + 3 * body, 3) + "\"/>");
  }
  return text;
}

// What was written, read again; the engine's refusal without the draft's name.
Model read_again(const std::string& draft, const std::string& out) {
  try {
    return Model::from_file(draft);
  } catch (const Error& error) {
    std::string why = error.what();
    for (std::size_t at = 0; (at = why.find(draft, at)) != std::string::npos; at += out.size())
      why.replace(at, draft.size(), out);
    std::replace(why.begin(), why.end(), '\n', ' ');
    fail("file '", out, "' is not written: the engine takes no model with these values: ", why);
  }
}

// The same mechanics, to the digits that the engine writes.
bool same_mechanics(const mjModel& a, const mjModel& b) {
  const auto close = [](const mjtNum* x, const mjtNum* y, long count) {
    for (long i = 0; i < count; ++i)
      if (std::abs(x[i] - y[i]) > 1e-4 * (1e-3 + std::abs(x[i]))) return false;
    return true;
  };
  if (a.nbody != b.nbody || a.nv != b.nv || a.nu != b.nu || a.ngeom != b.ngeom || a.njnt != b.njnt)
    return false;
  const long bodies = static_cast<long>(a.nbody), dofs = static_cast<long>(a.nv);
  return close(a.body_mass, b.body_mass, bodies) && close(a.body_ipos, b.body_ipos, 3 * bodies) &&
         close(a.body_pos, b.body_pos, 3 * bodies) && close(a.body_inertia, b.body_inertia, 3 * bodies) &&
         close(a.dof_damping, b.dof_damping, dofs) && close(a.dof_frictionloss, b.dof_frictionloss, dofs) &&
         close(a.dof_armature, b.dof_armature, dofs) &&
         close(a.geom_friction, b.geom_friction, 3 * static_cast<long>(a.ngeom)) &&
         close(a.actuator_gear, b.actuator_gear, 6 * static_cast<long>(a.nu)) &&
         close(a.jnt_stiffness, b.jnt_stiffness, static_cast<long>(a.njnt)) &&
         close(a.geom_size, b.geom_size, 3 * static_cast<long>(a.ngeom)) &&
         close(a.actuator_gainprm, b.actuator_gainprm, mjNGAIN * static_cast<long>(a.nu)) &&
         close(a.actuator_biasprm, b.actuator_biasprm, mjNBIAS * static_cast<long>(a.nu)) &&
         close(&a.opt.density, &b.opt.density, 1) && close(&a.opt.viscosity, &b.opt.viscosity, 1) &&
         close(a.opt.gravity, b.opt.gravity, 3);
}

}  // namespace

std::vector<ModelParameter> model_parameters(const Model& model) {
  std::vector<ModelParameter> all;
  for (Slot& slot : slots(*model)) all.push_back(std::move(slot.parameter));
  return all;
}

Model with_parameters(const Model& model, const Vecd& values) {
  return model.changed([&](mjModel& copy) { apply(slots(*model), values, copy); });
}

void save_mjcf(const std::string& source, const Vecd& values, const std::string& out) {
  const Model changed = with_parameters(Model::from_file(source), values);
  // Beside its place, where relative names of meshes mean the same, until it is known to be right.
  struct Draft {
    std::string name;
    ~Draft() {
      std::error_code ignored;
      std::filesystem::remove(name, ignored);
    }
  } const draft{out + ".draft.xml"};
  {
    // The engine writes the file that it has read last, with the numbers of the model given.
    const PlainNumbers plain;
    char message[1000] = "";
    const std::unique_ptr<mjModel, decltype(&mj_deleteModel)> last(
        mj_loadXML(source.c_str(), nullptr, message, static_cast<int>(sizeof message)), mj_deleteModel);
    require(last != nullptr, "MuJoCo model '", source, "': ", message);
    apply(slots(*last), values, *last);
    require(mj_saveLastXML(draft.name.c_str(), last.get(), message, static_cast<int>(sizeof message)) != 0,
            "file '", out, "' cannot be written: ", message);
  }
  const std::string text = with_inertias(read_file(draft.name), *changed);
  write_file_atomically(draft.name, text);
  const Model again = read_again(draft.name, out);
  require(same_mechanics(*changed, *again), "MuJoCo ", mj_versionString(), " writes '", out,
          "' with other numbers than were meant; what was found has to be written into '", source,
          "' by hand");
  write_file_atomically(out, text);
}

ObservedDynamics::ObservedDynamics(Dynamics dynamics, std::vector<int> observed)
    : dynamics_(std::move(dynamics)), observed_(std::move(observed)) {
  const mjModel& m = *dynamics_.model();
  at_rest_ = Vecd::Zero(dynamics_.obs_dim());
  std::copy_n(m.qpos0, static_cast<int>(m.nq), at_rest_.data());
}

void ObservedDynamics::step(ConstBatchRef<double> obs, ConstBatchRef<double> action,
                            BatchRef<double> next_obs, Workspace& workspace) const {
  require_dim("mujoco::ObservedDynamics", "obs", obs.rows(), obs_dim());
  workspace.x = at_rest_.replicate(1, obs.cols());
  workspace.next.resize(workspace.x.rows(), obs.cols());
  for (std::size_t i = 0; i < observed_.size(); ++i)
    workspace.x.row(observed_[i]) = obs.row(static_cast<Index>(i));
  dynamics_.step(workspace.x, action, workspace.next, workspace.dynamics);
  for (std::size_t i = 0; i < observed_.size(); ++i)
    next_obs.row(static_cast<Index>(i)) = workspace.next.row(observed_[i]);
}

ParametricDynamics::ParametricDynamics(Model model, int frame_skip, std::vector<int> observed)
    : model_(std::move(model)), frame_skip_(frame_skip), observed_(std::move(observed)) {
  const int size = Dynamics(model_, frame_skip_).obs_dim();
  if (observed_.empty())
    for (int i = 0; i < size; ++i) observed_.push_back(i);
  for (const int entry : observed_)
    require(entry >= 0 && entry < size, "mujoco::ParametricDynamics: observed entry ", entry,
            " is none of the ", size, " of [qpos; qvel; act]");
}

ObservedDynamics ParametricDynamics::model(const Vecd& values) const {
  return {Dynamics(with_parameters(model_, values), frame_skip_), observed_};
}

std::vector<int> observed_entries(AnyEnvironment& environment) {
  constexpr int kSteps = 20;
  const EnvSpec& spec = environment.spec();
  const RandomStream random(0, Stream::kUser);
  std::vector<Vecd> seen;
  std::vector<std::vector<double>> states;
  std::uint64_t episode = 0;
  environment.reset(episode);
  for (int t = 0; t < kSteps; ++t) {
    const StepResult result =
        environment.step(spec.random_action([&](double low, double high, std::uint32_t i) {
          return random.uniform(low, high, static_cast<std::uint32_t>(t), i);
        }));
    states.push_back(environment.physics_state());
    seen.push_back(result.obs);
    if (result.terminated || result.truncated) environment.reset(++episode);
  }
  const std::vector<std::string> names = environment.physics_names();
  std::vector<int> entries;
  for (Index i = 0; i < spec.obs_dim; ++i) {
    const auto is = [&](std::size_t j) {
      for (std::size_t t = 0; t < seen.size(); ++t)
        if (seen[t](i) != states[t][j]) return false;
      return std::find(entries.begin(), entries.end(), static_cast<int>(j)) == entries.end();
    };
    std::size_t j = 0;
    while (j < names.size() && !is(j)) ++j;
    require(j < names.size(), spec.name, ": entry ", i,
            " of its observation is none of positions and velocities, expected an environment whose "
            "observation is its state, or parts of it");
    entries.push_back(static_cast<int>(j));
  }
  // What is not observed must not matter: as where a cheetah is along its way.
  for (std::size_t j = 0; j < names.size(); ++j) {
    if (std::find(entries.begin(), entries.end(), static_cast<int>(j)) != entries.end()) continue;
    const Vecd action = 0.5 * (spec.action_low + spec.action_high);
    const auto next = [&](double by) {
      std::vector<double> state = states.front();
      state[j] += by;
      environment.set_physics_state(state);
      return environment.step(action).obs;
    };
    require((next(0) - next(1)).cwiseAbs().maxCoeff() < 1e-6, spec.name, ": ", names[j],
            " is not observed, but what is observed next depends on it");
  }
  return entries;
}

}  // namespace mbrl::mujoco
