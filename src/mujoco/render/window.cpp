// The window: GLFW's events turned into camera, pause and pull.
#include "mbrl/mujoco/render/window.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <utility>

#include "mbrl/core/error.hpp"
#include "mbrl/core/fork.hpp"
#include "mujoco/render/scene_painter.hpp"

#if MBRL_HAS_GLFW
#include <dlfcn.h>
#define GLFW_INCLUDE_NONE
#include <GLFW/glfw3.h>
#endif

namespace mbrl::mujoco {
#if MBRL_HAS_GLFW
namespace {

std::string last_trouble() {
  const char* text = nullptr;
  glfwGetError(&text);
  return text ? text : "no reason given";
}

// The same order in both.
constexpr const char* kKeys =
    "space\nright arrow\nbackspace\nC\nP\ndrag left, right\nwheel\ndouble click\ncontrol + drag\nH\nescape";
constexpr const char* kMeanings =
    "pause, play\nsingle step\nbegin again\nnext camera\nplans on, off\nturn, move the camera\n"
    "come nearer\nchoose a body\npull at it\nthis help\nend";

}  // namespace

struct Window::Impl {
  explicit Impl(const Scene& scene, const WindowSettings& settings) {
    // MuJoCo looks OpenGL's functions up among the symbols that all can see.
    for (const char* name : {"libGLX.so.0", "libGL.so.1"}) dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    if (glfwInit() != GLFW_TRUE) {
      const std::string trouble = last_trouble();
      const char* display = std::getenv("DISPLAY");
      fail("no window can be opened here: ", trouble, "; a screen is needed (DISPLAY is ",
           display ? display : "not set",
           "). Without one, 'mbrl render' makes films, and 'xvfb-run -a mbrl view ...' ",
           "shows a window to nobody");
    }
    glfwWindowHint(GLFW_SAMPLES, 4);
    handle = glfwCreateWindow(settings.width, settings.height, settings.title.c_str(), nullptr, nullptr);
    if (!handle) {
      const std::string trouble = last_trouble();
      glfwTerminate();
      fail("no window with OpenGL can be opened here: ", trouble);
    }
    glfwMakeContextCurrent(handle);
    glfwSwapInterval(1);
    try {
      RenderSettings look;
      look.width = look.height = 16;  // the off-screen buffer is not used
      painter = std::make_unique<ScenePainter>(scene, look, false);
    } catch (...) {
      glfwDestroyWindow(handle);
      glfwTerminate();
      throw;
    }
    keep_pictures = settings.keep_pictures;
    mjv_defaultPerturb(&perturb);
    glfwSetWindowUserPointer(handle, this);
    glfwSetKeyCallback(handle,
                       [](GLFWwindow* w, int key, int, int action, int) { self(w).key(key, action); });
    glfwSetMouseButtonCallback(handle, [](GLFWwindow* w, int button, int action, int mods) {
      self(w).button(button, action, mods);
    });
    glfwSetCursorPosCallback(handle, [](GLFWwindow* w, double x, double y) { self(w).moved(x, y); });
    glfwSetScrollCallback(handle, [](GLFWwindow* w, double, double y) {
      self(w).painter->camera().distance *= std::exp(-0.1 * y);
    });
  }
  ~Impl() {
    if (origin.is_elsewhere()) {  // neither the connection to the screen nor OpenGL is the child's
      static_cast<void>(painter.release());
      return;
    }
    glfwMakeContextCurrent(handle);
    painter.reset();
    glfwDestroyWindow(handle);
    glfwTerminate();
  }

  static Impl& self(GLFWwindow* window) { return *static_cast<Impl*>(glfwGetWindowUserPointer(window)); }

  void key(int key, int action) {
    if (action == GLFW_RELEASE) return;
    if (key == GLFW_KEY_RIGHT) {
      paused = true;
      ++steps;
    }
    if (action != GLFW_PRESS) return;
    if (key == GLFW_KEY_SPACE) paused = !paused;
    if (key == GLFW_KEY_BACKSPACE) restart = true;
    if (key == GLFW_KEY_P) paths = !paths;
    if (key == GLFW_KEY_H) help = !help;
    if (key == GLFW_KEY_ESCAPE || key == GLFW_KEY_Q) glfwSetWindowShouldClose(handle, GLFW_TRUE);
    if (key == GLFW_KEY_C) next_camera();
  }

