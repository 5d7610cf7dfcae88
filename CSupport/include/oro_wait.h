// SPDX-License-Identifier: Apache-2.0
// What a thread has to leave in order if it ends while it waits: by pthread_cancel, or by pthread_exit in a signal
// handler. Neither runs the rest of the functions it is in, so what they would have done is said beforehand.
#ifndef ORO_WAIT_H
#define ORO_WAIT_H

#include <stdbool.h>
#include <stdint.h>

// The wait of a thread, in memory that outlives its stack.
typedef struct oro_wait {
    // Called at the end of the thread while it is set.
    void (*abandoned)(struct oro_wait *wait);
    void *owner;
    void *waiter;
    uint64_t ticket;
    int32_t ring;
    // The thread receives for its client.
    bool is_receiving;
} oro_wait;

// The calling thread's; NULL when there is no memory for it, or its end cannot be watched.
oro_wait *oro_wait_here(void);

// A point at which the calling thread can be cancelled.
void oro_wait_test_cancel(void);

#endif
