// SPDX-License-Identifier: Apache-2.0
// The bench `c-rtt-64-spin`: a blocking call with 64 bytes through the C interface, both sides polling, as a ratio to
// the bare 64-byte line that the same two pinned processes bounce in turn with it. And that neither side allocates for
// it.
//
//     round_trip           prints ratio and percentiles
//     round_trip --check   only counts allocations
#define _GNU_SOURCE
#include "bench_raw.h"
#include "check.h"
#include "oro_sys.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

// MARK: Allocations, counted

static atomic_ulong allocations;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void *malloc(size_t size) {
    static void *(*next)(size_t);
    if (next == NULL) next = NEXT(malloc);
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return next(size);
}

int posix_memalign(void **memory, size_t alignment, size_t size) {
    static int (*next)(void **, size_t, size_t);
    if (next == NULL) next = NEXT(posix_memalign);
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return next(memory, alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    static void *(*next)(size_t, size_t);
    if (next == NULL) next = NEXT(aligned_alloc);
    atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    return next(alignment, size);
}

// CSupport's sources ask this of the Swift runtime, which here is inside the library: this process has no tasks.
void *swift_task_getCurrent(void);
void *swift_task_getCurrent(void) { return NULL; }

// MARK: The host's process

static struct bench_shared *shared;

static void echo(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message;
    OK(oroipc_result_set_payload(result, context));
}

static void counted(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    oroipc_value value = oroipc_integer((int64_t)atomic_load(&allocations));
    OK(oroipc_result_set_data(result, &value));
}

// A block of the baseline: this thread answers bare lines until there were `count`.
static void raw(oroipc_message *message, oroipc_result *result, void *context) {
    (void)result, (void)context;
    oroipc_value count;
    OK(oroipc_message_value(message, NULL, OROIPC_NATIVE, &count));
    bench_raw_answer(shared, (uint64_t)count.integer);
}

static void serve(int socket) {
    static char answer[64];
    oroipc_host *host;
    oroipc_bytes *bytes;
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.idle = OROIPC_IDLE_SPIN;
    bench_pin(bench_cpu(bench_cpus() > 1 ? 1 : 0));
    OK(oroipc_bytes_create(answer, sizeof answer, &bytes));
    OK(oroipc_host_create(NULL, &options, &host));
    OK(oroipc_host_map(host, "bench.echo", OROIPC_ROUTE_SYNC, echo, bytes, NULL));
    OK(oroipc_host_map(host, "allocations", OROIPC_ROUTE_SYNC, counted, NULL, NULL));
    OK(oroipc_host_map(host, "raw", OROIPC_ROUTE_SYNC, raw, NULL, NULL));
    OK(oroipc_host_adopt(host, socket));
    OK(oroipc_host_run(host));
}

// MARK: The client's process

enum { BLOCK = 20000, BLOCKS = 31 };

static uint64_t samples[2][BLOCKS * BLOCK];

static int before(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

static uint64_t percentile(uint64_t *sorted, size_t count, double share) {
    size_t index = (size_t)(share * (double)count);
    return sorted[index < count ? index : count - 1];
}

static void block_of_calls(oroipc_client *client, oroipc_result **result, uint64_t *ticks, int count) {
    static const char bytes[64];
    oroipc_call call = OROIPC_CALL("bench.echo");
    call.bytes = bytes;
    call.bytes_size = sizeof bytes;
    uint64_t start = oro_ticks();
    for (int index = 0; index < count; index++) {
        if (oroipc_client_call(client, &call, result) != OROIPC_OK) OK(OROIPC_FAILED);
        uint64_t now = oro_ticks();
        ticks[index] = now - start;
        start = now;
    }
    CHECK(oroipc_result_bytes_size(*result) == 64);
}

static void block_of_lines(oroipc_client *client, uint64_t *ticks, int count) {
    oroipc_call call = OROIPC_CALL("raw");
    call.value = oroipc_integer(count);
    OK(oroipc_client_post(client, &call));
    bench_raw_ask(shared, (uint64_t)count, ticks);
}

static int64_t hosts_allocations(oroipc_client *client) {
    oroipc_call call = OROIPC_CALL("allocations");
    oroipc_result *result = NULL;
    oroipc_value value;
    OK(oroipc_client_call(client, &call, &result));
    OK(oroipc_result_data(result, NULL, OROIPC_NATIVE, &value));
    oroipc_result_release(result);
    return value.integer;
}

static void count_allocations(oroipc_client *client, oroipc_result **result) {
    enum { CALLS = 10000, MOST = CALLS / 20, WINDOWS = 10 };
    block_of_calls(client, result, samples[0], 1000);
    // A thread that has to sleep, on a busy machine, allocates what it sleeps with: one window in which both were awake
    // tells. The host's are those of asking for their number, and as many.
    for (int window = 1;; window++) {
        int64_t theirs = hosts_allocations(client);
        unsigned long ours = atomic_load(&allocations);
        block_of_calls(client, result, samples[0], CALLS);
        ours = atomic_load(&allocations) - ours;
        theirs = hosts_allocations(client) - theirs;
        printf("allocations for %d calls: %lu in the client, %ld in the host\n", CALLS, ours, (long)theirs);
        if (ours < MOST && theirs < MOST) return;
        CHECK(window < WINDOWS);
    }
}

static void measure(oroipc_client *client, oroipc_result **result) {
    double ratios[BLOCKS];
    for (int block = 0; block < BLOCKS; block++) {
        uint64_t *calls = samples[0] + (size_t)block * BLOCK, *lines = samples[1] + (size_t)block * BLOCK;
        uint64_t sorted[2][BLOCK];
        block_of_lines(client, lines, BLOCK);
        block_of_calls(client, result, calls, BLOCK);
        memcpy(sorted[0], calls, sizeof sorted[0]);
        memcpy(sorted[1], lines, sizeof sorted[1]);
        for (int kind = 0; kind < 2; kind++) qsort(sorted[kind], BLOCK, sizeof(uint64_t), before);
        ratios[block] = (double)percentile(sorted[0], BLOCK, 0.5) / (double)percentile(sorted[1], BLOCK, 0.5);
    }
    for (int left = 1; left < BLOCKS; left++)
        for (int right = left; right > 0 && ratios[right] < ratios[right - 1]; right--) {
            double swapped = ratios[right];
            ratios[right] = ratios[right - 1], ratios[right - 1] = swapped;
        }
    printf("c-rtt-64-spin  %.2f x raw (middle half of %d blocks: %.2f to %.2f)\n", ratios[BLOCKS / 2], BLOCKS,
        ratios[BLOCKS / 4], ratios[BLOCKS * 3 / 4]);
    double microsecond = (double)oro_ticks_per_us();
    for (int kind = 0; kind < 2; kind++) {
        size_t count = (size_t)BLOCKS * BLOCK;
        qsort(samples[kind], count, sizeof(uint64_t), before);
        printf("  %-5s p50 %.0f ns, p99 %.0f ns, p99.9 %.0f ns, max %.0f us\n", kind == 0 ? "calls" : "raw",
            (double)percentile(samples[kind], count, 0.5) / microsecond * 1000,
            (double)percentile(samples[kind], count, 0.99) / microsecond * 1000,
            (double)percentile(samples[kind], count, 0.999) / microsecond * 1000,
            (double)samples[kind][count - 1] / microsecond);
    }
}

int main(int count, char **arguments) {
    int memory, sockets[2];
    shared = bench_create(&memory);
    CHECK(shared != NULL);
    CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) == 0);
    // Before the library is used: a child must not use the handles of its parent.
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        // A check that fails over there leaves no host behind that polls for ever.
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(sockets[0]);
        serve(sockets[1]);
        return 0;
    }
    close(sockets[1]);
    bench_pin(bench_cpu(0));
    oroipc_client *client;
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.idle = OROIPC_IDLE_SPIN;
    OK(oroipc_client_adopt(sockets[0], &options, &client));
    oroipc_result *result = NULL;
    count_allocations(client, &result);
    if (count < 2 || strcmp(arguments[1], "--check") != 0) measure(client, &result);
    oroipc_result_release(result);
    oroipc_client_release(client);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    return 0;
}
