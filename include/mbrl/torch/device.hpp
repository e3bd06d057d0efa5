// Where LibTorch computes, and on how many threads: chosen at run time, checked with words.
#pragma once

#include <string>
#include <string_view>

namespace mbrl::libtorch {

/// "1.13.1": the LibTorch in use.
std::string version();

/// Whether "cuda" can be asked for on this machine with this LibTorch.
bool cuda_available();

/// Throws mbrl::Error unless `device` is "cpu", or "cuda" or "cuda:<index>" and there is such a GPU.
void check_device(std::string_view device);

/// Sets the number of threads LibTorch uses on the CPU (0: one per hardware thread) and says so in the log.
/// Only the first call in a process counts, as results may depend on the number: later calls return the number
/// in force. The library calls it with 0 before its own first use of LibTorch; a program that wants another
/// number calls it earlier. LibTorch's and OpenBLAS's thread pools get in each other's way (8 times slower,
/// measured with LibTorch 1.13), so OpenBLAS is set to one thread where LibTorch uses it.
int use_threads(int threads = 0);

}  // namespace mbrl::libtorch
