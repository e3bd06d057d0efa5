// Settings by name: parsing, JSON round trips, and what every mistake is told.
#include "mbrl/io/settings_file.hpp"

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "catch.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/io/atomic_file.hpp"

using namespace mbrl;

namespace {

enum class Colour { kRed, kDarkBlue };
constexpr auto enum_names(Colour) {
  return std::array{std::pair{Colour::kRed, "red"}, std::pair{Colour::kDarkBlue, "DarkBlue"}};
}

struct Inner {
  int horizon = 30;
  Colour colour = Colour::kRed;
  std::vector<int> layers = {200, 200};

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("horizon", s.horizon, "steps");
    field("colour", s.colour, "paint");
    field("layers", s.layers, "units a layer");
  }
};

struct Outer {
  std::string name = "run";
  Inner rollout;
  bool fast = false;
  double rate = 1e-3;
  float decay = 0.1f;
  unsigned count = 1;
  std::int64_t offset = 0;
  std::uint64_t seed = 1;
  std::vector<double> weights = {0.5};
  std::vector<float> decays;
  std::vector<std::string> tags;

  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("name", s.name, "what to call it");
    field("rollout", s.rollout, "the inner one");
    field("fast", s.fast, "hurry");
    field("rate", s.rate, "step size");
    field("decay", s.decay, "");
    field("count", s.count, "");
    field("offset", s.offset, "");
    field("seed", s.seed, "");
    field("weights", s.weights, "");
    field("decays", s.decays, "");
    field("tags", s.tags, "");
  }
};

std::string set_error(const std::string& key, const std::string& value) {
  Outer s;
  return error_of([&] { set_value(s, key, value, "--set"); });
}
std::string json_error(const std::string& text) {
  Outer s;
  s.count = 77;
  const std::string message = error_of([&] { load_json_text(s, text, "a.json"); });
  CHECK(to_json_text(s) == [] {  // nothing of a rejected file is kept
    Outer fresh;
    fresh.count = 77;
    return to_json_text(fresh);
  }());
  return message;
}

}  // namespace

TEST_CASE("values of every type are set from text", "[settings]") {
  Outer s;
  set_value(s, "rollout.horizon", "20");
  CHECK(s.rollout.horizon == 20);
  set_value(s, "rollout.horizon", " +21 ");
  CHECK(s.rollout.horizon == 21);
  set_value(s, "rollout.colour", "darkblue");
  CHECK(s.rollout.colour == Colour::kDarkBlue);
  set_value(s, "rollout.layers", "[64, 32,16]");
  CHECK(s.rollout.layers == std::vector<int>{64, 32, 16});
  set_value(s, "rollout.layers", "200,200");
  CHECK(s.rollout.layers == std::vector<int>{200, 200});
  set_value(s, "rollout.layers", "[]");
  CHECK(s.rollout.layers.empty());
  for (const char* yes : {"true", "1", "ON", "yes"}) {
    s.fast = false;
    set_value(s, "fast", yes);
    CHECK(s.fast);
  }
  for (const char* no : {"false", "0", "off", "No"}) {
    s.fast = true;
    set_value(s, "fast", no);
    CHECK(!s.fast);
  }
  set_value(s, "rate", "1e-4");
  CHECK(s.rate == 1e-4);
  set_value(s, "decay", "-.25");
  CHECK(s.decay == -0.25f);
  set_value(s, "count", "4000000000");
  CHECK(s.count == 4000000000u);
  set_value(s, "offset", "-9000000000");
  CHECK(s.offset == -9000000000);
  set_value(s, "seed", "18446744073709551615");
  CHECK(s.seed == std::numeric_limits<std::uint64_t>::max());
  set_value(s, "weights", "1,inf");
  CHECK(s.weights == std::vector<double>{1, std::numeric_limits<double>::infinity()});
  set_value(s, "tags", "[a, \"b c\"]");
  CHECK(s.tags == std::vector<std::string>{"a", "b c"});
  set_assignment(s, "name=a=b");
  CHECK(s.name == "a=b");
}

