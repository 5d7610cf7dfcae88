// SPDX-License-Identifier: Apache-2.0
// Counts a system call as it is made.
#ifndef ORO_COUNT_H
#define ORO_COUNT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

extern _Atomic uint64_t oro_syscall_count;

// The call is no point at which its thread can be cancelled (pthread_cancel): whoever makes it holds what others need.
#define COUNTED(call)                                                           \
    __extension__({                                                             \
        int before_;                                                            \
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);               \
        atomic_fetch_add_explicit(&oro_syscall_count, 1, memory_order_relaxed); \
        __auto_type result_ = (call);                                           \
        pthread_setcancelstate(before_, NULL);                                  \
        result_;                                                                \
    })

// The call is such a point: whoever makes it has seen to it that others go on (`oro_wait.h`).
#define COUNTED_POINT(call) (atomic_fetch_add_explicit(&oro_syscall_count, 1, memory_order_relaxed), (call))

#endif
