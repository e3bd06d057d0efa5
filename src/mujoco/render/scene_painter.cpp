// MuJoCo's visualiser (mjv) and renderer (mjr) put together, with light and camera going along.
#include "mujoco/render/scene_painter.hpp"

#include <algorithm>
#include <cmath>

#include "mbrl/core/error.hpp"
#include "mujoco/render/pose_model.hpp"

namespace mbrl::mujoco {
namespace {

constexpr int kMaxGeoms = 20000;  // bodies, and the pieces of lines
constexpr int kMaxSide = 8192;    // pixels

void set(float* rgb, float value) { std::fill_n(rgb, 3, value); }

// What concerns looks only; the simulation's model is another copy.
void make_presentable(mjModel& model, const RenderSettings& settings) {
  auto& vis = model.vis;
  vis.global.offwidth = settings.width;
  vis.global.offheight = settings.height;
  vis.quality.offsamples = settings.samples;
  vis.quality.shadowsize = settings.shadow_size;
  vis.quality.numslices = settings.slices;
  vis.quality.numstacks = std::max(4, settings.slices * 4 / 7);
  vis.quality.numquads = std::min(4, 1 + settings.slices / 8);
  set(vis.headlight.ambient, 0.35f);
  set(vis.headlight.diffuse, 0.35f);
  set(vis.headlight.specular, 0.1f);
}

}  // namespace

ScenePainter::ScenePainter(const Scene& scene, const RenderSettings& settings, bool off_screen)
    : scene_(scene), camera_(scene.camera) {
  prepare_engine();
  require(settings.width >= 1 && settings.width <= kMaxSide && settings.height >= 1 &&
              settings.height <= kMaxSide,
          "rendering: the size is ", settings.width, " x ", settings.height, " pixels, expected 1 to ",
          kMaxSide, " a side");
  require(settings.samples >= 0 && settings.slices >= 4 && settings.shadow_size >= 0,
          "rendering: samples are ", settings.samples, ", slices ", settings.slices, ", shadow_size ",
          settings.shadow_size, ", expected at least 0, 4 and 0");
  model_.reset(mj_copyModel(nullptr, scene.model.get()));
  require(model_ != nullptr, "rendering: no memory for a model");
  make_presentable(*model_, settings);
  data_.reset(mj_makeData(model_.get()));
  require(data_ != nullptr, "rendering: no memory for a model's data");
  set_camera(camera_);
  mjv_defaultOption(&options_);
  mjv_defaultScene(&drawn_);
  mjr_defaultContext(&context_);
  mjr_makeContext(model_.get(), &context_, settings.height >= 400 ? mjFONTSCALE_100 : mjFONTSCALE_50);
  mjv_makeScene(model_.get(), &drawn_, kMaxGeoms);
  drawn_.flags[mjRND_SHADOW] = settings.shadows;
  drawn_.flags[mjRND_REFLECTION] = settings.reflections;
  if (off_screen) {
    mjr_setBuffer(mjFB_OFFSCREEN, &context_);
    if (context_.currentBuffer != mjFB_OFFSCREEN) {
      mjv_freeScene(&drawn_);
      mjr_freeContext(&context_);
      fail("rendering: this OpenGL has no off-screen buffer of ", settings.width, " x ", settings.height,
           " pixels");
    }
  }
}

ScenePainter::~ScenePainter() {
  mjv_freeScene(&drawn_);
  mjr_freeContext(&context_);
}

void ScenePainter::set_camera(const Camera& camera) {
  require(camera.name.empty() || mj_name2id(model_.get(), mjOBJ_CAMERA, camera.name.c_str()) >= 0,
          "rendering: the model has no camera '", camera.name, "'");
  require(camera.distance > 0 && std::isfinite(camera.distance), "rendering: the camera's distance is ",
          camera.distance, " m, expected more than 0");
  camera_ = camera;
}

void ScenePainter::pose(const std::vector<double>& physics) {
  pose_model(scene_, physics, *model_, *data_);
  mj_camlight(model_.get(), data_.get());
  if (model_->ntendon > 0) mj_tendon(model_.get(), data_.get());
}

void ScenePainter::add(const Path& path) {
  for (std::size_t i = 1; i < path.points.size() && drawn_.ngeom < drawn_.maxgeom; ++i) {
    const auto &a = path.points[i - 1], &b = path.points[i];
    const mjtNum along[3] = {b[0] - a[0], b[1] - a[1], b[2] - a[2]};
    const mjtNum middle[3] = {(a[0] + b[0]) / 2, (a[1] + b[1]) / 2, (a[2] + b[2]) / 2};
    const double length = std::sqrt(along[0] * along[0] + along[1] * along[1] + along[2] * along[2]);
    if (!(length > 1e-9) || !std::isfinite(length)) continue;
    const mjtNum direction[3] = {along[0] / length, along[1] / length, along[2] / length};
    mjtNum quaternion[4], rotation[9];
    mju_quatZ2Vec(quaternion, direction);
    mju_quat2Mat(rotation, quaternion);
    mjvGeom& geom = drawn_.geoms[drawn_.ngeom++];
    mjv_initGeom(&geom, mjGEOM_CAPSULE, nullptr, middle, rotation, path.rgba.data());
    geom.size[0] = geom.size[1] = static_cast<float>(path.radius);
    geom.size[2] = static_cast<float>(length / 2);
    geom.category = mjCAT_DECOR;
    geom.emission = 0.6f;  // readable in the shade
  }
}

// Boxes and a sphere seen from inside, with nothing but their colours: models have no room for more textures.
void ScenePainter::add_floor_and_sky(double height, const double* around) {
  const auto add_geom = [this](int type, const std::array<double, 3>& size, const std::array<double, 3>& at,
                               const std::array<float, 4>& rgba, float emission) {
    if (drawn_.ngeom >= drawn_.maxgeom) return;
    mjvGeom& geom = drawn_.geoms[drawn_.ngeom++];
    const mjtNum level[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    mjv_initGeom(&geom, type, size.data(), at.data(), level, rgba.data());
    geom.category = mjCAT_DECOR;
    geom.emission = emission;
    geom.specular = 0;
  };
  constexpr int kLines = 40;  // on each side
  constexpr double kThick = 0.01, kLineWidth = 0.006, kLineHeight = 0.002;
  const double far = 0.8 * model_->vis.map.zfar * model_->stat.extent;
  add_geom(mjGEOM_SPHERE, {far, far, far}, {around[0], around[1], height}, {0.62f, 0.75f, 0.90f, 1}, 1.0f);
  add_geom(mjGEOM_BOX, {0.7 * far, 0.7 * far, kThick}, {around[0], around[1], height - kThick},
           {0.45f, 0.48f, 0.52f, 1}, 0.1f);
  const double x = std::round(around[0]), y = std::round(around[1]);
  for (int i = -kLines; i <= kLines; ++i) {
    add_geom(mjGEOM_BOX, {kLineWidth, kLines, kLineHeight}, {x + i, y, height}, {0.7f, 0.72f, 0.75f, 1},
             0.2f);
    add_geom(mjGEOM_BOX, {kLines, kLineWidth, kLineHeight}, {x, y + i, height}, {0.7f, 0.72f, 0.75f, 1},
             0.2f);
  }
}

void ScenePainter::paint(const mjrRect& view, const std::vector<OverlayLine>& overlay,
                         const std::vector<Path>& paths, const mjvPerturb* perturb) {
  mjvCamera camera;
  mjv_defaultCamera(&camera);
  std::array<double, 2> focus{};
  if (camera_.follow && model_->nbody > 1)
    for (std::size_t k = 0; k < 2; ++k) focus[k] = data_->subtree_com[3 + k];
  if (camera_.name.empty()) {
    camera.type = mjCAMERA_FREE;
    camera.azimuth = camera_.azimuth;
    camera.elevation = camera_.elevation;
    camera.distance = camera_.distance;
    for (std::size_t k = 0; k < 3; ++k) camera.lookat[k] = camera_.lookat[k] + (k < 2 ? focus[k] : 0.0);
  } else {
    camera.type = mjCAMERA_FIXED;
    camera.fixedcamid = mj_name2id(model_.get(), mjOBJ_CAMERA, camera_.name.c_str());
  }
  // Endless floors are laid out around the camera that the scene had before: without this, the picture would
  // depend on the last one.
  mjv_updateCamera(model_.get(), data_.get(), &camera, &drawn_);
  mjv_updateScene(model_.get(), data_.get(), &options_, perturb, &camera, mjCAT_ALL, &drawn_);
  // The sun goes along: a directional light casts shadows near its place only.
  if (scene_.camera.follow && model_->nbody > 1)
    for (int i = 0; i < drawn_.nlight; ++i)
      if (!drawn_.lights[i].headlight)
        for (int k = 0; k < 2; ++k) drawn_.lights[i].pos[k] += static_cast<float>(data_->subtree_com[3 + k]);
  if (scene_.floor_and_sky) {
    add_floor_and_sky(*scene_.floor_and_sky, camera.lookat);
    drawn_.flags[mjRND_CULL_FACE] = 0;  // the sky is looked at from inside
  }
  for (const Path& path : paths) add(path);
  mjr_render(view, &drawn_, &context_);
  if (overlay.empty()) return;
  std::string labels, values;
  for (const OverlayLine& line : overlay) {
    labels += (labels.empty() ? "" : "\n") + line.label;
    values += (values.empty() ? "" : "\n") + line.value;
  }
  write(view, mjGRID_TOPLEFT, labels, values);
}

void ScenePainter::write(const mjrRect& view, int corner, const std::string& left, const std::string& right) {
  mjr_overlay(mjFONT_NORMAL, corner, view, left.c_str(), right.empty() ? nullptr : right.c_str(), &context_);
}

void ScenePainter::read(const mjrRect& view, Image& image) {
  const auto row = 3 * static_cast<std::size_t>(view.width);
  if (image.width != view.width || image.height != view.height) image = Image(view.width, view.height);
  upside_down_.resize(image.rgb.size());
  mjr_readPixels(upside_down_.data(), nullptr, view, &context_);
  for (int y = 0; y < view.height; ++y)  // OpenGL's rows go up
    std::copy_n(upside_down_.data() + row * static_cast<std::size_t>(view.height - 1 - y), row,
                image.pixel(0, y));
}

}  // namespace mbrl::mujoco