  // The scene's own, the same standing still, then those of the MJCF.
  void next_camera() {
    const mjModel& model = painter->model();
    camera = (camera + 1) % (2 + static_cast<int>(model.ncam));
    Camera next = painter->scene().camera;
    if (camera == 1) next.follow = false;
    if (camera >= 2)
      if (const char* name = mj_id2name(&model, mjOBJ_CAMERA, camera - 2)) next.name = name;
    painter->set_camera(next);
  }

  void button(int button, int action, int mods) {
    glfwGetCursorPos(handle, &x, &y);
    const double now = glfwGetTime();
    perturb.active = 0;
    if (action == GLFW_PRESS && (mods & GLFW_MOD_CONTROL) && perturb.select > 0) {
      mjv_initPerturb(&painter->model(), &painter->data(), &painter->drawn(), &perturb);
      perturb.active = button == GLFW_MOUSE_BUTTON_LEFT ? mjPERT_ROTATE : mjPERT_TRANSLATE;
    }
    if (action == GLFW_PRESS && button == GLFW_MOUSE_BUTTON_LEFT) {
      if (now - clicked < 0.3) choose();
      clicked = now;
    }
  }

  // The body under the mouse.
  void choose() {
    int width = 1, height = 1;
    glfwGetWindowSize(handle, &width, &height);
    mjtNum point[3];
    int geom = -1, skin = -1;
    const auto w = static_cast<mjtNum>(width), h = static_cast<mjtNum>(height);
#if mjVERSION_HEADER >= 300
    int flex = -1;
    const int body = mjv_select(&painter->model(), &painter->data(), &painter->options(), w / h, x / w,
                                (h - y) / h, &painter->drawn(), point, &geom, &flex, &skin);
#else
    const int body = mjv_select(&painter->model(), &painter->data(), &painter->options(), w / h, x / w,
                                (h - y) / h, &painter->drawn(), point, &geom, &skin);
#endif
    perturb.select = std::max(0, body);
    if (body <= 0) return;
    const mjData& data = painter->data();
    mjtNum offset[3];
    mju_sub3(offset, point, data.xpos + 3 * body);
    mju_mulMatTVec(perturb.localpos, data.xmat + 9 * body, offset, 3, 3);
  }

  void moved(double to_x, double to_y) {
    int width = 1, height = 1;
    glfwGetWindowSize(handle, &width, &height);
    const double dx = (to_x - x) / height, dy = (to_y - y) / height;
    x = to_x;
    y = to_y;
    const bool left = glfwGetMouseButton(handle, GLFW_MOUSE_BUTTON_LEFT) == GLFW_PRESS;
    const bool right = glfwGetMouseButton(handle, GLFW_MOUSE_BUTTON_RIGHT) == GLFW_PRESS;
    if (perturb.active) {
      mjv_movePerturb(&painter->model(), &painter->data(), left ? mjMOUSE_ROTATE_V : mjMOUSE_MOVE_V, dx, dy,
                      &painter->drawn(), &perturb);
      return;
    }
    Camera& view = painter->camera();
    if (left) {
      view.azimuth -= 180 * dx;
      view.elevation = std::clamp(view.elevation - 180 * dy, -89.0, 89.0);
    } else if (right) {
      const double a = view.azimuth * mjPI / 180, e = view.elevation * mjPI / 180,
                   scale = view.distance * 0.83;
      // Against the mouse, along the picture's right and up.
      view.lookat[0] += scale * (-dx * std::sin(a) - dy * std::sin(e) * std::cos(a));
      view.lookat[1] += scale * (dx * std::cos(a) - dy * std::sin(e) * std::sin(a));
      view.lookat[2] += scale * dy * std::cos(e);
    }
  }

