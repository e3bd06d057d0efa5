// The scenes of the environments here: cameras by model, and bodies for the analytic ones.
#include "mbrl/mujoco/render/scene.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "assets/classic.hpp"
#include "mbrl/mujoco/environments.hpp"
#include "mujoco/render/pose_model.hpp"

namespace mbrl::mujoco {
namespace {

struct View {
  Camera camera;
  const char* traced_body;
};

// By the MJCF's model name, so that all versions of a task are seen alike. What is traced is where a task
// looks: a torso, a pole, a fingertip.
const std::map<std::string, View>& views() {
  static const std::map<std::string, View> all = {
      {"half_cheetah", {{.follow = true, .elevation = -12, .distance = 2.7, .lookat = {0, 0, 0.5}}, "torso"}},
      {"hopper", {{.follow = true, .elevation = -8, .distance = 3.2, .lookat = {0, 0, 0.8}}, "torso"}},
      {"walker2d", {{.follow = true, .elevation = -8, .distance = 3.2, .lookat = {0, 0, 0.8}}, "torso"}},
      {"ant", {{.follow = true, .elevation = -30, .distance = 3.6, .lookat = {0, 0, 0.4}}, "torso"}},
      {"humanoid",
       {{.follow = true, .azimuth = 120, .elevation = -12, .distance = 3.1, .lookat = {0, 0, 0.8}}, "torso"}},
      {"swimmer", {{.follow = true, .elevation = -45, .distance = 4.2, .lookat = {0, 0, 0}}, "front"}},
      {"cartpole", {{.follow = true, .elevation = -8, .distance = 4.2, .lookat = {0, 0, 0}}, "pole"}},
      {"inverted_pendulum", {{.elevation = -12, .distance = 2.4, .lookat = {0, 0, 0.25}}, "pole"}},
      {"inverted_double_pendulum",
       {{.elevation = -10, .distance = 3.2, .lookat = {0, 0, 0.55}}, "upper_pole"}},
      {"reacher", {{.elevation = -65, .distance = 0.7, .lookat = {0, 0, 0}}, "fingertip"}},
      {"pusher", {{.azimuth = 140, .elevation = -35, .distance = 2.4, .lookat = {0.3, -0.2, -0.2}}, "tips"}},
      {"pilco_reacher", {{.elevation = -65, .distance = 1.6, .lookat = {0.2, 0, 0}}, "fingertip"}},
      {"reacher3d", {{.azimuth = 140, .elevation = -25, .distance = 2.5, .lookat = {0.3, 0, 0}}, "left_tip"}},
      {"pendulum", {{.elevation = -6, .distance = 3.2, .lookat = {0, 0, 0}}, "rod"}},
      {"classic_cartpole",
       {{.follow = true, .elevation = -10, .distance = 5.2, .lookat = {0, 0, 0.45}}, "pole"}},
      {"dyna_maze", {{.azimuth = 90, .elevation = -60, .distance = 11.5, .lookat = {4, -2.7, 0}}, "ball"}},
      {"disc_field",
       {{.follow = true, .azimuth = 90, .elevation = -55, .distance = 11, .lookat = {3, 0, 0}}, "ball"}},
      {"acrobot", {{.elevation = -6, .distance = 6.2, .lookat = {0, 0, -0.3}}, "lower_link"}},
      {"dmc_cheetah", {{.follow = true, .elevation = -12, .distance = 2.7, .lookat = {0, 0, 0.5}}, "torso"}},
      {"dmc_walker", {{.follow = true, .elevation = -8, .distance = 3.6, .lookat = {0, 0, 0.9}}, "torso"}},
      {"dmc_cartpole", {{.elevation = -6, .distance = 4.6, .lookat = {0, 0, 1}}, "pole"}},
      {"dmc_reacher", {{.elevation = -65, .distance = 0.8, .lookat = {0, 0, 0}}, "finger"}},
      {"dmc_finger", {{.elevation = -10, .distance = 1.4, .lookat = {0, 0, 0.35}}, "spinner"}},
      {"dmc_ball_in_cup", {{.elevation = -8, .distance = 1.5, .lookat = {0, 0, 0.5}}, "ball"}},
      {"mountain_car", {{.elevation = -8, .distance = 2.3, .lookat = {-0.3, 0, 0.55}}, "car"}}};
  return all;
}

using Pose = std::function<void(const std::vector<double>&, double*)>;

using Foresee = std::function<void(const Vecd&, double, std::vector<double>&)>;

// Observations that hold the positions but for the first `hidden`, which are added up from the velocities
// that follow.
Foresee travelling(int nq, int hidden) {
  return [nq, hidden](const Vecd& obs, double dt, std::vector<double>& physics) {
    for (int i = hidden; i < nq; ++i) physics[static_cast<std::size_t>(i)] = obs(i - hidden);
    for (int i = 0; i < hidden; ++i) physics[static_cast<std::size_t>(i)] += obs(nq - hidden + i) * dt;
  };
}

// Observations that begin with the first `count` positions.
Foresee beginning(int count) {
  return [count](const Vecd& obs, double /*dt*/, std::vector<double>& physics) {
    std::copy_n(obs.data(), count, physics.data());
  };
}

// Angles seen as cosines and sines: of the k-th position at these entries.
Foresee angles(const std::vector<std::array<int, 2>>& cos_sin, int first = 0) {
  return [cos_sin, first](const Vecd& obs, double /*dt*/, std::vector<double>& physics) {
    for (std::size_t k = 0; k < cos_sin.size(); ++k)
      physics[static_cast<std::size_t>(first) + k] = std::atan2(obs(cos_sin[k][1]), obs(cos_sin[k][0]));
  };
}

// The Gymnasium task that moves like a task of the benchmark, whose observation is laid out alike; other
// names are their own.
std::string gym_name(const std::string& name) {
  if (name.rfind("mbbl/", 0) != 0) return name;
  std::string task = name.substr(5);
  if (task.size() > 2 && task.compare(task.size() - 2, 2, "ET") == 0) task.resize(task.size() - 2);
  if (task == "Pendulum" || task == "CartPole" || task == "Acrobot") return task + "-v1";
  if (task == "MountainCar") return "MountainCarContinuous-v0";
  return (task == "SlimHumanoid" ? "Humanoid" : task) + "-v4";
}

// By what the environment's name begins with, the longest match first.
Foresee foresee_of(const std::string& full_name, int nq) {
  const std::string name = gym_name(full_name);
  const auto is = [&name](const char* beginning) { return name.rfind(beginning, 0) == 0; };
  if (is("pets/HalfCheetah"))
    return [nq](const Vecd& obs, double dt, std::vector<double>& physics) {
      physics[0] += obs(0) * dt;
      std::copy_n(obs.data() + 1, nq - 1, physics.data() + 1);
    };
  if (is("HalfCheetah-v") || is("Hopper-v") || is("Walker2d-v")) return travelling(nq, 1);
  if (is("Ant") || is("Humanoid") || is("mbpo/") || is("Swimmer-v")) return travelling(nq, 2);
  if (is("InvertedPendulum-v") || is("pets/CartPole")) return beginning(2);
  if (is("pilco/CartPole")) return beginning(4);
  if (is("pilco/Reacher"))
    return [](const Vecd& obs, double /*dt*/, std::vector<double>& physics) {
      physics[0] = obs(0);
      physics[1] = obs(1) - obs(0);  // directions are seen, an elbow is bent
    };
  if (is("Pusher-v") || is("pets/Pusher") || is("pets/Reacher3D")) return beginning(7);
  if (is("Reacher-v")) return angles({{0, 2}, {1, 3}});
  if (is("InvertedDoublePendulum-v"))
    return [](const Vecd& obs, double /*dt*/, std::vector<double>& physics) {
      physics[0] = obs(0);
      physics[1] = std::atan2(obs(1), obs(3));
      physics[2] = std::atan2(obs(2), obs(4));
    };
  if (is("dmc/cheetah")) return travelling(nq, 1);
  if (is("dmc/reacher")) return beginning(2);
  if (is("dmc/ball_in_cup")) return beginning(4);
  if (is("dmc/cartpole"))
    return [](const Vecd& obs, double /*dt*/, std::vector<double>& physics) {
      physics[0] = obs(0);
      physics[1] = std::atan2(obs(2), obs(1));
    };
  if (is("dmc/finger"))
    return [](const Vecd& obs, double /*dt*/, std::vector<double>& physics) {
      physics[0] = obs(0);
      physics[1] = obs(1);
      physics[2] = std::atan2(-obs(2), obs(3));  // the tip is seen
    };
  if (is("Pendulum-v1")) return angles({{0, 1}});
  if (is("Acrobot-v1")) return angles({{0, 1}, {2, 3}});
  if (is("CartPole")) return beginning(4);
  if (is("MountainCarContinuous-v0") || is("DynaMaze")) return beginning(2);
  return {};
}

void require_numbers(const std::vector<double>& physics, std::size_t expected) {
  require(physics.size() >= expected, "scene: the physical state has ", physics.size(), " numbers, expected ",
          expected, " or more");
}

struct Posed {
  std::string mjcf;
  Pose pose;
};

const std::map<std::string, Posed>& analytic_scenes() {
  static const std::map<std::string, Posed> all = [] {
    const Posed cartpole{assets::classic_cartpole(), [](const std::vector<double>& s, double* qpos) {
                           require_numbers(s, 4);
                           qpos[0] = s[0];
                           qpos[1] = s[2];
                         }};
    const Posed mountain{assets::mountain_car(), [](const std::vector<double>& s, double* qpos) {
                           require_numbers(s, 2);
                           qpos[0] = s[0];
                           qpos[1] = assets::mountain_height(s[0]);
                           qpos[2] = std::atan(1.35 * std::cos(3 * s[0]));
                         }};
    const Posed maze{assets::dyna_maze(), [](const std::vector<double>& s, double* qpos) {
                       require_numbers(s, 2);
                       qpos[0] = s[1];
                       qpos[1] = -s[0];
                     }};
    const Posed discs{assets::disc_field(), [](const std::vector<double>& s, double* qpos) {
                        constexpr std::size_t kNumbers = 4 + 2 * DiscFieldTask::kDiscs;
                        require_numbers(s, kNumbers);
                        std::copy_n(s.begin(), 2, qpos);
                        std::copy(s.begin() + 4, s.begin() + kNumbers, qpos + 2);
                      }};
    return std::map<std::string, Posed>{{"Pendulum-v1", {assets::pendulum(), {}}},
                                        {"Acrobot-v1", {assets::acrobot(), {}}},
                                        {"CartPole-v1", cartpole},
                                        {"DynaMaze", maze},
                                        {"DiscField", discs},
                                        {"CartPoleContinuous", cartpole},
                                        {"pilco/CartPole",
                                         {assets::pilco_cartpole(),
                                          [](const std::vector<double>& s, double* qpos) {
                                            require_numbers(s, 4);
                                            qpos[0] = s[0];
                                            qpos[1] = s[2];
                                          }}},
                                        {"MountainCarContinuous-v0", mountain}};
  }();
  return all;
}

std::string model_name(const mjModel& model) { return model.names; }  // the first of the names

std::vector<std::string> names_of(const mjModel& model, mjtObj kind, int count) {
  std::vector<std::string> names;
  for (int i = 0; i < count; ++i)
    if (const char* name = mj_id2name(&model, kind, i)) names.emplace_back(name);
  return names;
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

// Whether the first body is free to go away: by a free joint or a slide without a limit.
bool travels(const mjModel& model) {
  if (model.nbody < 2) return false;
  for (int i = 0; i < static_cast<int>(model.njnt); ++i)
    if (model.jnt_bodyid[i] == 1 &&
        (model.jnt_type[i] == mjJNT_FREE || (model.jnt_type[i] == mjJNT_SLIDE && !model.jnt_limited[i])))
      return true;
  return false;
}

}  // namespace

Scene scene_of(const Model& model) {
  Scene scene{.model = model};
  const auto view = views().find(model_name(*model));
  if (view != views().end()) {
    scene.camera = view->second.camera;
    const int body = mj_name2id(model.get(), mjOBJ_BODY, view->second.traced_body);
    if (body > 0) scene.traced_body = body;
    return scene;
  }
  const auto& stat = model->stat;
  scene.camera.follow = travels(*model);
  scene.camera.distance = 2.0 * stat.extent;
  scene.camera.azimuth = 110;
  scene.camera.elevation = -20;
  scene.camera.lookat = {stat.center[0], stat.center[1], stat.center[2]};
  if (scene.camera.follow) scene.camera.lookat = {0, 0, stat.center[2]};
  scene.traced_body = std::min(1, static_cast<int>(model->nbody) - 1);
  return scene;
}

bool has_scene(const std::string& name) {
  return analytic_scenes().contains(gym_name(name)) || find_model(name).has_value();
}

Scene scene_of(const EnvSpec& spec) {
  if (const auto found = analytic_scenes().find(gym_name(spec.name)); found != analytic_scenes().end()) {
    Scene scene = scene_of(Model::from_string(found->second.mjcf, spec.name));
    scene.pose = found->second.pose;
    scene.foresee = foresee_of(spec.name, 0);
    return scene;
  }
  if (const auto model = find_model(spec.name)) {
    Scene scene = scene_of(*model);
    scene.foresee = foresee_of(spec.name, static_cast<int>((*model)->nq));
    return scene;
  }
  std::vector<std::string> drawn;
  for (const auto& [name, posed] : analytic_scenes()) drawn.push_back(name);
  fail("environment '", spec.name, "' has no picture, expected a MuJoCo task or one of ", joined(drawn),
       "; a Renderer can be given a Scene of your own");
}

Tracer::Tracer(const Scene& scene) : scene_(scene), simulation_(scene.model) {
  require(scene.traced_body >= 0 && scene.traced_body < static_cast<int>(scene.model->nbody),
          "Tracer: traced_body is ", scene.traced_body, ", expected a body of the model, 0 to ",
          scene.model->nbody - 1);
}

std::array<double, 3> Tracer::operator()(const std::vector<double>& physics) {
  const mjModel& model = simulation_.model();
  mjData& data = simulation_.data();
  pose_model(scene_, physics, model, data);
  const mjtNum* at = data.xipos + 3 * scene_.traced_body;
  return {at[0], at[1], at[2]};
}

void pose_model(const Scene& scene, const std::vector<double>& physics, const mjModel& model, mjData& data) {
  const auto nq = static_cast<std::size_t>(model.nq);
  require(std::all_of(physics.begin(), physics.end(), [](double x) { return std::isfinite(x); }),
          "scene: the physical state has numbers that are not finite");
  std::copy_n(model.qpos0, nq, data.qpos);
  if (scene.pose) {
    scene.pose(physics, data.qpos);
  } else {
    require_numbers(physics, nq);
    std::copy_n(physics.data(), nq, data.qpos);
    const auto places = 3 * static_cast<std::size_t>(model.nmocap);  // come last
    if (physics.size() == nq + static_cast<std::size_t>(model.nv) + places)
      std::copy_n(physics.end() - static_cast<std::ptrdiff_t>(places), places, data.mocap_pos);
  }
  mj_kinematics(&model, &data);
  mj_comPos(&model, &data);
}

Camera camera_of(const Scene& scene, const std::string& name) {
  Camera camera = scene.camera;
  if (name.empty() || name == "default") return camera;
  if (name == "free" || name == "track") {
    camera.follow = name == "track";
    return camera;
  }
  const mjModel& model = *scene.model;
  if (mj_name2id(&model, mjOBJ_CAMERA, name.c_str()) < 0) {
    std::vector<std::string> known = {"default", "free", "track"};
    for (const std::string& own : names_of(model, mjOBJ_CAMERA, static_cast<int>(model.ncam)))
      if (!own.empty() && std::find(known.begin(), known.end(), own) == known.end()) known.push_back(own);
    fail("no camera '", name, "' in the model '", model_name(model), "', expected one of ", joined(known));
  }
  camera.name = name;
  return camera;
}

}  // namespace mbrl::mujoco
