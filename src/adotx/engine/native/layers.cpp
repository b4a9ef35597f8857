// See layers.h.
#include "layers.h"

#include <algorithm>
#include <cmath>
#include <tbb/task_arena.h>

namespace adotx {

static int threads() { return tbb::this_task_arena::max_concurrency(); }

// Room for what meets a layer's matrix in so many rows; one per thread and purpose.
struct Quantized {
    std::vector<int8_t> q;
    std::vector<float> scale;
    std::vector<int32_t> sum;
    Inputs of(const Layer &l, int64_t rows) {
        const bool tiles = kernels()->in_tiles(l, rows);
        const int64_t held = rows + (tiles ? TILE_ROWS : 0);
        return {tiles, room(q, held * l.columns), room(scale, held * l.groups()), room(sum, held * l.groups())};
    }
};

static void quantize(const Layer &l, const float *x, int64_t rows, const Inputs &in) {
    const Kernels &k = *kernels();
    split(rows, 1 + (1 << 12) / l.width(), [&](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; r++)
            k.quantize(l, x + r * l.width(), in, r);
    });
}

// Several parts a thread, for other work may hold one of the threads up.
static int64_t grain(int64_t count) { return std::max<int64_t>(1, count / (threads() * 4)); }

static void multiply(const Layer &l, const Inputs &in, int64_t rows, const float *residual, float *y) {
    split(l.panels, grain(l.panels),
          [&](int64_t first, int64_t last) { kernels()->multiply(l, in, rows, first, last, residual, y); });
}

void multiply(const Layer &l, const float *x, int64_t rows, const float *residual, float *y) {
    static thread_local Quantized buffer;
    const Inputs in = buffer.of(l, rows);
    quantize(l, x, rows, in);
    multiply(l, in, rows, residual, y);
}

void feed_forward(const Layer &gate_up, const Layer &down, float *x, int64_t rows) {
    static thread_local Quantized first_buffer, second_buffer;
    static thread_local std::vector<float> gates_buffer;
    // As many rows as stay in the processor's cache: of integers more than of what would become such.
    const bool tiles = kernels()->gates_in_tiles(gate_up, down, rows);
    for (int64_t share = tiles ? 1024 : 256, r = 0; r < rows; r += share) {
        const int64_t count = std::min(share, rows - r);
        float *some = x + r * gate_up.width();
        if (!kernels()->gates_in_tiles(gate_up, down, count)) {
            float *gates = room(gates_buffer, count * gate_up.rows);
            multiply(gate_up, some, count, nullptr, gates);
            multiply(down, gates, count, some, some);
            continue;
        }
        const Inputs in = first_buffer.of(gate_up, count), out = second_buffer.of(down, count);
        quantize(gate_up, some, count, in);
        split(down.groups(), grain(down.groups()), [&](int64_t first, int64_t last) {
            kernels()->gate(gate_up, in, count, first, last, down, out);
        });
        multiply(down, out, count, some, some);
    }
}

constexpr int64_t RANGE = 1024; // positions that attention takes in one go

void attend(const Cache &c, int64_t layer, const float *qkv, float *out) {
    const Kernels &k = *kernels();
    const Heads &h = c.heads;
    const int64_t rows = int64_t(c.rows.size()), width = (h.queries + 2 * h.keys) * h.dim, dim = h.dim;
    const int64_t group = h.group(), stride = c.stride();
    uint16_t *keys = c.keys(layer), *values = c.values(layer);
    int64_t work = 0, longest = 0;
    for (const Cache::Row &row : c.rows) {
        work += row.count;
        longest = std::max(longest, row.count);
    }
    split(rows, 64, [&](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; r++) {
            const int64_t position = c.rows[r].count - 1, at = c.rows[r].blocks[position / BLOCK] * stride;
            const float *key = qkv + r * width + h.queries * dim;
            k.store(h, key, key + h.keys * dim, &c.cos[position * dim], &c.sin[position * dim], keys + at, values + at,
                    int(position % BLOCK));
        }
    });

    // A unit is one position and one key head. Its positions are always cut into the same ranges, whose results are
    // put together in order: what a position attends to does not depend on its company, to the last bit.
    const int64_t units = rows * h.keys, partial = group * (dim + 2), ranges = (longest + RANGE - 1) / RANGE;
    const auto attend = [&](int64_t unit, int64_t range, float *to) {
        // Head by head: neighbouring positions read the same keys.
        const int64_t head = unit / rows, r = unit % rows, first = range * RANGE;
        const auto [count, blocks] = c.rows[r];
        k.attend(h, qkv + r * width + head * group * dim, &c.cos[(count - 1) * dim], &c.sin[(count - 1) * dim],
                 keys + head * h.block(), values + head * h.block(), stride, blocks, int(first),
                 int(std::min(first + RANGE, count)), {to, to + group, to + 2 * group});
    };
    const auto finish = [&](int64_t unit, const float *from) {
        const int64_t head = unit / rows, r = unit % rows, count = (c.rows[r].count + RANGE - 1) / RANGE;
        float *result = out + (r * h.queries + head * group) * dim;
        for (int64_t q = 0; q < group; q++, result += dim) {
            float top = from[q], weight = 0;
            for (int64_t i = 1; i < count; i++)
                top = std::max(top, from[i * partial + q]);
            std::fill(result, result + dim, 0.0f);
            for (int64_t i = 0; i < count; i++) {
                const float *part = from + i * partial;
                const float share = count > 1 ? std::exp2(part[q] - top) : 1.0f;
                weight += share * part[group + q];
                for (int64_t d = 0; d < dim; d++)
                    result[d] += share * part[2 * group + q * dim + d];
            }
            for (int64_t d = 0; d < dim; d++)
                result[d] /= weight;
        }
    };
    if (ranges > 1 && units < 4 * threads()) {
        static thread_local std::vector<float> buffer;
        float *partials = room(buffer, units * ranges * partial);
        split(units * ranges, 1, [&](int64_t first, int64_t last) {
            for (int64_t i = first; i < last; i++)
                if (i % ranges * RANGE < c.rows[i / ranges % rows].count)
                    attend(i / ranges, i % ranges, partials + i * partial);
        });
        for (int64_t unit = 0; unit < units; unit++)
            finish(unit, partials + unit * ranges * partial);
        return;
    }
    split(units, std::max<int64_t>(1, 256 * rows / work), [&](int64_t first, int64_t last) {
        static thread_local std::vector<float> buffer;
        float *partials = room(buffer, ranges * partial);
        for (int64_t unit = first; unit < last; unit++) {
            for (int64_t i = 0; i * RANGE < c.rows[unit % rows].count; i++)
                attend(unit, i, partials + i * partial);
            finish(unit, partials);
        }
    });
}

} // namespace adotx
