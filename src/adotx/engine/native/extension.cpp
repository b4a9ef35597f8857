// Two OpenVINO operations, Linear (int8 and int4) and Decoder; and the C functions by which `adotx.engine.native`
// packs layers, makes a cache and asks what this machine can run.
//
// The graph, its memory and its threads are OpenVINO's; the arithmetic is kernels.cpp's.
#include "kernels.h"

#include <openvino/core/extension.hpp>
#include <openvino/core/op_extension.hpp>
#include <openvino/op/op.hpp>
#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <cmath>
#include <cpuid.h>
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <vector>

namespace adotx {

// Whether the processor multiplies tiles of int8 (AMX), and the system lets this process do so.
static bool has_tiles() {
    unsigned a, b, c, d;
    constexpr unsigned TILE = 1 << 24, INT8 = 1 << 25;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || (d & (TILE | INT8)) != (TILE | INT8))
        return false;
    constexpr long ASK = 0x1023, TILE_DATA = 18; // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
    return syscall(SYS_arch_prctl, ASK, TILE_DATA) == 0;
}

static const Kernels *kernels() {
    static const Kernels *found = []() -> const Kernels * {
        __builtin_cpu_init();
        const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
                          __builtin_cpu_supports("avx512vnni");
        std::vector<const Kernels *> usable;
        if (wide && __builtin_cpu_supports("avx512bf16") && has_tiles())
            usable.push_back(&amx);
        if (wide && __builtin_cpu_supports("avx512bf16"))
            usable.push_back(&avx512_bf16);
        if (wide)
            usable.push_back(&avx512);
        if (__builtin_cpu_supports("avxvnni") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c"))
            usable.push_back(&avx2);
        // For tests, and for whoever compares: another instruction set than the best.
        const char *wanted = std::getenv("ADOTX_KERNELS");
        for (const Kernels *k : usable)
            if (!wanted || !*wanted || !std::strcmp(k->name, wanted))
                return k;
        return nullptr;
    }();
    return found;
}

// body(first, last) over 0..count, in parts of about `grain`, on all threads of the arena that runs the graph.
template <typename Body> static void split(int64_t count, int64_t grain, const Body &body) {
    if (count <= grain)
        return body(int64_t(0), count);
    tbb::parallel_for(tbb::blocked_range<int64_t>(0, count, grain),
                      [&](const tbb::blocked_range<int64_t> &range) { body(range.begin(), range.end()); });
}

// A buffer that grows and is not cleared; one per thread and purpose.
template <typename T> static T *room(std::vector<T> &buffer, size_t count) {
    if (buffer.size() < count)
        buffer.resize(count + count / 2);
    return buffer.data();
}

// Memory in large pages where the system has them; it is the system's until it is written.
static void *reserve(size_t bytes) {
    constexpr size_t page = 2 << 20;
    if (bytes < 2 * page)
        return std::aligned_alloc(64, (bytes + 63) / 64 * 64);
    void *p = std::aligned_alloc(page, (bytes + page - 1) / page * page);
#ifdef MADV_HUGEPAGE
    if (p)
        madvise(p, bytes, MADV_HUGEPAGE);
#endif
    return p;
}

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

// y [rows, layer's rows] = layer(x [rows, layer's width]) (+ residual, unless null; it may be y itself).
static void multiply(const Layer &l, const float *x, int64_t rows, const float *residual, float *y) {
    static thread_local Quantized buffer;
    const Inputs in = buffer.of(l, rows);
    quantize(l, x, rows, in);
    multiply(l, in, rows, residual, y);
}

// x [rows, down's rows] += down(gate_up(x)).
static void feed_forward(const Layer &gate_up, const Layer &down, float *x, int64_t rows) {
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

constexpr int64_t RANGE = 1024; // positions that attention takes in one go

// Rotary embedding, writing to the cache, causal attention: query, key and value in one, [rows of the cache's step,
// (queries + 2 keys) * dim] -> out [rows, queries * dim].
static void attend(const Cache &c, int64_t layer, const float *qkv, float *out) {
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

// One linear layer. Inputs: [..., layer's width] and, where there are two, what is added to the result.
class Linear : public ov::op::Op {
public:
    OPENVINO_OP("Linear", "adotx");
    Linear() = default;
    Linear(const ov::OutputVector &inputs, int64_t layer) : Op(inputs), layer_(layer) {
        constructor_validate_and_infer_types();
    }
    void validate_and_infer_types() override {
        auto shape = get_input_partial_shape(0);
        const auto last = shape.rank().get_length() - 1;
        OPENVINO_ASSERT(layer_ && shape[last].compatible(layer()->width()));
        shape[last] = layer()->rows;
        set_output_type(0, ov::element::f32, shape);
    }
    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector &inputs) const override {
        return std::make_shared<Linear>(inputs, layer_);
    }
    bool visit_attributes(ov::AttributeVisitor &visitor) override {
        visitor.on_attribute("layer", layer_);
        return true;
    }
    bool has_evaluate() const override { return true; }
    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override {
        const float *residual = inputs.size() > 1 ? inputs[1].data<const float>() : nullptr;
        multiply(*layer(), inputs[0].data<const float>(), int64_t(inputs[0].get_size()) / layer()->width(), residual,
                 outputs[0].data<float>());
        return true;
    }

private:
    const Layer *layer() const { return reinterpret_cast<const Layer *>(layer_); }
    int64_t layer_ = 0; // the address of a Layer, which outlives the graph
};

// All layers of a decoder over a cache; as one node, because a node of its own for each part costs microseconds at
// every step. `parts`: of each layer query+key+value, output, gate+up and down. [rows of the cache's step, hidden
// size] in and out.
class Decoder : public ov::op::Op {
public:
    OPENVINO_OP("Decoder", "adotx");
    Decoder() = default;
    Decoder(const ov::OutputVector &inputs, int64_t cache, std::vector<int64_t> parts)
        : Op(inputs), cache_(cache), parts_(std::move(parts)) {
        constructor_validate_and_infer_types();
    }
    void validate_and_infer_types() override {
        OPENVINO_ASSERT(cache_ && int64_t(parts_.size()) == 4 * cache()->layers);
        OPENVINO_ASSERT(get_input_partial_shape(0)[1].compatible(part(0).width()));
        set_output_type(0, ov::element::f32, get_input_partial_shape(0));
    }
    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector &inputs) const override {
        return std::make_shared<Decoder>(inputs, cache_, parts_);
    }
    bool visit_attributes(ov::AttributeVisitor &visitor) override {
        visitor.on_attribute("cache", cache_);
        visitor.on_attribute("parts", parts_);
        return true;
    }
    bool has_evaluate() const override { return true; }
    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override {
        const Cache &c = *cache();
        const int64_t rows = inputs[0].get_shape()[0];
        OPENVINO_ASSERT(rows == int64_t(c.rows.size()) && c.memory);
        static thread_local std::vector<float> wide_buffer, narrow_buffer;
        float *x = outputs[0].data<float>();
        std::memcpy(x, inputs[0].data(), inputs[0].get_byte_size());
        for (int64_t layer = 0; layer < c.layers; layer++) {
            const Layer &qkv = part(4 * layer), &output = part(4 * layer + 1), &gate_up = part(4 * layer + 2);
            float *wide = room(wide_buffer, rows * qkv.rows);
            float *attended = room(narrow_buffer, rows * output.columns);
            multiply(qkv, x, rows, nullptr, wide);
            attend(c, layer, wide, attended);
            multiply(output, attended, rows, x, x);
            feed_forward(gate_up, part(4 * layer + 3), x, rows);
        }
        return true;
    }

private:
    const Cache *cache() const { return reinterpret_cast<const Cache *>(cache_); }
    const Layer &part(size_t i) const { return *reinterpret_cast<const Layer *>(parts_[i]); }
    int64_t cache_ = 0;          // the address of a Cache, which outlives the graph
    std::vector<int64_t> parts_; // addresses of Layers, which do too
};


static void release(Layer *l) {
    for (void *p : {static_cast<void *>(l->weight), static_cast<void *>(l->scale), static_cast<void *>(l->scales),
                    static_cast<void *>(l->bias), static_cast<void *>(l->norm)})
        std::free(p);
    delete l;
}

template <typename T> static T *zeros(size_t count) { return static_cast<T *>(std::calloc(count, sizeof(T))); }

// Output `o` of panel `p` from its row of integers.
static void pack(const Layer &l, int64_t panel, int64_t p, int64_t o, const uint8_t *from) {
    uint8_t *to = l.weight + p * l.stride + o * 4;
    for (uint8_t *end = to + l.stride - o * 4; to < end; to += 4 * panel) {
        if (!from) { // behind the last row
            std::memset(to, 0, 4);
        } else if (l.four) {
            // Bytes hold the pairs (0, 1), (2, 3), (4, 5), (6, 7); wanted are (0, 4), (1, 5), (2, 6), (3, 7).
            uint8_t v[8];
            for (int j = 0; j < 4; j++)
                v[2 * j] = (from[j] & 15) ^ 8, v[2 * j + 1] = (from[j] >> 4) ^ 8;
            for (int j = 0; j < 4; j++)
                to[j] = uint8_t(v[j] | v[j + 4] << 4);
            from += 4;
        } else {
            for (int j = 0; j < 4; j++)
                to[j] = from[j] ^ 128;
            from += 4;
        }
    }
}

} // namespace adotx

