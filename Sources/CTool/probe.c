// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "tool_probe.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/membarrier.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

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

enum { probe_bytes = 4096 };

static enum tool_seal_step try_seals(int fd, volatile char *own) {
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;
    if (fcntl(fd, F_ADD_SEALS, seals) != 0) return TOOL_SEALS_SEAL;
    errno = 0;
    void *second = mmap(NULL, probe_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (second != MAP_FAILED) {
        munmap(second, probe_bytes);
        return TOOL_SEALS_NEW_WRITABLE;
    }
    volatile char *reader = mmap(NULL, probe_bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (reader == MAP_FAILED) return TOOL_SEALS_READ_ONLY;
    enum tool_seal_step step = TOOL_SEALS_OK;
    if (mprotect((void *)reader, probe_bytes, PROT_READ | PROT_WRITE) == 0) {
        errno = 0;
        step = TOOL_SEALS_UPGRADE;
    }
    // The mapping from before the seal stays writable, and the reader sees what is written.
    own[7] = 'x';
    if (step == TOOL_SEALS_OK && reader[7] != 'x') step = TOOL_SEALS_SHARED;
    munmap((void *)reader, probe_bytes);
    return step;
}

enum tool_seal_step tool_probe_seals(int *error) {
    *error = 0;
    int fd = memfd_create("oro-ipc-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
    if (fd < 0 && errno == EINVAL) fd = memfd_create("oro-ipc-probe", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        *error = errno;
        return TOOL_SEALS_CREATE;
    }
    enum tool_seal_step step = TOOL_SEALS_CREATE;
    void *own = MAP_FAILED;
    if (ftruncate(fd, probe_bytes) == 0 && fallocate(fd, 0, 0, probe_bytes) == 0)
        own = mmap(NULL, probe_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (own != MAP_FAILED) step = try_seals(fd, own);
    *error = step == TOOL_SEALS_OK ? 0 : errno;
    if (own != MAP_FAILED) munmap(own, probe_bytes);
    close(fd);
    return step;
}

static int answer(int fd) {
    if (fd < 0) return -errno;
    close(fd);
    return 0;
}

int tool_probe_noexec_seal(void) { return answer(memfd_create("oro-ipc-probe", MFD_CLOEXEC | MFD_NOEXEC_SEAL)); }

int tool_probe_membarrier(void) {
    int known = (int)syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);
    if (known < 0) return -errno;
    return (known & MEMBARRIER_CMD_GLOBAL_EXPEDITED) != 0 ? 0 : -EINVAL;
}

int tool_probe_peer_pidfd(void) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -errno;
    int pidfd = -1;
    socklen_t length = sizeof pidfd;
    int status = getsockopt(ends[0], SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length) == 0 ? 0 : -errno;
    if (pidfd >= 0) close(pidfd);
    close(ends[0]);
    close(ends[1]);
    return status;
}

int tool_probe_pidfd_open(void) { return answer((int)syscall(SYS_pidfd_open, getpid(), 0)); }

int tool_processors(int *online) {
    *online = (int)sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return *online;
    return CPU_COUNT(&allowed);
}

void tool_descriptor_limits(uint64_t *soft, uint64_t *hard) {
    struct rlimit limit = {0, 0};
    getrlimit(RLIMIT_NOFILE, &limit);
    *soft = limit.rlim_cur;
    *hard = limit.rlim_max;
}

int tool_open_descriptors(void) {
    DIR *directory = opendir("/proc/self/fd");
    if (directory == NULL) return 0;
    // `.`, `..` and the descriptor of the directory itself do not count.
    int count = -3;
    while (readdir(directory) != NULL) count++;
    closedir(directory);
    return count;
}
