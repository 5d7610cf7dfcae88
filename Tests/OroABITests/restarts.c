// SPDX-License-Identifier: Apache-2.0
// Clients that come back: their host is killed, or drains and is replaced, while they call without pause.
//
//     restarts ROUNDS
//
// The host writes the number of each call it runs to a file. In the end each call has one outcome, and the file says
// the same as that: what was answered ran once, what was not sent or refused never, what is unknown at most once.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static char folder[] = "/tmp/oroipc-restarts-XXXXXX";
static char log_path[64];

// ------------------------------------------------------------------------------------------------------------ the host

static void run(oroipc_message *message, oroipc_result *result, void *context) {
    oroipc_value id;
    OK(oroipc_message_value(message, "id", OROIPC_NATIVE, &id));
    uint64_t number = (uint64_t)id.integer;
    CHECK(write(*(int *)context, &number, sizeof number) == sizeof number);
    OK(oroipc_result_set_bytes(result, &number, sizeof number));
}

static int serve(void) {
    int log = open(log_path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    CHECK(log >= 0);
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.folder = folder;
    oroipc_host *host = NULL;
    oroipc_status status;
    // The one before it may still have the name.
    while ((status = oroipc_host_create("restarts", &options, &host)) == OROIPC_NAME_TAKEN) usleep(500);
    OK(status);
    OK(oroipc_host_map(host, "run", OROIPC_ROUTE_SYNC, run, &log, NULL));
    OK(oroipc_host_start(host));
    CHECK(write(STDOUT_FILENO, "serving\n", 8) == 8);
    char rest;
    while (read(STDIN_FILENO, &rest, 1) > 0) {}
    OK(oroipc_host_shutdown(host, 10000, "replaced"));
    oroipc_host_release(host);
    return 0;
}

struct process {
    pid_t id;
    int input, output;
};

static struct process start(void) {
    int input[2], output[2];
    CHECK(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    char *arguments[] = {"restarts", "host", folder, NULL};
    struct process process = {.input = input[1], .output = output[0]};
    CHECK(posix_spawn(&process.id, "/proc/self/exe", &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    return process;
}

static void await(struct process process) {
    char line[8];
    CHECK(read(process.output, line, sizeof line) == 8);
    close(process.output);
}

static void end(struct process process, int killed) {
    int status;
    if (killed) CHECK(kill(process.id, SIGKILL) == 0);
    close(process.input);
    CHECK(waitpid(process.id, &status, 0) == process.id);
    CHECK(killed || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

// --------------------------------------------------------------------------------------------------------- the clients

enum { MOST = 1 << 20, CHAINS = 8 };
// The outcome of each call: 0 none yet, else 1 + OROIPC_DELIVERY_….
static _Atomic signed char outcomes[MOST];
static atomic_int next_id = 1;
static atomic_int is_over;
static atomic_int doubles;
static atomic_int connected;

static oroipc_call prepare(int id, oroipc_value *pair, char *json, size_t size) {
    snprintf(json, size, "{\"id\":%d}", id);
    *pair = oroipc_json(json);
    oroipc_call call = OROIPC_CALL("run");
    call.value = *pair;
    return call;
}

static void note(int id, const oroipc_result *result) {
    uint64_t number = 0;
    int delivery = oroipc_result_delivery(result);
    if (oroipc_result_is_ok(result)) {
        CHECK(oroipc_result_bytes_size(result) == sizeof number);
        memcpy(&number, oroipc_result_bytes(result), sizeof number);
        CHECK(number == (uint64_t)id && delivery == OROIPC_DELIVERY_NONE);
    } else {
        CHECK(same(oroipc_result_error_name(result), "NetworkError") && delivery != OROIPC_DELIVERY_NONE);
    }
    signed char none = 0;
    if (!atomic_compare_exchange_strong(&outcomes[id], &none, (signed char)(1 + delivery))) doubles++;
}

static oroipc_client *connect(int delivery) {
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = folder;
    options.delivery = delivery;
    options.reconnect_longest_ms = 50;
    options.reconnect_wait_ms = 20000;
    oroipc_client *client;
    OK(oroipc_client_connect("restarts", &options, &client));
    connected++;
    return client;
}

static void *block(void *unused) {
    (void)unused;
    oroipc_client *client = connect(OROIPC_DELIVER_THREAD);
    oroipc_result *result = NULL;
    while (!is_over) {
        int id = next_id++;
        char json[32];
        oroipc_value value;
        oroipc_call call = prepare(id, &value, json, sizeof json);
        oroipc_status status = oroipc_client_call(client, &call, &result);
        CHECK(status == OROIPC_OK || status == OROIPC_FAILED);
        note(id, result);
    }
    oroipc_result_release(result);
    oroipc_client_release(client);
    return NULL;
}

struct chain {
    oroipc_client *client;
    int id, *open;
};

static void go_on(struct chain *chain);

static void on_result(oroipc_result *result, void *context) {
    struct chain *chain = context;
    note(chain->id, result);
    go_on(chain);
}

static void go_on(struct chain *chain) {
    if (is_over) {
        --*chain->open;
        return;
    }
    chain->id = next_id++;
    char json[32];
    oroipc_value value;
    oroipc_call call = prepare(chain->id, &value, json, sizeof json);
    OK(oroipc_client_call_async(chain->client, &call, on_result, chain, NULL));
}

struct states {
    int connected, reconnecting, closed, destroyed;
};

static void on_state(oroipc_client *client, int32_t state, const char *reason, void *context) {
    struct states *states = context;
    CHECK(client != NULL && (state == OROIPC_CLIENT_CONNECTED) == (*reason == 0));
    if (state == OROIPC_CLIENT_CONNECTED) states->connected++;
    if (state == OROIPC_CLIENT_RECONNECTING) states->reconnecting++;
    if (state == OROIPC_CLIENT_CLOSED) states->closed++;
}

static void on_destroy(void *context) { ((struct states *)context)->destroyed++; }

static void on_hello(oroipc_message *event, void *context) {
    CHECK(same(oroipc_message_name(event), "hello"));
    ++*(int *)context;
}

static void *turn(void *context) {
    struct states *states = context;
    oroipc_client *client = connect(OROIPC_DELIVER_TURN);
    OK(oroipc_client_on_state(client, on_state, states, on_destroy));
    int heard = 0;
    uint64_t token;
    OK(oroipc_client_listen(client, "hello", on_hello, &heard, NULL, &token));
    int open = CHAINS;
    struct chain chains[CHAINS];
    for (int index = 0; index < CHAINS; index++) {
        chains[index] = (struct chain){.client = client, .open = &open};
        go_on(&chains[index]);
    }
    int timeout = 0;
    while (open > 0) {
        struct pollfd wait = {.fd = oroipc_client_descriptor(client), .events = POLLIN};
        poll(&wait, 1, timeout);
        OK(oroipc_client_turn(client, &timeout));
    }
    OK(oroipc_client_state(client));
    OK(oroipc_client_close(client));
    while (states->closed == 0) OK(oroipc_client_turn(client, NULL));
    oroipc_client_release(client);
    return NULL;
}

#define FAILED(expression) STATUS(OROIPC_FAILED, expression)

// A host that is gone for good: a call waits as long as it may, and says it was not sent; then the client gives up.
static void gives_up(void) {
    struct process host = start();
    await(host);
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = folder;
    options.delivery = OROIPC_DELIVER_THREAD;
    options.reconnect_wait_ms = 100;
    options.reconnect_longest_ms = 20;
    options.reconnect_give_up_ms = 600;
    oroipc_client *client, *other;
    OK(oroipc_client_connect("restarts", &options, &client));
    options.reconnect = OROIPC_RECONNECT_NEVER;
    OK(oroipc_client_connect("restarts", &options, &other));
    options.reconnect = 7;
    oroipc_client *none;
    STATUS(OROIPC_INVALID, oroipc_client_connect("restarts", &options, &none));
    end(host, 1);
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("ping");
    // The first may have been on its way when the host was found gone.
    FAILED(oroipc_client_call(client, &call, &result));
    FAILED(oroipc_client_call(client, &call, &result));
    CHECK(!oroipc_result_is_ok(result) && oroipc_result_delivery(result) == OROIPC_DELIVERY_NOT_SENT);
    CHECK(strstr(oroipc_result_error_message(result), "restarts") != NULL);
    STATUS(OROIPC_PEER_GONE, oroipc_client_state(client));
    FAILED(oroipc_client_call(other, &call, &result));
    FAILED(oroipc_client_call(other, &call, &result));
    CHECK(oroipc_result_delivery(result) == OROIPC_DELIVERY_NOT_SENT);
    STATUS(OROIPC_PEER_GONE, oroipc_client_state(other));
    // It waits no longer once the client has given up.
    while (oroipc_client_state(client) == OROIPC_PEER_GONE) usleep(10000);
    STATUS(OROIPC_NOT_LISTENING, oroipc_client_state(client));
    FAILED(oroipc_client_call(client, &call, &result));
    CHECK(!oroipc_result_is_ok(result));
    // Without an error there is no delivery.
    CHECK(oroipc_result_delivery(NULL) == OROIPC_DELIVERY_NONE);
    oroipc_result_release(result);
    oroipc_client_release(client);
    oroipc_client_release(other);
}

int main(int count, char **arguments) {
    if (count == 3 && same(arguments[1], "host")) {
        strcpy(folder, arguments[2]);
        snprintf(log_path, sizeof log_path, "%s/log", folder);
        return serve();
    }
    CHECK(count == 2 && mkdtemp(folder) != NULL);
    snprintf(log_path, sizeof log_path, "%s/log", folder);
    int rounds = atoi(arguments[1]);
    struct process host = start();
    await(host);
    struct states states = {0};
    pthread_t blocking, turning;
    CHECK(pthread_create(&blocking, NULL, block, NULL) == 0 && pthread_create(&turning, NULL, turn, &states) == 0);
    while (connected < 2) usleep(1000);
    for (int round = 0; round < rounds; round++) {
        usleep((useconds_t)(5000 + (round * 7919) % 30000));
        if (round % 2 == 0) {
            end(host, 1);
            host = start();
            await(host);
        } else {
            // The next is there before the old one has ended.
            struct process successor = start();
            end(host, 0);
            await(successor);
            host = successor;
        }
    }
    usleep(200000);
    is_over = 1;
    CHECK(pthread_join(blocking, NULL) == 0 && pthread_join(turning, NULL) == 0);
    end(host, 0);

    static unsigned char runs[MOST];
    int log = open(log_path, O_RDONLY | O_CLOEXEC);
    uint64_t number;
    while (read(log, &number, sizeof number) == sizeof number) {
        CHECK(number < MOST);
        runs[number]++;
    }
    close(log);
    int counts[5] = {0}, wrong = 0;
    for (int id = 1; id < next_id; id++) {
        int outcome = outcomes[id];
        counts[outcome]++;
        int most = outcome == 1 + OROIPC_DELIVERY_NONE || outcome == 1 + OROIPC_DELIVERY_UNKNOWN;
        int least = outcome == 1 + OROIPC_DELIVERY_NONE;
        if (outcome == 0 || runs[id] < least || runs[id] > most) {
            if (wrong++ < 5) printf("call %d: outcome %d, ran %d times\n", id, outcome, runs[id]);
        }
    }
    printf(
        "restarts: %d rounds, %d calls: answered %d, not sent %d, refused %d, unknown %d; connected again %d times\n",
        rounds, next_id - 1, counts[1], counts[2], counts[3], counts[4], states.connected - 1);
    CHECK(wrong == 0 && doubles == 0 && counts[0] == 0);
    CHECK(states.closed == 1 && states.destroyed == 1 && states.connected > 1 && states.reconnecting >= rounds / 4);
    gives_up();
    char command[96];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    return 0;
}
