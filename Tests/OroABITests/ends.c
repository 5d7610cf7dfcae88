// SPDX-License-Identifier: Apache-2.0
// Threads that end inside a call that blocks them, cancelled or by pthread_exit: the others go on, and so does the
// link.
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static char folder[] = "/tmp/oroipc-ends-XXXXXX";
static oroipc_client *client;
static atomic_int asked, cancelled, last_id;

static void echo(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_bytes *bytes;
    if (oroipc_message_take_bytes(message, &bytes) != OROIPC_OK) return;
    OK(oroipc_result_set_payload(result, bytes));
    oroipc_bytes_release(bytes);
}

static void on_cancel(oroipc_result *result, void *context) {
    (void)context;
    atomic_fetch_add(&cancelled, 1);
    oroipc_result_release(result);
}

// Never answered; the handler hears when nobody waits any more.
static void waits(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    OK(oroipc_result_on_cancel(result, on_cancel, NULL));
    atomic_fetch_add(&asked, 1);
}

static void wait_for(atomic_int *count, int wanted) {
    time_t limit = time(NULL) + 30;
    while (atomic_load(count) < wanted) {
        CHECK(time(NULL) < limit);
        sched_yield();
    }
}

// How a thread asks for what never comes: plainly, for a second time on its ring, with a deadline, with a value.
static void *waits_for_ever(void *how) {
    atomic_store(&last_id, gettid());
    oroipc_call call = OROIPC_CALL("waits");
    oroipc_result *result = NULL;
    if (how == (void *)1) {
        oroipc_call first = OROIPC_CALL("echo");
        OK(oroipc_client_call(client, &first, &result));
    }
    if (how == (void *)2) call.timeout_ms = 3600 * 1000;
    if (how == (void *)3) call.value = oroipc_integer(5);
    oroipc_client_call(client, &call, &result);
    return NULL;
}

static void ask(int count) {
    oroipc_result *result = NULL;
    for (int index = 0; index < count; index++) {
        oroipc_call call = OROIPC_CALL("echo");
        call.bytes = &index;
        call.bytes_size = sizeof index;
        call.timeout_ms = 20000;
        OK(oroipc_client_call(client, &call, &result));
        CHECK(*(const int *)oroipc_result_bytes(result) == index);
    }
    oroipc_result_release(result);
}

static void *asks(void *count) {
    ask((int)(long)count);
    return NULL;
}

static void leave(int signal) {
    (void)signal;
    pthread_exit(NULL);
}

struct waiting {
    pthread_t thread;
    int id;
};

static struct waiting started(void *how) {
    struct waiting waiting;
    int before = atomic_load(&asked);
    CHECK(pthread_create(&waiting.thread, NULL, waits_for_ever, how) == 0);
    wait_for(&asked, before + 1);
    waiting.id = atomic_load(&last_id);
    return waiting;
}

// The thread that receives for all sleeps in the kernel: only there may it be ended by pthread_exit.
static int sleeps(int id) {
    char path[64], number[16] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", id);
    FILE *file = fopen(path, "r");
    CHECK(file != NULL);
    if (fgets(number, sizeof number, file) == NULL) number[0] = 0;
    fclose(file);
#ifdef SYS_epoll_wait
    if (atol(number) == SYS_epoll_wait && number[0] != 'r') return 1;
#endif
    return number[0] != 'r' && atol(number) == SYS_epoll_pwait;
}

// Some time for the thread to be where it sleeps; right at any moment.
static void pause_a_moment(int number) {
    struct timespec moment = {.tv_nsec = number % 3 * 5000000};
    nanosleep(&moment, NULL);
}

static void ended(pthread_t thread, void *expected) {
    void *value;
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    CHECK(pthread_timedjoin_np(thread, &value, &limit) == 0);
    CHECK(value == expected);
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    oroipc_host_options host_options = OROIPC_HOST_OPTIONS_INIT;
    host_options.folder = folder;
    oroipc_host *host;
    OK(oroipc_host_create("ends", &host_options, &host));
    OK(oroipc_host_map(host, "echo", OROIPC_ROUTE_SYNC, echo, NULL, NULL));
    OK(oroipc_host_map(host, "waits", OROIPC_ROUTE_LATER, waits, NULL, NULL));
    OK(oroipc_host_start(host));
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = folder;
    signal(SIGUSR1, leave);

    int ends = 0;
    for (int round = 0; round < 2; round++) {
        options.idle = round == 0 ? OROIPC_IDLE_ADAPTIVE : OROIPC_IDLE_PARK;
        OK(oroipc_client_connect("ends", &options, &client));
        for (int number = 0; number < 24; number++) {
            void *how = (void *)(long)(number % 4);
            // One that reads for all, and one that waits until it is told.
            struct waiting first = started(how), second = started(how);
            pthread_t third;
            CHECK(pthread_create(&third, NULL, asks, (void *)100) == 0);
            pause_a_moment(number);
            if (number % 3 == 2) {
                ended(third, NULL);
                time_t limit = time(NULL) + 30;
                while (!sleeps(first.id) && !sleeps(second.id)) CHECK(time(NULL) < limit);
                if (!sleeps(first.id)) {
                    struct waiting other = first;
                    first = second;
                    second = other;
                }
                CHECK(pthread_kill(first.thread, SIGUSR1) == 0);
                ended(first.thread, NULL);
                ask(10);
            } else {
                CHECK(pthread_cancel(first.thread) == 0);
                ended(first.thread, PTHREAD_CANCELED);
                ended(third, NULL);
            }
            CHECK(pthread_cancel(second.thread) == 0);
            ended(second.thread, PTHREAD_CANCELED);
            ask(20);
            ends += 2;
            // The host is told that nobody waits.
            wait_for(&cancelled, ends);
        }
        OK(oroipc_client_state(client));
        OK(oroipc_client_close(client));
        oroipc_client_release(client);
    }
    oroipc_host_release(host);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    printf("ends: %d threads have ended while they waited\n", ends);
    return 0;
}
