// Which of the compiled instruction sets runs here: the fastest that the processor has, chosen once.
#include "kernels.h"

#include <cpuid.h>
#include <cstdlib>
#include <cstring>
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

const Kernels *kernels() {
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

} // namespace adotx
