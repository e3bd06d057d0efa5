// Numbers in a model's text mean the same under every locale.
#pragma once

#include <locale.h>  // uselocale and locale_t are POSIX

namespace mbrl::mujoco {

// While one of these lives, streams made on any thread and C functions on this thread read and write 1.5 as
// the classic locale does. MuJoCo reads numbers through streams that take the program's global C++ locale:
// under a German one, -9.81 is read as -981 or not at all. C++ has no locale per thread, so the global one is
// replaced where it writes numbers otherwise, and put back when the last of these ends; that the program
// changes it meanwhile is respected.
class PlainNumbers {
 public:
  PlainNumbers();
  PlainNumbers(const PlainNumbers&) = delete;
  PlainNumbers& operator=(const PlainNumbers&) = delete;
  ~PlainNumbers();

 private:
  locale_t before_;
  bool counted_;
};

}  // namespace mbrl::mujoco
