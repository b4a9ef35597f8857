// The parts of a decoder's layers on all threads: products with its matrices, attention over the cache. In between
// the kernels, which know no threads (kernels.h), and OpenVINO's operations, which know no arithmetic (extension.cpp).
#pragma once
#include "kernels.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <vector>

namespace adotx {

// body(first, last) over 0..count, in parts of about `grain`, on all threads of the arena that runs the graph.
template <typename Body> void split(int64_t count, int64_t grain, const Body &body) {
    if (count <= grain)
        return body(int64_t(0), count);
    tbb::parallel_for(tbb::blocked_range<int64_t>(0, count, grain),
                      [&](const tbb::blocked_range<int64_t> &range) { body(range.begin(), range.end()); });
}

// A buffer that grows and is not cleared; one per thread and purpose.
template <typename T> T *room(std::vector<T> &buffer, size_t count) {
    if (buffer.size() < count)
        buffer.resize(count + count / 2);
    return buffer.data();
}

// Keys and values of all layers, and which of their positions the rows of the step at hand are.
struct Cache {
    struct Row {
        int64_t count; // positions that it attends to, itself the last
        const int32_t *blocks;
    };
    Heads heads;
    int64_t layers, blocks = 0;
    std::vector<float> cos, sin; // [positions, dim]
    uint16_t *memory = nullptr;  // [layers, keys and values, blocks, heads, block]
    std::vector<int32_t> lists;
    std::vector<Row> rows;

    int64_t stride() const { return heads.keys * heads.block(); } // from block to block
    uint16_t *keys(int64_t layer) const { return memory + 2 * layer * blocks * stride(); }
    uint16_t *values(int64_t layer) const { return keys(layer) + blocks * stride(); }
};

// y [rows, layer's rows] = layer(x [rows, layer's width]) (+ residual, unless null; it may be y itself).
void multiply(const Layer &l, const float *x, int64_t rows, const float *residual, float *y);

// x [rows, down's rows] += down(gate_up(x)).
void feed_forward(const Layer &gate_up, const Layer &down, float *x, int64_t rows);

// Rotary embedding, writing to the cache, causal attention: query, key and value in one, [rows of the cache's step,
// (queries + 2 keys) * dim] -> out [rows, queries * dim].
void attend(const Cache &c, int64_t layer, const float *qkv, float *out);

} // namespace adotx