  ProcessOfOrigin origin;
  GLFWwindow* handle = nullptr;
  std::unique_ptr<ScenePainter> painter;
  mjvPerturb perturb;
  bool paused = false, restart = false, paths = true, help = true;
  int steps = 0, camera = 0;
  double x = 0, y = 0, clicked = -1;
  bool keep_pictures = false;
  Image shown;
};

Window::Window(const Scene& scene, const WindowSettings& settings)
    : impl_(std::make_unique<Impl>(scene, settings)) {}
Window::~Window() = default;

void Window::show(const std::vector<double>& physics, const std::vector<OverlayLine>& overlay,
                  const std::vector<Path>& paths) {
  Impl& self = *impl_;
  require(!self.origin.is_elsewhere(),
          "Window: this process was forked from the one that opened the window; open windows in the child");
  glfwMakeContextCurrent(self.handle);  // a Renderer on this thread leaves none current
  int width = 1, height = 1;
  glfwGetFramebufferSize(self.handle, &width, &height);
  const mjrRect view = {0, 0, std::max(1, width), std::max(1, height)};
  self.painter->pose(physics);
  std::vector<OverlayLine> lines = overlay;
  if (self.paused) lines.push_back({"paused", "yes"});
  self.painter->paint(view, lines, self.paths ? paths : std::vector<Path>{}, &self.perturb);
  if (self.help) self.painter->write(view, mjGRID_BOTTOMLEFT, kKeys, kMeanings);
  if (self.keep_pictures) self.painter->read(view, self.shown);
  glfwSwapBuffers(self.handle);
  glfwPollEvents();
}

void Window::set_camera(const Camera& camera) { impl_->painter->set_camera(camera); }
bool Window::closed() const { return glfwWindowShouldClose(impl_->handle) == GLFW_TRUE; }
void Window::set_paused(bool paused) { impl_->paused = paused; }
bool Window::paused() const { return impl_->paused; }
bool Window::take_step() {
  if (!impl_->paused) return true;
  if (impl_->steps == 0) return false;
  --impl_->steps;
  return true;
}
bool Window::take_restart() { return std::exchange(impl_->restart, false); }
bool Window::shows_paths() const { return impl_->paths; }

Vecd Window::pull(const std::vector<double>& physics, double dt) {
  Impl& self = *impl_;
  const mjModel& model = self.painter->model();
  mjData& data = self.painter->data();
  if (!self.perturb.active || self.perturb.select <= 0 || self.painter->scene().pose) return {};
  const auto nq = static_cast<std::size_t>(model.nq), nv = static_cast<std::size_t>(model.nv);
  require(physics.size() >= nq + nv, "Window::pull: the physical state has ", physics.size(),
          " numbers, expected ", nq + nv, " or more");
  std::copy_n(physics.data(), nq, data.qpos);
  std::copy_n(physics.data() + nq, nv, data.qvel);
  std::fill_n(data.xfrc_applied, 6 * static_cast<std::size_t>(model.nbody), 0.0);
  mj_forward(&model, &data);
  Vecd without = Eigen::Map<const Vecd>(data.qacc, static_cast<Index>(nv));
  mjv_applyPerturbForce(&model, &data, &self.perturb);
  mj_forward(&model, &data);
  Vecd change = dt * (Eigen::Map<const Vecd>(data.qacc, static_cast<Index>(nv)) - without);
  std::fill_n(data.qvel, nv, 0.0);
  std::fill_n(data.xfrc_applied, 6 * static_cast<std::size_t>(model.nbody), 0.0);
  return change;
}

Image Window::screenshot() const {
  require(impl_->keep_pictures, "Window::screenshot: expected WindowSettings::keep_pictures");
  return impl_->shown;
}

#else

struct Window::Impl {};

Window::Window(const Scene& /*scene*/, const WindowSettings& /*settings*/) {
  fail(
      "windows need GLFW, without which this library was built; install libglfw3-dev and configure it again");
}
Window::~Window() = default;
void Window::show(const std::vector<double>& /*physics*/, const std::vector<OverlayLine>& /*overlay*/,
                  const std::vector<Path>& /*paths*/) {}
void Window::set_camera(const Camera& /*camera*/) {}
bool Window::closed() const { return true; }
void Window::set_paused(bool /*paused*/) {}
bool Window::paused() const { return false; }
bool Window::take_step() { return false; }
bool Window::take_restart() { return false; }
bool Window::shows_paths() const { return false; }
Vecd Window::pull(const std::vector<double>& /*physics*/, double /*dt*/) { return {}; }
Image Window::screenshot() const { return {}; }

#endif

}  // namespace mbrl::mujoco
