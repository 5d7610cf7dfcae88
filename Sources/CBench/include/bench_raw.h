// SPDX-License-Identifier: Apache-2.0
// The bare baselines every figure of `oro-ipc bench` is a ratio to: what two processes can do with shared memory and
// nothing else. No sealing, no checks, no many threads, no sleep protocol.
#ifndef BENCH_RAW_H
#define BENCH_RAW_H

#include <stdbool.h>
#include <stdint.h>

// What two bench processes share: commands to the peer, and the memory of the baselines.
struct bench_shared;

enum bench_command {
    BENCH_NOTHING = 0,
    BENCH_QUIT,
    BENCH_RAW_ROUND_TRIP,  // `count` round trips
    BENCH_FUTEX_ROUND_TRIP,
    BENCH_RAW_RING,         // consume `count` slots
    BENCH_LANE_ROUND_TRIP,  // echo until told otherwise
    BENCH_LANE_CONSUME,
    BENCH_HOST,             // run the host until told otherwise
    BENCH_MAP_PAYLOAD,      // map the memory behind the rest, `count` bytes
    BENCH_RAW_TOUCH,        // answer `count` payloads after 8 bytes of each
    BENCH_RAW_READ,         // the same after reading all of each
    BENCH_FUTEX_READ,       // the same, asleep in between
    BENCH_PORT_ROUND_TRIP,  // `count` messages of a port of another host's client
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

// Payloads: one process writes all of a piece of shared memory, the other reads it and says so. Plain loops over words;
// the benches of the engine call the same two functions.
void bench_write(void *to, uint64_t bytes, uint64_t value);
uint64_t bench_read(const void *from, uint64_t bytes);
// 8 bytes of the first line.
uint64_t bench_read_some(const void *from);
// Makes, or maps in the peer, `bytes` of memory for payloads. `fd` is the one of `bench_create`. False: there is none.
// Without bytes what was mapped goes.
bool bench_payload(int fd, uint64_t bytes);
// `count` payloads, the time of each; copied from `source` where there is one, else written in place.
void bench_payload_ask(struct bench_shared *shared, uint64_t count, const void *source, uint64_t *ticks);
void bench_payload_answer(struct bench_shared *shared, uint64_t count, bool whole);
void bench_payload_futex_ask(struct bench_shared *shared, uint64_t count, uint64_t gap_ns, uint64_t *ticks);
void bench_payload_futex_answer(struct bench_shared *shared, uint64_t count);
// Bytes the system could still hand out.
uint64_t bench_free_memory(void);

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
