// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "oro_closer.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "count.h"
#include "oro_sys.h"
#include "thread.h"

enum { STACK_BYTES = 128 << 10, THREADS_MAX = 16 };

struct item {
    struct item *next;
    int fd;
    bool is_socket;
    void (*done)(void *);
    void *context;
};

// Everything below belongs to the mutex, which is never held over a call that may wait.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wanted = PTHREAD_COND_INITIALIZER;
static struct item *first, **last = &first;
static int threads, idle;
static uint64_t closing;
static bool watches_forks;

static void *close_all(void *unused);

// A child of fork has none of the threads. What they had to close it has inherited, and stays open in it.
static void forget_in_child(void) {
    mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    wanted = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    first = NULL;
    last = &first;
    threads = idle = 0;
    closing = 0;
}

// With the mutex. Minus errno when there could be no further thread.
static int start_thread(void) {
    if (!watches_forks) watches_forks = pthread_atfork(NULL, NULL, forget_in_child) == 0;
    int status = oro_thread_detached(close_all, STACK_BYTES);
    if (status != 0) return status;
    threads++;
    idle++;
    return 0;
}

int oro_closer_start(void) {
    pthread_mutex_lock(&mutex);
    int status = threads > 0 ? 0 : start_thread();
    pthread_mutex_unlock(&mutex);
    return status;
}

uint64_t oro_closing(void) {
    pthread_mutex_lock(&mutex);
    uint64_t count = closing;
    pthread_mutex_unlock(&mutex);
    return count;
}

static void *close_all(void *unused) {
    (void)unused;
    oro_thread_name("oro-ipc close");
    pthread_mutex_lock(&mutex);
    for (;;) {
        while (first == NULL) pthread_cond_wait(&wanted, &mutex);
        struct item *item = first;
        first = item->next;
        if (first == NULL) last = &first;
        idle--;
        // This one may wait now, so that another has to be there for the next.
        if (idle == 0 && threads < THREADS_MAX) start_thread();
        pthread_mutex_unlock(&mutex);
        if (item->is_socket) {
            // Here the kernel closes what the packets brought. The socket is shut down: nothing more comes. An empty
            // packet reads like the end, but for its sender's credentials, which empty_queue has asked for.
            char byte;
            union {
                struct cmsghdr header;
                char room[CMSG_SPACE(sizeof(struct ucred))];
            } control;
            struct iovec part = {.iov_base = &byte, .iov_len = 1};
            ssize_t received;
            bool came;
            do {
                struct msghdr message = {
                    .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control};
                received = COUNTED(recvmsg(item->fd, &message, MSG_DONTWAIT));
                came = received > 0 || (received == 0 && message.msg_controllen > 0)
                       || (received < 0 && (errno == EINTR || errno == ECONNRESET));
            } while (came);
        }
        oro_close(item->fd);
        if (item->done != NULL) item->done(item->context);
        free(item);
        pthread_mutex_lock(&mutex);
        closing--;
        idle++;
    }
    return NULL;
}

static void hand_over(int fd, bool is_socket, void (*done)(void *), void *context) {
    struct item *item = malloc(sizeof *item);
    // Without memory it stays open: who would close it here could be made to wait.
    if (item == NULL) return;
    *item = (struct item){.fd = fd, .is_socket = is_socket, .done = done, .context = context};
    pthread_mutex_lock(&mutex);
    *last = item;
    last = &item->next;
    closing++;
    if (threads == 0) start_thread();
    pthread_cond_signal(&wanted);
    pthread_mutex_unlock(&mutex);
}

void oro_close_received(int fd, void (*done)(void *), void *context) {
    // Memory of memfd_create has nobody to ask. Of anything else that may be its last descriptor somebody may be asked:
    // a file system that a process serves, whoever reads from a socket that lingers, whoever holds the lock of a pipe.
    if (COUNTED(fcntl(fd, F_GET_SEALS)) < 0) return hand_over(fd, false, done, context);
    oro_close(fd);
    if (done != NULL) done(context);
}

// Empties the queue of a socket that was shut down. False: a packet is there that brought descriptors.
static bool empty_queue(int fd) {
    // A packet then comes with its sender's credentials, and the end without.
    int on = 1;
    // In a forked child something else has its place (oro_fork.h), which holds nothing.
    if (COUNTED(setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on)) != 0) return errno == ENOTSOCK;
    for (int packets = 0; packets < 4096; packets++) {
        union {
            struct cmsghdr header;
            char room[CMSG_SPACE(sizeof(struct ucred))];
        } control;
        char byte;
        struct iovec part = {.iov_base = &byte, .iov_len = 1};
        struct msghdr message = {
            .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof control.room};
        // A look takes nothing, so that nothing is closed here.
        ssize_t received = COUNTED(recvmsg(fd, &message, MSG_DONTWAIT | MSG_PEEK | MSG_CMSG_CLOEXEC));
        if (received < 0 && (errno == EINTR || errno == ECONNRESET)) continue;
        if (received < 0) return errno == EAGAIN || errno == ENOTCONN;
        if ((message.msg_flags & MSG_CTRUNC) != 0) return false;
        if (CMSG_FIRSTHDR(&message) == NULL) return true;
        message = (struct msghdr){.msg_iov = &part, .msg_iovlen = 1};
        COUNTED(recvmsg(fd, &message, MSG_DONTWAIT));
    }
    return false;
}

void oro_close_socket(int fd, void (*done)(void *), void *context) {
    oro_socket_shutdown(fd);
    if (!empty_queue(fd)) return hand_over(fd, true, done, context);
    oro_close(fd);
    if (done != NULL) done(context);
}
