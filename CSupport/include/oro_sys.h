// SPDX-License-Identifier: Apache-2.0
// System calls, and nothing that decides anything. Every call answers a value, or minus the errno.
// `oro_syscalls()` counts them: the list in docs/system-calls.md is what stands here and in oro_poller.h.
#ifndef ORO_SYS_H
#define ORO_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "oro_attention.h"
#include "oro_clock.h"
#include "oro_release_ring.h"
#include "oro_tsan.h"

// System calls made by this process through this file and the poller.
uint64_t oro_syscalls(void);

// --- Segments -----------------------------------------------------------------------------------------------------
// A memfd of `bytes`, close-on-exec, not executable where the kernel knows MFD_NOEXEC_SEAL. ORO_SIZED: all of it a
// hole; ORO_ALLOCATED: every page is there, ORO_WRITTEN: and has been written. -EFBIG beyond RLIMIT_FSIZE.
enum { ORO_SIZED, ORO_ALLOCATED, ORO_WRITTEN };
int oro_memfd_create(const char *name, uint64_t bytes, int allocation);
// Seals size, seals, and any *new* writable mapping. The mappings that exist stay writable.
int oro_memfd_seal(int fd);
// Seals size, seals, and all writing, for good. -EBUSY while there is a writable mapping.
int oro_memfd_seal_immutable(int fd);
// The size of a memfd, or minus errno; -EINVAL for what is none.
int64_t oro_memfd_size(int fd);
// 0: a memfd of exactly `bytes`, with the seals of oro_memfd_seal, or with `immutable` those of
// oro_memfd_seal_immutable; else what is wrong. Says nothing about holes, except that what has too few pages has some.
enum { ORO_FD_OK = 0, ORO_FD_NOT_MEMFD = 1, ORO_FD_NOT_SEALED = 2, ORO_FD_SIZE = 3, ORO_FD_HOLES = 4, ORO_FD_HUGE = 5 };
int oro_memfd_verify(int fd, uint64_t bytes, bool immutable);
// 0: every page of a part of a memfd is there (`offset` is a multiple of a page); ORO_FD_HOLES, ORO_FD_HUGE (memory of
// hugetlbfs, of which nobody can say), or minus errno. To be asked after its seals were seen: then no hole can be
// punched any more. Costs some 10 to 50 ns a page, and waits for nobody.
int oro_memfd_present(int fd, uint64_t offset, uint64_t bytes);
// A limit (RLIMIT_AS, a low RLIMIT_NPROC) may keep this process from making a thread when it needs one.
bool oro_threads_are_scarce(void);
// Of a page here: 4 096, 16 384, 65 536.
uint64_t oro_page_bytes(void);
// Maps all of a memfd; not for children of fork. NULL with *error = errno. `immutable`: it is sealed against all
// writing. Before Linux 6.7 such a memfd can only be mapped privately, which shares its pages as well.
void *oro_map(int fd, uint64_t bytes, bool writable, bool immutable, bool populate, int *error);
// Allocates every page of a memfd, of huge pages where the system gives some. 0, or minus errno.
int oro_populate_huge(int fd, void *base, uint64_t bytes);
// Maps `head` bytes and behind them the ring (`ring` bytes) twice back to back; not for children of fork. NULL with
// *error = errno.
void *oro_map_ring(int fd, uint64_t head, uint64_t ring, bool writable, int *error);
// Maps a part of a memfd, `offset` being a multiple of a page, as this process's own: pages that are written to are
// copied. NULL with *error = errno.
void *oro_map_private(int fd, uint64_t offset, uint64_t bytes, int *error);
void oro_unmap(void *address, uint64_t bytes);

// --- Sockets ------------------------------------------------------------------------------------------------------
// AF_UNIX SOCK_SEQPACKET, close-on-exec, nonblocking.
int oro_socket_listen(const char *path, int backlog);
// Where the queue of the listening socket is full, waits for room in it at most `timeout_ms`; then -EAGAIN.
int oro_socket_connect(const char *path, int timeout_ms);
int oro_socket_accept(int fd);
int oro_socketpair(int fds[2]);
void oro_socket_shutdown(int fd);
enum { ORO_FDS_MAX = 4, ORO_PASSED_MAX = 253 };
// One packet with up to ORO_FDS_MAX descriptors.
ssize_t oro_send_packet(int fd, const void *bytes, size_t count, const int *fds, int fd_count);
// One packet, and all descriptors it brought, which may be any numbers. ORO_PEEK leaves it where it is: the descriptors
// are further ones of the same files, so that no file is closed here for good. ORO_TAKE_BYTES drops those it brought:
// for a packet that was peeked at. *cut: it did not fit; the system had no number for all descriptors.
enum { ORO_PEEK, ORO_TAKE, ORO_TAKE_BYTES };
enum { ORO_CUT_BYTES = 1, ORO_CUT_DESCRIPTORS = 2 };
ssize_t oro_receive_packet(
    int fd, int how, void *bytes, size_t capacity, int fds[ORO_PASSED_MAX], int *fd_count, int *cut);
