// SPDX-License-Identifier: Apache-2.0
// Time.
#define _GNU_SOURCE
#include "oro_clock.h"

#include <stdatomic.h>
#include <time.h>

#include "oro_lane.h"

uint64_t oro_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t oro_ticks_per_us(void) {
    static _Atomic uint64_t known;
    uint64_t value = atomic_load_explicit(&known, memory_order_relaxed);
    if (value != 0) return value;
    uint64_t t0 = oro_now(), c0 = oro_ticks();
    while (oro_now() - t0 < 200000) oro_spin_pause();
    uint64_t c1 = oro_ticks(), t1 = oro_now();
    value = (c1 - c0) * 1000 / (t1 - t0);
    if (value == 0) value = 1;
    atomic_store_explicit(&known, value, memory_order_relaxed);
    return value;
}
