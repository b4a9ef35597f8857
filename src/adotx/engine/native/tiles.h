// Products in tiles (AMX) for many rows of inputs. Included by kernels.cpp alone, inside its namespaces, where the
// instruction set has them.
#pragma once

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

constexpr int PAIR = 2 * TALL; // rows
// So many panels meet so many rows while both lie in the nearest cache.
constexpr int WIDE = 2, HIGH = 2 * PAIR;
constexpr int TOGETHER = 2; // groups of columns whose sums become float32 at once

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

// See `Kernels::gate`. A group of what meets the next matrix is computed in both halves of the outputs, for some rows
// at a time, and made integers at once: as floats it would not stay in the second cache.
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
                        const int64_t at = (side * count + i) * PANEL;
                        tall_block<FOUR>(m, in, top, height, from, wide, w + at * m.columns, acc);
                        for (int64_t j = 0; j < wide; j++)
                            write(m, from + j, height, acc[j], nullptr, gates.data() + at + j * PANEL, stride);
                    }
                for (int64_t r = 0; r < height; r++)
                    quantize_group(next, gates.data() + r * stride, gates.data() + r * stride + count * PANEL,
                                   spread(1.0f), out, top + r, g);
            }
        }
}
