// Quantised products and paged attention for x86 with VNNI. Compiled once per instruction set, -DKERNELS=name.
//
// Sources: Intel's documentation of VPDPBUSD, VDPBF16PS and TDPBSUD; attention block by block with a running maximum as
// in FlashAttention (Dao et al., 2022), over ranges of positions as in Flash-Decoding (Dao et al., 2023).
#include "kernels.h"
#include "vectors.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

namespace adotx {
namespace {

constexpr int PANEL = 2 * W;

constexpr int TALL = TILE_ROWS, DEEP = 64; // rows of a tile of inputs, and columns, which are bytes

// Fewer rows are quicker one by one: most of a tile would be idle, and int4 has to be widened for it first.
bool in_tiles(const Layer &m, int64_t rows) {
#if defined(__AMX_INT8__)
    return rows > (m.four ? 32 : 8) && !(m.columns % DEEP) && !(m.group % DEEP);
#else
    return false;
#endif
}

// One group of a row of inputs; what the norm's factor is for, and b where a gate is before the matrix.
void quantize_group(const Layer &m, const float *a, const float *b, F factor, const Inputs &in, int64_t row,
                    int64_t g) {
    int8_t *q = in.q + (in.tiles ? row / TALL * TALL * m.columns + row % TALL * DEEP : row * m.columns);
    alignas(64) float values[LARGEST_GROUP];
    const int64_t begin = g * m.group, count = std::min(m.group, m.columns - begin);
    F top = spread(0.0f), broken = top; // NaN where a value is infinite or none, which a maximum may hide
    for (int64_t i = 0; i < count; i += W) {
        F v = load(a + i);
        if (m.norm)
            v = v * factor * load(m.norm + begin + i);
        if (m.gated)
            v = silu(v) * load(b + i);
        store(values + i, v);
        top = most(top, magnitude(v));
        broken = fma(v, spread(0.0f), broken);
    }
    const float end = most(top) + total(broken);
    const F inverse = spread(end > 0 ? 127 / end : 0);
    I sum = spread(0);
    for (int64_t i = 0; i < count; i += W) {
        const I v = to_int(load(values + i) * inverse);
        sum = add(sum, v);
        const int64_t at = begin + i;
        store_low8(q + (in.tiles ? at / DEEP * DEEP * TALL + at % DEEP : at), v);
    }
    in.scale[row * m.groups() + g] = end / 127;
    in.sum[row * m.groups() + g] = total(sum);
}

void quantize(const Layer &m, const float *x, const Inputs &in, int64_t row) {
    F factor = spread(1.0f);
    if (m.norm) {
        F squares = spread(0.0f);
        for (int64_t i = 0; i < m.columns; i += W)
            squares = fma(load(x + i), load(x + i), squares);
        factor = spread(1 / std::sqrt(total(squares) / float(m.columns) + m.epsilon));
    }
    for (int64_t g = 0; g < m.groups(); g++)
        quantize_group(m, x + g * m.group, x + m.columns + g * m.group, factor, in, row, g);
}

// One group of columns: acc [R, PANEL] += products of R rows of inputs with a panel.
template <int R, bool FOUR>
void tile(const uint8_t *w, const uint16_t *ws, const int8_t *x, int64_t columns, int64_t count, const float *scale,
          const int32_t *sum, int64_t groups, float *acc) {
    constexpr int AHEAD = 4096; // bytes; the processor's prefetching stops at each page
    I s[R][2];
    unroll<R>([&](auto r) { // the stored 128 or 8 too many
        s[r][0] = s[r][1] = spread(-(FOUR ? 8 : 128) * sum[r * groups]);
    });
    for (int64_t k = 0; k < count; k += FOUR ? 8 : 4, w += 8 * W) {
        _mm_prefetch((const char *)w + AHEAD, _MM_HINT_T0);
        if (W == 16)
            _mm_prefetch((const char *)w + AHEAD + 64, _MM_HINT_T0);
        const I a = load(w), b = load(w + 4 * W), low = spread(0x0f0f0f0f);
        const auto meet = [&](I a, I b, const int8_t *x) __attribute__((always_inline)) {
            unroll<R>([&](auto r) {
                int32_t four;
                std::memcpy(&four, x + r * columns, 4);
                const I in = spread(four);
                s[r][0] = dot(s[r][0], a, in);
                s[r][1] = dot(s[r][1], b, in);
            });
        };
        meet(FOUR ? both(a, low) : a, FOUR ? both(b, low) : b, x + k);
        if (FOUR)
            meet(both(right<4>(a), low), both(right<4>(b), low), x + k + 4);
    }
    const F one = spread(1.0f), wide[2] = {FOUR ? from_half(ws) : one, FOUR ? from_half(ws + W) : one};
    unroll<R>([&](auto r) {
        const F factor = spread(scale[r * groups]);
        unroll<2>([&](auto v) {
            float *to = acc + r * PANEL + v * W;
            store(to, fma(to_float(s[r][v]), FOUR ? factor * wide[v] : factor, load(to)));
        });
    });
}

using Tile = decltype(&tile<1, false>);
template <bool FOUR, int... R> constexpr auto tiles_of(std::integer_sequence<int, R...>) {
    return std::array<Tile, sizeof...(R)>{&tile<R + 1, FOUR>...};
}
constexpr auto TILES8 = tiles_of<false>(std::make_integer_sequence<int, TILE>());
constexpr auto TILES4 = tiles_of<true>(std::make_integer_sequence<int, TILE>());

// Products of `height` rows with panel `p`, with scale and bias, to y [height, stride] (+ residual of that shape).
void write(const Layer &m, int64_t p, int64_t height, const float *acc, const float *residual, float *y,
           int64_t stride) {
    const int64_t n = std::min<int64_t>(PANEL, m.rows - p * PANEL);
    F factor[2], bias[2];
    for (int v = 0; v < 2; v++) {
        factor[v] = m.four ? spread(1.0f) : load(m.scale + p * PANEL + v * W);
        bias[v] = load(m.bias + p * PANEL + v * W);
    }
    for (int64_t r = 0; r < height; r++, acc += PANEL, y += stride) {
        F out[2];
        unroll<2>([&](auto v) { out[v] = fma(load(acc + v * W), factor[v], bias[v]); });
        alignas(64) float all[PANEL];
        float *to = n == PANEL ? y : all;
        if (residual) {
            const float *from = residual + r * stride;
            if (n < PANEL) {
                std::memcpy(all, from, sizeof(float) * n);
                from = all;
            }
            unroll<2>([&](auto v) { out[v] = out[v] + load(from + v * W); });
        }
        unroll<2>([&](auto v) { store(to + v * W, out[v]); });
        if (n < PANEL)
            std::memcpy(y, all, sizeof(float) * n);
    }
}

#if defined(__AMX_INT8__)
// Four neighbouring inputs of 16 outputs are a tile's row in a panel's half already: weights are taken as they lie.

// Tile registers as they are used here, for the thread that has it; others' settings are gone with it.
struct Registers {
    struct alignas(64) Settings {
        uint8_t palette = 1, start = 0, none[14] = {};
        uint16_t bytes[16] = {};
        uint8_t rows[16] = {};
    };
    Registers() {
        Settings all;
        std::fill(all.bytes, all.bytes + 8, uint16_t(DEEP));
        std::fill(all.rows, all.rows + 8, uint8_t(TALL));
        asm volatile("ldtilecfg %0" : : "m"(all));
    }
    ~Registers() { asm volatile("tilerelease"); }
};

// Not the intrinsics: GCC 12 does not know that they read memory.
#define LOAD_TILE(tile, from, stride) \
    asm volatile("tileloadd (%0,%1,1), %%tmm" #tile : : "r"(from), "r"(int64_t(stride)) : "memory")
#define STORE_TILE(tile, to, stride) \
    asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" : : "r"(to), "r"(int64_t(stride)) : "memory")
#define MEET_TILES(sum, x, w) asm volatile("tdpbssd %tmm" #w ", %tmm" #x ", %tmm" #sum)
#define CLEAR_TILE(tile) asm volatile("tilezero %tmm" #tile)

#ifndef GG
#define GG 2
#endif
#ifndef PF
#define PF 0
#endif
constexpr int PAIR = 2 * TALL; // rows
// So many panels meet so many rows while both lie in the nearest cache.
#ifndef HH
#define HH 2
#endif
#ifndef WW
#define WW 2
#endif
constexpr int WIDE = WW, HIGH = HH * PAIR;
constexpr int TOGETHER = GG; // groups of columns whose sums become float32 at once

// Sums of a pair of tiles with a panel that wait to become float32: acc [PAIR, PANEL] += sums of each group * scales.
struct Sums {
    const int32_t *s = nullptr; // [groups, PAIR, PANEL]
    float *acc;
    const float *scale;   // of the first row and group; `stride` to the next row's
    int64_t stride;
    const uint16_t *wide; // int4: the panel's scales in the first group
    int groups;
    bool first;     // acc holds nothing yet
    int row = PAIR; // the next one
};

template <bool FOUR, int N> void convert(Sums &it, int rows) {
    F wide[N][2];
    if (FOUR)
        for (int g = 0; g < N; g++)
            for (int v = 0; v < 2; v++)
                wide[g][v] = from_half(it.wide + g * PANEL + v * W);
    const int end = std::min(it.row + rows, PAIR);
    for (int r = it.row; r < end; r++) {
        const int32_t *s = it.s + r * PANEL;
        float *to = it.acc + r * PANEL;
        F x[2] = {spread(0.0f), spread(0.0f)};
        if (!it.first)
            x[0] = load(to), x[1] = load(to + W);
        unroll<N>([&](auto g) {
            const F factor = spread(it.scale[r * it.stride + g]);
            unroll<2>([&](auto v) {
                const F products = to_float(load(s + g * PAIR * PANEL + v * W));
                x[v] = fma(products, FOUR ? factor * wide[g][v] : factor, x[v]);
            });
        });
        store(to, x[0]);
        store(to + W, x[1]);
    }
    it.row = end;
}

// The next `rows` of them: the same as `tile` does with these sums, to the bit.
template <bool FOUR> inline void convert(Sums &it, int rows) {
    if (it.row < PAIR)
        (it.groups == TOGETHER ? convert<FOUR, TOGETHER> : convert<FOUR, 1>)(it, rows);
}

// s [N * TALL, PANEL] = products of N tiles' rows of inputs, `next` bytes apart, with a panel, for `count` columns.
// Sums that wait are converted on the way: tiles leave the vectors idle.
template <int N, bool FOUR>
void meet_tiles(const int8_t *w, const int8_t *x, int64_t next, int64_t count, int32_t *s, Sums &waiting) {
    CLEAR_TILE(0);
    CLEAR_TILE(1);
    if (N == 2) {
        CLEAR_TILE(2);
        CLEAR_TILE(3);
    }
    for (int64_t k = 0; k < count; k += DEEP) {
        LOAD_TILE(6, w + k * PANEL, 4 * PANEL);
        LOAD_TILE(4, x + k * TALL, DEEP);
        MEET_TILES(0, 4, 6);
        LOAD_TILE(7, w + k * PANEL + 4 * W, 4 * PANEL);
        MEET_TILES(1, 4, 7);
        if (N == 2) {
            LOAD_TILE(5, x + k * TALL + next, DEEP);
            MEET_TILES(2, 5, 6);
            MEET_TILES(3, 5, 7);
        }
#if PF
        for (int i = 0; i < 2 * DEEP * PANEL; i += 64 * 2) {
            _mm_prefetch((const char *)w + PF * count * PANEL + k * PANEL + i / 2, _MM_HINT_T0);
            if (i < DEEP * TALL * 2) {
            _mm_prefetch((const char *)x + PF * count * TALL + k * TALL + i / 2, _MM_HINT_T0);
            _mm_prefetch((const char *)x + next + PF * count * TALL + k * TALL + i / 2, _MM_HINT_T0);
            }
        }
#endif
        convert<FOUR>(waiting, 8);
    }
    STORE_TILE(0, s, 4 * PANEL);
    STORE_TILE(1, s + W, 4 * PANEL);
    if (N == 2) {
        STORE_TILE(2, s + TALL * PANEL, 4 * PANEL);
        STORE_TILE(3, s + TALL * PANEL + W, 4 * PANEL);
    }
}

// A panel as signed bytes.
template <bool FOUR> void widen(const uint8_t *w, int64_t columns, int8_t *to) {
    constexpr int AHEAD = 4096;
    const I high = spread(int32_t(0x80808080)), low = spread(0x0f0f0f0f), eight = spread(0x08080808);
    const auto put = [](int8_t *to, I x) { store_bytes(reinterpret_cast<uint8_t *>(to), x); };
    for (int64_t k = 0; k < columns; k += FOUR ? 8 : 4, w += 8 * W, to += (FOUR ? 16 : 8) * W)
        for (int v = 0; v < 8 * W; v += 4 * W) {
            _mm_prefetch((const char *)w + v + AHEAD, _MM_HINT_T0);
            const I x = load(w + v);
            if (!FOUR) {
                put(to + v, exclusive(x, high));
                continue;
            }
            put(to + v, take8(both(x, low), eight));
            put(to + v + 8 * W, take8(both(right<4>(x), low), eight));
        }
}

// acc [WIDE, HIGH, PANEL] = products of the rows top..top + height with the panels p..p + wide, whose bytes are w.
template <bool FOUR>
void tall_block(const Layer &m, const Inputs &in, int64_t top, int64_t height, int64_t p, int64_t wide,
                const int8_t *w, float (*acc)[HIGH * PANEL]) {
    alignas(64) int32_t s[2][TOGETHER * PAIR * PANEL];
    const int64_t groups = m.groups();
    Sums waiting;
    bool turn = false;
    for (int64_t g = 0, many; g < groups; g += many) {
        many = groups - g >= TOGETHER ? TOGETHER : 1;
        for (int64_t i = 0; i < wide; i++)
            for (int64_t r = 0; r < height; r += PAIR) {
                for (int64_t each = 0; each < many; each++) {
                    const int64_t begin = (g + each) * m.group, count = std::min(m.group, m.columns - begin);
                    (height - r > TALL ? meet_tiles<2, FOUR> : meet_tiles<1, FOUR>)(
                        w + (i * m.columns + begin) * PANEL, in.q + (top + r) * m.columns + begin * TALL,
                        TALL * m.columns, count, s[turn] + each * PAIR * PANEL, waiting);
                }
                convert<FOUR>(waiting, PAIR);
                waiting = {s[turn], acc[i] + r * PANEL, in.scale + (top + r) * groups + g, groups,
                           m.scales + ((p + i) * groups + g) * PANEL, int(many), g == 0, 0};
                turn = !turn;
            }
    }
    convert<FOUR>(waiting, PAIR);
}

// Rows whose inputs stay in the second cache beside some panels.
int64_t at_once(const Layer &m) { return std::max<int64_t>((5 << 18) / m.columns / HIGH, 1) * HIGH; }

// Room for so many panels as signed bytes.
int8_t *room_for(int64_t panels, int64_t columns) {
    static thread_local std::vector<int8_t> bytes;
    if (int64_t(bytes.size()) < panels * columns * PANEL + 64)
        bytes.resize(panels * columns * PANEL + 64);
    return bytes.data() + (64 - reinterpret_cast<uintptr_t>(bytes.data()) % 64) % 64;
}

template <bool FOUR>
void multiply_tall(const Layer &m, const Inputs &in, int64_t rows, int64_t first, int64_t last, const float *residual,
                   float *y) {
    alignas(64) float acc[WIDE][HIGH * PANEL];
    int8_t *w = room_for(WIDE, m.columns);
    const int64_t fit = at_once(m);
    const Registers registers;
    for (int64_t begin = 0; begin < rows; begin += fit)
        for (int64_t p = first; p < last; p += WIDE) {
            const int64_t wide = std::min<int64_t>(WIDE, last - p), end = std::min(begin + fit, rows);
            for (int64_t i = 0; i < wide; i++)
                widen<FOUR>(m.weight + (p + i) * m.stride, m.columns, w + i * m.columns * PANEL);
            for (int64_t top = begin; top < end; top += HIGH) {
                const int64_t height = std::min<int64_t>(HIGH, end - top);
                tall_block<FOUR>(m, in, top, height, p, wide, w, acc);
                for (int64_t i = 0; i < wide; i++) {
                    const int64_t at = top * m.rows + (p + i) * PANEL;
                    write(m, p + i, height, acc[i], residual ? residual + at : nullptr, y + at, m.rows);
                }
            }
        }
}

template <bool FOUR>
void gate_tall(const Layer &m, const Inputs &in, int64_t rows, int64_t first, int64_t last, const Layer &next,
               const Inputs &out) {
    static thread_local std::vector<float> gates;
    gates.resize(HIGH * 2 * LARGEST_GROUP);
    alignas(64) float acc[WIDE][HIGH * PANEL];
    const int64_t half = m.panels / 2, most = next.group / PANEL, fit = at_once(m);
    int8_t *w = room_for(2 * most, m.columns);
    const Registers registers;
    for (int64_t begin = 0; begin < rows; begin += fit)
        for (int64_t g = first; g < last; g++) {
            const int64_t p = g * most, count = std::min(most, half - p), end = std::min(begin + fit, rows);
            for (int64_t i = 0; i < 2 * count; i++) // gates, then what they are for
                widen<FOUR>(m.weight + (i < count ? p + i : half + p + i - count) * m.stride, m.columns,
                            w + i * m.columns * PANEL);
            for (int64_t top = begin; top < end; top += HIGH) {
                const int64_t height = std::min<int64_t>(HIGH, end - top), stride = 2 * count * PANEL;
                for (int64_t side = 0; side < 2; side++)
                    for (int64_t i = 0; i < count; i += WIDE) {
                        const int64_t wide = std::min<int64_t>(WIDE, count - i), from = side * half + p + i;
                        tall_block<FOUR>(m, in, top, height, from, wide, w + (side * count + i) * m.columns * PANEL, acc);
                        for (int64_t j = 0; j < wide; j++)
                            write(m, from + j, height, acc[j], nullptr, gates.data() + (side * count + i + j) * PANEL, stride);
                    }
                for (int64_t r = 0; r < height; r++)
                    quantize_group(next, gates.data() + r * stride, gates.data() + r * stride + count * PANEL,
                                   spread(1.0f), out, top + r, g);
            }
        }
}
#endif

bool gates_in_tiles(const Layer &m, const Layer &next, int64_t rows) {
    return in_tiles(m, rows) && in_tiles(next, rows) && !(next.columns % PANEL) && !(next.group % PANEL);
}

void gate(const Layer &m, const Inputs &in, int64_t rows, int64_t first, int64_t last, const Layer &next,
          const Inputs &out) {
#if defined(__AMX_INT8__)
    (m.four ? gate_tall<true> : gate_tall<false>)(m, in, rows, first, last, next, out);
#endif
}

void multiply(const Layer &m, const Inputs &in, int64_t rows, int64_t first, int64_t last, const float *residual,
              float *y) {
#if defined(__AMX_INT8__)
    if (in.tiles)
        return (m.four ? multiply_tall<true> : multiply_tall<false>)(m, in, rows, first, last, residual, y);
#endif
    // As many rows as stay in the cache beside a panel; these meet all panels before the next ones do.
    constexpr int64_t MOST = 16 * TILE;
    const int64_t fit = std::clamp<int64_t>((int64_t(1) << 20) / m.columns / TILE * TILE, 2 * TILE, MOST);
    const int64_t groups = m.groups();
    const auto &tiles = m.four ? TILES4 : TILES8;
    alignas(64) float acc[MOST * PANEL];
    for (int64_t top = 0; top < rows; top += fit) {
        const int64_t height = std::min(fit, rows - top);
        const int64_t parts = (height + TILE - 1) / TILE;
        for (int64_t p = first; p < last; p++) {
            std::memset(acc, 0, sizeof(float) * height * PANEL);
            for (int64_t g = 0; g < groups; g++) {
                const int64_t begin = g * m.group, count = std::min(m.group, m.columns - begin);
                const uint8_t *w = m.weight + p * m.stride + begin * PANEL / (m.four ? 2 : 1);
                const uint16_t *ws = m.four ? m.scales + (p * groups + g) * PANEL : nullptr;
                for (int64_t i = 0; i < parts; i++) {
                    const int64_t a = height * i / parts, b = height * (i + 1) / parts, r = top + a;
                    tiles[b - a - 1](w, ws, in.q + r * m.columns + begin, m.columns, count,
                                     in.scale + r * groups + g, in.sum + r * groups + g, groups, acc + a * PANEL);
                }
            }
            const int64_t at = top * m.rows + p * PANEL;
            write(m, p, height, acc, residual ? residual + at : nullptr, y + at, m.rows);
        }
    }
}

// Rotary embedding of one head (Su et al., 2021; halves as in Qwen2), times `factor`, as bf16.
void rotate(int dim, const float *x, const float *cos, const float *sin, float factor, uint16_t *out) {
    const int half = dim / 2;
    for (int i = 0; i < half; i += W) {
        const F a = load(x + i), b = load(x + half + i), f = spread(factor);
        store_low16(out + i, to_bf16((a * load(cos + i) - b * load(sin + i)) * f));
        store_low16(out + half + i, to_bf16((b * load(cos + half + i) + a * load(sin + half + i)) * f));
    }
}

// Keys: [dim / 2, BLOCK, 2], two neighbouring elements of a position together. Values: [BLOCK / 2, dim, 2],
// two neighbouring positions together. Each is what VDPBF16PS adds up in one lane.
void store_position(const Heads &h, const float *k, const float *v, const float *cos, const float *sin,
                    uint16_t *key_block, uint16_t *value_block, int place) {
    alignas(64) uint16_t row[LARGEST_HEAD];
    for (int head = 0; head < h.keys; head++) {
        uint16_t *keys = key_block + head * h.block(), *values = value_block + head * h.block();
        rotate(h.dim, k + head * h.dim, cos, sin, 1, row);
        for (int i = 0; i < h.dim / 2; i++)
            std::memcpy(keys + (i * BLOCK + place) * 2, row + 2 * i, 4);
        for (int i = 0; i < h.dim; i += W)
            store_low16(row + i, to_bf16(load(v + head * h.dim + i)));
        for (int i = 0; i < h.dim; i++)
            values[((place / 2) * h.dim + i) * 2 + place % 2] = row[i];
    }
}

constexpr int SCORES = 512; // positions whose scores are held at a time

// s [R, 2 W] += bf16 pairs of R rows, `stride` apart, times two vectors of pairs.
template <int R>
__attribute__((always_inline)) inline void meet(F (&s)[R][2], I a, I b, const uint16_t *rows, int64_t stride) {
    unroll<R>([&](auto r) {
        int32_t pair;
        std::memcpy(&pair, rows + r * stride, 4);
        const I in = spread(pair);
        s[r][0] = dot_bf16(s[r][0], a, in);
        s[r][1] = dot_bf16(s[r][1], b, in);
    });
}

// scores [R, SCORES] of a block, from column `at` on. Two other blocks are prefetched on the way: blocks lie
// scattered, which the processor does not do by itself.
template <int R>
void score(const Heads &h, const uint16_t *q, const uint16_t *keys, const uint16_t *next, const uint16_t *values,
           float *scores, int at) {
    for (int v = 0; v < BLOCK; v += 2 * W) {
        F s[R][2];
        unroll<R>([&](auto r) { s[r][0] = s[r][1] = spread(0.0f); });
        for (int i = 0; i < h.dim; i += 2) {
            for (int line = 0; line < 2 * W; line += 16) { // of 64 bytes: two pairs of elements
                _mm_prefetch(next + i * BLOCK + (v + line) * 2, _MM_HINT_T0);
                _mm_prefetch(values + i * BLOCK + (v + line) * 2, _MM_HINT_T1);
            }
            meet<R>(s, load(keys + i * BLOCK + v * 2), load(keys + i * BLOCK + (v + W) * 2), q + i, h.dim);
        }
        unroll<R>([&](auto r) {
            store(scores + r * SCORES + at + v, s[r][0]);
            store(scores + r * SCORES + at + v + W, s[r][1]);
        });
    }
}

// sum [R, dim] += shares [R, SCORES] @ values, for `count` positions of the given blocks.
template <int R>
void gather(const Heads &h, const uint16_t *shares, const uint16_t *values, int64_t stride, const int32_t *blocks,
            int count, float *sum) {
    for (int d = 0; d < h.dim; d += 2 * W) {
        F s[R][2];
        unroll<R>([&](auto r) {
            s[r][0] = load(sum + r * h.dim + d);
            s[r][1] = load(sum + r * h.dim + d + W);
        });
        const auto pairs = [&](int at) {
            return values + blocks[at / BLOCK] * stride + (at % BLOCK / 2 * h.dim + d) * 2;
        };
        int i = 0;
        for (; i + 1 < count; i += 2)
            meet<R>(s, load(pairs(i)), load(pairs(i) + 2 * W), shares + i, SCORES);
        if (i < count) { // what lies behind the last position may be anything, a NaN too
            const I low = spread(0xffff);
            meet<R>(s, both(load(pairs(i)), low), both(load(pairs(i) + 2 * W), low), shares + i, SCORES);
        }
        unroll<R>([&](auto r) {
            store(sum + r * h.dim + d, s[r][0]);
            store(sum + r * h.dim + d + W, s[r][1]);
        });
    }
}

template <int R>
void attend_heads(const Heads &h, const uint16_t *q, const uint16_t *keys, const uint16_t *values, int64_t stride,
                  const int32_t *blocks, int first, int last, const Partial &out, int head) {
    alignas(64) float scores[R * SCORES];
    alignas(64) uint16_t shares[R * SCORES];
    float *sum = out.sum + head * h.dim;
    for (int begin = first; begin < last; begin += SCORES) {
        const int count = std::min(SCORES, last - begin), whole = (count + BLOCK - 1) / BLOCK * BLOCK;
        const int32_t *held = blocks + begin / BLOCK;
        for (int i = 0; i < whole; i += BLOCK)
            score<R>(h, q, keys + held[i / BLOCK] * stride, keys + held[(i + BLOCK < whole ? i + BLOCK : i) / BLOCK] * stride,
                     values + held[i / BLOCK] * stride, scores, i);
        for (int r = 0; r < R; r++) {
            float *row = scores + r * SCORES, &top = out.top[head + r], &weight = out.weight[head + r];
            std::fill(row + count, row + whole, -std::numeric_limits<float>::infinity());
            F high = load(row);
            for (int i = W; i < whole; i += W)
                high = most(high, load(row + i));
            const float next = std::max(top, most(high));
            F total_share = spread(0.0f);
            for (int i = 0; i < whole; i += W) {
                const F share = exp2(load(row + i) - spread(next));
                total_share = total_share + share;
                store_low16(shares + r * SCORES + i, to_bf16(share));
            }
            const float old = std::exp2(top - next); // 0 for the first positions, whose top was -infinity
            weight = weight * old + total(total_share);
            top = next;
            for (int i = 0; i < h.dim; i += W)
                store(sum + r * h.dim + i, load(sum + r * h.dim + i) * spread(old));
        }
        gather<R>(h, shares, values, stride, held, count, sum);
    }
}

using Attend = decltype(&attend_heads<1>);
template <int... R> constexpr auto attend_of(std::integer_sequence<int, R...>) {
    return std::array<Attend, sizeof...(R)>{&attend_heads<R + 1>...};
}
constexpr auto ATTEND = attend_of(std::make_integer_sequence<int, HEADS>());

void attend(const Heads &h, const float *q, const float *cos, const float *sin, const uint16_t *keys,
            const uint16_t *values, int64_t stride, const int32_t *blocks, int first, int last, const Partial &out) {
    const int group = h.group();
    const float factor = 1.44269504f / std::sqrt(float(h.dim)); // scores in powers of two
    alignas(64) uint16_t rotated[HEADS * LARGEST_HEAD];
    std::fill(out.top, out.top + group, -std::numeric_limits<float>::infinity());
    std::fill(out.weight, out.weight + group, 0.0f);
    std::fill(out.sum, out.sum + int64_t(group) * h.dim, 0.0f);
    for (int head = 0; head < group; head += HEADS) {
        const int count = std::min(HEADS, group - head);
        for (int r = 0; r < count; r++)
            rotate(h.dim, q + (head + r) * h.dim, cos, sin, factor, rotated + r * h.dim);
        ATTEND[count - 1](h, rotated, keys, values, stride, blocks, first, last, out, head);
    }
}

} // namespace

#define TEXT(x) #x
#define NAME(x) TEXT(x)
const Kernels KERNELS = {NAME(KERNELS), PANEL, in_tiles, gates_in_tiles, quantize, multiply, gate, store_position, attend};

} // namespace adotx
