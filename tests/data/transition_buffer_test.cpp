// The ring against a plain list of what was added; files; broken data.
#include "mbrl/data/transition_buffer.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/io/atomic_file.hpp"
#include "mbrl/io/safetensors.hpp"
#include "mbrl/models/neural/ensemble_training.hpp"

using namespace mbrl;

namespace {

static_assert(Checkpointable<TransitionBuffer>);
static_assert(TransitionColumns<TransitionBatch>);
static_assert(std::is_convertible_v<Transitions, const TransitionBatch&>);

struct Row {
  Vecd obs, action, next_obs;
  double reward;
  bool terminated, truncated;
  std::uint64_t episode;
  std::uint32_t step;
};

constexpr int kObs = 3, kAction = 2;

// Episodes of lengths 5, 1, 7, 4 and so on, in turn terminated, truncated or abandoned; kept in a list as
// well.
std::deque<Row> fill(TransitionBuffer& buffer, int episodes) {
  std::deque<Row> rows;
  const RandomStream random(1, Stream::kUser);
  std::uint32_t k = 0;
  const auto vector = [&](int dim) {
    Vecd v(dim);
    for (int i = 0; i < dim; ++i) v(i) = random.normal(k++);
    return v;
  };
  for (int e = 0; e < episodes; ++e) {
    const int length = std::array{5, 1, 7, 4}[static_cast<std::size_t>(e % 4)];
    Vecd obs = vector(kObs);
    for (int t = 0; t < length; ++t) {
      const bool last = t + 1 == length;
      Row row{obs,
              vector(kAction),
              vector(kObs),
              random.normal(k++),
              last && e % 3 == 0,
              last && e % 3 == 1,
              static_cast<std::uint64_t>(e),
              static_cast<std::uint32_t>(t)};
      buffer.add(row.obs, row.action, row.next_obs, row.reward, row.terminated, row.truncated);
      obs = row.next_obs;
      rows.push_back(std::move(row));
    }
    if (e % 3 == 2) buffer.begin_episode();
  }
  while (rows.size() > buffer.capacity()) rows.pop_front();
  return rows;
}

void check_equal(const TransitionBuffer& buffer, const std::deque<Row>& rows) {
  REQUIRE(buffer.size() == rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    REQUIRE(buffer.obs(i) == rows[i].obs.cast<float>());
    REQUIRE(buffer.action(i) == rows[i].action.cast<float>());
    REQUIRE(buffer.next_obs(i) == rows[i].next_obs.cast<float>());
    REQUIRE(buffer.reward(i) == static_cast<float>(rows[i].reward));
    REQUIRE(buffer.terminated(i) == rows[i].terminated);
    REQUIRE(buffer.truncated(i) == rows[i].truncated);
    REQUIRE(buffer.episode(i) == rows[i].episode);
    REQUIRE(buffer.step(i) == rows[i].step);
  }
}

}  // namespace

TEST_CASE("the ring keeps the newest transitions in order", "[buffer]") {
  for (const std::size_t capacity : {1000u, 40u, 17u, 1u}) {
    TransitionBuffer buffer(kObs, kAction, capacity);
    CHECK(buffer.empty());
    const auto rows = fill(buffer, 12);
    check_equal(buffer, rows);
    CHECK(buffer.capacity() == capacity);
  }
}

