// SPDX-License-Identifier: Apache-2.0

#ifndef ORO_BENCH_ALLOCATIONS_H
#define ORO_BENCH_ALLOCATIONS_H
#include <stdint.h>

// How often the calling thread has allocated.
uint64_t bench_allocations(void);
#endif
