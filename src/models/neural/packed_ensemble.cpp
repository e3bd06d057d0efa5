// Packs an ensemble's weights for the kernels and runs batches through them, tile by tile.
#include "mbrl/models/neural/packed_ensemble.hpp"

#include <algorithm>

#include "mbrl/core/error.hpp"
#include "models/neural/packed_layout.hpp"
#include "models/neural/tiles.hpp"

namespace mbrl {
namespace {

std::size_t round_up(std::size_t n, std::size_t multiple) { return (n + multiple - 1) / multiple * multiple; }

// Columns of a batch into rows of a tile; columns past the end repeat the last one, so that they hold sane
// numbers.
void load_columns(const ConstBatchRef<float>& batch, Index first, Index count, int width, float* tile) {
  for (int j = 0; j < width; ++j) {
    const Index column = first + std::min<Index>(j, count - 1);
    for (Index i = 0; i < batch.rows(); ++i) tile[i * width + j] = batch(i, column);
  }
}

void store_columns(const float* tile, int width, Index first, Index count, BatchRef<float> batch) {
  for (Index j = 0; j < count; ++j)
    for (Index i = 0; i < batch.rows(); ++i) batch(i, first + j) = tile[i * width + j];
}

}  // namespace

PackedEnsemble::PackedEnsemble(const MlpEnsemble& given) : impl_(std::make_unique<Impl>()) {
  given.validate();
  impl_->model = given.in_target_units();
  const MlpEnsemble& model = impl_->model;
  impl_->kernels = &simd::ensemble_kernels();
  const auto outputs = static_cast<std::size_t>(impl_->kernels->outputs);
  constexpr std::size_t kLine = simd::kAlignment / sizeof(float);

  std::size_t size = 0;
  for (const auto& layers : model.members)
    for (const DenseLayer& layer : layers) {
      const std::size_t out = round_up(static_cast<std::size_t>(layer.out), outputs);
      size += round_up(out * static_cast<std::size_t>(layer.in), kLine) + round_up(out, kLine);
      impl_->widest = std::max(impl_->widest, static_cast<int>(out));
    }
  impl_->storage = AlignedFloats(size);

  float* next = impl_->storage.data();
  for (const auto& layers : model.members) {
    std::vector<simd::PackedLayer> packed;
    for (const DenseLayer& layer : layers) {
      const auto in = static_cast<std::size_t>(layer.in);
      const std::size_t out = round_up(static_cast<std::size_t>(layer.out), outputs);
      float* weight = next;
      next += round_up(out * in, kLine);
      float* bias = next;
      next += round_up(out, kLine);
      const auto w = layer.weight_matrix();
      for (std::size_t o = 0; o < static_cast<std::size_t>(layer.out); ++o) {
        bias[o] = layer.bias[o];
        for (std::size_t k = 0; k < in; ++k)
          weight[(o / outputs * in + k) * outputs + o % outputs] =
              w(static_cast<Index>(o), static_cast<Index>(k));
      }
      packed.push_back({layer.in, static_cast<int>(out / outputs), weight, bias});
    }
    impl_->members.push_back(std::move(packed));
  }
  for (const float s : model.input_std) impl_->inverse_std.push_back(1.0f / s);
}

PackedEnsemble::~PackedEnsemble() = default;
PackedEnsemble::PackedEnsemble(PackedEnsemble&&) noexcept = default;
PackedEnsemble& PackedEnsemble::operator=(PackedEnsemble&&) noexcept = default;

const MlpEnsemble& PackedEnsemble::model() const { return impl_->model; }

void PackedEnsemble::predict(int member, ConstBatchRef<float> obs, ConstBatchRef<float> action,
                             BatchRef<float> mean, BatchRef<float> logvar, ThreadPool& pool) const {
  constexpr const char* kWhere = "PackedEnsemble::predict";
  const MlpEnsemble& model = impl_->model;
  require(member >= 0 && member < model.settings.members, kWhere, ": member ", member,
          " does not exist, expected 0 to ", model.settings.members - 1);
  const Index n = obs.cols();
  require_dim(kWhere, "obs", obs.rows(), model.obs_dim());
  require_dim(kWhere, "action", action.rows(), model.action_dim);
  require_dim(kWhere, "action's batch", action.cols(), n);
  require_dim(kWhere, "mean", mean.rows(), model.target_dim());
  require_dim(kWhere, "mean's batch", mean.cols(), n);
  const bool gaussian = model.settings.gaussian;
  if (gaussian) {
    require_dim(kWhere, "logvar", logvar.rows(), model.target_dim());
    require_dim(kWhere, "logvar's batch", logvar.cols(), n);
  }
  const simd::EnsembleKernels& k = *impl_->kernels;
  const auto tiles = simd::split_tiles(static_cast<int>(n), k.lanes);
  const auto targets = static_cast<std::size_t>(model.target_dim());
  pool.parallel_for(
      static_cast<std::ptrdiff_t>(tiles.size()),
      static_cast<int>(std::min<std::size_t>(tiles.size(), 4 * static_cast<std::size_t>(pool.size()))),
      [&](std::ptrdiff_t begin, std::ptrdiff_t end, int) {
        const auto width = static_cast<std::size_t>(k.lanes * simd::kMaxVectors);
        AlignedFloats o(width * static_cast<std::size_t>(model.obs_dim())),
            a(width * static_cast<std::size_t>(model.action_dim)),
            x(width * static_cast<std::size_t>(model.input_dim())),
            s(width * static_cast<std::size_t>(impl_->widest)),
            t(width * static_cast<std::size_t>(impl_->widest)), lv(width * targets);
        for (std::ptrdiff_t i = begin; i < end; ++i) {
          const simd::TileRange tile = tiles[static_cast<std::size_t>(i)];
          const int w = tile.vectors * k.lanes;
          load_columns(obs, tile.first, tile.count, w, o.data());
          load_columns(action, tile.first, tile.count, w, a.data());
          k.encode(model.encoding.features.data(), model.encoding.feature_dim(), model.action_dim,
                   model.input_mean.data(), impl_->inverse_std.data(), o.data(), a.data(), w, x.data());
          const float* y = impl_->forward(member, x.data(), tile.vectors, s.data(), t.data());
          store_columns(y, w, tile.first, tile.count, mean);
          if (!gaussian) continue;
          std::copy_n(y + targets * static_cast<std::size_t>(w), targets * static_cast<std::size_t>(w),
                      lv.data());
          k.bound_logvar(lv.data(), model.max_logvar.data(), model.min_logvar.data(), model.target_dim(), w);
          store_columns(lv.data(), w, tile.first, tile.count, logvar);
        }
      });
}

void PackedEnsemble::forward(int member, ConstBatchRef<float> input, BatchRef<float> output,
                             ThreadPool& pool) const {
  constexpr const char* kWhere = "PackedEnsemble::forward";
  const MlpEnsemble& model = impl_->model;
  require(member >= 0 && member < model.settings.members, kWhere, ": member ", member,
          " does not exist, expected 0 to ", model.settings.members - 1);
  require_dim(kWhere, "input", input.rows(), model.input_dim());
  require_dim(kWhere, "output", output.rows(), model.output_dim());
  require_dim(kWhere, "output's batch", output.cols(), input.cols());
  const simd::EnsembleKernels& k = *impl_->kernels;
  const auto tiles = simd::split_tiles(static_cast<int>(input.cols()), k.lanes);
  pool.parallel_for(
      static_cast<std::ptrdiff_t>(tiles.size()),
      static_cast<int>(std::min<std::size_t>(tiles.size(), 4 * static_cast<std::size_t>(pool.size()))),
      [&](std::ptrdiff_t begin, std::ptrdiff_t end, int) {
        const auto width = static_cast<std::size_t>(k.lanes * simd::kMaxVectors);
        AlignedFloats x(width * static_cast<std::size_t>(model.input_dim())),
            s(width * static_cast<std::size_t>(impl_->widest)),
            t(width * static_cast<std::size_t>(impl_->widest));
        for (std::ptrdiff_t i = begin; i < end; ++i) {
          const simd::TileRange tile = tiles[static_cast<std::size_t>(i)];
          const int w = tile.vectors * k.lanes;
          load_columns(input, tile.first, tile.count, w, x.data());
          store_columns(impl_->forward(member, x.data(), tile.vectors, s.data(), t.data()), w, tile.first,
                        tile.count, output);
        }
      });
}

double flops_per_row(const MlpEnsemble& model) {
  double flops = 0.0;
  if (model.members.empty()) return flops;
  for (const DenseLayer& layer : model.members.front()) flops += 2.0 * layer.in * layer.out;
  return flops;
}

}  // namespace mbrl
