// Preloaded into the program under test (LD_PRELOAD): sends it a signal at a counted moment, so that tests of
// killing, stopping and resuming do not depend on how busy the machine is.
//   MBRL_SIGNAL="9 17"                  signal 9 before the 17th write, fsync or rename of the process
//   MBRL_SIGNAL="2 3 metrics.csv"       signal 2 after the 3rd rename to a path that ends in metrics.csv
//   MBRL_SIGNAL="2 3 metrics.csv 2"     the same twice, one behind the other
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace {

struct Order {
  int signal = 0;
  long at = 0;
  int times = 1;
  std::string suffix;
  std::atomic<long> count{0};

  Order() {
    const char* text = std::getenv("MBRL_SIGNAL");
    if (text == nullptr) return;
    char name[200] = "";
    if (std::sscanf(text, "%d %ld %199s %d", &signal, &at, name, &times) < 2) std::abort();
    suffix = name;
    ::unsetenv("MBRL_SIGNAL");  // not for gnuplot
    ::unsetenv("LD_PRELOAD");
  }
  void happened() {
    if (signal == 0 || ++count != at) return;
    for (int i = 0; i < times; ++i) std::raise(signal);
  }
};
Order order;

void before_file_call() {
  if (order.suffix.empty()) order.happened();
}

template <class F>
F next(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, std::size_t count) {
  static const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
  if (fd > 2) before_file_call();
  return real(fd, bytes, count);
}

int fsync(int fd) {
  static const auto real = next<int (*)(int)>("fsync");
  before_file_call();
  return real(fd);
}

int rename(const char* from, const char* to) noexcept {
  static const auto real = next<int (*)(const char*, const char*)>("rename");
  before_file_call();
  const int result = real(from, to);
  const std::size_t length = std::strlen(to), tail = order.suffix.size();
  if (tail > 0 && length >= tail && std::strcmp(to + length - tail, order.suffix.c_str()) == 0)
    order.happened();
  return result;
}
}
