// Two OpenVINO operations, Linear (int8 and int4) and Decoder; and the C functions by which `adotx.engine.native`
// packs layers, makes a cache and asks what this machine can run.
//
// The graph, its memory and its threads are OpenVINO's; the arithmetic is kernels.cpp's, put together by layers.cpp.
#include "layers.h"

#include <openvino/core/extension.hpp>
#include <openvino/core/op_extension.hpp>
#include <openvino/op/op.hpp>

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

namespace adotx {

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
