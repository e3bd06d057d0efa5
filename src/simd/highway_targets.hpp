// Which instruction sets our kernels are compiled for; include before Highway. Left out: steps that add
// nothing to float arithmetic, and sets whose vectors cannot be held in arrays as the kernels do (SVE, RVV).
#pragma once

#define HWY_DISABLED_TARGETS \
  (HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
