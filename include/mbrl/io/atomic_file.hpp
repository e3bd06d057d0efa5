// Files that are either whole and new or whole and old, never half written.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace mbrl {

/// Writes the parts one after the other to a temporary file beside `path`, flushes them to the disk, and
/// renames the file to `path`; a link is followed. Of several writers at once, in one process or in many, each
/// has a temporary file of its own, and the last to end wins. What a killed writer left behind is removed by
/// the next one. Throws mbrl::Error with the path and the reason (no such folder, no permission, disk full);
/// then the temporary file is gone and an old file at `path` is as it was.
///
/// A file-size limit (ulimit -f) is reported as an error only if the process ignores SIGXFSZ; else the system
/// ends it.
void write_file_atomically(const std::filesystem::path& path, std::span<const std::string_view> parts);
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// Throws what write_file_atomically would for a path that cannot be written: a missing folder, no permission,
/// a folder or device in its place. For asking before long work; nothing is written.
void require_writable(const std::filesystem::path& path);

/// The whole file. Throws mbrl::Error with the path and the reason.
std::string read_file(const std::filesystem::path& path);

}  // namespace mbrl
