// The scenes of the environments here: cameras by model, and bodies for the analytic ones.
#include "mbrl/mujoco/scene.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "assets/classic.hpp"
#include "mbrl/mujoco/environments.hpp"

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
       {{.follow = true, .azimuth = 120, .elevation = -12, .distance = 3.6, .lookat = {0, 0, 0.9}}, "torso"}},
      {"swimmer", {{.follow = true, .elevation = -45, .distance = 4.2, .lookat = {0, 0, 0}}, "front"}},
      {"cartpole", {{.elevation = -8, .distance = 4.2, .lookat = {0, 0, 0}}, "pole"}},
      {"inverted_pendulum", {{.elevation = -12, .distance = 2.4, .lookat = {0, 0, 0.25}}, "pole"}},
      {"inverted_double_pendulum",
       {{.elevation = -10, .distance = 3.2, .lookat = {0, 0, 0.55}}, "upper_pole"}},
      {"reacher", {{.elevation = -65, .distance = 0.7, .lookat = {0, 0, 0}}, "fingertip"}},
      {"pusher", {{.azimuth = 140, .elevation = -35, .distance = 2.4, .lookat = {0.3, -0.2, -0.2}}, "tips"}},
      {"reacher3d", {{.azimuth = 140, .elevation = -25, .distance = 2.5, .lookat = {0.3, 0, 0}}, "left_tip"}},
      {"pendulum", {{.elevation = -6, .distance = 3.6, .lookat = {0, 0, 0}}, "rod"}},
      {"classic_cartpole", {{.elevation = -10, .distance = 4.2, .lookat = {0, 0, 0.45}}, "pole"}},
      {"acrobot", {{.elevation = -6, .distance = 6.2, .lookat = {0, 0, -0.3}}, "lower_link"}},
      {"mountain_car", {{.elevation = -8, .distance = 2.3, .lookat = {-0.3, 0, 0.55}}, "car"}}};
  return all;
}

using Pose = std::function<void(const std::vector<double>&, double*)>;

struct Posed {
  std::string mjcf;
  Pose pose;
};

const std::map<std::string, Posed>& analytic_scenes() {
  static const std::map<std::string, Posed> all = [] {
    const Posed cartpole{assets::classic_cartpole(), [](const std::vector<double>& s, double* qpos) {
                           qpos[0] = s[0];
                           qpos[1] = s[2];
                         }};
    const Posed mountain{assets::mountain_car(), [](const std::vector<double>& s, double* qpos) {
                           qpos[0] = s[0];
                           qpos[1] = assets::mountain_height(s[0]);
                           qpos[2] = std::atan(1.35 * std::cos(3 * s[0]));
                         }};
    return std::map<std::string, Posed>{{"Pendulum-v1", {assets::pendulum(), {}}},
                                        {"Acrobot-v1", {assets::acrobot(), {}}},
                                        {"CartPole-v1", cartpole},
                                        {"CartPoleContinuous", cartpole},
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
  return analytic_scenes().contains(name) || find_model(name).has_value();
}

Scene scene_of(const EnvSpec& spec) {
  if (const auto found = analytic_scenes().find(spec.name); found != analytic_scenes().end()) {
    Scene scene = scene_of(Model::from_string(found->second.mjcf, spec.name));
    scene.pose = found->second.pose;
    return scene;
  }
  if (const auto model = find_model(spec.name)) return scene_of(*model);
  fail("environment '", spec.name,
       "' has no picture: none of this library's; give a Renderer your own Scene");
}

Camera camera_of(const Scene& scene, const std::string& name) {
  Camera camera = scene.camera;
  if (name.empty() || name == "default") return camera;
  if (name == "free" || name == "track") {
    camera.follow = name == "track";
    return camera;
  }
  const mjModel& model = *scene.model;
  if (mj_name2id(&model, mjOBJ_CAMERA, name.c_str()) < 0)
    fail("no camera '", name, "' in the model '", model_name(model),
         "', expected one of default, free, track, ",
         joined(names_of(model, mjOBJ_CAMERA, static_cast<int>(model.ncam))));
  camera.name = name;
  return camera;
}

}  // namespace mbrl::mujoco
