// Vectors of 32-bit lanes, the same names for 512 and 256 bits. Included by kernels.cpp alone, which is
// compiled once per instruction set.
#pragma once
#include <cstdint>
#include <cstring>
#include <immintrin.h>
#include <initializer_list>
#include <utility>

namespace adotx {
namespace {

#if defined(__AVX512VNNI__)
using I = __m512i;
using F = __m512;
constexpr int W = 16;    // lanes
constexpr int TILE = 12; // rows of inputs that meet a panel at once: two sums each, and room to work
constexpr int HEADS = 8; // query heads that meet keys at once
inline I load(const void *p) { return _mm512_loadu_si512(p); }
inline void store_bytes(uint8_t *p, I x) { _mm512_storeu_si512(p, x); }
inline I spread(int32_t x) { return _mm512_set1_epi32(x); }
// Not the intrinsic: around it GCC 12 copies and spills the sums.
inline I dot(I sum, I u8, I s8) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(u8), "v"(s8));
    return sum;
}
inline I both(I x, I y) { return _mm512_and_si512(x, y); }
inline I exclusive(I x, I y) { return _mm512_xor_si512(x, y); }
inline I take8(I x, I y) { return _mm512_sub_epi8(x, y); }
inline I add(I x, I y) { return _mm512_add_epi32(x, y); }
template <int N> inline I left(I x) { return _mm512_slli_epi32(x, N); }
template <int N> inline I right(I x) { return _mm512_srli_epi32(x, N); }
inline F as_float(I x) { return _mm512_castsi512_ps(x); }
inline I as_int(F x) { return _mm512_castps_si512(x); }
inline F to_float(I x) { return _mm512_cvtepi32_ps(x); }
inline I to_int(F x) { return _mm512_cvtps_epi32(x); }
inline F load(const float *p) { return _mm512_loadu_ps(p); }
inline void store(float *p, F x) { _mm512_storeu_ps(p, x); }
inline F spread(float x) { return _mm512_set1_ps(x); }
inline F fma(F x, F y, F z) { return _mm512_fmadd_ps(x, y, z); }
inline F most(F x, F y) { return _mm512_max_ps(x, y); }
inline F least(F x, F y) { return _mm512_min_ps(x, y); }
inline F magnitude(F x) { return _mm512_abs_ps(x); }
inline float most(F x) { return _mm512_reduce_max_ps(x); }
inline float total(F x) { return _mm512_reduce_add_ps(x); }
inline int32_t total(I x) { return _mm512_reduce_add_epi32(x); }
inline F from_half(const uint16_t *p) { return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)p)); }
inline void store_low8(int8_t *p, I x) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(x)); }
inline void store_low16(uint16_t *p, I x) { _mm256_storeu_si256((__m256i *)p, _mm512_cvtepi32_epi16(x)); }
#else
using I = __m256i;
using F = __m256;
constexpr int W = 8;
constexpr int TILE = 5;
constexpr int HEADS = 5;
inline I load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
inline I spread(int32_t x) { return _mm256_set1_epi32(x); }
inline I dot(I sum, I u8, I s8) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sum) : "x"(u8), "x"(s8));
    return sum;
}
inline I both(I x, I y) { return _mm256_and_si256(x, y); }
inline I add(I x, I y) { return _mm256_add_epi32(x, y); }
template <int N> inline I left(I x) { return _mm256_slli_epi32(x, N); }
template <int N> inline I right(I x) { return _mm256_srli_epi32(x, N); }
inline F as_float(I x) { return _mm256_castsi256_ps(x); }
inline I as_int(F x) { return _mm256_castps_si256(x); }
inline F to_float(I x) { return _mm256_cvtepi32_ps(x); }
inline I to_int(F x) { return _mm256_cvtps_epi32(x); }
inline F load(const float *p) { return _mm256_loadu_ps(p); }
inline void store(float *p, F x) { _mm256_storeu_ps(p, x); }
inline F spread(float x) { return _mm256_set1_ps(x); }
inline F fma(F x, F y, F z) { return _mm256_fmadd_ps(x, y, z); }
inline F most(F x, F y) { return _mm256_max_ps(x, y); }
inline F least(F x, F y) { return _mm256_min_ps(x, y); }
inline F magnitude(F x) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), x); }
inline float most(F x) {
    __m128 y = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_max_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_max_ss(y, _mm_movehdup_ps(y)));
}
inline float total(F x) {
    __m128 y = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    y = _mm_add_ps(y, _mm_movehl_ps(y, y));
    return _mm_cvtss_f32(_mm_add_ss(y, _mm_movehdup_ps(y)));
}
inline int32_t total(I x) {
    __m128i y = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    y = _mm_add_epi32(y, _mm_shuffle_epi32(y, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(y, _mm_shuffle_epi32(y, 0xb1)));
}
inline F from_half(const uint16_t *p) { return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)p)); }
inline void store_low8(int8_t *p, I x) { // lanes within -128..127
    __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storel_epi64((__m128i *)p, _mm_packs_epi16(words, words));
}
inline void store_low16(uint16_t *p, I x) { // lanes within 0..65535
    __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
    _mm_storeu_si128((__m128i *)p, words);
}
#endif

// body(0), ..., body(N - 1) with constants, so that arrays indexed by them live in registers.
template <typename Body, int... N>
__attribute__((always_inline)) inline void unroll(const Body &body, std::integer_sequence<int, N...>) {
    (body(std::integral_constant<int, N>()), ...);
}
template <int N, typename Body> __attribute__((always_inline)) inline void unroll(const Body &body) {
    unroll(body, std::make_integer_sequence<int, N>());
}

// sum + the products of both bf16 numbers in each lane.
inline F dot_bf16(F sum, I x, I y) {
#if defined(__AVX512BF16__)
    asm("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(x), "v"(y));
    return sum;
#else
    const I high = spread(int32_t(0xffff0000));
    sum = fma(as_float(left<16>(x)), as_float(left<16>(y)), sum);
    return fma(as_float(both(x, high)), as_float(both(y, high)), sum);
#endif
}

// The nearest bf16, ties to even, in the low halves of the lanes. Not for NaN.
inline I to_bf16(F x) {
    I odd = both(right<16>(as_int(x)), spread(1));
    return right<16>(add(as_int(x), add(odd, spread(0x7fff))));
}

// 2**x for x <= 0; 0 below 2**-126. Relative error below 1e-6: the Taylor series of 2**f, |f| <= 1/2.
inline F exp2(F x) {
    x = most(x, spread(-127.0f));
    I whole = to_int(x);
    F f = x - to_float(whole);
    F y = spread(1.5403530e-4f);
    for (float c : {1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1.0f})
        y = fma(y, f, spread(c));
    return y * as_float(left<23>(add(whole, spread(127))));
}

// x / (1 + e**-x)
inline F silu(F x) {
    const F zero = spread(0.0f);
    F e = exp2(magnitude(x) * spread(-1.44269504f));
    return fma(least(x, zero), e, most(x, zero)) / (e + spread(1.0f));
}

} // namespace
} // namespace adotx
