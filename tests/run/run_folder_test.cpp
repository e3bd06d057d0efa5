// A folder that is no run says what it is instead.
#include "mbrl/run/run_folder.hpp"

#include <filesystem>

#include "catch.hpp"
#include "core/temporary_folder.hpp"

using namespace mbrl;

TEST_CASE("run folder: a folder of runs names the first of them", "[run]") {
  const TemporaryFolder folder;
  const std::filesystem::path all = folder.path() / "sweep";
  std::filesystem::create_directories(all / "notes");
  CHECK_THROWS_WITH(RunFolder::open(all), Catch::Contains("it has no settings.json"));
  { RunFolder::create(all / "b", "{}"); }
  CHECK_THROWS_WITH(RunFolder::open(all), Catch::Contains("holds 1 of them") && Catch::Contains("sweep/b"));
  { RunFolder::create(all / "a", "{}"); }
  CHECK_THROWS_WITH(RunFolder::open(all),
                    Catch::Contains("name one, the first is") && Catch::Contains("sweep/a"));
  CHECK(RunFolder::open(all / "b").path() == all / "b");
}
