#define _GNU_SOURCE
#include "oro_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "count.h"
#include "oro_fork.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

_Atomic uint64_t oro_syscall_count;

uint64_t oro_syscalls(void) { return atomic_load_explicit(&oro_syscall_count, memory_order_relaxed); }

static const int size_seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
static const int segment_seals = size_seals | F_SEAL_FUTURE_WRITE;

// Descriptors the library keeps are above 2: in a process whose standard streams are closed, whatever writes to one of
// them would write to ours. `fd` may be minus an errno.
static int above_standard(int fd) {
    if (fd < 0 || fd > 2) return fd;
    int moved = COUNTED(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    int status = moved < 0 ? -errno : moved;
    oro_close(fd);
    return status;
}

static int new_memfd(const char *name) {
    int fd = COUNTED(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL));
    if (fd < 0 && errno == EINVAL) fd = COUNTED(memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    return above_standard(fd < 0 ? -errno : fd);
}

// Writes zeros to all of it. A kernel without cachestat tells pages that were only allocated from holes by nothing that
// could not be made to wait (docs/system-calls.md), and pages that were written cost no fault later.
static int write_zeros(int fd, uint64_t bytes) {
    static const unsigned char zeros[1 << 16];
    for (uint64_t done = 0; done < bytes;) {
        size_t count = bytes - done < sizeof zeros ? (size_t)(bytes - done) : sizeof zeros;
        ssize_t wrote = COUNTED(pwrite(fd, zeros, count, (off_t)done));
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote <= 0) return wrote < 0 ? -errno : -ENOSPC;
        done += (uint64_t)wrote;
    }
    return 0;
}

static int allocate(int fd, uint64_t bytes) {
    int status;
    do status = COUNTED(fallocate(fd, 0, 0, (off_t)bytes));
    while (status != 0 && errno == EINTR);
    return status == 0 ? 0 : -errno;
}

int oro_memfd_create(const char *name, uint64_t bytes, int allocation) {
    // Beyond this limit the kernel sends SIGXFSZ, which ends a process that does not expect it.
    struct rlimit limit;
    if (COUNTED(getrlimit(RLIMIT_FSIZE, &limit)) == 0 && limit.rlim_cur != RLIM_INFINITY && bytes > limit.rlim_cur)
        return -EFBIG;
    int fd = new_memfd(name);
    if (fd < 0) return fd;
    int status = COUNTED(ftruncate(fd, (off_t)bytes)) == 0 ? 0 : -errno;
    if (status == 0 && allocation == ORO_ALLOCATED) status = allocate(fd, bytes);
    if (status == 0 && allocation == ORO_WRITTEN) status = write_zeros(fd, bytes);
    if (status == 0) return fd;
    oro_close(fd);
    return status;
}

int oro_populate_huge(int fd, void *base, uint64_t bytes) {
    COUNTED(madvise(base, bytes, MADV_HUGEPAGE));
    if (COUNTED(madvise(base, bytes, MADV_POPULATE_WRITE)) == 0) return 0;
    // Before Linux 5.14. EFAULT is what a full file system would have answered with SIGBUS.
    return errno == EINVAL ? allocate(fd, bytes) : errno == EFAULT ? -ENOSPC : -errno;
}

int oro_memfd_seal_immutable(int fd) {
    return COUNTED(fcntl(fd, F_ADD_SEALS, size_seals | F_SEAL_WRITE)) == 0 ? 0 : -errno;
}

int64_t oro_memfd_size(int fd) {
    struct stat status;
    if (COUNTED(fcntl(fd, F_GET_SEALS)) < 0) return -EINVAL;
    if (COUNTED(fstat(fd, &status)) != 0) return -errno;
    return S_ISREG(status.st_mode) ? (int64_t)status.st_size : -EINVAL;
}

int oro_memfd_seal(int fd) { return COUNTED(fcntl(fd, F_ADD_SEALS, segment_seals)) == 0 ? 0 : -errno; }

