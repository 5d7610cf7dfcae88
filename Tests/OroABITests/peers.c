// SPDX-License-Identifier: Apache-2.0
// What a host in C decides about its clients: who may connect, who may call what, which routes there are, for which
// origin they broadcast, and what it hears of their coming and going. Its clients are processes of their own.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

// MARK: A child, which is a client over descriptor 3

static oroipc_client *adopted(void) {
    oroipc_client *client;
    OK(oroipc_client_adopt(3, NULL, &client));
    return client;
}

// Calls a command without parameters, and answers its error's name, or NULL.
static const char *error_of(oroipc_client *client, const char *command, oroipc_result **result) {
    oroipc_call call = OROIPC_CALL(command);
    call.timeout_ms = 30000;
    oroipc_status status = oroipc_client_call(client, &call, result);
    CHECK(status == OROIPC_OK || status == OROIPC_FAILED);
    return oroipc_result_error_name(*result);
}

static void expect_label(oroipc_client *client, const char *label) {
    oroipc_result *result = NULL;
    CHECK(error_of(client, "who", &result) == NULL);
    char expected[64];
    snprintf(expected, sizeof expected, "\"%s\"", label);
    CHECK(same(oroipc_result_json(result), expected));
    oroipc_result_release(result);
}

static int child(const char *what) {
    if (same(what, "enemy")) {
        oroipc_client *client;
        STATUS(OROIPC_REFUSED, oroipc_client_adopt(3, NULL, &client));
        CHECK(client == NULL);
        return 0;
    }
    oroipc_client *client = adopted();
    oroipc_result *result = NULL;
    if (same(what, "admin")) {
        expect_label(client, "admin");
        CHECK(error_of(client, "admin.reset", &result) == NULL);
        CHECK(error_of(client, "admin.later", &result) == NULL);
    } else if (same(what, "guest")) {
        expect_label(client, "guest");
        CHECK(same(error_of(client, "admin.reset", &result), "NotAllowedError"));
        CHECK(strstr(oroipc_result_error_message(result), "'admin.reset'") != NULL);
        CHECK(strstr(oroipc_result_error_message(result), "('guest')") != NULL);
        CHECK(same(error_of(client, "admin.later", &result), "NotAllowedError"));
        CHECK(error_of(client, "open", &result) == NULL);
    } else if (same(what, "thrown out")) {
        // Its answer may come before the end.
        (void)error_of(client, "leave", &result);
        const char *error;
        while ((error = error_of(client, "open", &result)) == NULL) usleep(1000);
        CHECK(same(error, "NetworkError"));
        CHECK(oroipc_client_state(client) == OROIPC_PEER_GONE);
        CHECK(strstr(oroipc_result_error_message(result), "that will do") != NULL);
    } else if (same(what, "killed")) {
        raise(SIGKILL);
    } else {
        return 2;
    }
    oroipc_result_release(result);
    oroipc_client_release(client);
    return 0;
}

