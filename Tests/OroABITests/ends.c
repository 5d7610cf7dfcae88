// Threads that end inside a call that blocks them, cancelled or by pthread_exit: the others go on, and so does the link.
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

static char folder[] = "/tmp/oroipc-ends-XXXXXX";
static oroipc_client *client;
static atomic_int asked, cancelled;

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

static pthread_t started(void *how) {
    pthread_t thread;
    int before = atomic_load(&asked);
    CHECK(pthread_create(&thread, NULL, waits_for_ever, how) == 0);
    wait_for(&asked, before + 1);
    return thread;
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
    for (int idle = OROIPC_IDLE_ADAPTIVE; idle <= OROIPC_IDLE_PARK; idle++) {
        options.idle = idle;
        OK(oroipc_client_connect("ends", &options, &client));
        for (int number = 0; number < 24; number++) {
            void *how = (void *)(long)(number % 4);
            // One that reads for all, and one that waits until it is told.
            pthread_t first = started(how), second = started(how), third;
            CHECK(pthread_create(&third, NULL, asks, (void *)200) == 0);
            pause_a_moment(number);
            if (number % 2) {
                CHECK(pthread_cancel(first) == 0);
                ended(first, PTHREAD_CANCELED);
                ask(10);
                CHECK(pthread_cancel(second) == 0);
                ended(second, PTHREAD_CANCELED);
            } else if (idle == OROIPC_IDLE_PARK) {
                pause_a_moment(2);
                CHECK(pthread_kill(first, SIGUSR1) == 0);
                ended(first, NULL);
                ask(10);
                CHECK(pthread_kill(second, SIGUSR1) == 0);
                ended(second, NULL);
            } else {
                CHECK(pthread_cancel(second) == 0);
                ended(second, PTHREAD_CANCELED);
                CHECK(pthread_cancel(first) == 0);
                ended(first, PTHREAD_CANCELED);
            }
            ended(third, NULL);
            ask(100);
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
