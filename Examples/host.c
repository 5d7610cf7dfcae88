// SPDX-License-Identifier: Apache-2.0
// A host in a program that has its own event loop: epoll, one descriptor of the library's, one call.
//
//     cc host.c -o host $(pkg-config --cflags --libs oroipc)
//     ./host demo        serves until its standard input ends
#include <errno.h>
#include <oroipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { LATER_MOST = 64 };

// What the event loop owns: requests that a timer answers later.
struct application {
    oroipc_host *host;
    int timer;
    oroipc_result *later[LATER_MOST];
    int waiting;
};

static void ping(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    oroipc_value pong = oroipc_text("pong");
    oroipc_result_set_data(result, &pong);
}

// Gives back what came: the value in its encoded form, and the bytes without copying them here.
static void echo(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_value value;
    oroipc_bytes *bytes;
    if (oroipc_message_value(message, NULL, OROIPC_ENCODED, &value) == OROIPC_OK)
        oroipc_result_set_data(result, &value);
    if (oroipc_message_take_bytes(message, &bytes) == OROIPC_OK) {
        oroipc_result_set_payload(result, bytes);
        oroipc_bytes_release(bytes);
    }
}

// Fills a block of shared memory, which the client then reads in place.
static void noise(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_value size;
    if (oroipc_message_value(message, "size", OROIPC_NATIVE, &size) != OROIPC_OK || size.kind != OROIPC_INTEGER
        || size.integer < 1 || size.integer > 1 << 26) {
        oroipc_result_set_error(result, "RangeError", "'size' must be between 1 and 67108864", NULL);
        return;
    }
    oroipc_loan *loan;
    if (oroipc_message_loan(message, (size_t)size.integer, &loan) != OROIPC_OK) {
        oroipc_result_set_error(result, NULL, oroipc_last_error(), NULL);
        return;
    }
    memset(oroipc_loan_data(loan), 0x5a, oroipc_loan_size(loan));
    oroipc_bytes *bytes;
    if (oroipc_loan_finish(loan, oroipc_loan_size(loan), &bytes) == OROIPC_OK) {
        oroipc_result_set_payload(result, bytes);
        oroipc_bytes_release(bytes);
    }
    oroipc_loan_release(loan);
}

// Keeps the result until the timer fires.
static void later(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message;
    struct application *application = context;
    if (application->waiting == LATER_MOST) {
        oroipc_result_set_error(result, "QuotaExceededError", "too many wait", NULL);
        oroipc_result_send(result);
        return;
    }
    application->later[application->waiting++] = result;
    struct itimerspec soon = {.it_value = {.tv_nsec = 1000000}};
    timerfd_settime(application->timer, 0, &soon, NULL);
}

static void answer_later(struct application *application) {
    uint64_t ticks;
    if (read(application->timer, &ticks, sizeof ticks) != sizeof ticks) return;
    for (int index = 0; index < application->waiting; index++) {
        oroipc_value done = oroipc_text("done");
        oroipc_result_set_data(application->later[index], &done);
        oroipc_result_send(application->later[index]);
    }
    application->waiting = 0;
}

// A stream of events, as fast as the client takes them. What it keeps lives until the stream is sent or given up.
struct count {
    int64_t next;
    int64_t end;
};

static void count_on(oroipc_result *result, void *context) {
    struct count *count = context;
    while (count->next < count->end) {
        oroipc_value value = oroipc_integer(count->next);
        oroipc_status status = oroipc_result_send_event(result, "count", &value, NULL);
        if (status == OROIPC_BUSY) {
            oroipc_result_on_room(result, count_on, count);
            return;
        }
        if (status != OROIPC_OK) break;
        count->next++;
    }
    free(count);
    oroipc_result_send(result);
}

static void count(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_value end;
    struct count *count = calloc(1, sizeof *count);
    if (oroipc_message_value(message, "to", OROIPC_NATIVE, &end) == OROIPC_OK && end.kind == OROIPC_INTEGER)
        count->end = end.integer;
    count_on(result, count);
}

int main(int count_of_arguments, char **arguments) {
    struct application application = {0};
    const char *name = count_of_arguments > 1 ? arguments[1] : "demo";
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.folder = count_of_arguments > 2 ? arguments[2] : NULL;
    if (oroipc_host_create(name, &options, &application.host) != OROIPC_OK) {
        fprintf(stderr, "%s\n", oroipc_last_error());
        return 1;
    }
    oroipc_host_map(application.host, "ping", OROIPC_ROUTE_SYNC, ping, NULL, NULL);
    oroipc_host_map(application.host, "echo", OROIPC_ROUTE_SYNC, echo, NULL, NULL);
    oroipc_host_map(application.host, "noise", OROIPC_ROUTE_SYNC, noise, NULL, NULL);
    oroipc_host_map(application.host, "later", OROIPC_ROUTE_LATER, later, &application, NULL);
    oroipc_host_map(application.host, "count", OROIPC_ROUTE_STREAM, count, NULL, NULL);

    int loop = epoll_create1(EPOLL_CLOEXEC);
    application.timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    int descriptors[] = {oroipc_host_descriptor(application.host), application.timer, STDIN_FILENO};
    for (int index = 0; index < 3; index++) {
        struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptors[index]};
        if (epoll_ctl(loop, EPOLL_CTL_ADD, descriptors[index], &event) != 0) {
            perror("epoll_ctl");
            return 1;
        }
    }
    printf("serving %s\n", name);
    fflush(stdout);
    for (int is_over = 0; !is_over;) {
        int timeout;
        oroipc_host_turn(application.host, &timeout);
        struct epoll_event events[8];
        int ready = epoll_wait(loop, events, 8, timeout);
        if (ready < 0 && errno != EINTR) break;
        for (int index = 0; index < ready; index++) {
            if (events[index].data.fd == application.timer) answer_later(&application);
            char line[256];
            if (events[index].data.fd == STDIN_FILENO && read(STDIN_FILENO, line, sizeof line) <= 0) is_over = 1;
        }
    }
    for (int index = 0; index < application.waiting; index++) oroipc_result_release(application.later[index]);
    oroipc_host_release(application.host);
    close(application.timer);
    close(loop);
    return 0;
}