TEST_CASE("environments that take turns each have an episode under way", "[buffer]") {
  constexpr int kLanes = 3;
  const auto lengths = [](int lane, int episode) { return 2 + (3 * lane + 5 * episode) % 6; };
  // obs is [lane, episode of the lane, step]: what a row is can be read from it.
  const auto fill_in_turn = [&](TransitionBuffer& buffer, int rounds) {
    std::array<int, kLanes> episode{}, step{};
    for (int lane = 0; lane < kLanes; ++lane) buffer.begin_episode(lane);
    for (int round = 0; round < rounds; ++round)
      for (int lane = 0; lane < kLanes; ++lane) {
        const auto k = static_cast<std::size_t>(lane);
        if (lane == 1 &&
            round % 7 == 6) {  // its simulation broke down: nothing is added, and the next is another episode
          buffer.begin_episode(lane);
          ++episode[k];
          step[k] = 0;
          continue;
        }
        Vecd obs(kObs), next(kObs);
        obs.setZero();
        obs.head<3>() << lane, episode[k], step[k];
        next = obs;
        next(2) += 1;
        const bool last = step[k] + 1 == lengths(lane, episode[k]);
        buffer.add(obs, Vecd::Constant(kAction, round), next, round, last && lane == 0, last && lane != 0,
                   lane);
        ++step[k];
        if (!last) continue;
        ++episode[k];
        step[k] = 0;
      }
  };
  const auto same_episode = [](const TransitionBuffer& b, std::size_t i, std::size_t j) {
    return b.obs(i).head<2>() == b.obs(j).head<2>();
  };
  for (const std::size_t capacity : {1000u, 31u}) {
    TransitionBuffer buffer(kObs, kAction, capacity, kLanes);
    CHECK(buffer.lanes() == kLanes);
    fill_in_turn(buffer, 40);
    std::size_t followed = 0;
    for (std::size_t row = 0; row < buffer.size(); ++row) {
      CHECK(buffer.step(row) == static_cast<std::uint32_t>(buffer.obs(row)(2)));
      std::optional<std::size_t> next;  // by looking everywhere
      for (std::size_t other = row + 1; other < buffer.size() && !next; ++other)
        if (same_episode(buffer, row, other)) next = other;
      CHECK(buffer.following(row) == next);
      followed += next ? 1 : 0;
      for (std::size_t other = 0; other < buffer.size(); ++other)
        REQUIRE((buffer.episode(row) == buffer.episode(other)) == same_episode(buffer, row, other));
    }
    CHECK(followed > buffer.size() / 2);
    for (int lane = 0; lane < kLanes; ++lane) {
      const std::vector<std::uint32_t> rows = buffer.episode_rows(lane);
      REQUIRE_FALSE(rows.empty());
      CHECK(buffer.obs(rows.front())(2) == 0);
      for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(buffer.obs(rows[i])(0) == static_cast<float>(lane));
        CHECK(buffer.step(rows[i]) == i);
      }
    }
    CHECK_THROWS_WITH(buffer.episodes(), Catch::Contains("3 environments take turns"));

    StateDict state;
    buffer.save(state, "b.");
    TransitionBuffer again(kObs, kAction, capacity, kLanes);
    again.load(state, "b.");
    fill_in_turn(buffer, 9);
    fill_in_turn(again, 9);
    StateDict one, other;
    buffer.save(one, "");
    again.save(other, "");
    CHECK(one.arrays == other.arrays);
    TransitionBuffer alone(kObs, kAction, capacity), two(kObs, kAction, capacity, 2);
    CHECK_THROWS_WITH(alone.load(state, "b."), Catch::Contains("of 3 environments, expected those of 1"));
    CHECK_THROWS_WITH(two.load(state, "b."), Catch::Contains("of 3 environments, expected those of 2"));

    const TemporaryFolder folder;
    buffer.save_dataset(folder / "turns.safetensors", "X");
    const TransitionBuffer sorted = TransitionBuffer::load_dataset(folder / "turns.safetensors");
    REQUIRE(sorted.size() == buffer.size());
    std::size_t steps = 0;
    for (const EpisodeRange& range : sorted.episodes())
      for (std::size_t i = 1; i < range.length; ++i, ++steps)
        CHECK(sorted.obs(range.first + i) == sorted.next_obs(range.first + i - 1));
    std::size_t pairs = 0;
    for (std::size_t row = 0; row < buffer.size(); ++row) pairs += buffer.following(row) ? 1 : 0;
    CHECK(steps == pairs);
  }
  TransitionBuffer buffer(kObs, kAction, 10, 2);
  CHECK_THROWS_WITH(buffer.begin_episode(2), Catch::Contains("lane 2 asked for, there are 2"));
  CHECK_THROWS_WITH(buffer.episode_rows(-1), Catch::Contains("lane -1 asked for"));
  CHECK(buffer.episode_rows(1).empty());
  CHECK_THROWS_WITH(TransitionBuffer(kObs, kAction, 10, 0), Catch::Contains("lanes is 0"));
}