TEST_CASE("text that does not fit is refused with key, value and expectation", "[settings]") {
  CHECK(set_error("rollout.horizon", "abc") ==
        "--set: 'rollout.horizon' is 'abc', expected a whole number from -2147483648 to 2147483647");
  for (const char* wrong : {"", "2.5", "1e3", "99999999999", "3x"})
    CHECK(!set_error("rollout.horizon", wrong).empty());
  for (const char* wrong : {"-1", "4294967296"}) CHECK(!set_error("count", wrong).empty());
  CHECK(set_error("rollout.colour", "green") ==
        "--set: 'rollout.colour' is 'green', expected one of red, DarkBlue");
  for (const char* wrong : {"[1,2", "1,2]", "1,,2", "1,a", "[", "2.5"})
    CHECK(!set_error("rollout.layers", wrong).empty());
  CHECK(set_error("fast", "maybe") == "--set: 'fast' is 'maybe', expected true or false");
  CHECK(!set_error("rate", "1e999").empty());
  CHECK(!set_error("rate", "+-1").empty());

  CHECK(set_error("rollout.horizn", "1") ==
        "--set: unknown key 'rollout.horizn', did you mean 'rollout.horizon'?");
  CHECK(contains(set_error("horizon", "1"), "did you mean 'rollout.horizon'?"));
  CHECK(contains(set_error("Rollout.Horizon", "1"), "did you mean 'rollout.horizon'?"));
  CHECK(contains(set_error("something_else", "1"), "which is none of the "));  // too many to list
  Outer s;
  CHECK(contains(error_of([&] { set_assignment(s, "fast"); }), "'fast' given, expected key=value"));
}

TEST_CASE("JSON text comes back to the same values", "[settings]") {
  Outer s;
  s.name = "a \"quoted\" name\\ \n\xC3\xA4";
  s.rollout.colour = Colour::kDarkBlue;
  s.rollout.layers = {1, 2, 3};
  s.rate = 0.1 + 0.2;
  s.decay = 1.0f / 3.0f;
  s.seed = std::numeric_limits<std::uint64_t>::max();
  s.offset = std::numeric_limits<std::int64_t>::min();
  s.weights = {std::numeric_limits<double>::infinity(), -0.0, 5e-324, 1.7976931348623157e308};
  s.decays = {std::numeric_limits<float>::denorm_min(), std::numeric_limits<float>::max()};
  s.tags = {"x", ""};
  const std::string text = to_json_text(s);
  Outer back;
  load_json_text(back, text, "text");
  CHECK(to_json_text(back) == text);
  CHECK(back.name == s.name);
  CHECK(back.rate == s.rate);
  CHECK(back.decay == s.decay);
  CHECK(back.weights == s.weights);
  CHECK(std::signbit(back.weights[1]));
  CHECK(back.decays == s.decays);
  CHECK(back.seed == s.seed);
  CHECK(back.offset == s.offset);
  // Another parser agrees that this is JSON, nested as the structs are.
  const auto parsed = nlohmann::json::parse(text);
  CHECK(parsed["rollout"]["layers"] == nlohmann::json({1, 2, 3}));
  CHECK(parsed["rollout"]["colour"] == "DarkBlue");
  CHECK(parsed["name"] == s.name);
}

TEST_CASE("a JSON file sets what it names and leaves the rest", "[settings]") {
  const TemporaryFolder folder;
  write_file_atomically(folder / "s.json",
                        "{\n  // a comment\n  \"rollout\": {\"horizon\": 7}, \"rate\": 1\n}\n");
  Outer s;
  s.count = 5;
  load_settings_file(s, folder / "s.json");
  CHECK(s.rollout.horizon == 7);
  CHECK(s.rate == 1.0);
  CHECK(s.count == 5);
  CHECK(s.rollout.layers.size() == 2);
  CHECK(contains(error_of([&] { load_settings_file(s, folder / "none.json"); }), "none.json"));
  write_file_atomically(folder / "s.json", "{\"rollout\": {\"horizn\": 7}}");
  CHECK(error_of([&] { load_settings_file(s, folder / "s.json"); }) ==
        (folder / "s.json").string() + ": unknown key 'rollout.horizn', did you mean 'rollout.horizon'?");
}

