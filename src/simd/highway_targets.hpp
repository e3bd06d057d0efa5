// Which instruction sets our kernels are compiled for; include before Highway, in every file that includes
// it: Highway's index into its tables is an inline function of this list, and without optimisation the linker
// keeps one of them for the whole program. Left out: steps that add nothing to float arithmetic, and sets
// whose vectors cannot be held in arrays as the kernels do (SVE, RVV).
#pragma once

#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