int oro_memfd_verify(int fd, uint64_t bytes, bool immutable) {
    int wanted = immutable ? size_seals | F_SEAL_WRITE : segment_seals;
    int seals = COUNTED(fcntl(fd, F_GET_SEALS));
    if (seals < 0) return ORO_FD_NOT_MEMFD;
    if ((seals & wanted) != wanted) return ORO_FD_NOT_SEALED;
    struct stat status;
    if (COUNTED(fstat(fd, &status)) != 0 || !S_ISREG(status.st_mode)) return ORO_FD_NOT_MEMFD;
    if ((uint64_t)status.st_size != bytes) return ORO_FD_SIZE;
    // Says nothing when it is enough (pages beyond the end count too), but costs nothing either.
    return (uint64_t)status.st_blocks * 512 < bytes ? ORO_FD_HOLES : ORO_FD_OK;
}

// Where there is no cachestat (before Linux 6.5, or filtered): pages that were never written count as holes here.
static int present_by_mincore(int fd, uint64_t offset, uint64_t bytes) {
    struct stat status;
    struct statfs files;
    if (COUNTED(fstat(fd, &status)) != 0 || COUNTED(fstatfs(fd, &files)) != 0) return ORO_FD_NOT_MEMFD;
    if (files.f_type != 0x01021994) return ORO_FD_HUGE;  // TMPFS_MAGIC
    // Of a file that we could neither own nor write the kernel says that every page is there.
    if ((status.st_mode & S_IWOTH) == 0 && status.st_uid != geteuid()) return ORO_FD_HOLES;
    uint64_t page = oro_page_bytes();
    unsigned char there[1024];
    void *base = COUNTED(mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, (off_t)offset));
    if (base == MAP_FAILED) return -errno;
    int answer = ORO_FD_OK;
    for (uint64_t done = 0; done < bytes && answer == ORO_FD_OK; done += sizeof there * page) {
        uint64_t count = bytes - done < sizeof there * page ? bytes - done : sizeof there * page;
        if (COUNTED(mincore((char *)base + done, count, there)) != 0) answer = -errno;
        for (uint64_t i = 0; i < (count + page - 1) / page; i++)
            if ((there[i] & 1) == 0 && answer == ORO_FD_OK) answer = ORO_FD_HOLES;
    }
    oro_unmap(base, bytes);
    return answer;
}

int oro_memfd_present(int fd, uint64_t offset, uint64_t bytes) {
    struct {
        uint64_t offset, length;
    } range = {offset, bytes};
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } pages;
    uint64_t page = oro_page_bytes();
    uint64_t wanted = (offset + bytes + page - 1) / page - offset / page;
    // Not lseek(SEEK_HOLE): that takes the lock of the file's position and of the file, which a peer can hold as long
    // as it likes; and it takes pages that were allocated but never written for holes. Swapped pages count as evicted.
    // One that is on its way may be missed, so what is missed once is looked for again.
    for (int attempt = 0; attempt < 3; attempt++) {
        if (COUNTED(syscall(SYS_cachestat, fd, &range, &pages, 0)) != 0) {
            if (errno == EOPNOTSUPP) return ORO_FD_HUGE;
            return present_by_mincore(fd, offset, bytes);
        }
        if (pages.cached + pages.evicted >= wanted) return ORO_FD_OK;
    }
    return ORO_FD_HOLES;
}

bool oro_threads_are_scarce(void) {
    struct rlimit addresses, processes;
    if (COUNTED(getrlimit(RLIMIT_AS, &addresses)) != 0 || COUNTED(getrlimit(RLIMIT_NPROC, &processes)) != 0)
        return false;
    return addresses.rlim_cur != RLIM_INFINITY || processes.rlim_cur < 4096;
}

uint64_t oro_page_bytes(void) {
    static _Atomic uint64_t known;
    uint64_t bytes = atomic_load_explicit(&known, memory_order_relaxed);
    if (bytes == 0) {
        bytes = (uint64_t)sysconf(_SC_PAGESIZE);
        atomic_store_explicit(&known, bytes, memory_order_relaxed);
    }
    return bytes;
}

