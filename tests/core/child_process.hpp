// A child process made by fork() that runs one function and ends.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include "catch.hpp"

namespace mbrl {

// Runs `f` in a child, which ends with f's value as its status, or with 99 on an exception. A child that
// hangs is ended after ten minutes.
template <class F>
pid_t start_child(F&& f) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::alarm(600);
  int status = 99;
  try {
    status = f();
  } catch (...) {
  }
  ::_exit(status);
}

// The child's exit status, or minus the signal that ended it.
inline int wait_for(pid_t child) {
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

template <class F>
int in_child(F&& f) {
  return wait_for(start_child(f));
}

}  // namespace mbrl
