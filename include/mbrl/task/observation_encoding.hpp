// How observations enter and leave a learned model: which features it sees and whether it predicts changes.
// A plain description rather than a function, so that a checkpoint can hold it and a SIMD kernel can run it.
#pragma once

#include <cmath>
#include <vector>

#include "mbrl/core/enum_names.hpp"
#include "mbrl/core/error.hpp"
#include "mbrl/core/types.hpp"

namespace mbrl {

/// One input feature of the model: an observation entry as it is, its sine, or its cosine.
struct ObsFeature {
  enum class Kind : int { kIdentity = 0, kSin = 1, kCos = 2 };
  Kind kind = Kind::kIdentity;
  int obs_index = 0;  // the observation's entry that it reads
  bool operator==(const ObsFeature&) const = default;
};

constexpr auto enum_names(ObsFeature::Kind) {
  return std::array{std::pair{ObsFeature::Kind::kIdentity, "identity"},
                    std::pair{ObsFeature::Kind::kSin, "sin"}, std::pair{ObsFeature::Kind::kCos, "cos"}};
}

/// What the model predicts for one observation entry: its change, or its next value; or nothing, for an entry
/// that stays what it is through an episode (a goal, say) and is handed on unchanged.
enum class TargetKind : int { kDelta = 0, kAbsolute = 1, kConstant = 2 };

constexpr auto enum_names(TargetKind) {
  return std::array{std::pair{TargetKind::kDelta, "delta"}, std::pair{TargetKind::kAbsolute, "absolute"},
                    std::pair{TargetKind::kConstant, "constant"}};
}

/// `encode` makes model inputs of observations (PETS calls it obs_preproc), `target` the regression targets
/// (targ_proc), `decode` the next observation from a prediction (obs_postproc); decode(obs, target(obs, next))
/// == next, but for constant entries: their target is 0 and decode repeats obs.
struct ObsEncoding {
  std::vector<ObsFeature> features;  // inputs in order; the action is appended after them
  std::vector<TargetKind> targets;   // one entry per observation dimension

  int obs_dim() const { return static_cast<int>(targets.size()); }
  int feature_dim() const { return static_cast<int>(features.size()); }
  bool operator==(const ObsEncoding&) const = default;

  /// Every entry as it is, every target a difference.
  static ObsEncoding identity(int obs_dim) {
    ObsEncoding encoding;
    for (int i = 0; i < obs_dim; ++i) encoding.features.push_back({ObsFeature::Kind::kIdentity, i});
    encoding.targets.assign(static_cast<std::size_t>(obs_dim), TargetKind::kDelta);
    return encoding;
  }

  /// Declares entries [first, first + count) constants of an episode. Throws unless they exist.
  ObsEncoding& hold_constant(int first, int count) {
    require(first >= 0 && count >= 0 && count <= obs_dim() - first, "ObsEncoding::hold_constant: entries ",
            first, " to ", first + count - 1, " asked for, expected some of 0 to ", obs_dim() - 1);
    for (int i = first; i < first + count; ++i) targets[static_cast<std::size_t>(i)] = TargetKind::kConstant;
    return *this;
  }

  /// Throws unless every feature names an existing observation entry.
  void validate() const {
    for (const ObsFeature& f : features)
      require(f.obs_index >= 0 && f.obs_index < obs_dim(), "ObsEncoding: a feature reads observation entry ",
              f.obs_index, ", expected 0 to ", obs_dim() - 1);
  }

  /// obs: obs_dim x batch; out: feature_dim x batch. These three throw mbrl::Error for other shapes.
  template <class S>
  void encode(ConstBatchRef<S> obs, BatchRef<S> out) const {
    require_dim("ObsEncoding::encode", "obs", obs.rows(), obs_dim());
    require_dim("ObsEncoding::encode", "out", out.rows(), feature_dim());
    require_dim("ObsEncoding::encode", "out's batch", out.cols(), obs.cols());
    for (Index i = 0; i < feature_dim(); ++i) {
      const ObsFeature f = features[static_cast<std::size_t>(i)];
      switch (f.kind) {
        case ObsFeature::Kind::kIdentity:
          out.row(i) = obs.row(f.obs_index);
          break;
        case ObsFeature::Kind::kSin:
          out.row(i) = obs.row(f.obs_index).array().sin().matrix();
          break;
        case ObsFeature::Kind::kCos:
          out.row(i) = obs.row(f.obs_index).array().cos().matrix();
          break;
      }
    }
  }

  /// All arguments obs_dim x batch.
  template <class S>
  void target(ConstBatchRef<S> obs, ConstBatchRef<S> next_obs, BatchRef<S> out) const {
    check("ObsEncoding::target", obs, next_obs, out);
    out = next_obs;
    for (Index i = 0; i < obs_dim(); ++i) {
      const TargetKind kind = targets[static_cast<std::size_t>(i)];
      if (kind == TargetKind::kDelta) out.row(i) -= obs.row(i);
      if (kind == TargetKind::kConstant) out.row(i).setZero();
    }
  }

  template <class S>
  void decode(ConstBatchRef<S> obs, ConstBatchRef<S> prediction, BatchRef<S> next_obs) const {
    check("ObsEncoding::decode", obs, prediction, next_obs);
    next_obs = prediction;
    for (Index i = 0; i < obs_dim(); ++i) {
      const TargetKind kind = targets[static_cast<std::size_t>(i)];
      if (kind == TargetKind::kDelta) next_obs.row(i) += obs.row(i);
      if (kind == TargetKind::kConstant) next_obs.row(i) = obs.row(i);
    }
  }

 private:
  template <class S>
  void check(const char* where, const ConstBatchRef<S>& obs, const ConstBatchRef<S>& in,
             const BatchRef<S>& out) const {
    require_dim(where, "obs", obs.rows(), obs_dim());
    require_dim(where, "input", in.rows(), obs_dim());
    require_dim(where, "output", out.rows(), obs_dim());
    require_dim(where, "input's batch", in.cols(), obs.cols());
    require_dim(where, "output's batch", out.cols(), obs.cols());
  }
};

}  // namespace mbrl
