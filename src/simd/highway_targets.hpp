// Which instruction sets our kernels are compiled for; include before Highway, in every file that includes
// it: Highway's index into its tables is an inline function of this list, and without optimisation the linker
// keeps one of them for the whole program. Left out: steps that add nothing to float arithmetic, and sets
// whose vectors cannot be held in arrays as the kernels do (SVE, RVV).
#pragma once

// MBRL_FEW_TARGETS (the presets with sanitizers, under which these files take minutes) leaves two of
// different widths.
#ifdef MBRL_FEW_TARGETS
#define MBRL_LEFT_OUT (HWY_SSE4 | HWY_AVX3)
#else
#define MBRL_LEFT_OUT 0
#endif

#define HWY_DISABLED_TARGETS \
  (MBRL_LEFT_OUT | HWY_SSSE3 | HWY_AVX3_DL | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128 | HWY_RVV)
