// SPDX-License-Identifier: Apache-2.0
// What the tests need of C: other processes, tracing, system call filters, and counts of allocations and system calls.
#ifndef ORO_TEST_H
#define ORO_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// --- Processes ----------------------------------------------------------------------------------------------------
struct oro_child {
    pid_t pid;
    int input;   // writes to its standard input; closing it tells the child to end
    int output;  // reads its standard output
};
// Starts `path` with `argv` (NULL at the end). `fds` (count of them) become descriptors 10, 11, … of the child; every
// other descriptor is closed. The child dies with its parent. 0, or minus errno.
int oro_spawn(const char *path, char *const argv[], const int *fds, int fd_count, struct oro_child *child);
// A copy of this process, with the calling thread alone: 0 there. The child dies with its parent, and after a minute.
pid_t oro_fork(void);
// The child's end: nothing else is run.
void oro_leave(int status);
// Waits for the end: the exit status, or 128 + signal. Once.
int oro_reap(pid_t pid);
// 1 when the process has ended (it stays to be reaped), 0 when not.
int oro_has_ended(pid_t pid);

// --- This process, as the kernel sees it (pid 0: this one) -------------------------------------------------------
int oro_count_fds(pid_t pid);
int oro_count_maps(pid_t pid);    // lines of /proc/PID/maps
int oro_count_memfds(pid_t pid);  // of those, mappings of memfds
long oro_rss_kb(pid_t pid);
long oro_peak_rss_kb(pid_t pid);  // the most it ever was
long oro_pss_kb(pid_t pid);
long oro_shmem_kb(pid_t pid);  // resident pages of shared memory, memfds included
// Clock ticks (user + system) of the whole process, and switches of all its threads.
long oro_cpu_ticks(pid_t pid);
long oro_voluntary_switches(pid_t pid, const char *thread_name);  // NULL: all threads
uint64_t oro_clock_ns(void);
int oro_pin(int cpu);          // the calling thread
void oro_line_buffered(void);  // standard output, from now on

// --- Payloads -----------------------------------------------------------------------------------------------------
// Here because a debug build of Swift would take minutes over it.
void oro_fill(void *bytes, size_t count, uint64_t seed);
uint64_t oro_hash(const void *bytes, size_t count);

// --- Filters ------------------------------------------------------------------------------------------------------
// From now on `number` fails with `error` in this process and its children.
int oro_refuse_syscall(int number, int error);
int oro_refuse_io_uring(void);

// --- Counting -----------------------------------------------------------------------------------------------------
// Allocations made by the calling thread since it began.
uint64_t oro_allocations(void);
// Bytes of the heap that are in use; 0 where the C library does not say.
size_t oro_heap_bytes(void);
// A sanitizer has its own malloc: it counts for nobody here, and keeps what is freed for a while.
bool oro_is_sanitized(void);
// Counts every system call of the calling thread between start and stop (syscall user dispatch). minus errno if the
// kernel cannot.
int oro_syscall_count_start(void);
uint64_t oro_syscall_count_stop(void);
// Of that time, sched_yield is counted apart: a spinning side yields after a millisecond in which the other did not
// run.
uint64_t oro_yield_count(void);

// --- Tracing: killing at a counted instruction --------------------------------------------------------------------
// The victim calls this just before, and just after, the operation under test.
void oro_mark(void);
struct oro_trace {
    long syscalls;      // stops at entries and exits of system calls since the first mark
    long instructions;  // single steps after them
    int status;         // 0 killed as asked, 1 the victim passed its second mark before
};
// The victim, stopped at its first mark, runs through `skip` entries and exits of system calls, is then stepped `steps`
// instructions, and killed by SIGKILL. With skip < 0 it runs to its second mark: the count, and killed there. When it
// passes its second mark earlier it is killed there. Time of death in *killed_at. To be called on the thread that
// spawned the victim with oro_spawn_traced.
int oro_spawn_traced(const char *path, char *const argv[], const int *fds, int fd_count, struct oro_child *child);
// Lets it run until it is at its next mark, in whatever thread: that thread's id, minus errno, or -1000 minus
// the wait status it has ended with.
int oro_trace_until_mark(pid_t pid);
int oro_trace_step_and_kill(
    pid_t pid, pid_t thread, long skip, long steps, struct oro_trace *result, uint64_t *killed_at);

