// The baselines' threads: LibTorch's own, and those of an OpenBLAS under it, which LibTorch leaves alone.
#pragma once

#include <dlfcn.h>
#include <torch/torch.h>

#include <vector>

namespace mbrl::bench {

// Two pools that share the work of one LibTorch program.
struct TorchThreads {
  int torch = 1, blas = 1;
};

// Every sensible way to use `threads` threads: a baseline takes the fastest.
inline std::vector<TorchThreads> ways_to_use(int threads) {
  if (threads == 1) return {{1, 1}};
  return {{threads, 1}, {1, threads}, {threads, threads}};
}

// Sets both numbers, and sets them back.
class ScopedTorchThreads {
 public:
  explicit ScopedTorchThreads(TorchThreads threads) : before_{torch::get_num_threads(), blas_threads()} {
    set(threads);
  }
  ~ScopedTorchThreads() { set(before_); }
  ScopedTorchThreads(const ScopedTorchThreads&) = delete;
  ScopedTorchThreads& operator=(const ScopedTorchThreads&) = delete;

 private:
  static int blas_threads() {
    void* symbol = dlsym(RTLD_DEFAULT, "openblas_get_num_threads");
    return symbol ? reinterpret_cast<int (*)()>(symbol)() : 1;
  }
  static void set(TorchThreads threads) {
    torch::set_num_threads(threads.torch);
    if (void* symbol = dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))
      reinterpret_cast<void (*)(int)>(symbol)(threads.blas);
  }

  TorchThreads before_;
};

}  // namespace mbrl::bench
