// The ensemble's inner loops, compiled once for each instruction set and chosen at run time by Highway.
#include "models/neural/ensemble_kernels.hpp"

#include <type_traits>
#include <utility>

#include "simd/highway_targets.hpp"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "models/neural/ensemble_kernels.cpp"
#include "hwy/foreach_target.h"

#include "hwy/highway.h"

#include "hwy/contrib/math/math-inl.h"
#include "simd/philox-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace mbrl::simd {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using D = hn::CappedTag<float, kMaxLanes>;
using DI = hn::RebindToSigned<D>;
using DU = hn::RebindToUnsigned<D>;
using V = hn::Vec<D>;
using VU = hn::Vec<DU>;

// 32 registers hold 24 sums, three inputs and a weight; 16 registers hold 12 sums.
#if HWY_TARGET <= HWY_AVX3 || HWY_ARCH_ARM_A64
constexpr int kOutputs = 8;
#else
constexpr int kOutputs = 4;
#endif

// 2^z for z in [-126, 126]: z = n + f with |f| <= 1/2, a polynomial for 2^f (relative error 2.4e-7), n added
// to the exponent. Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits at once.
HWY_INLINE V Exp2(D d, V z) {
  const DI di;
  const V magic = hn::Set(d, 12582912.0f);
  const V shifted = hn::Add(z, magic);
  const V f = hn::Sub(z, hn::Sub(shifted, magic));
  V p = hn::Set(d, 0.0013276472f);
  p = hn::MulAdd(p, f, hn::Set(d, 0.009675541f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.05550713f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.2402212f));
  p = hn::MulAdd(p, f, hn::Set(d, 0.69314694f));
  p = hn::MulAdd(p, f, hn::Set(d, 1.0000001f));
  return hn::BitCast(d, hn::Add(hn::BitCast(di, p), hn::ShiftLeft<23>(hn::BitCast(di, shifted))));
}

// x / (1 + exp(-x)).
HWY_INLINE V Silu(D d, V x) {
  const V z = hn::Mul(x, hn::Set(d, -1.44269504f));
  const V e = Exp2(d, hn::Min(hn::Max(z, hn::Set(d, -125.0f)), hn::Set(d, 125.0f)));
  const V denominator = hn::Add(e, hn::Set(d, 1.0f));
#if HWY_ARCH_X86
  // 12 (AVX2) or 14 bits (AVX-512) and one Newton step: 23 bits for a third of a division's time.
  const V r = hn::ApproximateReciprocal(denominator);
  const V half = hn::Mul(x, r);
  return hn::MulAdd(half, hn::NegMulAdd(denominator, r, hn::Set(d, 1.0f)), half);
#else
  return hn::Div(x, denominator);
#endif
}

template <Activation kActivation>
HWY_INLINE V Activate(D d, V x) {
  if constexpr (kActivation == Activation::kSilu) {
    return Silu(d, x);
  } else if constexpr (kActivation == Activation::kRelu) {
    // The order keeps a NaN: x86's max returns its second operand then.
    return hn::Max(hn::Zero(d), x);
  } else if constexpr (kActivation == Activation::kElu) {
    // A NaN is in neither half of the comparison, and stays.
    const V below = hn::Sub(hn::Exp(d, hn::Min(hn::Zero(d), x)), hn::Set(d, 1.0f));
    return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, x);
  } else {
    return hn::Tanh(d, x);
  }
}

// Apart from the sums' loop on purpose: inlined there, its constants would take the registers the sums need.
// The block is still in the first-level cache.
template <Activation kActivation>
HWY_NOINLINE void ActivateBlock(float* HWY_RESTRICT block, size_t size) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  for (size_t i = 0; i < size; i += lanes)
    hn::Store(Activate<kActivation>(d, hn::Load(d, block + i)), d, block + i);
}

struct Linear {};  // the output layer

// Blocks of outputs summed together: a tile of one vector has too few sums in one block to hide the latency
// of a multiply-add.
template <int kVectors>
constexpr int kBlocksAtOnce = kOutputs * kVectors < 8 ? 2 : 1;

// kBlocks * kOutputs outputs for a tile of kVectors vectors. The sums must live in registers: their loops are
// unrolled whatever the optimisation level. Every column's sum runs over k in order in one accumulator: a
// column's result does not depend on the tile it is in.
template <int kVectors, int kBlocks>
HWY_INLINE void SumBlocks(const float* HWY_RESTRICT w, const float* HWY_RESTRICT bias,
                          const float* HWY_RESTRICT x, size_t in, float* HWY_RESTRICT y) {
  const D d;
  const size_t lanes = hn::Lanes(d);
  constexpr int kSums = kBlocks * kOutputs;
  V sum[kSums][kVectors];
  HWY_UNROLL(8) for (int o = 0; o < kSums; ++o) {
    const V b = hn::Set(d, bias[o]);
    HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) sum[o][v] = b;
  }
  const size_t next_block = in * kOutputs;
  for (size_t k = 0; k < in; ++k) {
    V x_v[kVectors];
    HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) x_v[v] = hn::Load(d, x + static_cast<size_t>(v) * lanes);
    HWY_UNROLL(8) for (int o = 0; o < kSums; ++o) {
      const V weight =
          hn::Set(d, w[static_cast<size_t>(o % kOutputs) + static_cast<size_t>(o / kOutputs) * next_block]);
      HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) sum[o][v] = hn::MulAdd(weight, x_v[v], sum[o][v]);
    }
    x += kVectors * lanes;
    w += kOutputs;
  }
  HWY_UNROLL(8) for (int o = 0; o < kSums; ++o) {
    HWY_UNROLL(8) for (int v = 0; v < kVectors; ++v) {
      hn::Store(sum[o][v], d, y);
      y += lanes;
    }
  }
}

