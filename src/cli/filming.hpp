// Keeps the best episode of a run for a film, while the run goes on.
#pragma once

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>

#include <spdlog/spdlog.h>

#include "episode_video.hpp"
#include "mbrl/run/metrics.hpp"
#include "mbrl/run/observer.hpp"
#include "mbrl/run/run_folder.hpp"
#include "train_options.hpp"

namespace mbrl::cli {

// Keeps the best whole episode that this program sees. It only reads: the run's numbers are the
// same with and without it.
class Filming {
 public:
  Filming(const AnyEnvironment& env, const TrainOptions& options) : env_(env), options_(options) {
    if (options.video) check_video(env.spec(), options.video_options);
  }

  void progress(const RunProgress& progress) {
    if (!options_.video || progress.phase != RunPhase::kActing) return;
    if (progress.done == 1) {
      round();  // where a round has several episodes
      now_ = {};
      last_ = 0;
      begun_ = true;
    }
    if (begun_) now_.add(env_, progress.value - last_);
    last_ = progress.value;
  }
  void round() {
    if (begun_ && (best_.rewards.empty() || now_.total() > best_.total())) best_ = now_;
    begun_ = false;
  }
  // A film from before is replaced by a better episode only.
  void finish(const RunFolder& folder, const MetricTable& metrics) const {
    if (best_.rewards.empty()) return;
    double best_before = -std::numeric_limits<double>::infinity();
    for (const double value : metrics.column("return")) best_before = std::max(best_before, value);
    if (std::filesystem::exists(folder.video()) && best_.total() < best_before - 1e-6 * std::abs(best_before))
      return;
    write_video(folder.video(), env_.spec(), best_, options_.video_options);
    spdlog::info("{}: the episode of return {:.1f}", folder.video().string(), best_.total());
  }

 private:
  const AnyEnvironment& env_;
  const TrainOptions& options_;
  Episode now_, best_;
  double last_ = 0;
  bool begun_ = false;  // seen from its first step on
};

}  // namespace mbrl::cli
