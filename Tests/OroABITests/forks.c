// SPDX-License-Identifier: Apache-2.0
// A process that forks: what it has made stays its own. In the child every call on it fails with OROIPC_STATE, and
// whatever the child does with it, the parent's link, host and ports go on. The child makes a client and a host of its
// own.
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char folder[] = "/tmp/oroipc-forks-XXXXXX";

static void echo(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_bytes *bytes;
    if (oroipc_message_take_bytes(message, &bytes) == OROIPC_OK) {
        OK(oroipc_result_set_payload(result, bytes));
        oroipc_bytes_release(bytes);
    }
}

static oroipc_result *unanswered;
static atomic_int is_asked;

// Answered at the end of the program.
static void later(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    unanswered = result;
    atomic_store(&is_asked, 1);
}

static atomic_int accepted, arrived;

static void on_port(oroipc_port *port, int32_t what, oroipc_structured *message, void *context) {
    (void)context;
    if (what != OROIPC_PORT_MESSAGE) return;
    atomic_fetch_add(&arrived, 1);
    OK(oroipc_port_post(port, message, NULL, 0));
}

static void accept_port(oroipc_port *port, uint64_t client, void *context) {
    (void)client, (void)context;
    oroipc_port_retain(port);
    OK(oroipc_port_listen(port, on_port, NULL, NULL));
    atomic_fetch_add(&accepted, 1);
}

static oroipc_host *host_named(const char *name) {
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.folder = folder;
    oroipc_host *host;
    OK(oroipc_host_create(name, &options, &host));
    OK(oroipc_host_map(host, "echo", OROIPC_ROUTE_SYNC, echo, NULL, NULL));
    OK(oroipc_host_map(host, "later", OROIPC_ROUTE_LATER, later, NULL, NULL));
    OK(oroipc_host_accept_ports(host, "room", accept_port, NULL, NULL));
    OK(oroipc_host_start(host));
    return host;
}

static oroipc_client *connected(const char *name, int32_t delivery) {
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = folder;
    options.delivery = delivery;
    oroipc_client *client;
    OK(oroipc_client_connect(name, &options, &client));
    return client;
}

// A call whose answer is its question.
static void ask(oroipc_client *client, const char *bytes, size_t size, oroipc_result **result) {
    oroipc_call call = OROIPC_CALL("echo");
    call.bytes = bytes;
    call.bytes_size = size;
    call.timeout_ms = 30000;
    OK(oroipc_client_call(client, &call, result));
    CHECK(oroipc_result_bytes_size(*result) == size && memcmp(oroipc_result_bytes(*result), bytes, size) == 0);
}

static void never(oroipc_result *result, void *context) {
    (void)result, (void)context;
    fprintf(stderr, "a callback of the parent's in the child\n");
    _exit(3);
}

static void answered(oroipc_result *result, void *context) {
    CHECK(oroipc_result_is_ok(result));
    atomic_store((atomic_int *)context, 1);
}

// What the parent has when it forks.
static oroipc_host *host, *unserved;
static oroipc_client *client, *threaded;
static oroipc_port *port;
static oroipc_result *reply, *borrowed;
static oroipc_loan *loan;
static oroipc_body *body;
static char large[300000];