void *oro_map_ring(int fd, uint64_t head, uint64_t ring, bool writable, int *error) {
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    unsigned char *base =
        COUNTED(mmap(NULL, head + 2 * ring, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (base == MAP_FAILED) {
        *error = errno;
        return NULL;
    }
    if (COUNTED(mmap(base, head + ring, protection, MAP_SHARED | MAP_FIXED, fd, 0)) == MAP_FAILED
        || COUNTED(mmap(base + head + ring, ring, protection, MAP_SHARED | MAP_FIXED, fd, (off_t)head)) == MAP_FAILED) {
        *error = errno;
        COUNTED(munmap(base, head + 2 * ring));
        return NULL;
    }
    COUNTED(madvise(base, head + 2 * ring, MADV_DONTFORK));
    oro_fork_note_memory(base, head + 2 * ring);
    return base;
}

void *oro_map(int fd, uint64_t bytes, bool writable, bool immutable, bool populate, int *error) {
    int protection = writable ? PROT_READ | PROT_WRITE : PROT_READ;
    // A writer touches every page: one call that maps them all costs a fraction of a fault for each.
    int flags = (immutable ? MAP_PRIVATE : MAP_SHARED) | (populate ? MAP_POPULATE : 0);
    void *base = COUNTED(mmap(NULL, bytes, protection, flags, fd, 0));
    *error = errno;
    if (base == MAP_FAILED) return NULL;
    // What is only read stays as it is in a forked child: it may hold payloads that the child has.
    if (writable) {
        COUNTED(madvise(base, bytes, MADV_DONTFORK));
        oro_fork_note_memory(base, bytes);
    }
    return base;
}

void oro_unmap(void *address, uint64_t bytes) {
    oro_fork_forget_memory(address);
    COUNTED(munmap(address, bytes));
}

static int unix_address(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

static int unix_socket(void) {
    int fd = COUNTED(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return above_standard(fd < 0 ? -errno : fd);
}

int oro_socket_listen(const char *path, int backlog) {
    struct sockaddr_un address;
    int status = unix_address(path, &address);
    if (status != 0) return status;
    int fd = unix_socket();
    if (fd < 0) return fd;
    if (COUNTED(bind(fd, (struct sockaddr *)&address, sizeof address)) != 0 || COUNTED(listen(fd, backlog)) != 0) {
        status = -errno;
        oro_close(fd);
        return status;
    }
    return fd;
}

// Waits until the queue of the listening socket has room, in the kernel, where those who wait are served in order.
static int connect_waiting(int fd, const struct sockaddr_un *address, int timeout_ms) {
    uint64_t deadline = oro_now() + (uint64_t)timeout_ms * 1000000u;
    int flags = COUNTED(fcntl(fd, F_GETFL));
    if (flags < 0 || COUNTED(fcntl(fd, F_SETFL, flags & ~O_NONBLOCK)) != 0) return -errno;
    int status;
    do {
        uint64_t now = oro_now();
        uint64_t left_us = now < deadline ? (deadline - now) / 1000u : 0;
        struct timeval limit = {.tv_sec = (time_t)(left_us / 1000000u), .tv_usec = (suseconds_t)(left_us % 1000000u)};
        // Zero would be no limit at all.
        if (left_us == 0) return -EAGAIN;
        if (COUNTED(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit)) != 0) return -errno;
        status = COUNTED(connect(fd, (const struct sockaddr *)address, sizeof *address));
    } while (status != 0 && errno == EINTR);
    if (status != 0) return -errno;
    struct timeval none = {0};
    COUNTED(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof none));
    return COUNTED(fcntl(fd, F_SETFL, flags)) == 0 ? 0 : -errno;
}

int oro_socket_connect(const char *path, int timeout_ms) {
    struct sockaddr_un address;
    int status = unix_address(path, &address);
    if (status != 0) return status;
    int fd = unix_socket();
    if (fd < 0) return fd;
    do status = COUNTED(connect(fd, (struct sockaddr *)&address, sizeof address));
    while (status != 0 && errno == EINTR);
    if (status != 0) status = errno == EAGAIN && timeout_ms > 0 ? connect_waiting(fd, &address, timeout_ms) : -errno;
    if (status != 0) {
        oro_close(fd);
        return status;
    }
    return fd;
}

int oro_socket_accept(int fd) {
    int accepted;
    do accepted = COUNTED(accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK));
    while (accepted < 0 && errno == EINTR);
    return above_standard(accepted < 0 ? -errno : accepted);
}

int oro_socketpair(int fds[2]) {
    if (COUNTED(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds)) != 0) return -errno;
    for (int i = 0; i < 2; i++) {
        int fd = above_standard(fds[i]);
        if (fd < 0) {
            oro_close(fds[1 - i]);
            return fd;
        }
        fds[i] = fd;
    }
    return 0;
}