// One layer on a tile.
template <class A, int kVectors>
HWY_NOINLINE void Dense(const PackedLayer& layer, const float* HWY_RESTRICT input,
                        float* HWY_RESTRICT output) {
  const size_t in = static_cast<size_t>(layer.in);
  const float* HWY_RESTRICT w = layer.weight;
  const float* HWY_RESTRICT bias = layer.bias;
  const auto run = [&](auto blocks) {
    constexpr int kBlocks = decltype(blocks)::value;
    const size_t size = kBlocks * kOutputs * kVectors * hn::Lanes(D());
    SumBlocks<kVectors, kBlocks>(w, bias, input, in, output);
    if constexpr (!std::is_same_v<A, Linear>) ActivateBlock<A::value>(output, size);
    w += in * kBlocks * kOutputs;
    bias += kBlocks * kOutputs;
    output += size;
  };
  constexpr int kAtOnce = kBlocksAtOnce<kVectors>;
  int block = 0;
  for (; block + kAtOnce <= layer.blocks; block += kAtOnce) run(std::integral_constant<int, kAtOnce>());
  for (; block < layer.blocks; ++block) run(std::integral_constant<int, 1>());
}

template <class A, int kVectors>
const float* ForwardLayers(const PackedLayer* layers, int layer_count, const float* input, float* a,
                           float* b) {
  const float* x = input;
  float* y = a;
  float* other = b;
  for (int l = 0; l + 1 < layer_count; ++l) {
    Dense<A, kVectors>(layers[l], x, y);
    x = y;
    std::swap(y, other);
  }
  Dense<Linear, kVectors>(layers[layer_count - 1], x, y);
  return y;
}

template <class A>
const float* ForwardTile(const PackedLayer* layers, int layer_count, const float* input, int vectors,
                         float* a, float* b) {
  switch (vectors) {
    case 1:
      return ForwardLayers<A, 1>(layers, layer_count, input, a, b);
    case 2:
      return ForwardLayers<A, 2>(layers, layer_count, input, a, b);
    default:
      return ForwardLayers<A, 3>(layers, layer_count, input, a, b);
  }
}

template <Activation kActivation>
using Tag = std::integral_constant<Activation, kActivation>;

const float* Forward(const PackedLayer* layers, int layer_count, Activation activation, const float* input,
                     int vectors, float* a, float* b) {
  switch (activation) {
    case Activation::kSilu:
      return ForwardTile<Tag<Activation::kSilu>>(layers, layer_count, input, vectors, a, b);
    case Activation::kRelu:
      return ForwardTile<Tag<Activation::kRelu>>(layers, layer_count, input, vectors, a, b);
    case Activation::kElu:
      return ForwardTile<Tag<Activation::kElu>>(layers, layer_count, input, vectors, a, b);
    default:
      return ForwardTile<Tag<Activation::kTanh>>(layers, layer_count, input, vectors, a, b);
  }
}

// Calls f(offset of the vector in its row) for every vector of a row.
template <class F>
HWY_INLINE void ForVectors(int width, F&& f) {
  const size_t lanes = hn::Lanes(D());
  for (size_t j = 0; j < static_cast<size_t>(width); j += lanes) f(j);
}

void Encode(const ObsFeature* features, int feature_dim, int action_dim, const float* mean,
            const float* inverse_std, const float* obs, const float* action, int width, float* out) {
  const D d;
  const auto standardise = [&](V x, int i) {
    return hn::Mul(hn::Sub(x, hn::Set(d, mean[i])), hn::Set(d, inverse_std[i]));
  };
  for (int i = 0; i < feature_dim; ++i) {
    const float* x = obs + features[i].obs_index * width;
    float* y = out + i * width;
    ForVectors(width, [&](size_t j) {
      V value = hn::Load(d, x + j);
      if (features[i].kind == ObsFeature::Kind::kSin) value = hn::Sin(d, value);
      if (features[i].kind == ObsFeature::Kind::kCos) value = hn::Cos(d, value);
      hn::Store(standardise(value, i), d, y + j);
    });
  }
  for (int i = 0; i < action_dim; ++i) {
    const float* x = action + i * width;
    float* y = out + (feature_dim + i) * width;
    ForVectors(width,
               [&](size_t j) { hn::Store(standardise(hn::Load(d, x + j), feature_dim + i), d, y + j); });
  }
}

