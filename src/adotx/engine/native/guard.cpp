// Reads of mapped files that are no longer there: without this the system ends the process with SIGBUS.
//
// A file that is cut while it is mapped, or a disk that fails, is noticed by whoever reads the mapping, in the middle
// of a computation. The handler puts zeros in the place of what is missing and remembers for which mapping;
// `adotx.engine.native.guard` asks after each computation and throws its result away. Any other address, and a
// signal that somebody sent, is the previous handler's business.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <mutex>
#include <sys/mman.h>
#include <unistd.h>

namespace {

struct Range {
    std::atomic<uintptr_t> begin{0}, end{0}; // a free place: end is 0
    std::atomic<bool> hit{false};
};

constexpr int RANGES = 1024;
Range ranges[RANGES];
std::mutex changing;
struct sigaction before;
bool installed = false;

// Only what is allowed in a signal's handler: atomics and system calls.
void on_bus(int number, siginfo_t *info, void *context) {
    const int saved = errno;
    const auto at = reinterpret_cast<uintptr_t>(info->si_addr);
    for (Range &range : ranges) {
        const uintptr_t end = range.end;
        if (info->si_code <= 0 || at < range.begin || at >= end)
            continue;
        // To its end: what lies behind a missing page of a file that was cut is missing too.
        const uintptr_t page = at / uintptr_t(getpagesize()) * uintptr_t(getpagesize());
        if (mmap(reinterpret_cast<void *>(page), end - page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) ==
            MAP_FAILED)
            break;
        range.hit = true;
        errno = saved;
        return;
    }
    errno = saved;
    if (before.sa_flags & SA_SIGINFO)
        return before.sa_sigaction(number, info, context);
    if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
        return before.sa_handler(number);
    signal(number, SIG_DFL);
    raise(number); // as soon as this handler has returned
}

} // namespace

extern "C" {

// Watch a mapping; its number, or -1 where there is no place or no handler.
int adotx_guard(uintptr_t begin, int64_t bytes) {
    const std::lock_guard<std::mutex> lock(changing);
    if (!installed) { // once: a handler that came later has this one behind it
        struct sigaction ours = {};
        ours.sa_sigaction = on_bus;
        ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&ours.sa_mask);
        if (sigaction(SIGBUS, nullptr, &before) || sigaction(SIGBUS, &ours, nullptr))
            return -1;
        installed = true;
    }
    for (int i = 0; i < RANGES; i++)
        if (!ranges[i].end) {
            ranges[i].hit = false;
            ranges[i].begin = begin;
            ranges[i].end = begin + uintptr_t(bytes);
            return i;
        }
    return -1;
}

// Whether something was missing in it so far.
int adotx_guard_hit(int number) { return ranges[number].hit; }

// Before the mapping ends.
void adotx_guard_free(int number) {
    const std::lock_guard<std::mutex> lock(changing);
    ranges[number].end = 0;
}

} // extern "C"
