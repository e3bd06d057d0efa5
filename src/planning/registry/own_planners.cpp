#include "mbrl/planning/registry/own_planners.hpp"

#include <algorithm>
#include <cctype>

#include "mbrl/core/error.hpp"

namespace mbrl {

void OwnPlanners::require_new(const std::string& name) const {
  const bool plain = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' || c == '_';
  });
  require(plain, "planners: '", name, "' cannot be a name, expected letters, digits, '-' and '_'");
  const std::vector<std::string>& library = planner_names();
  require(
      !contains(name) && name != "name" && std::find(library.begin(), library.end(), name) == library.end(),
      "planners: '", name, "' is registered already");
}

void OwnPlanners::require_known(const std::string& name) const {
  std::vector<std::string> known = planner_names();
  if (std::find(known.begin(), known.end(), name) != known.end()) return;
  for (const auto& entry : entries_) known.push_back(entry.first);
  unknown_planner(name, known);
}

}  // namespace mbrl
