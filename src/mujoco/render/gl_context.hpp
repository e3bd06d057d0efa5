// An OpenGL context that needs neither a display nor a window: through EGL, or Mesa's software renderer
// OSMesa.
#pragma once

#include <memory>
#include <string>

#include "mbrl/core/fork.hpp"

namespace mbrl::mujoco {

// Current on one thread at a time, and on none but between make_current and release. The way is chosen once
// for the whole program, as MuJoCo looks up OpenGL's functions once: the environment variable MBRL_GL (egl or
// osmesa), else EGL if it works, else OSMesa. The libraries are opened at run time, so that a program that
// draws nothing needs none of them. In a child that was forked after the choice everything here throws, and
// nothing is freed.
class GlContext {
 public:
  // Throws mbrl::Error with what was tried and what to install.
  GlContext();
  ~GlContext();  // not while it is current
  GlContext(const GlContext&) = delete;
  GlContext& operator=(const GlContext&) = delete;

  // On the calling thread. Throws if it is current on another one.
  void make_current();
  // So that another thread can make it current.
  void release() noexcept;

  // "egl" or "osmesa": the one chosen. Throws as the constructor does.
  static std::string backend();

  struct Handles {
    void* context = nullptr;
    void* surface = nullptr;         // EGL's
    std::unique_ptr<char[]> window;  // OSMesa's
  };

 private:
  ProcessOfOrigin origin_;
  Handles handles_;
};

}  // namespace mbrl::mujoco