TEST_CASE("batches and views hold the rows asked for", "[buffer]") {
  TransitionBuffer buffer(kObs, kAction, 30);
  const auto rows = fill(buffer, 12);
  const Transitions all = buffer.batch();
  REQUIRE(all.obs.cols() == 30);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    CHECK(all.obs.col(static_cast<Index>(i)) == rows[i].obs.cast<float>());
    CHECK(all.terminated[i] == rows[i].terminated);
    CHECK(all.truncated[i] == rows[i].truncated);
  }
  const std::vector<int> picks = {7, 0, 29, 7};
  const Transitions some = buffer.batch(std::span<const int>(picks));
  TransitionBatch into;
  buffer.gather(std::span<const int>(picks), into);
  const float* memory = into.obs.data();
  buffer.gather(std::span<const int>(picks), into);
  CHECK(into.obs.data() == memory);
  for (std::size_t i = 0; i < picks.size(); ++i) {
    const auto c = static_cast<Index>(i);
    CHECK(some.next_obs.col(c) == all.next_obs.col(picks[i]));
    CHECK(into.action.col(c) == all.action.col(picks[i]));
    CHECK(into.reward(c) == all.reward(picks[i]));
  }
  const TransitionBatch converted = buffer.batch(3, 5);
  CHECK(converted.obs == all.obs.middleCols(3, 5));
  CHECK(converted.reward == all.reward.segment(3, 5));

  CHECK(!buffer.contiguous(0, 30));
  std::size_t run = 0;
  while (buffer.contiguous(0, run + 1)) ++run;
  CHECK(buffer.obs_view(0, run) == all.obs.leftCols(static_cast<Index>(run)));
  CHECK(buffer.action_view(run, 30 - run) == all.action.rightCols(static_cast<Index>(30 - run)));
  CHECK(buffer.next_obs_view(30, 0).cols() == 0);
  CHECK(contains(error_of([&] { buffer.obs_view(0, 30); }), "wrap around"));
  CHECK(contains(error_of([&] { buffer.obs_view(0, 31); }), "30 are kept"));
  CHECK_THROWS_AS(buffer.batch(29, 2), Error);
  const std::vector<int> wrong = {30}, negative = {-1};
  CHECK_THROWS_AS(buffer.batch(std::span<const int>(wrong)), Error);
  CHECK_THROWS_AS(buffer.batch(std::span<const int>(negative)), Error);
}

TEST_CASE("transitions are what a trainer takes, named or temporary", "[buffer]") {
  TransitionBuffer buffer(2, 1, 10);
  for (int i = 0; i < 3; ++i)
    buffer.add(Vecd::Constant(2, i), Vecd::Constant(1, 0.5 * i), Vecd::Constant(2, i + 1), i, false, false);
  const Transitions named = buffer.batch();
  const TransitionBatch copied = named;
  const TransitionBatch moved = buffer.batch();
  for (const TransitionBatch* columns : {&copied, &moved}) {
    CHECK(columns->obs == named.obs);
    CHECK(columns->action == named.action);
    CHECK(columns->next_obs == named.next_obs);
    CHECK(columns->reward == named.reward);
  }
  CHECK(named.terminated.size() == 3);  // untouched
}

