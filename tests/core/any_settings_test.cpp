// Settings behind one type: as a member they are listed, set, read and written like any others.
#include "mbrl/core/any_settings.hpp"

#include <string>

#include "catch.hpp"

using namespace mbrl;

namespace {

struct TreeSettings {
  int depth = 3;
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("depth", s.depth, "levels");
  }
};
struct Own {
  double rate = 0.5;
  TreeSettings tree;
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("rate", s.rate, "a rate");
    field("tree", s.tree, "a tree");
  }
};
struct HolderSettings {
  int seed = 1;
  AnySettings beside, below;
  template <class Self, class F>
  static void describe(Self& s, F&& field) {
    field("seed", s.seed, "the seed");
    field("", s.beside, "beside the seed");
    field("below", s.below, "below a name");
  }
};

HolderSettings outer() { return {1, AnySettings(Own{}), AnySettings(TreeSettings{})}; }

}  // namespace

TEST_CASE("AnySettings: members take part by their keys") {
  HolderSettings settings = outer();
  std::string keys;
  for (const SettingInfo& info : list_keys(settings)) keys += info.key + " ";
  CHECK(keys == "seed rate tree.depth below.depth ");
  set_assignment(settings, "tree.depth=7");
  set_assignment(settings, "below.depth=8");
  CHECK(settings.beside.get<Own>().tree.depth == 7);
  CHECK(settings.below.get<TreeSettings>().depth == 8);
  CHECK_THROWS_AS(set_assignment(settings, "tree.dept=7"), Error);

  HolderSettings read = outer();
  load_json_text(read, to_json_text(settings), "text");
  CHECK(read.beside == settings.beside);
  CHECK(read.below == settings.below);
  // What fails leaves them as they were.
  CHECK_THROWS_AS(load_json_text(read, R"({"rate": 1, "below": {"depth": "x"}})", "text"), Error);
  CHECK(read.beside == settings.beside);
}

TEST_CASE("AnySettings: copies are copies, and the type inside is asked for by name") {
  AnySettings a(Own{.rate = 2, .tree = {}});
  AnySettings b = a;
  b.get<Own>().rate = 3;
  CHECK(a.get<Own>().rate == 2);
  CHECK_FALSE(a == b);
  a = b;
  CHECK(a == b);
  CHECK(a.holds<Own>());
  CHECK_FALSE(a.holds<TreeSettings>());
  CHECK_THROWS_AS(a.get<TreeSettings>(), Error);
  CHECK_FALSE(AnySettings() == a);
  CHECK(AnySettings() == AnySettings(NoSettings{}));
}
