// Where output is to go, asked before the work that makes it. See require_writable in atomic_file.hpp for
// files.
#pragma once

#include <filesystem>
#include <span>
#include <string_view>

namespace mbrl {

/// Throws unless files can be written into the folder; makes it, and those above it, where it is missing.
void require_writable_folder(const std::filesystem::path& path);

/// Throws unless the file's name ends in one of the extensions (".png", in any case): what is made has one
/// format, and a name that promises another is a mistake.
void require_extension(const std::filesystem::path& path, std::span<const std::string_view> extensions);
void require_extension(const std::filesystem::path& path, std::string_view extension);

}  // namespace mbrl
