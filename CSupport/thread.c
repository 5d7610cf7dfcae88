// SPDX-License-Identifier: Apache-2.0
// Threads: who they are, how they sleep and wake each other, and barriers that reach all of them.
#define _GNU_SOURCE
#include "oro_sys.h"

#include <linux/futex.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "count.h"

bool oro_threads_are_scarce(void) {
    struct rlimit addresses, processes;
    if (COUNTED(getrlimit(RLIMIT_AS, &addresses)) != 0 || COUNTED(getrlimit(RLIMIT_NPROC, &processes)) != 0)
        return false;
    return addresses.rlim_cur != RLIM_INFINITY || processes.rlim_cur < 4096;
}

int32_t oro_thread_id(void) { return (int32_t)COUNTED(gettid()); }

bool oro_thread_lives(int32_t id) { return COUNTED(tgkill(getpid(), id, 0)) == 0; }

void oro_thread_name(const char *name) { COUNTED(prctl(PR_SET_NAME, name, 0, 0, 0)); }

bool oro_membarrier_register(void) {
    int known = (int)COUNTED(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));
    if (known < 0 || (known & MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0) return false;
    return COUNTED(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0)) == 0;
}

bool oro_membarrier(void) { return COUNTED(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0)) == 0; }

void oro_yield(void) { COUNTED(sched_yield()); }

uint64_t oro_thread_token(void) {
    // Counted, not an address: addresses of thread-local memory are used again by later threads.
    static _Atomic uint64_t last = 1;
    static _Thread_local uint64_t token;
    if (token == 0) token = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return token;
}

// A part of the Swift runtime's binary interface. Its Swift face, withUnsafeCurrentTask, copies and destroys a value
// whose layout the compiler does not know: some 500 instructions for the same answer.
#if defined(__has_attribute)
#if __has_attribute(swiftcall)
__attribute__((swiftcall))
#endif
#endif
extern void *
swift_task_getCurrent(void);

bool oro_in_task(void) { return swift_task_getCurrent() != NULL; }

void oro_futex_wait_value(const void *word, uint32_t value, uint64_t timeout_ns) {
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    COUNTED(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns == 0 ? NULL : &limit, NULL, 0));
}

void oro_futex_wake_value(const void *word, int count) {
    COUNTED(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0));
}
