// Films made by the mbrl program: they are there, they have the right pictures, and making them changes no
// number.
#if MBRL_HAS_PICTURES

#include <cmath>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "mbrl/io/csv.hpp"
#include "mbrl/mujoco/render/image.hpp"
#include "mbrl/mujoco/render/video.hpp"
#include "workshop.hpp"

namespace fs = std::filesystem;
using mbrl::mujoco::read_video;

namespace {

// Two trials on the pendulum: some seconds.
constexpr const char* kTraining =
    "train pets --env Pendulum-v1 --seed 3 --trials 2 --set model.hidden=16,16 --set rollout.horizon=12 "
    "--set "
    "rollout.particles=5 --set training.epochs=3 --set planner.icem.population=24 --set "
    "planner.icem.elites=4 --set "
    "planner.icem.iterations=2 ";

// metrics.csv without its wall-clock columns and empty cells.
std::vector<double> reproducible_columns(const fs::path& metrics) {
  const mbrl::CsvTable table = mbrl::read_csv(metrics);
  std::vector<double> numbers;
  for (std::size_t row = 0; row < table.rows(); ++row)
    for (const char* column : {"step", "return", "best_return", "model_rmse", "train_loss"})
      if (const double value = table.at(row, table.index(column)); !std::isnan(value))
        numbers.push_back(value);
  return numbers;
}

}  // namespace

TEST_CASE(
    "train: --video leaves a film of the best trial and changes no number, and render and eval make films of "
    "a "
    "run") {
  const Workshop shop;
  REQUIRE(shop.run(std::string(kTraining) + "--out plain") == 0);
  REQUIRE(shop.run(std::string(kTraining) + "--out filmed --video --size 64x48") == 0);
  CHECK(reproducible_columns(shop / "plain/metrics.csv") ==
        reproducible_columns(shop / "filmed/metrics.csv"));
  CHECK(shop.text("plain/settings.json") == shop.text("filmed/settings.json"));
  CHECK(!fs::exists(shop / "plain/episode.mp4"));
  const auto trial = read_video(shop / "filmed/episode.mp4");
  CHECK(trial.frames == 200);  // the pendulum's steps
  CHECK(trial.width == 64);
  CHECK(trial.height == 48);
  CHECK(trial.frames_per_second == Approx(20.0));  // as fast as time goes: a step lasts 0.05 s

  CHECK(shop.run("render plain --steps 20 --size 64x48 --out film.mp4") == 0);
  CHECK(shop.text("out").find("in 20 steps") != std::string::npos);
  CHECK(read_video(shop / "film.mp4").frames == 21);  // the start too
  CHECK(!fs::exists(shop / "plain/episode.mp4"));
  CHECK(shop.run("eval plain --video --size 64x48") == 0);
  CHECK(read_video(shop / "plain/eval.mp4").frames == 201);
  // Training's own video stays what it was, whatever is made later.
  const std::string before = shop.text("filmed/episode.mp4");
  CHECK(shop.run("eval filmed --video --size 32x32") == 0);
  CHECK(shop.run("render filmed --steps 3 --size 32x32") == 0);
  CHECK(fs::exists(shop / "filmed/render.mp4"));
  CHECK(shop.text("filmed/episode.mp4") == before);
}

TEST_CASE("render: an environment without a run, and mistakes in words") {
  const Workshop shop;
  CHECK(shop.run("render --env Hopper-v5 --policy zero --size 64x48 --steps 10") == 0);
  const auto film = read_video(shop / "Hopper-v5.mp4");
  CHECK(film.frames == 5);  // every third of the start and 10 steps, and the last
  CHECK(film.frames_per_second == Approx(1 / 0.024).epsilon(1e-3));
  for (const auto& [mistake, words] : std::vector<std::pair<std::string, std::string>>{
           {"--camera behind", "default, free, track"},
           {"--size 641x480", "even numbers"},
           {"--size big", "640x480"},
           {"--policy clever", "random or zero"},
           {"--out /no/such/folder/film.mp4", "/no/such/folder"}}) {
    INFO(mistake);
    CHECK(shop.run("render --env Hopper-v5 --steps 2 " + mistake) == 2);
    CHECK(shop.text("err").find(words) != std::string::npos);
  }
  for (const char* late : {"view Hopper-v5 --frames 2 --screenshot", "envs --contact-sheet"}) {
    INFO(late);  // found before the work
    CHECK(shop.run(std::string(late) + " /no/such/folder/picture.png") == 2);
    CHECK(shop.text("err").find("/no/such/folder") != std::string::npos);
  }
  CHECK(shop.run("render") == 2);
  CHECK(shop.run("render --env Nothing-v0") == 2);
  CHECK(shop.run("render --env Hopper-v5 --steps 2", "MBRL_GL=paper") == 2);
  CHECK(shop.text("err").find("egl or osmesa") != std::string::npos);
  CHECK(shop.run("view Hopper-v5", "env -u DISPLAY -u WAYLAND_DISPLAY") == 2);
  CHECK(shop.text("err").find("a screen is needed") != std::string::npos);
}

#endif  // MBRL_HAS_PICTURES