// Starts this program again, with `descriptor` as its number 3; answers its process.
static pid_t start(const char *what, int descriptor) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    // Of two equal numbers it takes the flag away, too.
    posix_spawn_file_actions_adddup2(&actions, descriptor, 3);
    char *arguments[] = {"peers", "child", (char *)what, NULL};
    pid_t process;
    CHECK(posix_spawn(&process, "/proc/self/exe", &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(descriptor);
    return process;
}

static void join(pid_t process, int is_killed) {
    int status;
    CHECK(waitpid(process, &status, 0) == process);
    CHECK(is_killed ? WIFSIGNALED(status) : WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

// MARK: The host

static oroipc_host *host;

struct notices {
    pthread_mutex_t lock;
    int asked, connected, disconnected;
    uint64_t client;
    char label[64];
    oroipc_status why;
    char reason[256];
};

static struct notices seen = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int policy(const oroipc_peer *peer, void *context) {
    struct notices *seen = context;
    CHECK(peer->size == sizeof *peer && peer->user == getuid() && peer->group == getgid());
    CHECK(peer->process == getpid());
    pthread_mutex_lock(&seen->lock);
    seen->asked++;
    pthread_mutex_unlock(&seen->lock);
    return !same(peer->label, "enemy");
}

static void connected(uint64_t client, const oroipc_peer *peer, void *context) {
    struct notices *seen = context;
    pthread_mutex_lock(&seen->lock);
    seen->connected++;
    seen->client = client;
    snprintf(seen->label, sizeof seen->label, "%s", peer->label != NULL ? peer->label : "(none)");
    pthread_mutex_unlock(&seen->lock);
    if (same(peer->label, "fixed")) OK(oroipc_host_fix_origin(host, client, "oro://fixed"));
}

static void disconnected(
    uint64_t client, const oroipc_peer *peer, oroipc_status why, const char *reason, void *context) {
    struct notices *seen = context;
    pthread_mutex_lock(&seen->lock);
    seen->disconnected++;
    CHECK(seen->client == client && same(peer->label != NULL ? peer->label : "(none)", seen->label));
    seen->why = why;
    snprintf(seen->reason, sizeof seen->reason, "%s", reason);
    pthread_mutex_unlock(&seen->lock);
}

// Waits until so many clients have gone.
static void wait_for_ends(int count) {
    time_t limit = time(NULL) + 30;
    for (int there = -1; there < count; usleep(1000)) {
        CHECK(time(NULL) < limit);
        pthread_mutex_lock(&seen.lock);
        there = seen.disconnected;
        pthread_mutex_unlock(&seen.lock);
    }
}

static void who(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_peer peer = OROIPC_PEER_INIT;
    OK(oroipc_message_peer(message, &peer));
    oroipc_value label = peer.label != NULL ? oroipc_text(peer.label) : oroipc_null();
    OK(oroipc_result_set_data(result, &label));
    // A program that was compiled before there were labels.
    struct {
        size_t size;
        int32_t process;
        uint32_t user, group;
        char behind[16];
    } old = {.size = 24, .behind = "not to be seen"};
    OK(oroipc_message_peer(message, (oroipc_peer *)&old));
    CHECK(old.user == getuid() && same(old.behind + 4, "to be seen"));
}

static void open_to_all(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)result, (void)context;
}

static void later(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    OK(oroipc_result_send(result));
}

static void leave(oroipc_message *message, oroipc_result *result, void *context) {
    (void)result, (void)context;
    OK(oroipc_host_disconnect(host, oroipc_message_client(message), "that will do"));
}

static int gate(const oroipc_peer *peer, const char *name, void *context) {
    CHECK(strncmp(name, "admin.", 6) == 0);
    atomic_fetch_add((atomic_int *)context, 1);
    return same(peer->label, "admin");
}

static void destroy(void *context) { atomic_fetch_add((atomic_int *)context, 1000); }

static void run(const char *label, int is_killed) {
    int descriptor;
    int before = seen.disconnected;
    OK(oroipc_host_make_labelled_peer(host, label, &descriptor));
    join(start(label, descriptor), is_killed);
    wait_for_ends(before + 1);
    CHECK(same(seen.label, label));
}

static void labels_policies_and_gates(void) {
    atomic_int asked = 0;
    OK(oroipc_host_guard(host, "admin.*", gate, &asked, destroy));
    run("admin", 0);
    CHECK(seen.why == OROIPC_PEER_GONE && seen.connected == 1);
    run("guest", 0);
    CHECK(atomic_load(&asked) == 4);
    run("killed", 1);
    CHECK(seen.why == OROIPC_PEER_GONE && seen.reason[0] != 0);
    run("thrown out", 0);
    CHECK(seen.why == OROIPC_CLOSED);
    // It never becomes a client: there is no notice of it.
    int descriptor, connected = seen.connected, asked_before = seen.asked;
    OK(oroipc_host_make_labelled_peer(host, "enemy", &descriptor));
    join(start("enemy", descriptor), 0);
    CHECK(seen.connected == connected && seen.disconnected == connected && seen.asked == asked_before + 1);
    // The host's own code is not asked for.
    oroipc_call call = OROIPC_CALL("admin.reset");
    OK(oroipc_host_invoke(host, &call, NULL, NULL));
    CHECK(atomic_load(&asked) == 4);
}

static void wrong_labels_are_refused(void) {
    int descriptor = 7;
    char text[257];
    memset(text, 'x', 256);
    text[256] = 0;
    STATUS(OROIPC_INVALID, oroipc_host_make_labelled_peer(host, "", &descriptor));
    CHECK(descriptor == -1);
    STATUS(OROIPC_INVALID, oroipc_host_make_labelled_peer(host, text, &descriptor));
    CHECK(strstr(oroipc_last_error(), "256 bytes") != NULL);
    STATUS(OROIPC_INVALID, oroipc_host_make_labelled_peer(host, "\xff", &descriptor));
    STATUS(OROIPC_INVALID, oroipc_host_adopt_labelled(host, "", 0));
    STATUS(OROIPC_INVALID, oroipc_host_adopt_labelled(host, "label", -1));
    // It stayed the caller's.
    CHECK(fcntl(0, F_GETFD) >= 0);
    STATUS(OROIPC_NOT_FOUND, oroipc_host_disconnect(host, 12345, "nobody"));
    STATUS(OROIPC_NOT_FOUND, oroipc_host_fix_origin(host, 12345, "oro://nobody"));
}

static void routes_can_be_left_out(void) {
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    oroipc_host *other;
    options.without_routes = "ping, diagnostic";
    STATUS(OROIPC_INVALID, oroipc_host_create(NULL, &options, &other));
    CHECK(other == NULL && strstr(oroipc_last_error(), "'diagnostic'") != NULL);
    options.without_routes = "ping, diagnostics.*";
    OK(oroipc_host_create(NULL, &options, &other));
    OK(oroipc_host_map(other, "ping", OROIPC_ROUTE_SYNC, open_to_all, NULL, NULL));
    STATUS(OROIPC_INVALID, oroipc_host_map(other, "Platform.Primordials", OROIPC_ROUTE_SYNC, open_to_all, NULL, NULL));
    CHECK(strstr(oroipc_last_error(), "'Platform.Primordials'") != NULL);
    STATUS(OROIPC_INVALID, oroipc_host_unmap(other, "platform.primordials"));
    STATUS(OROIPC_INVALID, oroipc_host_map(other, "", OROIPC_ROUTE_SYNC, open_to_all, NULL, NULL));
    STATUS(OROIPC_INVALID, oroipc_host_map(other, "no name", OROIPC_ROUTE_SYNC, open_to_all, NULL, NULL));
    CHECK(strstr(oroipc_last_error(), "'no name'") != NULL);
    oroipc_host_release(other);
    options.without_routes = "*";
    OK(oroipc_host_create(NULL, &options, &other));
    OK(oroipc_host_start(other));
    oroipc_client *client;
    oroipc_result *result = NULL;
    OK(oroipc_host_connect(other, NULL, &client));
    CHECK(same(error_of(client, "ping", &result), "NotFoundError"));
    CHECK(same(error_of(client, "platform.primordials", &result), "NotFoundError"));
    oroipc_result_release(result);
    oroipc_client_release(client);
    oroipc_host_release(other);
}

// MARK: Broadcasts

static oroipc_client *connected_as(const char *label) {
    int descriptor;
    oroipc_client *client;
    OK(oroipc_host_make_labelled_peer(host, label, &descriptor));
    OK(oroipc_client_adopt(descriptor, NULL, &client));
    return client;
}

struct heard {
    int count;
    int64_t last;
};

static void hear(oroipc_port *port, int32_t what, oroipc_structured *message, void *context) {
    (void)port;
    struct heard *heard = context;
    CHECK(what == OROIPC_PORT_MESSAGE);
    uint32_t root;
    oroipc_value value;
    OK(oroipc_structured_root(message, &root));
    OK(oroipc_structured_value(message, root, OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_INTEGER);
    heard->last = value.integer;
    heard->count++;
}

static oroipc_structured *integer(int64_t number) {
    oroipc_structured *message;
    oroipc_value value = oroipc_integer(number);
    OK(oroipc_structured_create(&message));
    OK(oroipc_structured_add_value(message, &value, NULL));
    return message;
}

static void a_host_decides_for_which_origin_a_client_broadcasts(void) {
    oroipc_client *liar = connected_as("fixed"), *honest = connected_as("honest");
    oroipc_port *posts, *mine, *others, *of_others;
    struct heard at_mine = {0}, at_others = {0}, at_liar = {0};
    OK(oroipc_client_subscribe(liar, "news", "oro://other", OROIPC_KEEP_ALL, &posts));
    OK(oroipc_client_subscribe(honest, "news", "oro://fixed", OROIPC_KEEP_ALL, &mine));
    OK(oroipc_client_subscribe(honest, "news", "oro://other", OROIPC_KEEP_ALL, &others));
    OK(oroipc_port_listen(posts, hear, &at_liar, NULL));
    OK(oroipc_port_listen(mine, hear, &at_mine, NULL));
    OK(oroipc_port_listen(others, hear, &at_others, NULL));
    oroipc_result *result = NULL;
    // Behind the subscriptions.
    CHECK(error_of(liar, "open", &result) == NULL && error_of(honest, "open", &result) == NULL);
    const char *const said[] = {NULL, "*", "oro://other", "oro://fixed"};
    for (int index = 0; index < 4; index++) {
        oroipc_structured *message = integer(index);
        OK(oroipc_port_broadcast(posts, said[index], message));
        oroipc_structured_release(message);
    }
    turn_until(honest, &at_mine.count, 4);
    CHECK(at_mine.last == 3 && at_others.count == 0);
    // With a request.
    oroipc_call call = OROIPC_CALL("broadcast_channel.postMessage");
    call.value = oroipc_json("{\"name\": \"news\", \"origin\": \"oro://other\", \"data\": 4}");
    OK(oroipc_client_call(liar, &call, &result));
    oroipc_value origin;
    OK(oroipc_result_data(result, "origin", OROIPC_NATIVE, &origin));
    CHECK(same(origin.data, "oro://fixed"));
    turn_until(honest, &at_mine.count, 5);
    CHECK(at_mine.last == 4 && at_others.count == 0);
    // It hears what is for its own, and not what is for the one it has said.
    OK(oroipc_client_subscribe(honest, "news", "oro://other", OROIPC_KEEP_ALL, &of_others));
    oroipc_structured *message = integer(5);
    OK(oroipc_port_broadcast(of_others, NULL, message));
    turn_until(honest, &at_others.count, 1);
    oroipc_structured_release(message);
    message = integer(6);
    OK(oroipc_port_broadcast(of_others, "oro://fixed", message));
    // What it has posted with a request comes to its port, too.
    turn_until(liar, &at_liar.count, 2);
    CHECK(at_liar.last == 6);
    oroipc_structured_release(message);
    oroipc_result_release(result);
    oroipc_port *all[] = {posts, mine, others, of_others};
    for (int index = 0; index < 4; index++) {
        OK(oroipc_port_close(all[index]));
        oroipc_port_release(all[index]);
    }
    oroipc_client_release(liar);
    oroipc_client_release(honest);
}

int main(int count, char **arguments) {
    if (count > 2 && same(arguments[1], "child")) return child(arguments[2]);
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.policy = policy;
    options.policy_context = &seen;
    options.connected = connected;
    options.disconnected = disconnected;
    options.clients_context = &seen;
    OK(oroipc_host_create(NULL, &options, &host));
    OK(oroipc_host_map(host, "who", OROIPC_ROUTE_SYNC, who, NULL, NULL));
    OK(oroipc_host_map(host, "open", OROIPC_ROUTE_SYNC, open_to_all, NULL, NULL));
    OK(oroipc_host_map(host, "admin.reset", OROIPC_ROUTE_SYNC, open_to_all, NULL, NULL));
    OK(oroipc_host_map(host, "admin.later", OROIPC_ROUTE_LATER, later, NULL, NULL));
    OK(oroipc_host_map(host, "leave", OROIPC_ROUTE_SYNC, leave, NULL, NULL));
    OK(oroipc_host_start(host));
    wrong_labels_are_refused();
    labels_policies_and_gates();
    routes_can_be_left_out();
    oroipc_host_release(host);

    // Of two clients at once no notice is checked.
    oroipc_host_options plain = OROIPC_HOST_OPTIONS_INIT;
    plain.connected = connected;
    plain.clients_context = &seen;
    OK(oroipc_host_create(NULL, &plain, &host));
    OK(oroipc_host_map(host, "open", OROIPC_ROUTE_SYNC, open_to_all, NULL, NULL));
    OK(oroipc_host_start(host));
    a_host_decides_for_which_origin_a_client_broadcasts();
    oroipc_host_release(host);
    puts("peers: as the host decides");
    return 0;
}
