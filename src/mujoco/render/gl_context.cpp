// EGL and OSMesa by hand: a dozen functions, opened at run time.
#include "mujoco/render/gl_context.hpp"

#include <cstdlib>
#include <type_traits>
#include <utility>
#include <vector>

#include "core/shared_library.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/fork.hpp"

#if MBRL_HAS_EGL
#include <EGL/egl.h>
#include <EGL/eglext.h>
#endif
#if MBRL_HAS_OSMESA
#include <GL/osmesa.h>
#endif

namespace mbrl::mujoco {
namespace {

using Handles = GlContext::Handles;

// The size of the "window" in pixels; pictures are drawn into buffers of their own.
[[maybe_unused]] constexpr int kWindow = 16;

// How contexts are made and made current.
struct Backend {
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  virtual Handles create() const = 0;  // throws
  virtual bool make_current(const Handles& handles) const = 0;
  virtual void release() const = 0;  // whatever is current on this thread
  virtual void destroy(const Handles& handles) const = 0;
};

// MuJoCo looks up OpenGL's functions by itself: all must see the symbols.
[[maybe_unused]] SharedLibrary open_library(const char* name) {
  return SharedLibrary(name, RTLD_NOW | RTLD_GLOBAL);
}

#if MBRL_HAS_EGL

class Egl final : public Backend {
 public:
  Egl() {
    const SharedLibrary library = open_library("libEGL.so.1");
    library.load(get_proc_address_, "eglGetProcAddress");
    library.load(initialize_, "eglInitialize");
    library.load(bind_api_, "eglBindAPI");
    library.load(choose_config_, "eglChooseConfig");
    library.load(create_context_, "eglCreateContext");
    library.load(create_surface_, "eglCreatePbufferSurface");
    library.load(destroy_context_, "eglDestroyContext");
    library.load(destroy_surface_, "eglDestroySurface");
    library.load(make_current_, "eglMakeCurrent");
    library.load(get_display_, "eglGetDisplay");
    library.load(get_error_, "eglGetError");
    if (!open_display()) fail("no device and no surfaceless platform gives a context with desktop OpenGL");
  }

  const char* name() const override { return "egl"; }

  Handles create() const override {
    Handles handles;
    bind_api_(EGL_OPENGL_API);
    handles.context = create_context_(display_, config_, EGL_NO_CONTEXT, nullptr);
    require(handles.context != EGL_NO_CONTEXT, "rendering: EGL cannot make a context (error ", get_error_(),
            ")");
    const EGLint size[] = {EGL_WIDTH, kWindow, EGL_HEIGHT, kWindow, EGL_NONE};
    handles.surface = create_surface_(display_, config_, size);
    return handles;
  }
  bool make_current(const Handles& handles) const override {
    bind_api_(EGL_OPENGL_API);  // a choice of each thread
    return make_current_(display_, handles.surface, handles.surface, handles.context);
  }
  void release() const override { make_current_(display_, EGL_NO_SURFACE, EGL_NO_SURFACE, EGL_NO_CONTEXT); }
  void destroy(const Handles& handles) const override {
    if (handles.surface) destroy_surface_(display_, handles.surface);
    destroy_context_(display_, handles.context);
  }

 private:
  // The first display that gives a context, of: the devices (graphics cards first), Mesa without a screen,
  // the default.
  bool open_display() {
    const auto query_devices =
        reinterpret_cast<PFNEGLQUERYDEVICESEXTPROC>(get_proc_address_("eglQueryDevicesEXT"));
    const auto platform_display =
        reinterpret_cast<PFNEGLGETPLATFORMDISPLAYEXTPROC>(get_proc_address_("eglGetPlatformDisplayEXT"));
    if (platform_display) {
      std::vector<EGLDeviceEXT> devices(16);
      EGLint count = 0;
      if (!query_devices || !query_devices(static_cast<EGLint>(devices.size()), devices.data(), &count))
        count = 0;
      devices.resize(static_cast<std::size_t>(count));
      for (EGLDeviceEXT device : devices)
        if (try_display(platform_display(EGL_PLATFORM_DEVICE_EXT, device, nullptr))) return true;
      if (try_display(platform_display(EGL_PLATFORM_SURFACELESS_MESA, EGL_DEFAULT_DISPLAY, nullptr)))
        return true;
    }
    return try_display(get_display_(EGL_DEFAULT_DISPLAY));
  }

  bool try_display(EGLDisplay display) {
    if (display == EGL_NO_DISPLAY || !initialize_(display, nullptr, nullptr)) return false;
    if (!bind_api_(EGL_OPENGL_API)) return false;
    const EGLint wanted[] = {EGL_SURFACE_TYPE,
                             EGL_PBUFFER_BIT,
                             EGL_RENDERABLE_TYPE,
                             EGL_OPENGL_BIT,
                             EGL_RED_SIZE,
                             8,
                             EGL_GREEN_SIZE,
                             8,
                             EGL_BLUE_SIZE,
                             8,
                             EGL_DEPTH_SIZE,
                             24,
                             EGL_NONE};
    EGLint found = 0;
    if (!choose_config_(display, wanted, &config_, 1, &found) || found < 1) return false;
    const EGLContext context = create_context_(display, config_, EGL_NO_CONTEXT, nullptr);
    if (context == EGL_NO_CONTEXT) return false;
    destroy_context_(display, context);
    display_ = display;
    return true;
  }