// The same calls as the parent makes, all of which must fail here.
static void use_everything(void) {
    oroipc_call call = OROIPC_CALL("echo");
    oroipc_client *each[] = {client, threaded};
    for (int index = 0; index < 2; index++) {
        oroipc_client *client = each[index];
        oroipc_result *own = NULL;
        for (int size = 0; size < 3; size++) {
            call.bytes = large;
            call.bytes_size = size == 0 ? 8 : size == 1 ? 20000 : sizeof large;
            STATUS(OROIPC_STATE, oroipc_client_call(client, &call, &reply));
            STATUS(OROIPC_STATE, oroipc_client_call(client, &call, &own));
            STATUS(OROIPC_STATE, oroipc_client_call(client, &call, NULL));
            STATUS(OROIPC_STATE, oroipc_client_post(client, &call));
            STATUS(OROIPC_STATE, oroipc_client_call_async(client, &call, never, NULL, NULL));
        }
        oroipc_loan *more;
        oroipc_port *opened;
        oroipc_peer peer = OROIPC_PEER_INIT;
        oroipc_client_statistics figures = OROIPC_CLIENT_STATISTICS_INIT;
        int timeout;
        STATUS(OROIPC_STATE, oroipc_client_loan(client, 100000, 1000, &more));
        STATUS(OROIPC_STATE, oroipc_client_open_port(client, "room", &opened));
        STATUS(OROIPC_STATE, oroipc_client_peer(client, &peer));
        STATUS(OROIPC_STATE, oroipc_client_statistics_get(client, &figures));
        STATUS(OROIPC_STATE, oroipc_client_state(client));
        STATUS(OROIPC_STATE, oroipc_client_turn(client, &timeout));
        STATUS(OROIPC_STATE, oroipc_client_close(client));
        oroipc_result_release(own);
    }
    oroipc_value value = oroipc_integer(1);
    oroipc_structured *message = NULL;
    oroipc_client *other;
    int number, timeout;
    oroipc_host_statistics figures = OROIPC_HOST_STATISTICS_INIT;
    oroipc_host *hosts[] = {host, unserved};
    for (int index = 0; index < 2; index++) {
        STATUS(OROIPC_STATE, oroipc_host_emit(hosts[index], 0, "event", &value, NULL));
        STATUS(OROIPC_STATE, oroipc_host_start(hosts[index]));
        STATUS(OROIPC_STATE, oroipc_host_run(hosts[index]));
        STATUS(OROIPC_STATE, oroipc_host_turn(hosts[index], &timeout));
        STATUS(OROIPC_STATE, oroipc_host_make_peer(hosts[index], &number));
        STATUS(OROIPC_STATE, oroipc_host_connect(hosts[index], NULL, &other));
        STATUS(OROIPC_STATE, oroipc_host_statistics_get(hosts[index], &figures));
        STATUS(OROIPC_STATE, oroipc_host_shutdown(hosts[index], 1000, NULL));
        STATUS(OROIPC_STATE, oroipc_host_stop(hosts[index]));
    }
    STATUS(OROIPC_STATE, oroipc_result_send(unanswered));
    CHECK(oroipc_client_descriptor(client) == -1 && oroipc_host_descriptor(unserved) == -1);
    int32_t what;
    STATUS(OROIPC_STATE, oroipc_port_post(port, message, NULL, 0));
    STATUS(OROIPC_STATE, oroipc_port_take(port, &what, &message));
    STATUS(OROIPC_STATE, oroipc_port_close(port));
}

static void give_everything_back(void) {
    oroipc_result_release(unanswered);
    memset(oroipc_loan_data(loan), 9, 1000);
    oroipc_loan_release(loan);
    oroipc_body_release(body);
    oroipc_result_release(reply);
    oroipc_result_release(borrowed);
    oroipc_port_release(port);
    oroipc_client_release(threaded);
    oroipc_client_release(client);
    oroipc_host_release(unserved);
    oroipc_host_release(host);
}

static void *own_things(void *unused) {
    (void)unused;
    oroipc_result *result = NULL;
    oroipc_client *again = connected("parent", OROIPC_DELIVER_THREAD);
    ask(again, "child to parent", 15, &result);
    char name[32];
    snprintf(name, sizeof name, "child-%d", getpid());
    oroipc_host *own = host_named(name);
    oroipc_client *mine = connected(name, OROIPC_DELIVER_TURN);
    ask(mine, "child to child", 14, &result);
    ask(mine, large, sizeof large, &result);
    oroipc_result_release(result);
    oroipc_client_release(mine);
    oroipc_client_release(again);
    oroipc_host_release(own);
    return NULL;
}

// On a thread of the child's own, as the header asks for.
static void make_own(void) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, own_things, NULL) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

// Runs `body` in a child, which must end well within a minute.
static void in_child(const char *name, void (*first)(void), void (*second)(void)) {
    fflush(NULL);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        alarm(60);
        if (first != NULL) first();
        if (second != NULL) second();
        exit(0);
    }
    int status;
    CHECK(waitpid(child, &status, 0) == child);
    if (status != 0) fprintf(stderr, "the child that was to %s ended with %x\n", name, status);
    CHECK(status == 0);
}