// --- Raw packets, for the hostile peer ------------------------------------------------------------------------------
ssize_t oro_raw_send(int fd, const void *bytes, size_t count, const int *fds, int fd_count);
ssize_t oro_raw_receive(
    int fd, void *bytes, size_t capacity, int *fds, int capacity_fds, int *fd_count, int timeout_ms);
int oro_raw_connect(const char *path);
int oro_raw_listen(const char *path);
int oro_raw_accept(int fd, int timeout_ms);
// A memfd of `bytes`; `allocate`: without holes; `seals` as F_ADD_SEALS takes them (0 none).
int oro_raw_memfd(uint64_t bytes, bool allocate, int seals);
int oro_raw_segment_seals(void);
int oro_raw_immutable_seals(void);
// Maps all of it shared and writable, before it is sealed. NULL when it cannot be.
void *oro_raw_map(int fd, uint64_t bytes);
int oro_raw_seal(int fd, int seals);
// Minus errno, or 0: what a peer that means harm would try with a memfd.
int oro_raw_truncate(int fd, uint64_t bytes);
int oro_raw_punch(int fd, uint64_t bytes);             // a hole at its start
int oro_raw_map_writable(int fd, uint64_t bytes);      // shared; unmapped at once if it works
int oro_raw_protect_writable(int fd, uint64_t bytes);  // maps it for reading, and then asks for writing
int oro_raw_remove(void *address, uint64_t bytes);     // a hole, through a mapping
void oro_raw_unmap(void *address, uint64_t bytes);
void *oro_raw_map_reading(int fd, uint64_t bytes);
void *oro_raw_map_private(int fd, uint64_t bytes);  // for what is sealed against all writing
// Holds the lock that receiving from, sending to, or waiting for `fd` takes, until oro_hold_end: there is a packet,
// there is room, there is an event. NULL: this process may not (vm.unprivileged_userfaultfd).
enum oro_hold_kind { ORO_HOLD_RECEIVE, ORO_HOLD_SEND, ORO_HOLD_EPOLL };
struct oro_hold;  // opaque
struct oro_hold *oro_hold_start(int fd, enum oro_hold_kind kind);
void oro_hold_end(struct oro_hold *hold);

void oro_raw_fence(void);
int oro_raw_epoll(int depth);  // an epoll that watches an epoll … depth deep
int oro_raw_epoll_add(int epoll, int fd);
int oro_raw_eventfd(void);
// A memfd of `bytes` whose pages are allocated, except for a hole, which as many pages beyond its end make up for.
int oro_raw_holey(uint64_t bytes, uint64_t hole, uint64_t hole_bytes, int seals);
// A TCP socket whose last close waits that long, or until `reader` is closed.
int oro_raw_unread(int seconds, int *reader);
// Sets the soft limit of this process (RLIMIT_…), and answers what it was; the same for another process: 0 or minus
// errno.
uint64_t oro_limit(int resource, uint64_t soft);
int oro_limit_of(pid_t pid, int resource, uint64_t soft);
// A child that keeps all descriptors of this process until its standard input ends. Its process id.
int oro_fork_holder(void);
// 1: the mapping around this address is not for children of fork.
int oro_is_not_forked(const void *address);
int oro_raw_file(void);  // a regular file, already unlinked
// A connected pair of TCP sockets of this machine; closing the first takes `seconds` (SO_LINGER), because it has more
// to send than the other takes.
int oro_raw_lingering(int seconds, int *lingering, int *other);

#endif
