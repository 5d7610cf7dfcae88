// SPDX-License-Identifier: Apache-2.0
// Counts of allocations (by standing in for malloc and its kin) and of system calls (by syscall user dispatch).
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "oro_test.h"

static _Thread_local uint64_t allocations;
uint64_t oro_allocations(void) { return allocations; }

size_t oro_heap_bytes(void) {
#ifdef __GLIBC__
    struct mallinfo2 heap = mallinfo2();
    return heap.uordblks + heap.hblkhd;
#else
    return 0;
#endif
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define ORO_SANITIZED 1
#endif
#endif

#ifdef ORO_SANITIZED
bool oro_is_sanitized(void) { return true; }
#else
bool oro_is_sanitized(void) { return false; }
#endif

#if defined(__GLIBC__) && !defined(ORO_SANITIZED)
void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);
static void count(void) { allocations++; }

void *malloc(size_t bytes) {
    count();
    return __libc_malloc(bytes);
}
void *calloc(size_t members, size_t bytes) {
    count();
    return __libc_calloc(members, bytes);
}
void *realloc(void *old, size_t bytes) {
    count();
    return __libc_realloc(old, bytes);
}
void *memalign(size_t alignment, size_t bytes) {
    count();
    return __libc_memalign(alignment, bytes);
}
void *aligned_alloc(size_t alignment, size_t bytes) {
    count();
    return __libc_memalign(alignment, bytes);
}
int posix_memalign(void **place, size_t alignment, size_t bytes) {
    count();
    *place = __libc_memalign(alignment, bytes);
    return *place == NULL ? ENOMEM : 0;
}
#endif

#if defined(__x86_64__)
#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH 59
#endif
static _Thread_local volatile char selector;  // 0 allow, 1 block
static _Thread_local volatile uint64_t trapped, yielded;

// Does on behalf of the thread what it asked for. The call that leaves a handler cannot be made from here, but no
// handler other than this one runs while counting.
static void trap(int number, siginfo_t *info, void *context) {
    (void)number;
    (void)info;
    selector = 0;
    greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
    if (r[REG_RAX] == SYS_sched_yield)
        yielded++;
    else
        trapped++;
    register long r10 __asm__("r10") = r[REG_R10];
    register long r8 __asm__("r8") = r[REG_R8];
    register long r9 __asm__("r9") = r[REG_R9];
    long answer;
    __asm__ volatile("syscall"
                     : "=a"(answer)
                     : "a"(r[REG_RAX]), "D"(r[REG_RDI]), "S"(r[REG_RSI]), "d"(r[REG_RDX]), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    r[REG_RAX] = answer;
    selector = 1;
}

// The return from the handler (rt_sigreturn) must not be trapped: it comes from this range, and the
// kernel looks at the address behind the instruction.
extern void oro_restore(void);
__asm__(
    ".pushsection .text\n.globl oro_restore\n.type oro_restore,@function\noro_restore:\n mov $15,%eax\n syscall\n nop\n"
    "oro_restore_end:\n.popsection\n");
extern char oro_restore_end[];

struct kernel_action {
    void (*handler)(int, siginfo_t *, void *);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

int oro_syscall_count_start(void) {
    struct kernel_action action = {.handler = trap,
        .flags = SA_SIGINFO | 0x04000000 /* SA_RESTORER */ | SA_NODEFER,
        .restorer = oro_restore,
        .mask = 0};
    if (syscall(SYS_rt_sigaction, SIGSYS, &action, NULL, 8) != 0) return -errno;
    trapped = yielded = 0;
    selector = 0;
    unsigned long start = (unsigned long)(void *)oro_restore;
    if (prctl(PR_SET_SYSCALL_USER_DISPATCH, 1, start, (unsigned long)oro_restore_end - start, &selector) != 0)
        return -errno;
    selector = 1;
    return 0;
}

uint64_t oro_syscall_count_stop(void) {
    selector = 0;
    prctl(PR_SET_SYSCALL_USER_DISPATCH, 0, 0, 0, 0);
    return trapped;
}
uint64_t oro_yield_count(void) { return yielded; }
#else
int oro_syscall_count_start(void) { return -ENOSYS; }
uint64_t oro_syscall_count_stop(void) { return 0; }
uint64_t oro_yield_count(void) { return 0; }
#endif
