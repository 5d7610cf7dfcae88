// The bare baselines every figure of `oro-ipc bench` is a ratio to: what two processes can do with shared memory and
// nothing else. No sealing, no checks, no many threads, no sleep protocol.
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <stdint.h>

// What two bench processes share: commands to the peer, and the memory of the baselines.
struct bench_shared;

enum bench_command {
    BENCH_NOTHING = 0,
    BENCH_QUIT,
    BENCH_RAW_ROUND_TRIP,   // `count` round trips
    BENCH_FUTEX_ROUND_TRIP,
    BENCH_RAW_RING,         // consume `count` slots
    BENCH_LANE_ROUND_TRIP,  // echo until told otherwise
    BENCH_LANE_CONSUME,
    BENCH_HOST,             // run the host until told otherwise
};

struct bench_shared *bench_create(int *fd);
struct bench_shared *bench_map(int fd);

// The driver gives a command; the peer sees it (`seen` is the last it saw), and says when it has done it.
void bench_give(struct bench_shared *shared, uint32_t command, uint64_t count);
uint32_t bench_take(struct bench_shared *shared, uint32_t *seen, uint64_t *count);
uint32_t bench_given(struct bench_shared *shared);
void bench_done(struct bench_shared *shared);
void bench_await_done(struct bench_shared *shared);
// A counter the peer keeps (messages consumed).
void bench_count_store(struct bench_shared *shared, uint64_t value);
uint64_t bench_count_load(struct bench_shared *shared);

// A 64-byte line and its sequence word, bounced by two processes that spin. `ticks[i]` is the time of round trip i.
void bench_raw_ask(struct bench_shared *shared, uint64_t count, uint64_t *ticks);
void bench_raw_answer(struct bench_shared *shared, uint64_t count);
// The same over two futexes, both sides asleep in between; `gap_ns` between round trips.
void bench_futex_ask(struct bench_shared *shared, uint64_t count, uint64_t gap_ns, uint64_t *ticks);
void bench_futex_answer(struct bench_shared *shared, uint64_t count);
// A ring of 64-byte slots with cached indices.
void bench_ring_produce(struct bench_shared *shared, uint64_t count);
uint64_t bench_ring_consume(struct bench_shared *shared, uint64_t count);

// The compiler must not know what stands in `bytes`.
static inline void bench_touch(void *bytes) { __asm__ volatile("" : : "r"(bytes) : "memory"); }
void bench_gap(uint64_t ns);
int bench_pin(int cpu);
// All threads of this process.
void bench_pin_threads(int cpu);
// How many processors the process was allowed at its start, and which one is number `index` of them.
int bench_cpus(void);
int bench_cpu(int index);
// Microseconds of processor time of this process.
uint64_t bench_cpu_time(void);
int bench_spawn_peer(int shared_fd, int link_fd, int lane_fd, char *const arguments[]);
int bench_wait(int pid);
uint64_t bench_process_cpu_time(int pid);

#endif
