// SPDX-License-Identifier: Apache-2.0
// Waiting for descriptors: io_uring or epoll behind one face. Used by one thread at a time.
//
// A descriptor is watched under a key until it is removed; a watch that the kernel ends (an io_uring whose queue of
// completions is full) is begun again here. An event means "look": both backends tell edges, so whoever is told looks
// until nothing is left, or sees to it that it goes on later.
#ifndef ORO_POLLER_H
#define ORO_POLLER_H

#include <stdbool.h>
#include <stdint.h>

enum { ORO_BACKEND_IO_URING = 1, ORO_BACKEND_EPOLL = 2 };

struct oro_poller;  // opaque

// What has happened to a watched descriptor.
struct oro_poller_event {
    uint64_t key;
    bool hung_up;  // the other end is closed or shut down; what it sent before may still be there
    int lost;      // 0, or the errno for which the watch is over and could not be begun again: it is removed
};

// NULL with *error = errno.
struct oro_poller *oro_poller_open(int backend, int *error);
void oro_poller_close(struct oro_poller *p);
int oro_poller_backend(const struct oro_poller *p);
// A descriptor that is readable whenever oro_poller_wait(p, 0, …) would find something. For foreign event loops.
int oro_poller_descriptor(const struct oro_poller *p);
// 0, or minus errno: then nothing is watched. A key is used for one descriptor at a time.
int oro_poller_add(struct oro_poller *p, int fd, uint64_t key);
// Nothing more is told under this key, also of what has happened already. To be called before the descriptor is closed.
void oro_poller_remove(struct oro_poller *p, uint64_t key);
// Waits until something happens, at most `timeout_ns` (0: does not wait, UINT64_MAX: for ever). Fills up to `capacity`
// events; the number of them, or minus errno. When it is `capacity` there may be more. `cancellable`: with epoll it is
// a point at which the thread can be cancelled.
int oro_poller_wait(
    struct oro_poller *p, uint64_t timeout_ns, struct oro_poller_event *events, int capacity, bool cancellable);
// True when a wait would find something; costs no system call on io_uring. On epoll always true: ask it.
bool oro_poller_pending(struct oro_poller *p);

#endif
