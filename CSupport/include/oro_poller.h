// Waiting for descriptors: io_uring or epoll behind one face. Used by one thread at a time.
//
// Level of detail: a descriptor is added once with a 64-bit key and stays until removed. An event means "look": an
// eventfd is never read (its counter only grows), so both backends watch edges, and a source must be looked at until
// it is empty.
#ifndef ORO_POLLER_H
#define ORO_POLLER_H

#include <stdbool.h>
#include <stdint.h>

enum { ORO_BACKEND_IO_URING = 1, ORO_BACKEND_EPOLL = 2 };

struct oro_poller;  // opaque

// NULL with *error = errno.
struct oro_poller *oro_poller_open(int backend, int *error);
void oro_poller_close(struct oro_poller *p);
int oro_poller_backend(const struct oro_poller *p);
// A descriptor that is readable whenever oro_poller_wait(p, …, 0) would find something. For foreign event loops.
int oro_poller_descriptor(const struct oro_poller *p);
int oro_poller_add(struct oro_poller *p, int fd, uint64_t key);
int oro_poller_remove(struct oro_poller *p, int fd, uint64_t key);
// Waits until something happens, at most `timeout_ns` (0: does not wait, UINT64_MAX: for ever). Fills up to `capacity`
// keys; the number of them, or minus errno. `cancellable`: with epoll it is a point at which the thread can be cancelled.
int oro_poller_wait(struct oro_poller *p, uint64_t timeout_ns, uint64_t *keys, int capacity, bool cancellable);
// True when a wait would find something; costs no system call on io_uring. On epoll always true: ask it.
bool oro_poller_pending(struct oro_poller *p);

#endif
