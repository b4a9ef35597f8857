// Two OpenVINO operations for decoders, "adotx" version "1": Linear (int8 and int4) and PagedAttention; and the
// C functions by which `adotx.engine.native` packs layers and asks what this machine can run.
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
#include <cstdlib>
#include <cstring>
#include <sys/mman.h>
#include <vector>

namespace adotx {

static const Kernels *kernels() {
    static const Kernels *found = []() -> const Kernels * {
        __builtin_cpu_init();
        const bool wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vnni");
        std::vector<const Kernels *> usable;
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

// body(first, last) over 0..count, in about `pieces` parts on all threads of the arena that runs the graph.
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

static int threads() { return tbb::this_task_arena::max_concurrency(); }

// Inputs: [..., layer's width] and, where there are two, what is added to the result. Output: [..., layer's rows].
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
        const Layer &l = *layer();
        const Kernels &k = *kernels();
        const int64_t rows = int64_t(inputs[0].get_size()) / l.width();
        static thread_local std::vector<int8_t> q;
        static thread_local std::vector<float> scale;
        static thread_local std::vector<int32_t> sum;
        const Inputs in{room(q, rows * l.columns), room(scale, rows * l.groups()), room(sum, rows * l.groups())};
        const float *x = inputs[0].data<const float>();
        const float *residual = inputs.size() > 1 ? inputs[1].data<const float>() : nullptr;
        float *y = outputs[0].data<float>();
        split(rows, 1 + (1 << 14) / l.width(), [&](int64_t first, int64_t last) {
            for (int64_t r = first; r < last; r++)
                k.quantize(l, x + r * l.width(), in, r);
        });
        // Several parts a thread, for other work may hold one of the threads up.
        const int64_t grain = std::max<int64_t>(1, l.panels / (threads() * 4));
        split(l.panels, grain, [&](int64_t first, int64_t last) { k.multiply(l, in, rows, first, last, residual, y); });
        return true;
    }

private:
    const Layer *layer() const { return reinterpret_cast<const Layer *>(layer_); }
    int64_t layer_ = 0; // the address of a Layer, which outlives the graph
};

constexpr int64_t RANGE = 1024; // positions that attention takes in one go

// Inputs: query, key and value in one [T, (queries + 2 keys) * dim] before rotation; cos, sin [T, dim]; the
// caches of keys and values, bytes [blocks, keys, BLOCK, 2 dim]; past_lens [B], subsequence_begins [B + 1],
// block_indices, block_indices_begins [B + 1], int32. Output: [T, queries * dim].
class PagedAttention : public ov::op::Op {
public:
    OPENVINO_OP("PagedAttention", "adotx");
    PagedAttention() = default;
    PagedAttention(const ov::OutputVector &inputs, int64_t queries, int64_t keys, int64_t dim)
        : Op(inputs), queries_(queries), keys_(keys), dim_(dim) {
        constructor_validate_and_infer_types();
    }
    void validate_and_infer_types() override {
        set_output_type(0, ov::element::f32, {get_input_partial_shape(0)[0], queries_ * dim_});
    }
    std::shared_ptr<ov::Node> clone_with_new_inputs(const ov::OutputVector &inputs) const override {
        return std::make_shared<PagedAttention>(inputs, queries_, keys_, dim_);
    }
    bool visit_attributes(ov::AttributeVisitor &visitor) override {
        visitor.on_attribute("queries", queries_);
        visitor.on_attribute("keys", keys_);
        visitor.on_attribute("dim", dim_);
        return true;
    }
    bool has_evaluate() const override { return true; }
    bool evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const override;

private:
    int64_t queries_ = 0, keys_ = 0, dim_ = 0;
};

bool PagedAttention::evaluate(ov::TensorVector &outputs, const ov::TensorVector &inputs) const {
    const Kernels &k = *kernels();
    const Heads heads{int(queries_), int(keys_), int(dim_)};
    const int64_t rows = inputs[0].get_shape()[0], width = (queries_ + 2 * keys_) * dim_, group = heads.group();
    const int64_t sequences = inputs[5].get_size(), stride = keys_ * heads.block();
    const float *qkv = inputs[0].data<const float>(), *cos = inputs[1].data<const float>(),
                *sin = inputs[2].data<const float>();
    // The graph's inputs, which this node alone writes.
    auto *keys = static_cast<uint16_t *>(const_cast<void *>(inputs[3].data()));
    auto *values = static_cast<uint16_t *>(const_cast<void *>(inputs[4].data()));
    const auto *past = inputs[5].data<const int32_t>(), *begins = inputs[6].data<const int32_t>(),
               *blocks = inputs[7].data<const int32_t>(), *block_begins = inputs[8].data<const int32_t>();
    float *out = outputs[0].data<float>();

    struct Row {
        int64_t count; // positions that it sees, the last its own
        const int32_t *blocks;
    };
    static thread_local std::vector<Row> row_buffer;
    Row *where = room(row_buffer, rows);
    int64_t work = 0, longest = 0;
    for (int64_t s = 0; s < sequences; s++)
        for (int64_t r = begins[s]; r < begins[s + 1]; r++) {
            where[r] = {past[s] + r - begins[s] + 1, blocks + block_begins[s]};
            work += where[r].count;
            longest = std::max(longest, where[r].count);
        }
    split(rows, 64, [&](int64_t first, int64_t last) {
        for (int64_t r = first; r < last; r++) {
            const int64_t position = where[r].count - 1, block = where[r].blocks[position / BLOCK];
            const float *row = qkv + r * width + queries_ * dim_;
            k.store(heads, row, row + keys_ * dim_, cos + r * dim_, sin + r * dim_, keys + block * stride,
                    values + block * stride, int(position % BLOCK));
        }
    });

    // A unit is one position and one key head. Its positions are always cut into the same ranges, whose results are
    // put together in order: what a position gets to see does not depend on its company, to the last bit.
    const int64_t units = rows * keys_, partial = group * (dim_ + 2), ranges = (longest + RANGE - 1) / RANGE;
    const auto attend = [&](int64_t unit, int64_t range, float *to) {
        // Head by head: neighbouring positions read the same keys.
        const int64_t head = unit / rows, r = unit % rows, first = range * RANGE;
        k.attend(heads, qkv + r * width + head * group * dim_, cos + r * dim_, sin + r * dim_,
                 keys + head * heads.block(), values + head * heads.block(), stride, where[r].blocks, int(first),
                 int(std::min(first + RANGE, where[r].count)), {to, to + group, to + 2 * group});
    };
    const auto finish = [&](int64_t unit, const float *from) {
        const int64_t head = unit / rows, r = unit % rows, count = (where[r].count + RANGE - 1) / RANGE;
        float *result = out + (r * queries_ + head * group) * dim_;
        for (int64_t h = 0; h < group; h++, result += dim_) {
            float top = from[h], weight = 0;
            for (int64_t i = 1; i < count; i++)
                top = std::max(top, from[i * partial + h]);
            std::fill(result, result + dim_, 0.0f);
            for (int64_t i = 0; i < count; i++) {
                const float *part = from + i * partial;
                const float share = count > 1 ? std::exp2(part[h] - top) : 1.0f;
                weight += share * part[group + h];
                for (int64_t d = 0; d < dim_; d++)
                    result[d] += share * part[2 * group + h * dim_ + d];
            }
            for (int64_t d = 0; d < dim_; d++)
                result[d] /= weight;
        }
    };
    if (ranges > 1 && units < 4 * threads()) {
        static thread_local std::vector<float> buffer;
        float *partials = room(buffer, units * ranges * partial);
        split(units * ranges, 1, [&](int64_t first, int64_t last) {
            for (int64_t i = first; i < last; i++)
                if (i % ranges * RANGE < where[i / ranges % rows].count)
                    attend(i / ranges, i % ranges, partials + i * partial);
        });
        for (int64_t unit = 0; unit < units; unit++)
            finish(unit, partials + unit * ranges * partial);
        return true;
    }
    split(units, std::max<int64_t>(1, 2048 * rows / work), [&](int64_t first, int64_t last) {
        static thread_local std::vector<float> buffer;
        float *partials = room(buffer, ranges * partial);
        for (int64_t unit = first; unit < last; unit++) {
            for (int64_t i = 0; i * RANGE < where[unit % rows].count; i++)
                attend(unit, i, partials + i * partial);
            finish(unit, partials);
        }
    });
    return true;
}

// Memory in large pages where the system has them: weights are read from end to end at every step.
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
    {std::make_shared<ov::OpExtension<adotx::Linear>>(), std::make_shared<ov::OpExtension<adotx::PagedAttention>>()}));

extern "C" {

// The digest of the sources that this library was built from; see `adotx.engine.native`.
const char *adotx_sources() { return ADOTX_SOURCES; }

// The instruction set in use ("avx512_bf16", ...), or null where this processor has none of those needed.
const char *adotx_kernels() { return adotx::kernels() ? adotx::kernels()->name : nullptr; }

void adotx_layer_free(adotx::Layer *l) { adotx::release(l); }

// Packs integers as `adotx.engine.formats` has them: int8 [rows, columns] with float32 scales [rows], or pairs of
// int4 [rows, columns / 2] with float16 scales [rows, groups]. bias: float32 [rows] or null; norm: float32
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