  decltype(&eglGetProcAddress) get_proc_address_ = nullptr;
  decltype(&eglInitialize) initialize_ = nullptr;
  decltype(&eglBindAPI) bind_api_ = nullptr;
  decltype(&eglChooseConfig) choose_config_ = nullptr;
  decltype(&eglCreateContext) create_context_ = nullptr;
  decltype(&eglCreatePbufferSurface) create_surface_ = nullptr;
  decltype(&eglDestroyContext) destroy_context_ = nullptr;
  decltype(&eglDestroySurface) destroy_surface_ = nullptr;
  decltype(&eglMakeCurrent) make_current_ = nullptr;
  decltype(&eglGetDisplay) get_display_ = nullptr;
  decltype(&eglGetError) get_error_ = nullptr;
  EGLDisplay display_ = EGL_NO_DISPLAY;
  EGLConfig config_ = nullptr;
};

#endif
#if MBRL_HAS_OSMESA

class OsMesa final : public Backend {
 public:
  OsMesa() {
    const SharedLibrary library = open_library("libOSMesa.so.8");
    library.load(create_, "OSMesaCreateContextExt");
    library.load(make_current_, "OSMesaMakeCurrent");
    library.load(destroy_, "OSMesaDestroyContext");
  }

  const char* name() const override { return "osmesa"; }

  Handles create() const override {
    Handles handles;
    handles.context = create_(OSMESA_RGBA, 24, 8, 0, nullptr);
    require(handles.context != nullptr, "rendering: OSMesa cannot make a context");
    handles.window = std::make_unique<char[]>(4 * kWindow * kWindow);
    return handles;
  }
  bool make_current(const Handles& handles) const override {
    return make_current_(static_cast<OSMesaContext>(handles.context), handles.window.get(), GL_UNSIGNED_BYTE,
                         kWindow, kWindow) != 0;
  }
  void release() const override { make_current_(nullptr, nullptr, 0, 0, 0); }
  void destroy(const Handles& handles) const override {
    destroy_(static_cast<OSMesaContext>(handles.context));
  }

 private:
  decltype(&OSMesaCreateContextExt) create_ = nullptr;
  decltype(&OSMesaMakeCurrent) make_current_ = nullptr;
  decltype(&OSMesaDestroyContext) destroy_ = nullptr;
};

#endif

// Null, and one more line in `tried`, if it does not work here.
template <class B>
[[maybe_unused]] std::unique_ptr<Backend> try_backend(const char* name, std::string& tried) {
  try {
    auto backend = std::make_unique<B>();
    setenv("MUJOCO_GL", name, 0);  // where MuJoCo looks up OpenGL's functions
    return backend;
  } catch (const Error& error) {
    tried += std::string("\n  ") + name + ": " + error.what();
    return nullptr;
  }
}

std::unique_ptr<Backend> choose() {
  const char* given = std::getenv("MBRL_GL");
  const std::string wanted = given ? given : "";
  require(wanted.empty() || wanted == "egl" || wanted == "osmesa", "MBRL_GL is '", wanted,
          "', expected egl or osmesa");
  std::string tried;
  if (wanted != "osmesa") {
#if MBRL_HAS_EGL
    if (auto backend = try_backend<Egl>("egl", tried)) return backend;
#else
    tried += "\n  egl: this library was built without it (Debian package libegl-dev)";
#endif
  }
  if (wanted != "egl") {
#if MBRL_HAS_OSMESA
    if (auto backend = try_backend<OsMesa>("osmesa", tried)) return backend;
#else
    tried += "\n  osmesa: this library was built without it (Debian package libosmesa6-dev)";
#endif
  }
  fail(
      "rendering needs OpenGL, and no way to it works here; install a graphics driver with EGL, or Mesa's "
      "software "
      "renderer (Debian: libegl1 libegl-mesa0 libgl1-mesa-dri, or libosmesa6). Tried:",
      tried);
}

// Of this process: OpenGL's drivers keep threads and connections that fork() does not copy, and a child that
// used them would wait for ever.
const Backend& backend() {
  static const ProcessOfOrigin origin;
  require(!origin.is_elsewhere(),
          "rendering: this process was forked from one that had used OpenGL, whose drivers do not work in a "
          "child; "
          "draw first in the child, or start the child before the first picture is drawn");
  static const std::unique_ptr<Backend> chosen = choose();
  return *chosen;
}

}  // namespace

GlContext::GlContext() : handles_(mujoco::backend().create()) {}
GlContext::~GlContext() {
  if (!origin_.is_elsewhere()) mujoco::backend().destroy(handles_);
}

void GlContext::make_current() {
  require(mujoco::backend().make_current(handles_),
          "rendering: the OpenGL context cannot be used on this thread; is it in use on another one?");
}

void GlContext::release() noexcept {
  if (!origin_.is_elsewhere()) mujoco::backend().release();
}

std::string GlContext::backend() { return mujoco::backend().name(); }

}  // namespace mbrl::mujoco
