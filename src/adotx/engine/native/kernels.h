// The arithmetic of the native operations: what layers.cpp calls and kernels.cpp implements, once for each
// instruction set. Plain pointers in and out; knows no OpenVINO and no threads (callers split the work).
#pragma once
#include <cstdint>

namespace adotx {

constexpr int BLOCK = 32; // positions in a block of the cache
// Columns, groups and head sizes are multiples of STEP.
constexpr int STEP = 32, LARGEST_GROUP = 256, LARGEST_HEAD = 256;

// A linear layer with a quantised matrix [rows, columns], packed for one instruction set, and what is done to
// its inputs on the way: nothing, root-mean-square norm, or silu(a) * b of inputs that hold a and b end to end.
//
// Outputs lie in panels, and in a panel four neighbouring inputs of all its outputs side by side, as VPDPBUSD
// takes them; int4 keeps eight neighbours in the room of four, the first four in the low halves of the bytes.
// Integers are stored unsigned, with 128 or 8 added.
struct Layer {
    bool four, gated;             // four: int4, else int8
    float epsilon;                // of the norm
    int64_t rows, columns, group; // inputs are quantised in groups of columns; int4 weights have a scale for each
    int64_t panels, stride;       // stride: bytes of a panel
    uint8_t *weight;              // [panels, stride]
    float *scale;                 // int8: [panels * panel]
    uint16_t *scales;             // int4: float16 [panels, groups, panel]
    float *bias;                  // [panels * panel]
    float *norm;                  // [columns], or null

    int64_t groups() const { return (columns + group - 1) / group; }
    int64_t width() const { return gated ? 2 * columns : columns; } // of the inputs
};

constexpr int TILE_ROWS = 16;

// What meets the matrix, in 8 bits: value = q * scale of its group.
struct Inputs {
    bool tiles;   // how q lies: [rows / TILE_ROWS, columns / 64, TILE_ROWS, 64]; what fills up the last rows may be anything
    int8_t *q;    // [rows, columns]
    float *scale; // [rows, groups]
    int32_t *sum; // [rows, groups], of the integers
};

struct Heads {
    int queries, keys, dim; // query heads, key (and value) heads, head size
    int group() const { return queries / keys; }
    // 16-bit elements of a block of keys, or of values, of one head.
    int64_t block() const { return int64_t(BLOCK) * dim; }
};

// What attention has gathered so far for the query heads that share a key head: softmax(scores) @ values is
// sum / weight, where weight = sum of 2**(score - top).
struct Partial {
    float *top;    // [group], the largest score
    float *weight; // [group]
    float *sum;    // [group, dim]
};

struct Kernels {
    const char *name;
    int panel; // outputs in a panel
    // Whether so many rows of inputs are to lie in tiles; all of `Inputs` has room for TILE_ROWS more then.
    bool (*in_tiles)(const Layer &, int64_t rows);
    // Whether `gate` takes a layer whose outputs are the inputs of `next`, which is gated, and so many rows.
    bool (*gates_in_tiles)(const Layer &, const Layer &next, int64_t rows);
    // One row of inputs, float32 [width].
    void (*quantize)(const Layer &, const float *x, const Inputs &, int64_t row);
    // y [rows, layer.rows] = inputs @ matrix' + bias (+ residual, unless null; it may be y) in the panels first..last.
    void (*multiply)(const Layer &, const Inputs &, int64_t rows, int64_t first, int64_t last, const float *residual,
                     float *y);
    // out [rows, groups first..last of next.columns] = what `quantize` would make for `next` of what `multiply` would
    // make here, neither of which is written.
    void (*gate)(const Layer &, const Inputs &, int64_t rows, int64_t first, int64_t last, const Layer &next,
                 const Inputs &out);
    // One position's keys and values [keys, dim] to its place in a block; keys are rotated by cos, sin [dim].
    void (*store)(const Heads &, const float *k, const float *v, const float *cos, const float *sin,
                  uint16_t *key_block, uint16_t *value_block, int place);
    // Queries [group, dim] of one position over the positions first..last of one key head; first is a multiple
    // of BLOCK. `keys` and `values` are the cache from that head on, `stride` elements from block to block.
    void (*attend)(const Heads &, const float *q, const float *cos, const float *sin, const uint16_t *keys,
                   const uint16_t *values, int64_t stride, const int32_t *blocks, int first, int last,
                   const Partial &);
};

extern const Kernels amx, avx512_bf16, avx512, avx2;

// The fastest that this processor runs, or null where it runs none.
const Kernels *kernels();

} // namespace adotx