ssize_t oro_send_packet(int fd, const void *bytes, size_t count, const int *fds, int fd_count) {
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * ORO_FDS_MAX)];
    } control;
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > ORO_FDS_MAX) return -EINVAL;
    if (fd_count > 0) {
        memset(&control, 0, sizeof control);
        message.msg_control = control.room;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)fd_count);
    }
    ssize_t sent;
    do sent = COUNTED(sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT));
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : sent;
}

ssize_t oro_receive_packet(
    int fd, int how, void *bytes, size_t capacity, int fds[ORO_PASSED_MAX], int *fd_count, int *cut) {
    // Room for the most descriptors the kernel passes at once, so that only a lack of numbers keeps one from coming.
    union {
        struct cmsghdr header;
        char room[CMSG_SPACE(sizeof(int) * ORO_PASSED_MAX) + CMSG_SPACE(64)];
    } control;
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message;
    ssize_t received;
    bool again = true;
    do {
        message = (struct msghdr){.msg_iov = &part,
            .msg_iovlen = 1,
            .msg_control = how == ORO_TAKE_BYTES ? NULL : control.room,
            .msg_controllen = how == ORO_TAKE_BYTES ? 0 : sizeof control.room};
        received = COUNTED(recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT | (how == ORO_PEEK ? MSG_PEEK : 0)));
        if (received < 0 && errno == ECONNRESET && again) {
            // The peer closed without reading all of ours. What it sent before, such as a refusal, is still there.
            again = false;
            errno = EINTR;
        }
    } while (received < 0 && errno == EINTR);
    *fd_count = 0;
    *cut = 0;
    if (received < 0) return -errno;
    if ((message.msg_flags & MSG_TRUNC) != 0) *cut |= ORO_CUT_BYTES;
    if ((message.msg_flags & MSG_CTRUNC) != 0) *cut |= ORO_CUT_DESCRIPTORS;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count && *fd_count < ORO_PASSED_MAX; i++)
            memcpy(&fds[(*fd_count)++], CMSG_DATA(header) + i * sizeof(int), sizeof(int));
    }
    return received;
}

static int poll_for(struct pollfd *wanted, nfds_t count, int timeout_ms) {
    int ready;
    do ready = COUNTED(poll(wanted, count, timeout_ms));
    while (ready < 0 && errno == EINTR && timeout_ms < 0);
    if (ready < 0) return errno == EINTR ? 0 : -errno;
    return ready > 0;
}

int oro_poll_one(int fd, short events, int timeout_ms) {
    struct pollfd wanted = {.fd = fd, .events = events};
    return poll_for(&wanted, 1, timeout_ms);
}

int oro_peer_credentials(int fd, int32_t *pid, uint32_t *uid, uint32_t *gid) {
    struct ucred credentials;
    socklen_t length = sizeof credentials;
    if (COUNTED(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length)) != 0) return -errno;
    *pid = credentials.pid;
    *uid = credentials.uid;
    *gid = credentials.gid;
    return 0;
}

