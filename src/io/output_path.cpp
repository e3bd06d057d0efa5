// Checks of where output is to go.
#include "mbrl/io/output_path.hpp"

#include <unistd.h>

#include <string>
#include <system_error>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"

namespace mbrl {

namespace fs = std::filesystem;

void require_extension(const fs::path& path, std::span<const std::string_view> extensions) {
  const std::string given = lower(path.extension().string());
  std::string expected;
  for (const std::string_view extension : extensions) {
    if (given == extension) return;
    expected += (expected.empty() ? "" : ", ") + std::string(extension);
  }
  fail("file '", path.string(), "' ends in '", given, "', expected ", expected);
}

void require_extension(const fs::path& path, std::string_view extension) {
  require_extension(path, std::span<const std::string_view>(&extension, 1));
}

void require_writable_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  require(!error && fs::is_directory(path), "folder '", path.string(),
          "' cannot be made: ", error ? error.message() : std::string("there is a file of that name"));
  require(::access(path.c_str(), W_OK | X_OK) == 0, "folder '", path.string(), "' cannot be written into");
}

}  // namespace mbrl