static void parent_goes_on(void) {
    oroipc_client *each[] = {client, threaded};
    for (int index = 0; index < 2; index++) {
        OK(oroipc_client_state(each[index]));
        char text[16];
        for (int number = 0; number < 100; number++) {
            snprintf(text, sizeof text, "parent %d", number);
            ask(each[index], text, strlen(text), &reply);
        }
        ask(each[index], large, sizeof large, &reply);
    }
    int before = atomic_load(&arrived);
    oroipc_structured *message;
    oroipc_value value = oroipc_integer(before);
    uint32_t root;
    OK(oroipc_structured_create(&message));
    OK(oroipc_structured_add_value(message, &value, &root));
    OK(oroipc_structured_set_root(message, root));
    OK(oroipc_port_post(port, message, NULL, 0));
    oroipc_structured_release(message);
    time_t limit = time(NULL) + 30;
    int32_t what = -1;
    while (oroipc_port_take(port, &what, &message) == OROIPC_BUSY) {
        int timeout;
        OK(oroipc_client_turn(client, &timeout));
        CHECK(time(NULL) < limit);
    }
    CHECK(what == OROIPC_PORT_MESSAGE && atomic_load(&arrived) == before + 1);
    oroipc_structured_release(message);
    CHECK(memcmp(oroipc_result_bytes(borrowed), large, sizeof large) == 0);
    CHECK(((char *)oroipc_loan_data(loan))[0] == 5);
}

static atomic_int is_done;

// Calls all the time, so that forks come at any moment.
static void *calls(void *context) {
    oroipc_result *result = NULL;
    char text[32];
    for (int number = 0; !atomic_load(&is_done); number++) {
        snprintf(text, sizeof text, "thread %p %d", context, number);
        ask(number % 2 ? client : threaded, text, strlen(text), &result);
        if (number % 16 == 0) ask(client, large, sizeof large, &result);
    }
    oroipc_result_release(result);
    return NULL;
}

int main(void) {
    CHECK(mkdtemp(folder) != NULL);
    for (size_t index = 0; index < sizeof large; index++) large[index] = (char)(index * 31 >> 3);
    host = host_named("parent");
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.folder = folder;
    OK(oroipc_host_create("unserved", &options, &unserved));
    client = connected("parent", OROIPC_DELIVER_TURN);
    threaded = connected("parent", OROIPC_DELIVER_THREAD);
    OK(oroipc_client_open_port(client, "room", &port));
    OK(oroipc_client_loan(client, 100000, 1000, &loan));
    memset(oroipc_loan_data(loan), 5, 100000);
    OK(oroipc_body_create(&body));
    ask(client, large, sizeof large, &borrowed);
    oroipc_call later = OROIPC_CALL("later");
    static atomic_int is_answered;
    OK(oroipc_client_call_async(threaded, &later, answered, &is_answered, NULL));
    time_t limit = time(NULL) + 30;
    while (!atomic_load(&is_asked)) CHECK(time(NULL) < limit);
    parent_goes_on();

    in_child("do nothing", NULL, NULL);
    in_child("use everything", use_everything, NULL);
    in_child("give everything back", give_everything_back, NULL);
    in_child("use everything and give it back", use_everything, give_everything_back);
    in_child("make its own", make_own, NULL);
    in_child("make its own after it has given everything back", give_everything_back, make_own);
    parent_goes_on();

    pthread_t threads[3];
#ifdef __SANITIZE_ADDRESS__
    // Its allocator may be in the hands of another thread when this one forks, and then is so for ever in the child.
    int rounds = 0;
#else
    int rounds = 30;
#endif
    for (long index = 0; index < 3; index++)
        CHECK(pthread_create(&threads[index], NULL, calls, (void *)(index + 1)) == 0);
    for (int round = 0; round < rounds; round++) {
        in_child("use everything beside threads", use_everything, round % 2 ? give_everything_back : NULL);
    }
    atomic_store(&is_done, 1);
    for (int index = 0; index < 3; index++) CHECK(pthread_join(threads[index], NULL) == 0);
    parent_goes_on();
    oroipc_result *kept = oroipc_result_retain(unanswered);
    OK(oroipc_result_send(unanswered));
    unanswered = kept;
    limit = time(NULL) + 30;
    while (!atomic_load(&is_answered)) CHECK(time(NULL) < limit);
    give_everything_back();
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    puts("forks: what the parent made is the parent's");
    return 0;
}
