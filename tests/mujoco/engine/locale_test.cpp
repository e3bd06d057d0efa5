// Models are the same under every locale, C++'s and C's, and the program's locale is as it was afterwards.
#include <clocale>
#include <cstdlib>
#include <locale>
#include <string>
#include <thread>
#include <vector>

#include "catch.hpp"
#include "core/comma_locale.hpp"
#include "core/temporary_folder.hpp"
#include "mbrl/env/registry.hpp"
#include "mbrl/mujoco/engine/model.hpp"
#include "mbrl/mujoco/environments.hpp"

using namespace mbrl;

namespace {

// A model that no other call has compiled, so that it is read here.
mujoco::Model read_model() {
  static int count = 0;
  return mujoco::Model::from_string(R"(
    <mujoco model=")" + std::to_string(count++) +
                                    R"(">
      <option gravity="0 0 -9.810" timestep="0.0125"/>
      <worldbody>
        <body><joint axis="0 1 0"/><geom type="sphere" size="0.100" pos="0 0 -1" mass="1.250"/></body>
      </worldbody>
    </mujoco>)");
}

void check_model() {
  const mujoco::Model model = read_model();
  CHECK(model->opt.gravity[2] == -9.81);
  CHECK(model->opt.timestep == 0.0125);
  CHECK(model->body_mass[1] == 1.25);
  CHECK(model->geom_size[0] == 0.1);
}

}  // namespace

TEST_CASE("a comma locale in C++ changes no model and no environment", "[locale]") {
  EnvRegistry registry;
  mujoco::register_environments(registry);
  for (const char* name : {"HalfCheetah-v4", "pets/Reacher3D"}) {
    AnyEnvironment plain = registry.make(name);
    const Vecd expected = plain.reset(3);
    const CommaLocale comma;
    const std::locale before;
    check_model();
    AnyEnvironment env = registry.make(name);
    CHECK(env.reset(3) == expected);
    CHECK(std::locale() == before);
  }
}

TEST_CASE("models are read on many threads under a comma locale, which stays the program's", "[locale]") {
  const CommaLocale comma;
  const std::locale before;
  std::vector<std::string> texts;
  for (int i = 0; i < 40; ++i)
    texts.push_back("<mujoco model='t" + std::to_string(i) + "'><option gravity='0 0 -1.5'/></mujoco>");
  const TemporaryFolder folder;
  std::vector<double> gravity(texts.size(), 0.0);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::size_t i = t; i < texts.size(); i += 4)
        gravity[i] = mujoco::Model::from_string(texts[i])->opt.gravity[2];
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(gravity == std::vector<double>(texts.size(), -1.5));
  CHECK(std::locale() == before);
}

TEST_CASE("a comma locale of C, and of both, changes no model", "[locale]") {
  // glibc looks for locales in LOCPATH; one is made there if the tools for it are installed.
  const TemporaryFolder folder;
  const std::string made = (folder / "de_DE.UTF-8").string();
  if (std::system(("localedef -i de_DE -f UTF-8 '" + made + "' > /dev/null 2>&1").c_str()) != 0) {
    WARN("localedef cannot make a German locale here (Debian package locales): not tested");
    return;
  }
  const char* path = std::getenv("LOCPATH");
  const std::string old_path = path ? path : "";
  ::setenv("LOCPATH", folder.path().c_str(), 1);
  const std::string old_locale = std::setlocale(LC_ALL, nullptr);
  REQUIRE(std::setlocale(LC_ALL, "de_DE.UTF-8") != nullptr);
  REQUIRE(std::string(std::localeconv()->decimal_point) == ",");
  check_model();
  CHECK(std::string(std::localeconv()->decimal_point) == ",");

  const std::locale old_global = std::locale::global(std::locale("de_DE.UTF-8"));
  check_model();
  CHECK(std::locale().name() == "de_DE.UTF-8");
  CHECK(std::string(std::localeconv()->decimal_point) == ",");
  std::setlocale(LC_NUMERIC, "C");  // as programs do that read numbers themselves: it stays so
  check_model();
  CHECK(std::string(std::localeconv()->decimal_point) == ".");

  std::locale::global(old_global);
  std::setlocale(LC_ALL, old_locale.c_str());
  path ? ::setenv("LOCPATH", old_path.c_str(), 1) : ::unsetenv("LOCPATH");
}
