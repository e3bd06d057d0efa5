// The off-screen renderer: a context without a window, and a painter in it.
#include "mbrl/mujoco/render/renderer.hpp"

#include "mbrl/core/error.hpp"
#include "mujoco/render/gl_context.hpp"
#include "mujoco/render/scene_painter.hpp"

namespace mbrl::mujoco {
namespace {

// Current as long as this lives and no longer, so that the next picture may be drawn on another thread.
class Current {
 public:
  explicit Current(GlContext& context) : context_(context) { context_.make_current(); }
  Current(const Current&) = delete;
  Current& operator=(const Current&) = delete;
  ~Current() { context_.release(); }

 private:
  GlContext& context_;
};

}  // namespace

struct Renderer::Impl {
  Impl(const Scene& scene, const RenderSettings& s) : settings(s) {
    const Current current(context);
    painter = std::make_unique<ScenePainter>(scene, settings, true);
  }
  ~Impl() {
    try {
      const Current current(context);
      painter.reset();
    } catch (const Error&) {
      // The painter cannot end without its context. What it has in OpenGL goes with that.
      static_cast<void>(painter.release());
    }
  }

  RenderSettings settings;
  GlContext context;
  std::unique_ptr<ScenePainter> painter;
};

Renderer::Renderer(const Scene& scene, const RenderSettings& settings)
    : impl_(std::make_unique<Impl>(scene, settings)) {}
Renderer::~Renderer() = default;
Renderer::Renderer(Renderer&&) noexcept = default;
Renderer& Renderer::operator=(Renderer&&) noexcept = default;

const Scene& Renderer::scene() const { return impl_->painter->scene(); }
const RenderSettings& Renderer::settings() const { return impl_->settings; }
void Renderer::set_camera(const Camera& camera) { impl_->painter->set_camera(camera); }

void Renderer::draw(const std::vector<double>& physics, Image& image, const std::vector<OverlayLine>& overlay,
                    const std::vector<Path>& paths) {
  const Current current(impl_->context);
  impl_->painter->pose(physics);
  const mjrRect all = {0, 0, impl_->settings.width, impl_->settings.height};
  impl_->painter->paint(all, overlay, paths);
  impl_->painter->read(all, image);
}

std::string Renderer::backend() { return GlContext::backend(); }

}  // namespace mbrl::mujoco
