// SPDX-License-Identifier: Apache-2.0
// Holds a sleeping lock of the kernel: a call that takes it copies from or to memory whose page fault nobody answers.
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "oro_test.h"

struct oro_hold {
    int faults, fd;
    enum oro_hold_kind kind;
    void *page;
    pthread_t thread;
};

static void *hold(void *context) {
    struct oro_hold *hold = context;
    ssize_t ignored;
    switch (hold->kind) {
        case ORO_HOLD_RECEIVE:
            ignored = recv(hold->fd, hold->page, 4096, 0);
            break;
        case ORO_HOLD_SEND:
            ignored = send(hold->fd, hold->page, 4096, MSG_NOSIGNAL);
            break;
        case ORO_HOLD_EPOLL:
            ignored = epoll_wait(hold->fd, hold->page, 16, -1);
            break;
    }
    (void)ignored;
    return NULL;
}

struct oro_hold *oro_hold_start(int fd, enum oro_hold_kind kind) {
    struct oro_hold *new = calloc(1, sizeof *new);
    *new = (struct oro_hold){.fd = fd, .kind = kind};
    new->faults = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
    struct uffdio_api api = {.api = UFFD_API};
    new->page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = {.range = {(unsigned long)new->page, 4096}, .mode = UFFDIO_REGISTER_MODE_MISSING};
    if (new->faults < 0 || ioctl(new->faults, UFFDIO_API, &api) != 0
        || ioctl(new->faults, UFFDIO_REGISTER, &range) != 0) {
        if (new->faults >= 0) close(new->faults);
        munmap(new->page, 4096);
        free(new);
        return NULL;
    }
    pthread_create(&new->thread, NULL, hold, new);
    // It holds the lock from its page fault on.
    struct uffd_msg message;
    while (read(new->faults, &message, sizeof message) != (ssize_t)sizeof message) usleep(100);
    return new;
}

void oro_hold_end(struct oro_hold *hold) {
    // Faults are answered with a page of zeros from now on.
    close(hold->faults);
    pthread_join(hold->thread, NULL);
    munmap(hold->page, 4096);
    free(hold);
}
