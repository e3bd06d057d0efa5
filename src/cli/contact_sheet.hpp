// All environments in one picture.
#pragma once

#include <filesystem>

#include "mbrl/env/registry.hpp"

namespace mbrl::cli {

// A PNG with a labelled tile for each environment that can be drawn; versions of one body (-v4, -v5) share a
// tile.
void write_contact_sheet(const std::filesystem::path& png, const EnvRegistry& registry);

}  // namespace mbrl::cli