int oro_peer_pidfd(int fd, int32_t pid) {
    int pidfd = -1;
    socklen_t length = sizeof pidfd;
    if (COUNTED(getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length)) == 0) return above_standard(pidfd);
    if (pid <= 0) return -ESRCH;  // the peer lives in a PID namespace we cannot see
    pidfd = (int)COUNTED(syscall(SYS_pidfd_open, pid, 0));
    return above_standard(pidfd < 0 ? -errno : pidfd);
}

// "OROY"
static const unsigned char wake_packet[4] = {0x4f, 0x52, 0x4f, 0x59};

void oro_send_wake(int fd, struct oro_attention *mine) {
    // SYNC: as in oro_attention_announce. Counted first, so that the sleeper never thinks fewer are unread than are.
    atomic_fetch_add_explicit(&mine->wake_packets, 1, memory_order_relaxed);
    ssize_t sent;
    do sent = COUNTED(send(fd, wake_packet, sizeof wake_packet, MSG_DONTWAIT | MSG_NOSIGNAL));
    while (sent < 0 && errno == EINTR);
    if (sent < 0) atomic_fetch_sub_explicit(&mine->wake_packets, 1, memory_order_relaxed);
}

bool oro_is_wake(const void *bytes, size_t count) {
    return count == sizeof wake_packet && memcmp(bytes, wake_packet, sizeof wake_packet) == 0;
}

bool oro_is_packet_socket(int fd) {
    int domain = 0, type = 0;
    socklen_t length = sizeof domain;
    if (COUNTED(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length)) != 0 || domain != AF_UNIX) return false;
    length = sizeof type;
    return COUNTED(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length)) == 0 && type == SOCK_SEQPACKET;
}

void oro_eventfd_signal(int fd) {
    // Every write is a new edge, and 2^64 of them do not happen.
    uint64_t one = 1;
    ssize_t ignored = COUNTED(write(fd, &one, sizeof one));
    (void)ignored;
}

uint64_t oro_descriptor_limit(void) {
    struct rlimit limit;
    return COUNTED(getrlimit(RLIMIT_NOFILE, &limit)) == 0 ? limit.rlim_cur : 1024;
}

uint64_t oro_mapping_limit(void) {
    // Its default where it cannot be read.
    char text[32] = {0};
    int fd = COUNTED(open("/proc/sys/vm/max_map_count", O_RDONLY | O_CLOEXEC));
    if (fd < 0) return 65530;
    ssize_t count = oro_read_at(fd, text, sizeof text - 1, 0);
    oro_close(fd);
    uint64_t limit = count > 0 ? strtoull(text, NULL, 10) : 0;
    return limit > 0 ? limit : 65530;
}

int oro_open_reserve(void) { return oro_eventfd(); }

void oro_socket_shutdown(int fd) { COUNTED(shutdown(fd, SHUT_RDWR)); }

int32_t oro_thread_id(void) { return (int32_t)COUNTED(gettid()); }

bool oro_thread_lives(int32_t id) { return COUNTED(tgkill(getpid(), id, 0)) == 0; }

void oro_thread_name(const char *name) { COUNTED(prctl(PR_SET_NAME, name, 0, 0, 0)); }

void oro_close(int fd) {
    oro_fork_forget_descriptor(fd);
    COUNTED(close(fd));
}

int oro_duplicate(int fd) {
    int copy = COUNTED(fcntl(fd, F_DUPFD_CLOEXEC, 3));
    return copy < 0 ? -errno : copy;
}

int oro_descriptor_kind(int fd) {
    int flags = COUNTED(fcntl(fd, F_GETFL));
    if (flags < 0) return -errno;
    if (flags & O_PATH) return ORO_IS_PATH;
    struct statx status;
    // Not fstat: a FUSE server would be asked for the attributes, and could take its time.
    if (COUNTED(statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &status)) != 0) return -errno;
    switch (status.stx_mode & S_IFMT) {
        case S_IFREG:
            return ORO_IS_FILE;
        case S_IFIFO:
            return ORO_IS_PIPE;
        case S_IFSOCK:
            return ORO_IS_SOCKET;
        case S_IFDIR:
            return ORO_IS_DIRECTORY;
        case S_IFCHR:
        case S_IFBLK:
            return ORO_IS_DEVICE;
        default:
            return ORO_IS_OTHER;  // epoll, eventfd, io_uring, pidfd, … have no type
    }
}

