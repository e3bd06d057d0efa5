// Whether an object is used in a child process made by fork(), where the threads and driver state it had are
// missing.
#pragma once

namespace mbrl {

/// Remembers the process in which it was made; a copy remembers the same one. A child of fork(), and the
/// child's children, are elsewhere. Asking costs a load and a comparison.
class ProcessOfOrigin {
 public:
  ProcessOfOrigin();
  bool is_elsewhere() const;

 private:
  unsigned forks_;  // between the start of the program and this process
};

}  // namespace mbrl
