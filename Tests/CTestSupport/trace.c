// SPDX-License-Identifier: Apache-2.0
// Killing a process at a counted instruction.
//
// The victim calls oro_mark (an int3) just before and just after the operation under test. The tracer runs it to the
// first mark, steps it instruction by instruction, and kills it at the one chosen beforehand. Other threads of the
// victim run on meanwhile, as they do when a real SIGKILL comes.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oro_test.h"

#if defined(__x86_64__)
__attribute__((noinline)) void oro_mark(void) { __asm__ volatile("int3" ::: "memory"); }

// Tells a mark (int3) from a step that was asked for.
static bool at_mark(pid_t thread) {
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, thread, NULL, &info) != 0) return false;
    return info.si_code == SI_KERNEL;
}

static long next_event(pid_t pid, pid_t *thread, int *state) {
    *thread = waitpid(-1, state, __WALL | __WNOTHREAD);
    if (*thread < 0) return -errno;
    if (*thread == pid && (WIFEXITED(*state) || WIFSIGNALED(*state))) return -1000 - *state;
    return 0;
}

// Lets a stopped thread that is not the one under test go on, as it would without us.
static void pass_on(pid_t thread, int state) {
    if (!WIFSTOPPED(state)) return;
    int signal = WSTOPSIG(state);
    if (signal == SIGTRAP || signal == SIGSTOP) signal = 0;
    ptrace(PTRACE_CONT, thread, NULL, (void *)(long)signal);
}

int oro_trace_until_mark(pid_t pid) {
    if (ptrace(PTRACE_CONT, pid, NULL, NULL) != 0 && errno != ESRCH) return -errno;
    while (true) {
        pid_t thread;
        int state;
        long status = next_event(pid, &thread, &state);
        if (status != 0) return (int)status;
        if (WIFSTOPPED(state) && WSTOPSIG(state) == SIGTRAP && (state >> 16) == 0 && at_mark(thread)) return thread;
        pass_on(thread, state);
    }
}

int oro_trace_step_and_kill(
    pid_t pid, pid_t thread, long skip, long steps, struct oro_trace *result, uint64_t *killed_at) {
    result->instructions = 0;
    result->syscalls = 0;
    result->status = 0;
    while (skip < 0 || result->syscalls < skip || result->instructions < steps) {
        // At full speed from system call to system call (a stop at each entry and exit), then by single instructions.
        bool calls = skip < 0 || result->syscalls < skip;
        if (ptrace(calls ? PTRACE_SYSCALL : PTRACE_SINGLESTEP, thread, NULL, NULL) != 0) return -errno;
        if (calls)
            result->syscalls++;
        else
            result->instructions++;
        bool stepped = false;
        while (!stepped) {
            pid_t who = thread;
            int state;
            // Our own thread nearly always; others are looked at when it is not ready.
            if (waitpid(thread, &state, __WALL | __WNOTHREAD | WNOHANG) == thread) {
                who = thread;
            } else {
                who = waitpid(-1, &state, __WALL | __WNOTHREAD);
                if (who < 0) return -errno;
            }
            if (WIFEXITED(state) || WIFSIGNALED(state)) {
                if (who == pid) return -ESRCH;
                continue;
            }
            if (who != thread) {
                pass_on(who, state);
                continue;
            }
            if (WSTOPSIG(state) == SIGTRAP && (state >> 16) == 0 && at_mark(thread)) {
                result->status = 1;
                goto kill_it;
            }
            if (WSTOPSIG(state) != SIGTRAP) {
                ptrace(calls ? PTRACE_SYSCALL : PTRACE_SINGLESTEP, thread, NULL, (void *)(long)WSTOPSIG(state));
                continue;
            }
            stepped = true;
        }
    }
kill_it:
    *killed_at = oro_clock_ns();
    kill(pid, SIGKILL);
    while (true) {
        int state;
        pid_t who = waitpid(-1, &state, __WALL | __WNOTHREAD);
        if (who < 0) break;
        if (who == pid && (WIFEXITED(state) || WIFSIGNALED(state))) break;
        if (WIFSTOPPED(state)) ptrace(PTRACE_CONT, who, NULL, NULL);
    }
    return 0;
}
#else
void oro_mark(void) {}
int oro_trace_until_mark(pid_t pid) {
    (void)pid;
    return -ENOSYS;
}
int oro_trace_step_and_kill(
    pid_t pid, pid_t thread, long skip, long steps, struct oro_trace *result, uint64_t *killed_at) {
    (void)pid;
    (void)thread;
    (void)skip;
    (void)steps;
    (void)result;
    (void)killed_at;
    return -ENOSYS;
}
#endif
