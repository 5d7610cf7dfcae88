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

// A poll that is being cancelled completes under this key; a descriptor's own key never has the top bit.
static const uint64_t cancel_key = 1ull << 63;

struct oro_poller {
    int backend;
    int epoll_fd;
    struct io_uring ring;
    unsigned unsubmitted;
};

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
    p->epoll_fd = -1;
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
    return p;
}

void oro_poller_close(struct oro_poller *p) {
    if (p->backend == ORO_BACKEND_IO_URING)
        io_uring_queue_exit(&p->ring);
    else
        COUNTED(close(p->epoll_fd));
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

int oro_poller_add(struct oro_poller *p, int fd, uint64_t key) {
    if (p->backend == ORO_BACKEND_EPOLL) {
        struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.u64 = key};
        return COUNTED(epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &event)) == 0 ? 0 : -errno;
    }
    struct io_uring_sqe *sqe = next_sqe(p);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_poll_multishot(sqe, fd, POLLIN | POLLRDHUP);
    sqe->user_data = key;
    // Submitted now: the descriptor may be closed by the caller's next line, and its number used again.
    int status = submit(p);
    return status < 0 ? status : 0;
}

int oro_poller_remove(struct oro_poller *p, int fd, uint64_t key) {
    if (p->backend == ORO_BACKEND_EPOLL) return COUNTED(epoll_ctl(p->epoll_fd, EPOLL_CTL_DEL, fd, NULL)) == 0 ? 0 : -errno;
    struct io_uring_sqe *sqe = next_sqe(p);
    if (sqe == NULL) return -EBUSY;
    io_uring_prep_poll_remove(sqe, key);
    sqe->user_data = cancel_key;
    int status = submit(p);
    return status < 0 ? status : 0;
}

static int reap(struct oro_poller *p, uint64_t *keys, int capacity) {
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    int count = 0;
    io_uring_for_each_cqe(&p->ring, head, cqe) {
        if (count == capacity) break;
        seen++;
        if ((cqe->user_data & cancel_key) != 0 || cqe->res == -ECANCELED) continue;
        // A multishot poll that the kernel ended (MORE absent) is reported with the bit below: the caller arms it anew.
        uint64_t ended = (cqe->flags & IORING_CQE_F_MORE) != 0 ? 0 : 1ull << 62;
        keys[count++] = cqe->user_data | ended;
    }
    io_uring_cq_advance(&p->ring, seen);
    return count;
}

int oro_poller_wait(struct oro_poller *p, uint64_t timeout_ns, uint64_t *keys, int capacity) {
    if (p->backend == ORO_BACKEND_EPOLL) {
        struct epoll_event events[64];
        int limit = capacity < 64 ? capacity : 64;
        int timeout_ms = timeout_ns == UINT64_MAX ? -1
            : timeout_ns > 2000000000000ull       ? 2000000
                                                  : (int)((timeout_ns + 999999) / 1000000);
        int ready = COUNTED(epoll_wait(p->epoll_fd, events, limit, timeout_ms));
        if (ready < 0) return errno == EINTR ? 0 : -errno;
        for (int i = 0; i < ready; i++) keys[i] = events[i].data.u64;
        return ready;
    }
    int count = reap(p, keys, capacity);
    if (count > 0 || timeout_ns == 0) {
        if (p->unsubmitted > 0) submit(p);
        return count;
    }
    struct io_uring_cqe *cqe;
    struct __kernel_timespec limit = {.tv_sec = (int64_t)(timeout_ns / 1000000000u), .tv_nsec = (int64_t)(timeout_ns % 1000000000u)};
    int status = COUNTED(io_uring_submit_and_wait_timeout(&p->ring, &cqe, 1, timeout_ns == UINT64_MAX ? NULL : &limit, NULL));
    if (status >= 0) p->unsubmitted = 0;
    if (status < 0 && status != -ETIME && status != -EINTR && status != -EBUSY) return status;
    return reap(p, keys, capacity);
}

bool oro_poller_pending(struct oro_poller *p) {
    return p->backend == ORO_BACKEND_EPOLL || io_uring_cq_ready(&p->ring) > 0;
}
