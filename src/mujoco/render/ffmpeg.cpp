#if MBRL_HAS_FFMPEG
#include "mujoco/render/ffmpeg.hpp"

namespace mbrl::mujoco {

SharedLibrary Ffmpeg::open(const std::string& name, int version) {
  const std::string file = "lib" + name + ".so." + std::to_string(version);
  try {
    return SharedLibrary(file, RTLD_NOW | RTLD_LOCAL, MBRL_FFMPEG_FOLDER);
  } catch (const Error& error) {
    fail("films need FFmpeg, whose ", file, " cannot be opened (", error.what(), "); install lib", name,
         version, ", or build this library again with the FFmpeg that is here");
  }
}

const Ffmpeg& ffmpeg() {
  static const Ffmpeg opened;
  return opened;
}

}  // namespace mbrl::mujoco
#endif
