// SPDX-License-Identifier: Apache-2.0
// Sockets of packets: made, connected, asked who is at the other end.
#define _GNU_SOURCE
#include "oro_sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "count.h"
#include "files.h"

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

static int unix_address(const char *path, struct sockaddr_un *address) {
    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    if (strlen(path) >= sizeof address->sun_path) return -ENAMETOOLONG;
    strcpy(address->sun_path, path);
    return 0;
}

static int unix_socket(void) {
    int fd = COUNTED(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return oro_above_standard(fd < 0 ? -errno : fd);
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
    return oro_above_standard(accepted < 0 ? -errno : accepted);
}

int oro_socketpair(int fds[2]) {
    if (COUNTED(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds)) != 0) return -errno;
    for (int i = 0; i < 2; i++) {
        int fd = oro_above_standard(fds[i]);
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
    if (COUNTED(getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &pidfd, &length)) == 0) return oro_above_standard(pidfd);
    if (pid <= 0) return -ESRCH;  // the peer lives in a PID namespace we cannot see
    pidfd = (int)COUNTED(syscall(SYS_pidfd_open, pid, 0));
    return oro_above_standard(pidfd < 0 ? -errno : pidfd);
}

bool oro_is_packet_socket(int fd) {
    int domain = 0, type = 0;
    socklen_t length = sizeof domain;
    if (COUNTED(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length)) != 0 || domain != AF_UNIX) return false;
    length = sizeof type;
    return COUNTED(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length)) == 0 && type == SOCK_SEQPACKET;
}

void oro_socket_shutdown(int fd) { COUNTED(shutdown(fd, SHUT_RDWR)); }
