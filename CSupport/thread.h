// SPDX-License-Identifier: Apache-2.0
// Threads of this library that nobody joins.
#ifndef ORO_THREAD_H
#define ORO_THREAD_H

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

// Starts a detached thread that runs `body` with every signal blocked: those are for the threads of the program. 0, or
// minus errno.
static inline int oro_thread_detached(void *(*body)(void *), size_t stack_bytes) {
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0) return -ENOMEM;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    // What the system's threads need at least may be more.
    long least = sysconf(_SC_THREAD_STACK_MIN);
    pthread_attr_setstacksize(&attributes, least > (long)stack_bytes ? (size_t)least : stack_bytes);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_t thread;
    int status = pthread_create(&thread, &attributes, body, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -status;
}

#endif