TEST_CASE("wrong JSON is refused with file and key", "[settings]") {
  CHECK(contains(json_error("{\"rollout\": 3}"), "a.json: 'rollout' is 3, expected an object"));
  CHECK(contains(json_error("{\"count\": 3, \"rollout\": {\"horizon\": 2.5}}"), "'rollout.horizon' is 2.5"));
  CHECK(contains(json_error("{\"count\": -3}"), "'count' is -3, expected a whole number >= 0"));
  CHECK(contains(json_error("{\"fast\": 1}"), "'fast' is 1, expected true or false"));
  CHECK(contains(json_error("{\"rate\": \"1\"}"), "'rate' is \"1\", expected a number"));
  CHECK(contains(json_error("{\"decay\": 1e300}"), "'decay' is"));
  CHECK(contains(json_error("{\"name\": null}"), "'name' is null, expected a text"));
  CHECK(contains(json_error("{\"rollout\": {\"layers\": [1, \"2\"]}}"), "expected a list of whole numbers"));
  CHECK(contains(json_error("{\"rollout\": {\"colour\": \"green\"}}"), "expected one of red, DarkBlue"));
  CHECK(contains(json_error("{\"seed\": 1, \"seed\": 2}"), "key 'seed' is given twice"));
  CHECK(contains(json_error("{\n\n\"seed\": 1,,\n}"), "a.json: line 3 is not valid JSON"));
  CHECK(contains(json_error("[1, 2]"), "expected a JSON object"));
  CHECK(contains(json_error(""), "not valid JSON"));
  CHECK(json_error("{\n\"rate\": -1e400\n}") ==
        "a.json: line 2 holds -1e400, which is beyond the range of numbers (1.8e308)");
  CHECK(contains(set_error("rollout.layers", " "), "expected a list of whole numbers, e.g. 1,2 or [1, 2]"));
}

TEST_CASE("keys are listed with defaults and help", "[settings]") {
  const auto keys = list_keys<Outer>();
  REQUIRE(keys.size() == 13);
  CHECK(keys[0].key == "name");
  CHECK(keys[0].value == "run");
  CHECK(keys[1].key == "rollout.horizon");
  CHECK(keys[1].value == "30");
  CHECK(keys[1].help == "steps");
  CHECK(keys[2].expected == "one of red, DarkBlue");
  CHECK(keys[2].value == "red");
  CHECK(keys[3].value == "[200, 200]");
  Outer s;  // every listed value is accepted by set_value
  for (const SettingInfo& info : keys) set_value(s, info.key, info.value);
  CHECK(to_json_text(s) == to_json_text(Outer()));
}

TEST_CASE("numbers print shortest and read back", "[text]") {
  CHECK(shortest(0.1) == "0.1");
  CHECK(shortest(0.1f) == "0.1");
  CHECK(shortest(3.0) == "3");
  CHECK(shortest(-std::numeric_limits<double>::quiet_NaN()) == "nan");
  CHECK(shortest(std::numeric_limits<double>::infinity()) == "inf");
}

TEST_CASE("near words are suggested, far ones are not", "[text]") {
  const std::vector<std::string> known = {"Pendulum-v1", "pets/CartPole", "pets/HalfCheetah",
                                          "HalfCheetah-v4"};
  CHECK(did_you_mean("pets/halfcheetah", known) == ", did you mean 'pets/HalfCheetah'?");
  CHECK(did_you_mean("pets/HalfChetah", known) == ", did you mean 'pets/HalfCheetah'?");
  CHECK(did_you_mean("pets/HalfCheetha", known) == ", did you mean 'pets/HalfCheetah'?");
  CHECK(did_you_mean("Humanoid", known) ==
        ", expected one of Pendulum-v1, pets/CartPole, pets/HalfCheetah, HalfCheetah-v4");
  const std::vector<std::string> short_ones = {"mopo", "sac"};
  CHECK(did_you_mean("foo", short_ones) == ", expected one of mopo, sac");
  CHECK(did_you_mean("sca", short_ones) == ", did you mean 'sac'?");
  CHECK(did_you_mean("moop", short_ones) == ", did you mean 'mopo'?");
  // A long key is not near another for a short last part.
  const std::vector<std::string> keys = {"planner.icem.racing.on", "planner.icem.population"};
  CHECK(did_you_mean("model.foo", keys) ==
        ", expected one of planner.icem.racing.on, planner.icem.population");
  CHECK(did_you_mean("icem.populaton", keys) == ", did you mean 'planner.icem.population'?");
  CHECK(did_you_mean("x", {}) == ", expected one of ");
  // All that contain what was typed, whatever the case; the nearest first.
  CHECK(did_you_mean("halfcheetah", known) == ", did you mean 'HalfCheetah-v4' or 'pets/HalfCheetah'?");
  CHECK(did_you_mean("cartpole", known) == ", did you mean 'pets/CartPole'?");
  // Of many words, neither all that contain it nor all that there are.
  std::vector<std::string> many;
  for (char c = 'a'; c <= 't'; ++c) many.push_back(std::string("task_") + c);
  CHECK(did_you_mean("task", many) ==
        ", did you mean 'task_a', 'task_b', 'task_c', 'task_d', 'task_e', 'task_f', 'task_g', 'task_h' or "
        "one of "
        "12 others?");
  CHECK(did_you_mean("nothing", many) == ", which is none of the 20 known");
}
