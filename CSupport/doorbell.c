// SPDX-License-Identifier: Apache-2.0
// What wakes a peer, and what wakes a thread of this process.
#define _GNU_SOURCE
#include "oro_sys.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "count.h"
#include "files.h"

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

void oro_eventfd_signal(int fd) {
    // Every write is a new edge, and 2^64 of them do not happen.
    uint64_t one = 1;
    ssize_t ignored = COUNTED(write(fd, &one, sizeof one));
    (void)ignored;
}

int oro_eventfd(void) {
    int fd = COUNTED(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return oro_above_standard(fd < 0 ? -errno : fd);
}
