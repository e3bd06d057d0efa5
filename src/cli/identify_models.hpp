// What mbrl identify can identify: models in files, and environments whose observation is their state.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "mbrl/models/identification/identification.hpp"

namespace mbrl::cli {

struct IdentifiableModel {
  AnyParametricModel model;
  std::vector<std::string> obs_names;  // empty where nobody says
  std::string environment;             // its name; empty for a file
};

// `name` is an environment's, or a file's that ends in .xml. `frame_skip`: physics steps a control step of a file's
// model; none where it was not given. Throws for others, in words.
IdentifiableModel identifiable_model(const std::string& name, std::optional<int> frame_skip);

// A file's model with other values (all of them), written as a file.
void save_identified(const std::string& source, const Vecd& values, const std::string& out);

}  // namespace mbrl::cli
