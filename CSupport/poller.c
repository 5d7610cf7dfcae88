// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "oro_poller.h"

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "count.h"
#include "oro_fork.h"

// What completes under this key is nothing to tell of; that of a watch never has the top bit.
static const uint64_t nobody = 1ull << 63;
static const uint32_t no_watch = UINT32_MAX;

// What is watched. The kernel is given a watch's place and generation: what it still tells of one that was removed,
// also when its key or its place serves another, is known for that.
struct watch {
    uint64_t key;
    int fd;               // -1: the place is free
    uint32_t generation;  // 31 bits
    uint32_t next;        // of those whose key has the same hash, or of the free ones
};

struct oro_poller {
    int backend;
    int epoll_fd;
    struct io_uring ring;
    unsigned unsubmitted;
    struct watch *watches;
    uint32_t *heads;  // of the lists of watches, by the hash of their keys; as many as there are places
    uint32_t places;  // a power of two
    uint32_t free_head;
    // The process it belongs to: a forked child has neither its memory nor its watches.
    uint32_t generation;
};

static bool is_parents(const struct oro_poller *p) { return p->generation != oro_generation(); }

static uint64_t told(const struct oro_poller *p, uint32_t place) {
    return (uint64_t)p->watches[place].generation << 32 | place;
}

static uint32_t *head_of(const struct oro_poller *p, uint64_t key) {
    return &p->heads[(key * 0x9e3779b97f4a7c15ull >> 32) & (p->places - 1)];
}

static bool grow(struct oro_poller *p) {
    uint32_t places = p->places == 0 ? 16 : 2 * p->places;
    struct watch *watches = realloc(p->watches, places * sizeof *watches);
    if (watches == NULL) return false;
    p->watches = watches;
    uint32_t *heads = realloc(p->heads, places * sizeof *heads);
    if (heads == NULL) return false;
    p->heads = heads;
    for (uint32_t i = p->places; i < places; i++)
        watches[i] = (struct watch){.fd = -1, .next = i + 1 < places ? i + 1 : p->free_head};
    p->free_head = p->places;
    uint32_t before = p->places;
    p->places = places;
    for (uint32_t i = 0; i < places; i++) heads[i] = no_watch;
    for (uint32_t i = 0; i < before; i++) {
        if (watches[i].fd < 0) continue;
        uint32_t *head = head_of(p, watches[i].key);
        watches[i].next = *head;
        *head = i;
    }
    return true;
}

static uint32_t find(const struct oro_poller *p, uint64_t key) {
    if (p->places == 0) return no_watch;
    uint32_t place = *head_of(p, key);
    while (place != no_watch && p->watches[place].key != key) place = p->watches[place].next;
    return place;
}

// The watch that an event is of; `no_watch`: it was removed.
static uint32_t place_of(const struct oro_poller *p, uint64_t event) {
    uint32_t place = (uint32_t)event;
    if (place >= p->places || p->watches[place].fd < 0 || told(p, place) != event) return no_watch;
    return place;
}

static void forget(struct oro_poller *p, uint32_t place) {
    struct watch *watch = &p->watches[place];
    uint32_t *link = head_of(p, watch->key);
    while (*link != place) link = &p->watches[*link].next;
    *link = watch->next;
    watch->fd = -1;
    watch->generation = (watch->generation + 1) & 0x7fffffff;
    watch->next = p->free_head;
    p->free_head = place;
}

static int open_uring(struct oro_poller *p) {
    struct io_uring_params parameters;
    memset(&parameters, 0, sizeof parameters);
    // The completion queue takes a burst from every link; what does not fit waits in the kernel (no event is lost).
    parameters.flags = IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    parameters.cq_entries = 1024;
    atomic_fetch_add_explicit(&oro_syscall_count, 1, memory_order_relaxed);
    int status = io_uring_queue_init_params(64, &p->ring, &parameters);
    if (status < 0) return status;
    // IORING_FEAT_EXT_ARG: a wait with a time limit in one call (5.11). Multishot polls came with 5.13, along with
    // IORING_FEAT_NATIVE_WORKERS (5.12) and IORING_FEAT_RSRC_TAGS (5.13).
    unsigned needed = IORING_FEAT_EXT_ARG | IORING_FEAT_NODROP | IORING_FEAT_RSRC_TAGS;
    if ((parameters.features & needed) != needed) {
        io_uring_queue_exit(&p->ring);
        return -ENOSYS;
    }
    io_uring_ring_dontfork(&p->ring);
    if (p->ring.ring_fd <= 2) {
        // As all descriptors that are kept: above the standard streams.
        int moved = COUNTED(fcntl(p->ring.ring_fd, F_DUPFD_CLOEXEC, 3));
        if (moved < 0) {
            int error = -errno;
            io_uring_queue_exit(&p->ring);
            return error;
        }
        COUNTED(close(p->ring.ring_fd));
        p->ring.ring_fd = p->ring.enter_ring_fd = moved;
    }
    return 0;
}

