// SPDX-License-Identifier: Apache-2.0
// What the C programs of this folder check with: the first thing that is not as it must be ends the program.
#ifndef CHECK_H
#define CHECK_H

#include <oroipc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define CHECK(condition)                                                                                             \
    do {                                                                                                             \
        if (!(condition)) {                                                                                          \
            fprintf(stderr, "%s:%d: %s\n    last error: %s\n", __FILE__, __LINE__, #condition, oroipc_last_error()); \
            exit(1);                                                                                                 \
        }                                                                                                            \
    } while (0)

// The status of an expression that must have this one.
#define STATUS(expected, expression)                                                                               \
    do {                                                                                                           \
        oroipc_status status_ = (expression);                                                                      \
        if (status_ != (expected)) {                                                                               \
            fprintf(stderr, "%s:%d: %s is %s: %s\n", __FILE__, __LINE__, #expression, oroipc_status_name(status_), \
                oroipc_last_error());                                                                              \
            exit(1);                                                                                               \
        }                                                                                                          \
    } while (0)

#define OK(expression) STATUS(OROIPC_OK, expression)

static inline int same(const char *text, const char *expected) {
    return text != NULL && expected != NULL && strcmp(text, expected) == 0;
}

// Turns a client as an event loop does, until `*count` is `wanted`; not longer than 30 seconds.
static inline void turn_until(oroipc_client *client, const volatile int *count, int wanted) {
    time_t limit = time(NULL) + 30;
    int timeout;
    for (;;) {
        OK(oroipc_client_turn(client, &timeout));
        if (*count >= wanted) return;
        struct pollfd poll_for = {.fd = oroipc_client_descriptor(client), .events = POLLIN};
        CHECK(poll(&poll_for, 1, timeout < 0 || timeout > 1000 ? 1000 : timeout) >= 0);
        CHECK(time(NULL) < limit);
    }
}

#endif
