// Every public enum can be printed, by the one list of its names.
#include "mbrl/core/enum_names.hpp"

#include <filesystem>
#include <fstream>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "catch.hpp"
#include "mbrl/algorithms/planning/pets.hpp"
#include "mbrl/env/classic/cartpole.hpp"
#include "mbrl/env/classic/mbbl.hpp"
#include "mbrl/math/augmented_lagrangian.hpp"
#include "mbrl/math/box_qp.hpp"
#include "mbrl/math/integrator.hpp"
#include "mbrl/planning/sampling/icem.hpp"
#include "mbrl/planning/sampling/pddm.hpp"
#include "mbrl/planning/trajectory/collocation.hpp"
#include "mbrl/planning/trajectory/constrained_ilqr.hpp"
#include "mbrl/planning/trajectory/ilqr.hpp"
#include "mbrl/rollout/particle_checks.hpp"
#include "mbrl/rollout/propagation.hpp"
#include "paths.hpp"

using namespace mbrl;

namespace {

template <class... E>
void check_names() {
  const auto one = [](auto value) {
    std::set<std::string> names;
    for (const auto& [known, name] : enum_names(value)) {
      std::ostringstream out;
      out << known;
      CHECK(out.str() == name);
      CHECK(to_string(known) == name);
      CHECK(names.insert(name).second);
    }
    CHECK(to_string(static_cast<decltype(value)>(77)) == "unnamed value 77");
  };
  (one(E{}), ...);
}

}  // namespace

TEST_CASE("enums: values print as their names, in streams, texts and errors") {
  check_names<Activation, Beyond, BoxQpStatus, CartPoleTask::Action, ConstrainedIlqrStatus, DType, DualMethod,
              Execute, IlqrStatus, Integrator, MbblClassic::Task, ObsFeature::Kind, PddmFilter, ProgramStatus,
              Propagation, RunPhase, Stream, TargetKind, Transcription, WarmStartPad>();
  CHECK(to_string(IlqrStatus::kNoDescent) == "no descent");
  CHECK_THROWS_WITH(fail("the solver says ", ProgramStatus::kStalled), "the solver says stalled");
}

TEST_CASE("enums: every one in a public header has names") {
  namespace fs = std::filesystem;
  const std::regex declaration("enum class (\\w+)"), names("enum_names\\((?:\\w+::)?(\\w+)\\)");
  int found = 0;
  for (const auto& entry : fs::recursive_directory_iterator(test::source_folder() / "include/mbrl")) {
    if (entry.path().extension() != ".hpp") continue;
    std::ifstream file(entry.path());
    std::stringstream content;
    content << file.rdbuf();
    const std::string text = content.str();
    std::set<std::string> named;
    for (std::sregex_iterator i(text.begin(), text.end(), names), end; i != end; ++i) named.insert((*i)[1]);
    for (std::sregex_iterator i(text.begin(), text.end(), declaration), end; i != end; ++i, ++found) {
      INFO(entry.path().string() << ": " << (*i)[1]);
      CHECK(named.contains((*i)[1]));
    }
  }
  CHECK(found >= 20);
}