struct oro_poller *oro_poller_open(int backend, int *error) {
    struct oro_poller *p = calloc(1, sizeof *p);
    if (p == NULL) {
        *error = ENOMEM;
        return NULL;
    }
    p->backend = backend;
    p->generation = oro_generation();
    p->epoll_fd = -1;
    p->free_head = no_watch;
    int status = 0;
    if (backend == ORO_BACKEND_IO_URING) {
        status = open_uring(p);
    } else if (backend == ORO_BACKEND_EPOLL) {
        p->epoll_fd = COUNTED(epoll_create1(EPOLL_CLOEXEC));
        if (p->epoll_fd >= 0 && p->epoll_fd <= 2) {
            int low = p->epoll_fd;
            p->epoll_fd = COUNTED(fcntl(low, F_DUPFD_CLOEXEC, 3));
            if (p->epoll_fd < 0) status = -errno;
            COUNTED(close(low));
        } else if (p->epoll_fd < 0) {
            status = -errno;
        }
    } else {
        status = -EINVAL;
    }
    if (status < 0) {
        *error = -status;
        free(p);
        return NULL;
    }
    oro_fork_note_descriptor(oro_poller_descriptor(p));
    return p;
}

void oro_poller_close(struct oro_poller *p) {
    oro_fork_forget_descriptor(oro_poller_descriptor(p));
    if (p->backend == ORO_BACKEND_IO_URING && !is_parents(p))
        io_uring_queue_exit(&p->ring);
    else
        COUNTED(close(oro_poller_descriptor(p)));
    free(p->watches);
    free(p->heads);
    free(p);
}

int oro_poller_backend(const struct oro_poller *p) { return p->backend; }

int oro_poller_descriptor(const struct oro_poller *p) {
    return p->backend == ORO_BACKEND_IO_URING ? p->ring.ring_fd : p->epoll_fd;
}

static int submit(struct oro_poller *p) {
    int status;
    do status = COUNTED(io_uring_submit(&p->ring));
    while (status == -EINTR);
    if (status >= 0) p->unsubmitted = 0;
    return status;
}

static struct io_uring_sqe *next_sqe(struct oro_poller *p) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&p->ring);
    if (sqe == NULL && submit(p) >= 0) sqe = io_uring_get_sqe(&p->ring);
    if (sqe != NULL) p->unsubmitted++;
    return sqe;
}

// Begins the watch in `place`. Submitted now: the descriptor may be closed by the caller's next line, and its number
// used again.
static int begin(struct oro_poller *p, uint32_t place) {
    struct io_uring_sqe *sqe = next_sqe(p);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_poll_multishot(sqe, p->watches[place].fd, POLLIN | POLLRDHUP);
    sqe->user_data = told(p, place);
    int status = submit(p);
    if (status >= 0) return 0;
    // It stands in the queue for the next call.
    io_uring_prep_nop(sqe);
    sqe->user_data = nobody;
    return status;
}

int oro_poller_add(struct oro_poller *p, int fd, uint64_t key) {
    if (is_parents(p)) return -ECHILD;
    if (find(p, key) != no_watch) return -EEXIST;
    if (p->free_head == no_watch && !grow(p)) return -ENOMEM;
    uint32_t place = p->free_head;
    struct watch *watch = &p->watches[place];
    p->free_head = watch->next;
    watch->key = key;
    watch->fd = fd;
    uint32_t *head = head_of(p, key);
    watch->next = *head;
    *head = place;
    int status;
    if (p->backend == ORO_BACKEND_EPOLL) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u64 = told(p, place)};
        status = COUNTED(epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event)) == 0 ? 0 : -errno;
    } else {
        status = begin(p, place);
    }
    if (status < 0) forget(p, place);
    return status;
}

