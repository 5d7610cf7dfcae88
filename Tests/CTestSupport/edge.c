// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "oro_test.h"

int oro_raw_holey(uint64_t bytes, uint64_t hole, uint64_t hole_bytes, int seals) {
    int fd = memfd_create("holey", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    // Pages beyond the end make up for those that are missing inside.
    if (ftruncate(fd, (off_t)bytes) != 0 || fallocate(fd, 0, 0, (off_t)bytes) != 0
        || (hole_bytes > 0
            && (fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)hole, (off_t)hole_bytes) != 0
                || fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)bytes, (off_t)hole_bytes) != 0))
        || fcntl(fd, F_ADD_SEALS, seals) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

int oro_raw_unread(int seconds, int *reader) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int sender = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || sender < 0 || bind(listener, (struct sockaddr *)&address, sizeof address) != 0
        || listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0
        || connect(sender, (struct sockaddr *)&address, sizeof address) != 0)
        return -errno;
    *reader = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    static char bytes[1 << 16];
    // What nobody reads: closing has to wait until it is sent.
    while (send(sender, bytes, sizeof bytes, MSG_DONTWAIT) > 0) {}
    struct linger linger = {.l_onoff = 1, .l_linger = seconds};
    return setsockopt(sender, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0 ? sender : -errno;
}

uint64_t oro_limit(int resource, uint64_t soft) {
    struct rlimit limit;
    getrlimit((__rlimit_resource_t)resource, &limit);
    uint64_t before = limit.rlim_cur;
    limit.rlim_cur = soft;
    setrlimit((__rlimit_resource_t)resource, &limit);
    return before;
}

int oro_limit_of(pid_t pid, int resource, uint64_t soft) {
    struct rlimit limit;
    if (prlimit(pid, (__rlimit_resource_t)resource, NULL, &limit) != 0) return -errno;
    limit.rlim_cur = soft;
    return prlimit(pid, (__rlimit_resource_t)resource, &limit, NULL) == 0 ? 0 : -errno;
}

int oro_fork_holder(void) {
    // Not `fork`, where the library takes its own descriptors away.
    pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid != 0) return pid < 0 ? -errno : (int)pid;
    // Keeps what it has inherited until standard input ends, whoever else dies.
    char byte;
    while (read(0, &byte, 1) > 0) {}
    _exit(0);
}

int oro_is_not_forked(const void *address) {
    FILE *file = fopen("/proc/self/smaps", "r");
    if (file == NULL) return -errno;
    char line[512];
    int inside = 0, answer = -ENOENT;
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long start, end;
        if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
            inside = (unsigned long)address >= start && (unsigned long)address < end;
        if (inside && strncmp(line, "VmFlags:", 8) == 0) answer = strstr(line, " dc") != NULL;
    }
    fclose(file);
    return answer;
}