ssize_t oro_read_at(int fd, void *bytes, size_t count, uint64_t offset) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = COUNTED(pread(fd, (char *)bytes + done, count - done, (off_t)(offset + done)));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int oro_eventfd(void) {
    int fd = COUNTED(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return above_standard(fd < 0 ? -errno : fd);
}

int oro_make_directory(const char *path) { return COUNTED(mkdir(path, 0700)) == 0 || errno == EEXIST ? 0 : -errno; }

int oro_open_directory(const char *path) {
    int fd = COUNTED(open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
    fd = above_standard(fd < 0 ? -errno : fd);
    if (fd < 0) return fd;
    struct stat status;
    int error = COUNTED(fstat(fd, &status)) != 0              ? -errno
                : status.st_uid != geteuid()                  ? -EPERM
                : (status.st_mode & (S_IRWXG | S_IRWXO)) != 0 ? ORO_DIRECTORY_OPEN_TO_OTHERS
                                                              : 0;
    if (error == 0) return fd;
    oro_close(fd);
    return error;
}

int oro_lock_directory(int fd) {
    int status;
    do status = COUNTED(flock(fd, LOCK_EX));
    while (status != 0 && errno == EINTR);
    return status == 0 ? 0 : -errno;
}

void oro_unlock_directory(int fd) { COUNTED(flock(fd, LOCK_UN)); }

int oro_file_identity(const char *path, uint64_t *device, uint64_t *inode) {
    struct stat status;
    if (COUNTED(lstat(path, &status)) != 0) return -errno;
    *device = status.st_dev;
    *inode = status.st_ino;
    return 0;
}

int oro_unlink(const char *path) { return COUNTED(unlink(path)) == 0 ? 0 : -errno; }

bool oro_membarrier_register(void) {
    int known = (int)COUNTED(syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0));
    if (known < 0 || (known & MEMBARRIER_CMD_GLOBAL_EXPEDITED) == 0) return false;
    return COUNTED(syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED, 0, 0)) == 0;
}

bool oro_membarrier(void) { return COUNTED(syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL_EXPEDITED, 0, 0)) == 0; }

void oro_yield(void) { COUNTED(sched_yield()); }

uint64_t oro_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

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

int oro_random(void *bytes, size_t count) {
    size_t done = 0;
    while (done < count) {
        ssize_t got = COUNTED(getrandom((char *)bytes + done, count - done, 0));
        if (got < 0 && errno != EINTR) return -errno;
        if (got > 0) done += (size_t)got;
    }
    return 0;
}

uint32_t oro_user_id(void) { return (uint32_t)geteuid(); }
uint32_t oro_group_id(void) { return (uint32_t)getegid(); }
int32_t oro_process_id(void) { return (int32_t)getpid(); }
bool oro_working_directory(char *path, size_t size) { return getcwd(path, size) != NULL; }

void oro_futex_wait_value(const void *word, uint32_t value, uint64_t timeout_ns) {
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / 1000000000u), .tv_nsec = (long)(timeout_ns % 1000000000u)};
    COUNTED(syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, value, timeout_ns == 0 ? NULL : &limit, NULL, 0));
}

void oro_futex_wake_value(const void *word, int count) {
    COUNTED(syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, count, NULL, NULL, 0));
}

uint64_t oro_ticks_per_us(void) {
    static _Atomic uint64_t known;
    uint64_t value = atomic_load_explicit(&known, memory_order_relaxed);
    if (value != 0) return value;
    uint64_t t0 = oro_now(), c0 = oro_ticks();
    while (oro_now() - t0 < 200000) oro_spin_pause();
    uint64_t c1 = oro_ticks(), t1 = oro_now();
    value = (c1 - c0) * 1000 / (t1 - t0);
    if (value == 0) value = 1;
    atomic_store_explicit(&known, value, memory_order_relaxed);
    return value;
}
