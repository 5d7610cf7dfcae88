// SPDX-License-Identifier: Apache-2.0
// Counts allocations by standing in for malloc and its kin (glibc).
#include "allocations.h"

#include <errno.h>
#include <stddef.h>

static _Thread_local uint64_t allocations;
uint64_t bench_allocations(void) { return allocations; }

#if defined(__GLIBC__)
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

void *malloc(size_t bytes) {
    allocations++;
    return __libc_malloc(bytes);
}
void *calloc(size_t members, size_t bytes) {
    allocations++;
    return __libc_calloc(members, bytes);
}
void *realloc(void *old, size_t bytes) {
    allocations++;
    return __libc_realloc(old, bytes);
}
void *memalign(size_t alignment, size_t bytes) {
    allocations++;
    return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
    allocations++;
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **place, size_t alignment, size_t bytes) {
    allocations++;
    *place = __libc_memalign(alignment, bytes);
    return *place == NULL ? ENOMEM : 0;
}
#endif
