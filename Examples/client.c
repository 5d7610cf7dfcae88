// SPDX-License-Identifier: Apache-2.0
// A client: blocking calls, calls that a poll loop hears the results of, a stream, bytes that are not copied.
//
//     cc client.c -o client $(pkg-config --cflags --libs oroipc)
//     ./client demo
#include <oroipc.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, oroipc_last_error());
    exit(1);
}

struct seen {
    int results;
    int chunks;
    int ends;
};

static void on_result(oroipc_result *result, void *context) {
    struct seen *seen = context;
    if (!oroipc_result_is_ok(result)) fprintf(stderr, "later: %s\n", oroipc_result_error_message(result));
    seen->results++;
}

static void on_chunk(oroipc_message *chunk, oroipc_result *end, void *context) {
    struct seen *seen = context;
    if (chunk != NULL) {
        if (strcmp(oroipc_message_name(chunk), "count") == 0) seen->chunks++;
        return;
    }
    if (!oroipc_result_is_ok(end)) fprintf(stderr, "count: %s\n", oroipc_result_error_message(end));
    seen->ends++;
}

// What a program with an event loop does with the client's one descriptor.
static void loop_until(oroipc_client *client, const int *count, int wanted) {
    while (*count < wanted) {
        int timeout;
        if (oroipc_client_turn(client, &timeout) != OROIPC_OK) fail("turn");
        if (*count >= wanted) break;
        struct pollfd poll_for = {.fd = oroipc_client_descriptor(client), .events = POLLIN};
        poll(&poll_for, 1, timeout);
    }
}

int main(int count_of_arguments, char **arguments) {
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = count_of_arguments > 2 ? arguments[2] : NULL;
    oroipc_client *client;
    if (oroipc_client_connect(count_of_arguments > 1 ? arguments[1] : "demo", &options, &client) != OROIPC_OK)
        fail("connect");

    // A blocking call. The result is used again for the next, and nothing is allocated.
    oroipc_result *result = NULL;
    oroipc_call ping = OROIPC_CALL("ping");
    if (oroipc_client_call(client, &ping, &result) != OROIPC_OK) fail("ping");
    printf("ping: %s\n", oroipc_result_json(result));

    // A value, and bytes.
    oroipc_call echo = OROIPC_CALL("echo");
    echo.value = oroipc_json("{\"answer\": 42, \"large\": 123456789012345678901234567890}");
    echo.bytes = "hello";
    echo.bytes_size = 5;
    if (oroipc_client_call(client, &echo, &result) != OROIPC_OK) fail("echo");
    printf("echo: %s and %zu bytes\n", oroipc_result_json(result), oroipc_result_bytes_size(result));

    // A mebibyte, written once by the host and read here where it lies.
    oroipc_call noise = OROIPC_CALL("noise");
    noise.value = oroipc_json("{\"size\": 1048576}");
    if (oroipc_client_call(client, &noise, &result) != OROIPC_OK) fail("noise");
    const unsigned char *bytes = oroipc_result_bytes(result);
    printf("noise: %zu bytes, the last one is %02x\n", oroipc_result_bytes_size(result),
        bytes[oroipc_result_bytes_size(result) - 1]);

    // An error is a result, too.
    oroipc_call unknown = OROIPC_CALL("unknown");
    if (oroipc_client_call(client, &unknown, &result) == OROIPC_FAILED)
        printf("unknown: %s: %s\n", oroipc_result_error_name(result), oroipc_result_error_message(result));

    // Many at once, heard of through one descriptor.
    struct seen seen = {0};
    oroipc_call later = OROIPC_CALL("later");
    later.timeout_ms = OROIPC_TIMEOUT;
    for (int index = 0; index < 50; index++)
        if (oroipc_client_call_async(client, &later, on_result, &seen, NULL) != OROIPC_OK) fail("later");
    loop_until(client, &seen.results, 50);
    printf("later: %d results\n", seen.results);

    // A stream.
    oroipc_call count = OROIPC_CALL("count");
    count.value = oroipc_json("{\"to\": 1000}");
    if (oroipc_client_stream(client, &count, 0, on_chunk, &seen, NULL) != OROIPC_OK) fail("count");
    loop_until(client, &seen.ends, 1);
    printf("count: %d events\n", seen.chunks);

    oroipc_result_release(result);
    oroipc_client_release(client);
    return 0;
}