OPENVINO_CREATE_EXTENSIONS(std::vector<ov::Extension::Ptr>(
    {std::make_shared<ov::OpExtension<adotx::Linear>>(), std::make_shared<ov::OpExtension<adotx::Decoder>>()}));

extern "C" {

// The digest of the sources that this library was built from; see `adotx.engine.native`.
const char *adotx_sources() { return ADOTX_SOURCES; }

// The instruction set in use ("avx512_bf16", ...), or null where this processor has none of those needed.
const char *adotx_kernels() { return adotx::kernels() ? adotx::kernels()->name : nullptr; }

void adotx_cache_free(adotx::Cache *c) {
    std::free(c->memory);
    delete c;
}

// cos, sin: float32 [positions, dim].
adotx::Cache *adotx_cache(int queries, int keys, int dim, int64_t layers, int64_t positions, const float *cos,
                          const float *sin) {
    const int64_t count = positions * dim;
    return new adotx::Cache{{queries, keys, dim}, layers, 0, {cos, cos + count}, {sin, sin + count}, nullptr, {}, {}};
}

// Whether there is room for so many blocks; the system gives it as it is written.
int adotx_cache_reserve(adotx::Cache *c, int64_t blocks) {
    std::free(c->memory);
    c->blocks = blocks;
    c->memory = static_cast<uint16_t *>(adotx::reserve(2 * c->layers * blocks * c->stride() * sizeof(uint16_t)));
    return c->memory != nullptr;
}

// All layers' keys and values of a block to another one.
void adotx_cache_copy(adotx::Cache *c, int64_t from, int64_t to) {
    const int64_t stride = c->stride();
    for (int64_t i = 0; i < 2 * c->layers; i++) {
        uint16_t *blocks = c->memory + i * c->blocks * stride;
        std::memmove(blocks + to * stride, blocks + from * stride, stride * sizeof(uint16_t));
    }
}

// What the decoder does between two of its layers' parts, alone; see `attend`.
void adotx_cache_attend(const adotx::Cache *c, int64_t layer, const float *qkv, float *out) {
    adotx::attend(*c, layer, qkv, out);
}

// The next step's rows: of each chunk its first position, its length, and the blocks begins[i]..begins[i + 1].
void adotx_cache_step(adotx::Cache *c, int64_t chunks, const int32_t *starts, const int32_t *lengths,
                      const int32_t *blocks, const int32_t *begins) {
    c->lists.assign(blocks, blocks + begins[chunks]);
    c->rows.clear();
    for (int64_t i = 0; i < chunks; i++)
        for (int32_t r = 0; r < lengths[i]; r++)
            c->rows.push_back({starts[i] + r + 1, c->lists.data() + begins[i]});
}

void adotx_layer_free(adotx::Layer *l) { adotx::release(l); }

// Packs integers as `adotx.engine.weights.formats` has them: int8 [rows, columns] with float32 scales [rows], or
// pairs of int4 [rows, columns / 2] with float16 scales [rows, groups]. bias: float32 [rows] or null; norm: float32
// [columns] or null. Returns null where there is no memory.
adotx::Layer *adotx_layer(int four, int gated, float epsilon, int64_t rows, int64_t columns, int64_t group,
                          const uint8_t *q, const void *scale, const float *bias, const float *norm) {
    using namespace adotx;
    const int64_t panel = kernels()->panel, panels = (rows + panel - 1) / panel;
    auto *l = new Layer{four != 0, gated != 0, epsilon, rows, columns, group, panels, panel * columns / (four ? 2 : 1),
                        nullptr, nullptr, nullptr, nullptr, nullptr};
    const int64_t groups = l->groups(), width = four ? columns / 2 : columns;
    l->weight = static_cast<uint8_t *>(reserve(panels * l->stride));
    l->bias = zeros<float>(panels * panel);
    l->norm = norm ? zeros<float>(columns) : nullptr;
    l->scales = four ? zeros<uint16_t>(panels * groups * panel) : nullptr;
    l->scale = four ? nullptr : zeros<float>(panels * panel);
    if (!l->weight || !l->bias || (norm && !l->norm) || (four ? !l->scales : !l->scale)) {
        release(l);
        return nullptr;
    }
    if (bias)
        std::memcpy(l->bias, bias, rows * sizeof(float));
    if (norm)
        std::memcpy(l->norm, norm, columns * sizeof(float));
    if (!four)
        std::memcpy(l->scale, scale, rows * sizeof(float));
    split(panels, 4, [&](int64_t first, int64_t last) {
        for (int64_t p = first; p < last; p++)
            for (int64_t o = 0; o < panel; o++) {
                const int64_t row = p * panel + o;
                pack(*l, panel, p, o, row < rows ? q + row * width : nullptr);
                for (int64_t g = 0; four && row < rows && g < groups; g++)
                    l->scales[(p * groups + g) * panel + o] = static_cast<const uint16_t *>(scale)[row * groups + g];
            }
    });
    return l;
}

} // extern "C"
