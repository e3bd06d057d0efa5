// Draws a scene into whatever OpenGL context is current: shared by the off-screen renderer and the window.
#pragma once

#include <memory>
#include <vector>

#include "mbrl/mujoco/render/renderer.hpp"

namespace mbrl::mujoco {

// Its context has to be current whenever it is used, and when it ends.
class ScenePainter {
 public:
  // `off_screen`: into a buffer of the settings' size, else into the window.
  ScenePainter(const Scene& scene, const RenderSettings& settings, bool off_screen);
  ~ScenePainter();
  ScenePainter(const ScenePainter&) = delete;
  ScenePainter& operator=(const ScenePainter&) = delete;

  const Scene& scene() const { return scene_; }
  const mjModel& model() const { return *model_; }
  mjData& data() { return *data_; }
  mjvScene& drawn() { return drawn_; }
  const mjvOption& options() const { return options_; }

  Camera& camera() { return camera_; }
  // Throws if the camera names one that the model has not.
  void set_camera(const Camera& camera);

  // Puts the model where the environment is. Throws on too few or not finite numbers.
  void pose(const std::vector<double>& physics);

  void paint(const mjrRect& view, const std::vector<OverlayLine>& overlay, const std::vector<Path>& paths,
             const mjvPerturb* perturb = nullptr);
  // Text in another corner of what was painted.
  void write(const mjrRect& view, int corner, const std::string& left, const std::string& right = {});
  void read(const mjrRect& view, Image& image);

 private:
  void add(const Path& path);
  void add_floor_and_sky(double height, const double* around);

  struct DeleteModel {
    void operator()(mjModel* model) const { mj_deleteModel(model); }
  };
  struct DeleteData {
    void operator()(mjData* data) const { mj_deleteData(data); }
  };

  Scene scene_;
  Camera camera_;
  std::unique_ptr<mjModel, DeleteModel> model_;  // a copy of our own, made to look good
  std::unique_ptr<mjData, DeleteData> data_;
  mjvOption options_;
  mjvScene drawn_;
  mjrContext context_;
  std::vector<std::uint8_t> upside_down_;
};

}  // namespace mbrl::mujoco
