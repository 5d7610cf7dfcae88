// SPDX-License-Identifier: Apache-2.0
// What ThreadSanitizer has to be told: hand-overs that happen where it does not look.
#ifndef ORO_TSAN_H
#define ORO_TSAN_H

#include <stdbool.h>

// Its own; null in a process without it.
extern void __tsan_acquire(void *address) __attribute__((weak));
extern void __tsan_release(void *address) __attribute__((weak));
extern void AnnotateIgnoreReadsBegin(const char *file, int line) __attribute__((weak));
extern void AnnotateIgnoreReadsEnd(const char *file, int line) __attribute__((weak));

// After a lock at `address` was taken, and before it is given back.
static inline void oro_tsan_acquire(const void *address) {
    if (__tsan_acquire) __tsan_acquire((void *)(unsigned long)address);
}
static inline void oro_tsan_release(const void *address) {
    if (__tsan_release) __tsan_release((void *)(unsigned long)address);
}

// Around reads that something orders which it does not see.
static inline void oro_tsan_ignore_reads(bool begin) {
    if (begin && AnnotateIgnoreReadsBegin) AnnotateIgnoreReadsBegin(__FILE__, __LINE__);
    if (!begin && AnnotateIgnoreReadsEnd) AnnotateIgnoreReadsEnd(__FILE__, __LINE__);
}

// It is there.
static inline bool oro_tsan_watches(void) { return __tsan_acquire != 0; }

#endif