TEST_CASE("episodes and windows end where episodes end", "[buffer]") {
  for (const std::size_t capacity : {1000u, 31u}) {
    TransitionBuffer buffer(kObs, kAction, capacity);
    const auto rows = fill(buffer, 12);
    std::size_t at = 0;
    for (const EpisodeRange& range : buffer.episodes()) {
      CHECK(range.first == at);
      for (std::size_t i = range.first; i < range.first + range.length; ++i)
        CHECK(rows[i].episode == rows[range.first].episode);
      at += range.length;
      if (at < rows.size()) CHECK(rows[at].episode != rows[at - 1].episode);
    }
    CHECK(at == rows.size());
    for (const int k : {1, 2, 5, 7, 8}) {
      std::vector<std::uint32_t> expected;
      for (std::size_t i = 0; i + static_cast<std::size_t>(k) <= rows.size(); ++i)
        if (rows[i].episode == rows[i + static_cast<std::size_t>(k) - 1].episode)
          expected.push_back(static_cast<std::uint32_t>(i));
      CHECK(buffer.window_starts(k) == expected);
      for (const std::uint32_t start : expected)  // each step begins where the last ended
        for (std::size_t j = 1; j < static_cast<std::size_t>(k); ++j)
          CHECK(buffer.obs(start + j) == buffer.next_obs(start + j - 1));
    }
    CHECK_THROWS_AS(buffer.window_starts(0), Error);

    const RandomStream random(2, Stream::kUser);
    const auto starts = buffer.sample_windows(5, 500, random, 3);
    CHECK(starts.size() == 500);
    const auto all = buffer.window_starts(5);
    for (const std::uint32_t s : all) CHECK(std::find(starts.begin(), starts.end(), s) != starts.end());
    for (const std::uint32_t s : starts) CHECK(std::find(all.begin(), all.end(), s) != all.end());
    CHECK(buffer.sample_windows(5, 500, random, 3) == starts);
    CHECK(buffer.sample_windows(5, 500, random, 4) != starts);
    CHECK(buffer.sample_windows(8, 10, random, 0).empty());
  }
}

TEST_CASE("wrong dimensions and numbers that are not finite are refused", "[buffer]") {
  TransitionBuffer buffer(kObs, kAction, 10);
  const Vecd o = Vecd::Zero(3), a = Vecd::Zero(2);
  const auto error = [&](const Vecd& obs, const Vecd& action, const Vecd& next, double reward) {
    return error_of([&] { buffer.add(obs, action, next, reward, false, false); });
  };
  CHECK(error(Vecd::Zero(2), a, o, 0) == "TransitionBuffer::add: obs has dimension 2, expected 3");
  CHECK(contains(error(o, Vecd::Zero(3), o, 0), "action has dimension 3, expected 2"));
  CHECK(contains(error(o, a, Vecd::Zero(4), 0), "next_obs has dimension 4, expected 3"));
  Vecd bad = o;
  bad(1) = std::nan("");
  CHECK(contains(error(bad, a, o, 0), "obs[1] is nan"));
  bad(1) = 1e300;  // infinite as a float
  CHECK(contains(error(o, a, bad, 0), "next_obs[1] is 1e+300"));
  CHECK(contains(error(o, a, o, std::numeric_limits<double>::infinity()), "reward[0] is inf"));
  CHECK(buffer.empty());
  CHECK_THROWS_AS(TransitionBuffer(0, 1, 1), Error);
  CHECK_THROWS_AS(TransitionBuffer(1, 0, 1), Error);
  CHECK_THROWS_AS(TransitionBuffer(1, 1, 0), Error);
  CHECK_THROWS_AS(TransitionBuffer(1, 1, std::numeric_limits<std::size_t>::max()), Error);
}

TEST_CASE("a loaded buffer goes on as the saved one would have", "[buffer]") {
  for (const std::size_t capacity : {1000u, 31u}) {
    TransitionBuffer buffer(kObs, kAction, capacity), copy(kObs, kAction, capacity);
    fill(buffer, 12);
    const Vecd o = Vecd::Ones(3), a = Vecd::Ones(2);
    buffer.add(o, a, o, 1, false, false);  // an episode in progress
    StateDict state;
    buffer.save(state, "replay.");
    fill(copy, 3);
    copy.load(state, "replay.");
    for (TransitionBuffer* b : {&buffer, &copy}) {
      b->add(o, a, o, 2, true, false);
      b->add(o, a, o, 3, false, false);
    }
    REQUIRE(copy.size() == buffer.size());
    const std::size_t last = buffer.size() - 1;
    CHECK(buffer.episode(last - 1) == buffer.episode(last - 2));
    CHECK(buffer.episode(last) == buffer.episode(last - 1) + 1);
    CHECK(buffer.step(last) == 0);
    StateDict x, y;
    buffer.save(x, "");
    copy.save(y, "");
    for (const auto& [name, array] : x.arrays) CHECK(y.arrays.at(name).bytes == array.bytes);
  }
}

