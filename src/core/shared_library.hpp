// Libraries that are opened when they are needed, so that programs which never need them do not load them.
#pragma once

#include <dlfcn.h>

#include <string>
#include <utility>

#include "mbrl/core/error.hpp"

namespace mbrl {

/// A shared library, opened at once and never closed: graphics drivers and encoders' threads do not survive it.
class SharedLibrary {
 public:
  /// One that is in no folder the system looks into is looked for in `folder`. Throws with the system's reason.
  explicit SharedLibrary(std::string name, int flags, const std::string& folder = "")
      : name_(std::move(name)), handle_(dlopen(name_.c_str(), flags)) {
    if (handle_ != nullptr) return;
    const char* reason = dlerror();
    const std::string why = reason != nullptr ? reason : name_ + " cannot be opened";
    if (!folder.empty()) handle_ = dlopen((folder + "/" + name_).c_str(), flags);
    if (handle_ == nullptr) fail(why);
  }

  /// Throws where the library has no such function.
  template <class F>
  void load(F*& function, const char* symbol) const {
    function = reinterpret_cast<F*>(dlsym(handle_, symbol));
    require(function != nullptr, name_, " has no function ", symbol);
  }

  /// The same to initialise a pointer: `decltype(f)* f_ = library["f"];`
  struct Symbol {
    const SharedLibrary& library;
    const char* name;
    template <class F>
    operator F*() const {  // NOLINT(google-explicit-constructor): what it is for
      F* function = nullptr;
      library.load(function, name);
      return function;
    }
  };
  Symbol operator[](const char* symbol) const { return {*this, symbol}; }

 private:
  std::string name_;
  void* handle_;
};

}  // namespace mbrl
