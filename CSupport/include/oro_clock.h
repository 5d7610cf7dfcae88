// SPDX-License-Identifier: Apache-2.0
// Time: the kernel's, and the processor's own.
#ifndef ORO_CLOCK_H
#define ORO_CLOCK_H

#include <stdint.h>

uint64_t oro_now(void);  // CLOCK_MONOTONIC, nanoseconds

// A cheap clock for budgets: ticks that only go forward on one machine; see oro_ticks_per_us.
static inline uint64_t oro_ticks(void) {
#if defined(__x86_64__)
    return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
    uint64_t t;
    __asm__ volatile("mrs %0, cntvct_el0" : "=r"(t));
    return t;
#else
    return oro_now();
#endif
}
uint64_t oro_ticks_per_us(void);

#endif