TEST_CASE("broken checkpoints are refused and change nothing", "[buffer]") {
  TransitionBuffer buffer(kObs, kAction, 100);
  const auto rows = fill(buffer, 6);
  StateDict good;
  buffer.save(good, "");
  const auto error = [&](auto&& spoil) {
    StateDict state = good;
    spoil(state);
    const std::string message = error_of([&] { buffer.load(state, ""); });
    check_equal(buffer, rows);
    return message;
  };
  CHECK(contains(error([](StateDict& s) { s.arrays.erase("reward"); }), "no array named 'reward'"));
  CHECK(contains(error([](StateDict& s) { s.arrays.erase("terminated"); }), "no array named 'terminated'"));
  CHECK(contains(error([](StateDict& s) { s.put("obs", std::vector<float>(8).data(), {2, 4}); }),
                 "'obs' has dimension 4, expected 3"));
  CHECK(contains(error([](StateDict& s) { s.put("action", std::vector<float>(4).data(), {2, 2}); }),
                 "has 2 rows"));
  CHECK(contains(error([](StateDict& s) { s.put("obs", std::vector<float>(6)); }), "has 1 axes, expected 2"));
  CHECK(contains(error([](StateDict& s) {
                   auto values = s.get<float>("next_obs");
                   values[4] = std::nanf("");
                   s.put("next_obs", values.data(), s.arrays.at("next_obs").shape);
                 }),
                 "'next_obs' holds nan in row 1"));
  CHECK(contains(error([](StateDict& s) {
                   auto episodes = s.get<std::uint64_t>("episode");
                   std::reverse(episodes.begin(), episodes.end());
                   s.put("episode", episodes);
                 }),
                 "out of order"));
  CHECK(contains(error([](StateDict& s) { s.put("position", std::vector<std::uint64_t>{0, 0, 0}); }),
                 "'position'"));
  TransitionBuffer small(kObs, kAction, 5);
  CHECK(contains(error_of([&] { small.load(good, ""); }), "expected at most the capacity, 5"));
}

TEST_CASE("data sets come back from their files", "[buffer]") {
  const TemporaryFolder folder;
  TransitionBuffer buffer(kObs, kAction, 31);
  const auto rows = fill(buffer, 12);
  buffer.save_dataset(folder / "d.safetensors");
  const TransitionBuffer back = TransitionBuffer::load_dataset(folder / "d.safetensors");
  CHECK(back.capacity() == 31);
  check_equal(back, rows);
  std::string environment = "?";
  (void)TransitionBuffer::load_dataset(folder / "d.safetensors", 0, &environment);
  CHECK(environment.empty());
  buffer.save_dataset(folder / "named.safetensors", "Pendulum-v1");
  (void)TransitionBuffer::load_dataset(folder / "named.safetensors", 0, &environment);
  CHECK(environment == "Pendulum-v1");
  CHECK(TransitionBuffer::load_dataset(folder / "d.safetensors", 100).capacity() == 100);
  CHECK_THROWS_AS(TransitionBuffer::load_dataset(folder / "d.safetensors", 30), Error);

  // Someone else's file: no episode numbers. Episodes abandoned without a flag are found by the jump in
  // observations.
  StateDict plain = load_safetensors(folder / "d.safetensors");
  for (const char* name : {"episode", "step", "position"}) plain.arrays.erase(name);
  save_safetensors(folder / "plain.safetensors", plain);
  const TransitionBuffer found = TransitionBuffer::load_dataset(folder / "plain.safetensors");
  CHECK(found.episodes() == buffer.episodes());
  CHECK(found.window_starts(3) == buffer.window_starts(3));

  plain.put("reward", std::vector<float>(31, std::nanf("")));
  save_safetensors(folder / "plain.safetensors", plain);
  CHECK(error_of([&] { (void)TransitionBuffer::load_dataset(folder / "plain.safetensors"); }) ==
        "data set '" + (folder / "plain.safetensors").string() +
            "': 'reward' holds nan in row 0, expected finite numbers");
  plain.arrays.erase("action");
  save_safetensors(folder / "plain.safetensors", plain);
  CHECK(contains(error_of([&] { (void)TransitionBuffer::load_dataset(folder / "plain.safetensors"); }),
                 "no array named 'action'"));
  plain.put("reward", std::vector<float>(31));
  plain.put("obs", std::vector<std::uint64_t>(3));
  plain.put("action", std::vector<float>(3));
  save_safetensors(folder / "plain.safetensors", plain);
  CHECK(contains(error_of([&] { (void)TransitionBuffer::load_dataset(folder / "plain.safetensors"); }),
                 "plain.safetensors': 'obs' is of type U64 (uint64), expected F32 or F64"));
}

