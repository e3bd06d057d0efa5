// Loading of models, and the engine's process-wide settings.
#include "mbrl/mujoco/engine/model.hpp"

#include <cstring>
#include <map>
#include <mutex>

#include "mbrl/core/error.hpp"
#include "mbrl/core/text.hpp"
#include "mbrl/mujoco/engine/version.hpp"
#include "mujoco/engine/plain_numbers.hpp"

namespace mbrl::mujoco {
namespace {

// Warnings raised on this thread while a model is loaded.
thread_local std::vector<std::string>* collected_warnings = nullptr;

void on_warning(const char* message) {
  if (collected_warnings) collected_warnings->emplace_back(message);
}

// The engine's functions must not go on after an error, so the handler must not return. They hold no
// resources that unwinding would have to release; an mjData that was in use is to be thrown away.
[[noreturn]] void on_error(const char* message) { fail("MuJoCo: ", message); }

struct DeleteModel {
  void operator()(mjModel* model) const { mj_deleteModel(model); }
};

// A file that exists only in memory, which the engine reads like one on disk.
class MemoryFile {
 public:
  MemoryFile(const char* name, const std::string& text) : vfs_(std::make_unique<mjVFS>()) {
    mj_defaultVFS(vfs_.get());
    const int size = static_cast<int>(text.size());
#if mjVERSION_HEADER >= 313
    const int failed = mj_addBufferVFS(vfs_.get(), name, text.data(), size);
    require(failed == 0, "MuJoCo: a model text of ", size, " bytes could not be read");
#else
    const int index = mj_makeEmptyFileVFS(vfs_.get(), name, size);
    require(index >= 0, "MuJoCo: a model text of ", size, " bytes could not be read");
    std::memcpy(vfs_->filedata[index], text.data(), text.size());
#endif
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() { mj_deleteVFS(vfs_.get()); }
  const mjVFS* get() const { return vfs_.get(); }

 private:
  std::unique_ptr<mjVFS> vfs_;  // 2 MB in old releases: too large for the stack
};

std::shared_ptr<const mjModel> load(const char* path, const mjVFS* vfs, const std::string& name,
                                    std::vector<std::string>& warnings) {
  const PlainNumbers plain;
  char message[1000] = "";
  collected_warnings = &warnings;
  mjModel* model = nullptr;
  try {
    model = mj_loadXML(path, vfs, message, static_cast<int>(sizeof message));
  } catch (...) {
    collected_warnings = nullptr;
    throw;
  }
  collected_warnings = nullptr;
  if (!model) fail("MuJoCo model '", name, "': ", message);
  if (message[0] != '\0') warnings.emplace_back(message);
  return std::shared_ptr<const mjModel>(std::unique_ptr<mjModel, DeleteModel>(model));
}

int count(const mjModel& model, mjtObj kind) {
  switch (kind) {
    case mjOBJ_BODY:
      return static_cast<int>(model.nbody);
    case mjOBJ_JOINT:
      return static_cast<int>(model.njnt);
    case mjOBJ_GEOM:
      return static_cast<int>(model.ngeom);
    case mjOBJ_SITE:
      return static_cast<int>(model.nsite);
    case mjOBJ_CAMERA:
      return static_cast<int>(model.ncam);
    case mjOBJ_TENDON:
      return static_cast<int>(model.ntendon);
    case mjOBJ_ACTUATOR:
      return static_cast<int>(model.nu);
    case mjOBJ_SENSOR:
      return static_cast<int>(model.nsensor);
    case mjOBJ_EQUALITY:
      return static_cast<int>(model.neq);
    case mjOBJ_KEY:
      return static_cast<int>(model.nkey);
    case mjOBJ_MESH:
      return static_cast<int>(model.nmesh);
    case mjOBJ_HFIELD:
      return static_cast<int>(model.nhfield);
    case mjOBJ_LIGHT:
      return static_cast<int>(model.nlight);
    case mjOBJ_TEXTURE:
      return static_cast<int>(model.ntex);
    case mjOBJ_MATERIAL:
      return static_cast<int>(model.nmat);
    case mjOBJ_NUMERIC:
      return static_cast<int>(model.nnumeric);
    default:
      fail("Model::id: kind is ", static_cast<int>(kind),
           ", expected body, joint, geom, site, camera, tendon, actuator, sensor, equality, key, mesh, "
           "hfield, light, "
           "texture, material or numeric");
  }
}

}  // namespace

int Model::id(mjtObj kind, const std::string& name) const {
  const int size = count(*model_, kind), found = mj_name2id(model_.get(), kind, name.c_str());
  if (found >= 0) return found;
  std::vector<std::string> known;
  for (int i = 0; i < size; ++i)
    if (const char* other = mj_id2name(model_.get(), kind, i); other && *other) known.emplace_back(other);
  const char* what = mju_type2Str(kind);
  if (known.empty()) fail("MuJoCo model: no ", what, " named '", name, "', and none of another name");
  fail("MuJoCo model: no ", what, " named '", name, "'", did_you_mean(name, known));
}

std::string version() { return mj_versionString(); }

void prepare_engine() {
  static std::once_flag once;
  std::call_once(once, [] {
    require(mj_version() == mjVERSION_HEADER, "MuJoCo: the library loaded is version ", mj_version(),
            ", but mbrl was compiled for ", mjVERSION_HEADER);
    if (!mju_user_error) mju_user_error = on_error;
    if (!mju_user_warning) mju_user_warning = on_warning;
  });
}

Model Model::from_string(const std::string& mjcf, const std::string& name) {
  prepare_engine();
  struct Loaded {
    std::weak_ptr<const mjModel> model;
    std::shared_ptr<const std::vector<std::string>> warnings;
  };
  static std::mutex mutex;
  static std::map<std::string, Loaded> loaded;

  const std::lock_guard lock(mutex);
  Loaded& entry = loaded[mjcf];
  if (auto model = entry.model.lock()) return {std::move(model), entry.warnings};
  std::vector<std::string> warnings;
  std::shared_ptr<const mjModel> model;
  try {
    const MemoryFile file("model.xml", mjcf);
    model = load("model.xml", file.get(), name, warnings);
  } catch (...) {
    loaded.erase(mjcf);
    throw;
  }
  entry = {model, std::make_shared<const std::vector<std::string>>(std::move(warnings))};
  return {std::move(model), entry.warnings};
}

Model Model::from_file(const std::string& path) {
  prepare_engine();
  std::vector<std::string> warnings;
  auto model = load(path.c_str(), nullptr, path, warnings);
  return {std::move(model), std::make_shared<const std::vector<std::string>>(std::move(warnings))};
}

Model Model::changed(const std::function<void(mjModel&)>& change) const {
  prepare_engine();
  std::unique_ptr<mjModel, DeleteModel> copy(mj_copyModel(nullptr, model_.get()));
  require(copy != nullptr, "MuJoCo: no memory for another model");
  change(*copy);
  const std::unique_ptr<mjData, decltype(&mj_deleteData)> data(mj_makeData(copy.get()), mj_deleteData);
  require(data != nullptr, "MuJoCo: no memory for another simulation");
  mj_setConst(copy.get(), data.get());
  return {std::shared_ptr<const mjModel>(std::move(copy)), warnings_};
}

}  // namespace mbrl::mujoco
