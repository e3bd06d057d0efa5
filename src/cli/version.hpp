// mbrl --version: what this program was made from, for a report of a fault.
#pragma once

#include <string>

namespace mbrl::cli {

const char* commit();  // "unknown" if built from an archive

std::string version_text();

}  // namespace mbrl::cli