TEST_CASE("a data set of NumPy's default types is read: float64, bool, int64", "[buffer]") {
  const TemporaryFolder folder;
  const auto file = folder / "numpy.safetensors";
  TransitionBuffer buffer(kObs, kAction, 31);
  const auto rows = fill(buffer, 12);
  buffer.save_dataset(file);
  StateDict numpy = load_safetensors(file);
  const auto widen = [&]<class From, class To>(const std::string& name, From, To) {
    const auto shape = numpy.arrays.at(name).shape;
    const std::vector<From> values = numpy.get<From>(name);
    const std::vector<To> wide(values.begin(), values.end());
    numpy.put(name, wide.data(), shape);
  };
  for (const char* name : {"obs", "action", "next_obs", "reward"}) widen(name, float(), double());
  for (const char* name : {"episode", "step", "position"}) widen(name, std::uint64_t(), std::int64_t());
  widen("truncated", std::uint8_t(), std::int64_t());
  save_safetensors(file, numpy);
  std::string bytes = read_file(file);  // bool is written as BOOL by NumPy
  const std::size_t at = bytes.find("\"U8\"", bytes.find("\"terminated\""));
  REQUIRE(at != std::string::npos);
  bytes.replace(at, 4, "\"BOOL\"");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), 8);
  length += 2;
  std::memcpy(bytes.data(), &length, 8);
  write_file_atomically(file, bytes);
  const TransitionBuffer back = TransitionBuffer::load_dataset(file);
  check_equal(back, rows);
  CHECK(back.episodes() == buffer.episodes());

  const auto error_with = [&](auto change) {
    StateDict wrong = numpy;
    change(wrong);
    save_safetensors(file, wrong);
    return error_of([&] { (void)TransitionBuffer::load_dataset(file); });
  };
  const std::string where = "data set '" + file.string() + "': ";
  CHECK(error_with([](StateDict& s) { s.put("episode", std::vector<std::int64_t>(31, -1)); }) ==
        where + "'episode' holds -1 at position 0, expected 0 or more");
  CHECK(error_with([](StateDict& s) { s.put("truncated", std::vector<std::int64_t>(31, 2)); }) ==
        where + "'truncated' holds 2 at position 0, expected 0 or 1");
  CHECK(error_with([](StateDict& s) { s.put("step", std::vector<float>(31)); }) ==
        where + "'step' is of type F32 (float32), expected U64 or I64 (uint64, int64)");
  CHECK(error_with([](StateDict& s) { s.put("reward", std::vector<double>(31, 1e300)); }) ==
        where + "'reward' holds inf in row 0, expected finite numbers");
  CHECK(contains(error_with([](StateDict& s) { s.arrays.erase("step"); }), "expected both or neither"));
}