void oro_poller_remove(struct oro_poller *p, uint64_t key) {
    if (is_parents(p)) return;
    uint32_t place = find(p, key);
    if (place == no_watch) return;
    if (p->backend == ORO_BACKEND_EPOLL) {
        COUNTED(epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, p->watches[place].fd, NULL));
    } else {
        struct io_uring_sqe *sqe = next_sqe(p);
        if (sqe != NULL) {
            io_uring_prep_poll_remove(sqe, told(p, place));
            sqe->user_data = nobody;
            // What cannot be submitted now is with the next call.
            submit(p);
        }
    }
    forget(p, place);
}

// The kernel has more completions than the queue holds.
static bool overflows(const struct oro_poller *p) {
    return (IO_URING_READ_ONCE(*p->ring.sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

static int reap(struct oro_poller *p, struct oro_poller_event *events, int capacity) {
    int count = 0;
    struct io_uring_cqe *cqe;
    while (count < capacity) {
        if (io_uring_peek_cqe(&p->ring, &cqe) != 0) {
            // SYNC: the flag is looked at when the queue has room again; the kernel moves what it has kept into it.
            if (!overflows(p)) break;
            COUNTED(io_uring_get_events(&p->ring));
            if (io_uring_cq_ready(&p->ring) == 0) break;
            continue;
        }
        uint64_t event = cqe->user_data;
        int result = cqe->res;
        bool goes_on = (cqe->flags & IORING_CQE_F_MORE) != 0;
        io_uring_cqe_seen(&p->ring, cqe);
        uint32_t place = event & nobody ? no_watch : place_of(p, event);
        if (place == no_watch) continue;
        struct oro_poller_event *out = &events[count++];
        *out = (struct oro_poller_event){.key = p->watches[place].key};
        if (result >= 0) out->hung_up = (result & (POLLHUP | POLLRDHUP | POLLERR)) != 0;
        if (goes_on) continue;
        // The kernel has ended the watch: its queue was full, the thread that began it has ended, or it cannot watch
        // this.
        int status = result < 0 && result != -ECANCELED ? result : begin(p, place);
        if (status < 0) {
            out->lost = -status;
            forget(p, place);
        }
    }
    return count;
}

static int wait_epoll(
    struct oro_poller *p, uint64_t timeout_ns, struct oro_poller_event *events, int capacity, bool cancellable) {
    struct epoll_event ready[64];
    int limit = capacity < 64 ? capacity : 64;
    int timeout_ms = timeout_ns == UINT64_MAX        ? -1
                     : timeout_ns > 2000000000000ull ? 2000000
                                                     : (int)((timeout_ns + 999999) / 1000000);
    int found = cancellable ? COUNTED_POINT(epoll_wait(p->epoll_fd, ready, limit, timeout_ms))
                            : COUNTED(epoll_wait(p->epoll_fd, ready, limit, timeout_ms));
    if (found < 0) return errno == EINTR ? 0 : -errno;
    int count = 0;
    for (int i = 0; i < found; i++) {
        uint32_t place = place_of(p, ready[i].data.u64);
        if (place == no_watch) continue;
        bool hung_up = (ready[i].events & (EPOLLHUP | EPOLLRDHUP | EPOLLERR)) != 0;
        events[count++] = (struct oro_poller_event){.key = p->watches[place].key, .hung_up = hung_up};
    }
    return count;
}

int oro_poller_wait(
    struct oro_poller *p, uint64_t timeout_ns, struct oro_poller_event *events, int capacity, bool cancellable) {
    if (is_parents(p)) return -ECHILD;
    if (p->backend == ORO_BACKEND_EPOLL) return wait_epoll(p, timeout_ns, events, capacity, cancellable);
    int count = reap(p, events, capacity);
    if (count > 0 || timeout_ns == 0) {
        if (p->unsubmitted > 0) submit(p);
        return count;
    }
    struct io_uring_cqe *cqe;
    struct __kernel_timespec limit = {
        .tv_sec = (int64_t)(timeout_ns / 1000000000u), .tv_nsec = (int64_t)(timeout_ns % 1000000000u)};
    int status =
        COUNTED(io_uring_submit_and_wait_timeout(&p->ring, &cqe, 1, timeout_ns == UINT64_MAX ? NULL : &limit, NULL));
    if (status >= 0) p->unsubmitted = 0;
    if (status < 0 && status != -ETIME && status != -EINTR && status != -EBUSY) return status;
    return reap(p, events, capacity);
}

bool oro_poller_pending(struct oro_poller *p) {
    return p->backend == ORO_BACKEND_EPOLL || io_uring_cq_ready(&p->ring) > 0 || overflows(p);
}
