// Settings from a file of JSON.
#pragma once

#include <filesystem>

#include "mbrl/core/settings.hpp"
#include "mbrl/io/atomic_file.hpp"

namespace mbrl {

/// load_json_text of the file's text. Throws mbrl::Error naming the file; `settings` is then unchanged.
template <Settings T>
void load_settings_file(T& settings, const std::filesystem::path& path) {
  load_json_text(settings, read_file(path), path.string());
}

}  // namespace mbrl