// Waits for `events` (POLLIN…). 1 ready, 0 time out.
int oro_poll_one(int fd, short events, int timeout_ms);
int oro_peer_credentials(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid);
// A pidfd of the socket's peer: SO_PEERPIDFD, else pidfd_open(pid); minus errno where neither works.
int oro_peer_pidfd(int fd, int32_t pid);

// --- Doorbells ----------------------------------------------------------------------------------------------------
// Wakes a peer: a wake packet on the socket that it polls. Does not wait for anything. A packet that finds no room is
// dropped: then there are unread ones that wake it (docs/decisions/016-doorbell.md).
void oro_send_wake(int fd, struct oro_attention *mine);
// A packet that was received is a wake packet.
bool oro_is_wake(const void *bytes, size_t count);
// A connected AF_UNIX socket of packets: what sending to, shutting down and closing cannot wait on.
bool oro_is_packet_socket(int fd);
// Ends a wait of a thread of this process. Nobody reads the counter, and nobody else has the descriptor.
void oro_eventfd_signal(int fd);

// --- Descriptors and files ----------------------------------------------------------------------------------------
void oro_close(int fd);
int oro_duplicate(int fd);  // close-on-exec
// What a descriptor is that may be anybody's, or minus errno. Asks no file system that a process serves.
enum { ORO_IS_FILE, ORO_IS_PIPE, ORO_IS_SOCKET, ORO_IS_DIRECTORY, ORO_IS_DEVICE, ORO_IS_PATH, ORO_IS_OTHER };
int oro_descriptor_kind(int fd);
// Reads until `count` bytes are there or the file ends: how many, or minus errno.
ssize_t oro_read_at(int fd, void *bytes, size_t count, uint64_t offset);
int oro_eventfd(void);
int oro_make_directory(const char *path);
// Opens a directory that is ours and closed to all others; -ENOTDIR, -EPERM (another's), the value below, ….
enum { ORO_DIRECTORY_OPEN_TO_OTHERS = -100000 };
int oro_open_directory(const char *path);
// Takes the exclusive lock of an open directory; waits for it. Closing the descriptor gives it back.
int oro_lock_directory(int fd);
void oro_unlock_directory(int fd);
// Which file a path names (a symbolic link is itself one), or minus errno.
int oro_file_identity(const char *path, uint64_t *device, uint64_t *inode);
// A descriptor that tells of files that come to be in folders, close-on-exec, nonblocking; minus errno.
int oro_folder_watch(void);
// From now on of this folder, too: its number, which is the same when it is added again; minus errno.
int oro_folder_watch_add(int fd, const char *path);
void oro_folder_watch_remove(int fd, int folder);
enum { ORO_FOLDER_FILE, ORO_FOLDER_GONE, ORO_FOLDER_LOST, ORO_FOLDER_NEWS = 64 };
// What has happened. ORO_FOLDER_FILE: there is a file of this name now. ORO_FOLDER_GONE: the folder is no more, and
// nothing more is told of it. ORO_FOLDER_LOST: nobody knows what, in any folder; more than the system keeps.
struct oro_folder_news {
    int folder;
    int what;
    char name[256];
};
// The next of it: how many, 0 when there is no more, or minus errno.
int oro_folder_watch_read(int fd, struct oro_folder_news news[ORO_FOLDER_NEWS]);
// How many descriptors (RLIMIT_NOFILE) and mappings (vm.max_map_count) this process may have.
uint64_t oro_descriptor_limit(void);
uint64_t oro_mapping_limit(void);
// A descriptor that only keeps a number free for when there are no others.
int oro_open_reserve(void);
int oro_unlink(const char *path);

// --- Processors, clocks, barriers ---------------------------------------------------------------------------------
// Registers for and answers whether membarrier works here.
bool oro_membarrier_register(void);
// Makes every running thread of every registered process pass a full barrier. False when the kernel could not.
bool oro_membarrier(void);
void oro_yield(void);
uint64_t oro_thread_token(void);    // never 0 or 1, and no two threads of a process ever have the same; no system call
int32_t oro_thread_id(void);        // the kernel's
bool oro_in_task(void);             // the calling thread runs a Swift task; a few instructions
bool oro_thread_lives(int32_t id);  // of this process
void oro_thread_name(const char *name);  // names the calling thread; at most 15 bytes count
int oro_random(void *bytes, size_t count);
uint32_t oro_user_id(void);
uint32_t oro_group_id(void);
int32_t oro_process_id(void);
bool oro_working_directory(char *path, size_t size);  // false: it is longer, or gone
// Private futexes on a word that Swift's `Atomic<UInt32>` owns. A limit of 0 is none.
void oro_futex_wait_value(const void *word, uint32_t value, uint64_t timeout_ns);
void oro_futex_wake_value(const void *word, int count);

// The processor this thread runs on, plus one, without a system call (rseq); 0 where that is unknown.
#if defined(__linux__) && defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 35)
#include <sys/rseq.h>
#define ORO_HAS_RSEQ 1
#endif
#endif
static inline uint32_t oro_cpu(void) {
#ifdef ORO_HAS_RSEQ
    if (__rseq_size != 0) {
        const struct rseq *area = (const struct rseq *)((const char *)__builtin_thread_pointer() + __rseq_offset);
        return *(const volatile uint32_t *)&area->cpu_id + 1;
    }
#endif
    return 0;
}

#endif
