// The off-screen renderer: a context without a window, and a painter in it.
#include "mbrl/mujoco/renderer.hpp"

#include "gl_context.hpp"
#include "scene_painter.hpp"

namespace mbrl::mujoco {

struct Renderer::Impl {
  Impl(const Scene& scene, const RenderSettings& s) : settings(s), painter(scene, s, true) {}
  ~Impl() { context.make_current(); }  // the painter ends before its context

  RenderSettings settings;
  GlContext context;
  ScenePainter painter;
};

Renderer::Renderer(const Scene& scene, const RenderSettings& settings)
    : impl_(std::make_unique<Impl>(scene, settings)) {}
Renderer::~Renderer() = default;
Renderer::Renderer(Renderer&&) noexcept = default;
Renderer& Renderer::operator=(Renderer&&) noexcept = default;

const Scene& Renderer::scene() const { return impl_->painter.scene(); }
const RenderSettings& Renderer::settings() const { return impl_->settings; }
void Renderer::set_camera(const Camera& camera) { impl_->painter.set_camera(camera); }

void Renderer::draw(const std::vector<double>& physics, Image& image, const std::vector<OverlayLine>& overlay,
                    const std::vector<Path>& paths) {
  impl_->context.make_current();
  impl_->painter.pose(physics);
  const mjrRect all = {0, 0, impl_->settings.width, impl_->settings.height};
  impl_->painter.paint(all, overlay, paths);
  impl_->painter.read(all, image);
}

std::string Renderer::backend() { return GlContext::backend(); }

}  // namespace mbrl::mujoco