HWY_INLINE V Softplus(D d, V x) {
  return hn::Add(hn::Max(x, hn::Zero(d)), hn::Log1p(d, hn::Exp(d, hn::Neg(hn::Abs(x)))));
}

void BoundLogvar(float* logvar, const float* high, const float* low, int dims, int width) {
  const D d;
  for (int i = 0; i < dims; ++i) {
    const V top = hn::Set(d, high[i]), bottom = hn::Set(d, low[i]);
    float* row = logvar + i * width;
    ForVectors(width, [&](size_t j) {
      const V capped = hn::Sub(top, Softplus(d, hn::Sub(top, hn::Load(d, row + j))));
      hn::Store(hn::Add(bottom, Softplus(d, hn::Sub(capped, bottom))), d, row + j);
    });
  }
}

void Deviation(const float* logvar, int dims, int width, float* out) {
  const D d;
  ForVectors(dims * width, [&](size_t j) {
    hn::Store(hn::Exp(d, hn::Mul(hn::Load(d, logvar + j), hn::Set(d, 0.5f))), d, out + j);
  });
}

// Two standard normals of two words: radius from u in (0, 1], angle in turns within [-1/2, 1/2] (Box and
// Muller 1958).
HWY_INLINE void BoxMuller(D d, VU radius_word, VU angle_word, V& z0, V& z1) {
  const DI di;
  const V u = hn::MulAdd(hn::ConvertTo(d, hn::BitCast(di, hn::ShiftRight<1>(radius_word))),
                         hn::Set(d, 0x1p-31f), hn::Set(d, 0x1p-32f));
  const V radius = hn::Sqrt(hn::Mul(hn::Set(d, -2.0f), hn::Log(d, u)));
  const V angle = hn::Mul(hn::ConvertTo(d, hn::BitCast(di, angle_word)), hn::Set(d, 6.2831853f * 0x1p-32f));
  z0 = hn::Mul(radius, hn::Cos(d, angle));
  z1 = hn::Mul(radius, hn::Sin(d, angle));
}

void Normals(std::array<std::uint32_t, 2> key, const std::uint32_t* candidate, const std::uint32_t* particle,
             std::uint32_t step, int dims, int width, float* out) {
  const D d;
  const DU du;
  for (int first = 0; first < dims; first += 4) {
    float* rows = out + first * width;
    ForVectors(width, [&](size_t j) {
      VU c0 = hn::LoadU(du, candidate + j), c1 = hn::LoadU(du, particle + j), c2 = hn::Set(du, step),
         c3 = hn::Set(du, static_cast<std::uint32_t>(first / 4));
      philox(du, key, c0, c1, c2, c3);
      V z0, z1, z2, z3;
      BoxMuller(d, c0, c1, z0, z1);
      BoxMuller(d, c2, c3, z2, z3);
      const size_t w = static_cast<size_t>(width);
      hn::Store(z0, d, rows + j);
      hn::Store(z1, d, rows + w + j);
      hn::Store(z2, d, rows + 2 * w + j);
      hn::Store(z3, d, rows + 3 * w + j);
    });
  }
}

void Sample(const float* mean, const float* deviation, const float* noise, const float* obs,
            const TargetKind* kinds, int dims, int width, float* next) {
  const D d;
  for (int i = 0; i < dims; ++i) {
    const size_t row = static_cast<size_t>(i) * static_cast<size_t>(width);
    if (kinds[i] == TargetKind::kConstant) {
      ForVectors(width, [&](size_t j) { hn::Store(hn::Load(d, obs + row + j), d, next + row + j); });
      continue;
    }
    ForVectors(width, [&](size_t j) {
      V x = hn::Load(d, mean + row + j);
      if (deviation) x = hn::MulAdd(hn::Load(d, deviation + row + j), hn::Load(d, noise + row + j), x);
      if (kinds[i] == TargetKind::kDelta) x = hn::Add(x, hn::Load(d, obs + row + j));
      hn::Store(x, d, next + row + j);
    });
  }
}

const EnsembleKernels* Kernels() {
  static const EnsembleKernels table = {hwy::TargetName(HWY_TARGET),
                                        static_cast<int>(hn::Lanes(D())),
                                        kOutputs,
                                        &Forward,
                                        &Encode,
                                        &BoundLogvar,
                                        &Deviation,
                                        &Normals,
                                        &Sample};
  return &table;
}

}  // namespace HWY_NAMESPACE
}  // namespace mbrl::simd
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace mbrl::simd {
HWY_EXPORT(Kernels);
const EnsembleKernels& ensemble_kernels() { return *HWY_DYNAMIC_DISPATCH(Kernels)(); }
}  // namespace mbrl::simd
#endif
