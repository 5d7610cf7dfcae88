// SPDX-License-Identifier: Apache-2.0
// A host that is killed while a client waits: everything that waits ends, once, and says why.
//
//     kills PATH-OF-THE-EXAMPLE-HOST ROUNDS
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char folder[] = "/tmp/oroipc-kills-XXXXXX";

struct process {
    pid_t id;
    int input;
};

// Starts the example and waits until it serves.
static struct process start(const char *path) {
    int input[2], output[2];
    CHECK(pipe2(input, O_CLOEXEC) == 0 && pipe2(output, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, input[0], STDIN_FILENO);
    posix_spawn_file_actions_adddup2(&actions, output[1], STDOUT_FILENO);
    char *arguments[] = {(char *)path, "victim", folder, NULL};
    struct process process = {.input = input[1]};
    CHECK(posix_spawn(&process.id, path, &actions, NULL, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(input[0]);
    close(output[1]);
    char line[64] = "";
    CHECK(read(output[0], line, sizeof line - 1) > 0 && strncmp(line, "serving", 7) == 0);
    close(output[0]);
    return process;
}

static void end(struct process process) {
    int status;
    close(process.input);
    CHECK(waitpid(process.id, &status, 0) == process.id);
}

struct seen {
    int results, network, chunks, ends;
};

static void on_result(oroipc_result *result, void *context) {
    struct seen *seen = context;
    seen->results++;
    if (!oroipc_result_is_ok(result)) seen->network += same(oroipc_result_error_name(result), "NetworkError");
}

static void on_chunk(oroipc_message *chunk, oroipc_result *end, void *context) {
    struct seen *seen = context;
    if (chunk != NULL) seen->chunks++;
    if (end != NULL) {
        CHECK(same(oroipc_result_error_name(end), "NetworkError"));
        seen->ends++;
    }
}

static oroipc_client *connected(void) {
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = folder;
    options.reconnect = OROIPC_RECONNECT_NEVER;
    oroipc_client *client;
    OK(oroipc_client_connect("victim", &options, &client));
    return client;
}

// Sends until the host is gone; every call but the last succeeds.
static void *calls(void *context) {
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("echo");
    call.bytes = "0123456789";
    call.bytes_size = 10;
    while (oroipc_client_call(context, &call, &result) == OROIPC_OK) continue;
    CHECK(same(oroipc_result_error_name(result), "NetworkError"));
    oroipc_result_release(result);
    return NULL;
}

static void round_of_kills(const char *path, int number) {
    struct process process = start(path);
    oroipc_client *client = connected();
    struct seen seen = {0};
    pthread_t threads[2];
    for (int index = 0; index < 2; index++) CHECK(pthread_create(&threads[index], NULL, calls, client) == 0);
    oroipc_call later = OROIPC_CALL("later");
    for (int index = 0; index < 40; index++) OK(oroipc_client_call_async(client, &later, on_result, &seen, NULL));
    oroipc_call count = OROIPC_CALL("count");
    count.value = oroipc_json("{\"to\":1000000000}");
    OK(oroipc_client_stream(client, &count, 0, on_chunk, &seen, NULL));
    turn_until(client, &seen.chunks, number % 50 + 1);
    CHECK(kill(process.id, SIGKILL) == 0);
    turn_until(client, &seen.ends, 1);
    turn_until(client, &seen.results, 40);
    for (int index = 0; index < 2; index++) CHECK(pthread_join(threads[index], NULL) == 0);
    CHECK(seen.results == 40 && seen.ends == 1);
    STATUS(OROIPC_PEER_GONE, oroipc_client_state(client));
    oroipc_client_release(client);
    end(process);
}

int main(int count, char **arguments) {
    CHECK(count == 3);
    CHECK(mkdtemp(folder) != NULL);
    int rounds = atoi(arguments[2]);
    for (int number = 0; number < rounds; number++) round_of_kills(arguments[1], number);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    CHECK(system(command) == 0);
    printf("kills: %d hosts\n", rounds);
    return 0;
}
