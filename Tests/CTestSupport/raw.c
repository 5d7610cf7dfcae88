// SPDX-License-Identifier: Apache-2.0
// Sockets and memory without any of the engine's care.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "oro_test.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

ssize_t oro_raw_send(int fd, const void *bytes, size_t count, const int *fds, int fd_count) {
    char control[CMSG_SPACE(sizeof(int) * 253)];
    struct iovec part = {.iov_base = (void *)bytes, .iov_len = count};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count > 0) {
        memset(control, 0, sizeof control);
        message.msg_control = control;
        message.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)fd_count);
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)fd_count);
        memcpy(CMSG_DATA(header), fds, sizeof(int) * (size_t)fd_count);
    }
    ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent < 0 ? -errno : sent;
}

ssize_t oro_raw_receive(
    int fd, void *bytes, size_t capacity, int *fds, int capacity_fds, int *fd_count, int timeout_ms) {
    *fd_count = 0;
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    if (poll(&wanted, 1, timeout_ms) == 0) return -ETIMEDOUT;
    char control[CMSG_SPACE(sizeof(int) * 253)];
    struct iovec part = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t received = recvmsg(fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (received < 0) return -errno;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL; header = CMSG_NXTHDR(&message, header)) {
        size_t count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int one;
            memcpy(&one, CMSG_DATA(header) + i * sizeof(int), sizeof one);
            if (*fd_count < capacity_fds)
                fds[(*fd_count)++] = one;
            else
                close(one);
        }
    }
    return received;
}

static int address_of(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

int oro_raw_connect(const char *path) {
    struct sockaddr_un address;
    if (address_of(path, &address) != 0) return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    struct timeval limit = {.tv_sec = 5};
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int oro_raw_listen(const char *path) {
    struct sockaddr_un address;
    if (address_of(path, &address) != 0) return -ENAMETOOLONG;
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0) return -errno;
    unlink(path);
    if (bind(fd, (struct sockaddr *)&address, sizeof address) == 0 && listen(fd, 64) == 0) return fd;
    int error = errno;
    close(fd);
    return -error;
}

int oro_raw_accept(int fd, int timeout_ms) {
    struct pollfd wanted = {.fd = fd, .events = POLLIN};
    if (poll(&wanted, 1, timeout_ms) <= 0) return -ETIMEDOUT;
    int accepted = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
    return accepted < 0 ? -errno : accepted;
}

int oro_raw_memfd(uint64_t bytes, bool allocate, int seals) {
    int fd = memfd_create("oro-hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    if (ftruncate(fd, (off_t)bytes) != 0 || (allocate && fallocate(fd, 0, 0, (off_t)bytes) != 0)
        || (seals != 0 && fcntl(fd, F_ADD_SEALS, seals) != 0)) {
        int error = errno;
        close(fd);
        return -error;
    }
    return fd;
}

int oro_raw_segment_seals(void) { return F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL; }

int oro_raw_immutable_seals(void) { return F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL; }

int oro_raw_truncate(int fd, uint64_t bytes) { return ftruncate(fd, (off_t)bytes) == 0 ? 0 : -errno; }

int oro_raw_punch(int fd, uint64_t bytes) {
    return fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, (off_t)bytes) == 0 ? 0 : -errno;
}

int oro_raw_map_writable(int fd, uint64_t bytes) {
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) return -errno;
    munmap(address, bytes);
    return 0;
}

int oro_raw_protect_writable(int fd, uint64_t bytes) {
    void *address = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) return -errno;
    int status = mprotect(address, bytes, PROT_READ | PROT_WRITE) == 0 ? 0 : -errno;
    munmap(address, bytes);
    return status;
}

int oro_raw_remove(void *address, uint64_t bytes) { return madvise(address, bytes, MADV_REMOVE) == 0 ? 0 : -errno; }

void *oro_raw_map_reading(int fd, uint64_t bytes) {
    void *address = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

void *oro_raw_map_private(int fd, uint64_t bytes) {
    void *address = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

void *oro_raw_map(int fd, uint64_t bytes) {
    void *address = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return address == MAP_FAILED ? NULL : address;
}

void oro_raw_unmap(void *address, uint64_t bytes) { munmap(address, bytes); }

int oro_raw_seal(int fd, int seals) { return fcntl(fd, F_ADD_SEALS, seals) == 0 ? 0 : -errno; }

void oro_raw_fence(void) { __atomic_thread_fence(__ATOMIC_SEQ_CST); }

int oro_raw_epoll(int depth) {
    int inner = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (int i = 0; i < depth; i++) {
        int outer = epoll_create1(EPOLL_CLOEXEC);
        struct epoll_event event = {.events = EPOLLIN};
        epoll_ctl(outer, EPOLL_CTL_ADD, inner, &event);
        close(inner);
        inner = outer;
    }
    return inner;
}

int oro_raw_epoll_add(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN};
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

int oro_raw_eventfd(void) { return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }

int oro_raw_file(void) {
    char path[] = "/tmp/oro-test-XXXXXX";
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd >= 0) unlink(path);
    return fd;
}

int oro_raw_lingering(int seconds, int *lingering, int *other) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int server = -1;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (listener >= 0 && client >= 0 && bind(listener, (struct sockaddr *)&address, length) == 0
        && listen(listener, 1) == 0 && getsockname(listener, (struct sockaddr *)&address, &length) == 0
        && connect(client, (struct sockaddr *)&address, length) == 0)
        server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    int status = server < 0 ? -errno : 0;
    if (listener >= 0) close(listener);
    if (status != 0) {
        if (client >= 0) close(client);
        return status;
    }
    static const char filler[1 << 16];
    // The kernel moves some more to the other side for a while: until nothing has fitted for a tenth of a second.
    struct pollfd room = {.fd = client, .events = POLLOUT};
    do
        while (send(client, filler, sizeof filler, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {}
    while (poll(&room, 1, 100) > 0);
    struct linger linger = {.l_onoff = 1, .l_linger = seconds};
    setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    *lingering = client;
    *other = server;
    return 0;
}
