// A window on a screen that shows a scene, with a camera, a pause and a pull at the end of the mouse.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "mbrl/mujoco/render/renderer.hpp"

namespace mbrl::mujoco {

struct WindowSettings {
  std::string title = "mbrl";
  int width = 1200, height = 800;  // pixels
  bool keep_pictures = false;      // so that screenshot() can be asked for
};

/// Left drag turns the camera, right drag moves it, the wheel brings it nearer. Double click chooses a body;
/// control and drag pulls at it. Space pauses, right arrow makes a single step, backspace begins again, C
/// takes the next camera, P hides the paths, H shows the keys, escape or Q ends. To be used on the program's
/// main thread; one window at a time.
class Window {
 public:
  /// Throws if there is no screen or if this library was built without GLFW, naming the remedy.
  explicit Window(const Scene& scene, const WindowSettings& settings = {});
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;

  /// Draws, shows, and looks at mouse and keyboard.
  void show(const std::vector<double>& physics, const std::vector<OverlayLine>& overlay = {},
            const std::vector<Path>& paths = {});

  /// From now on; C goes on from the scene's own. Throws if the camera names one that the model has not.
  void set_camera(const Camera& camera);

  bool closed() const;
  void set_paused(bool paused);
  bool paused() const;
  /// Whether the next step is due: always if not paused, else once for each right arrow.
  bool take_step();
  /// True once after backspace.
  bool take_restart();
  bool shows_paths() const;

  /// What the mouse's pull adds to the velocities (nv) in dt seconds, contacts and joint limits taken into
  /// account; empty if nothing is pulled. Scenes that are posed by a function of their own cannot be pulled.
  Vecd pull(const std::vector<double>& physics, double dt);

  /// What the window shows now. Throws without WindowSettings::keep_pictures.
  Image screenshot() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace mbrl::mujoco
