// SPDX-License-Identifier: Apache-2.0
// What a program in C sees of hosts and clients, in one process: values, bytes, calls, streams, aborts, limits.
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

static oroipc_host *host;
static oroipc_client *client;

// MARK: Routes

static void echo(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_value value;
    oroipc_bytes *bytes;
    if (oroipc_message_value(message, NULL, OROIPC_ENCODED, &value) == OROIPC_OK)
        OK(oroipc_result_set_data(result, &value));
    if (oroipc_message_take_bytes(message, &bytes) == OROIPC_OK) {
        OK(oroipc_result_set_payload(result, bytes));
        oroipc_bytes_release(bytes);
    }
}

static void fails(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    oroipc_value error = oroipc_json("{\"type\": \"NotFoundError\", \"message\": \"no such thing\", \"url\": \"x\"}");
    OK(oroipc_result_set_error_value(result, &error));
}

static oroipc_message *kept;

static void looks(oroipc_message *message, oroipc_result *result, void *context) {
    CHECK(context == &host);
    oroipc_value value;
    CHECK(same(oroipc_message_name(message), "looks"));
    CHECK(same(oroipc_message_seq(message), "123456789012345678901234567890"));
    CHECK(same(oroipc_message_get(message, "text"), "a\"b"));
    const char *once = oroipc_message_get(message, "text");
    CHECK(oroipc_message_get(message, "text") == once);
    CHECK(same(oroipc_message_get(message, "list"), "[1,2]"));
    CHECK(oroipc_message_get(message, "empty") == NULL);
    CHECK(oroipc_message_get(message, "missing") == NULL);
    CHECK(same(oroipc_message_get(message, NULL), "5"));
    CHECK(oroipc_message_index(message) == 3);
    OK(oroipc_message_value(message, "whole", OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_INTEGER && value.integer == 7);
    OK(oroipc_message_value(message, "half", OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_NUMBER && value.number == 0.5);
    OK(oroipc_message_value(message, "yes", OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_BOOLEAN && value.integer == 1);
    OK(oroipc_message_value(message, "nothing", OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_NULL);
    OK(oroipc_message_value(message, "large", OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_JSON && same(value.data, "99999999999999999999"));
    OK(oroipc_message_value(message, "text", OROIPC_JSON, &value));
    CHECK(same(value.data, "\"a\\\"b\"") && value.size == 6);
    STATUS(OROIPC_NOT_FOUND, oroipc_message_value(message, "missing", OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_NONE);
    STATUS(OROIPC_INVALID, oroipc_message_value(message, "text", OROIPC_NONE, &value));
    CHECK(oroipc_message_bytes_size(message) == 3 && memcmp(oroipc_message_bytes(message), "abc", 3) == 0);
    CHECK(oroipc_message_client(message) != 0);
    oroipc_peer peer = OROIPC_PEER_INIT;
    OK(oroipc_message_peer(message, &peer));
    CHECK(peer.process == getpid() && peer.user == getuid());
    STATUS(OROIPC_STATE, oroipc_result_send(result));
    STATUS(OROIPC_STATE, oroipc_result_on_cancel(result, NULL, NULL));
    kept = oroipc_message_retain(message);
}

static oroipc_result *overdue;

static void keeps_result(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    if (overdue != NULL) {
        // The next request has another one, with nothing in it.
        CHECK(result != overdue && oroipc_result_bytes_size(result) == 0);
        return;
    }
    OK(oroipc_result_set_bytes(result, "kept", 4));
    overdue = oroipc_result_retain(result);
}

static void lends(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_loan *loan;
    oroipc_bytes *bytes;
    OK(oroipc_message_loan(message, 100000, &loan));
    memset(oroipc_loan_data(loan), 7, 100000);
    OK(oroipc_loan_finish(loan, 99999, &bytes));
    oroipc_loan_release(loan);
    OK(oroipc_result_set_payload(result, bytes));
    oroipc_bytes_release(bytes);
}

static atomic_int cancelled;

static void on_cancel(oroipc_result *result, void *context) {
    CHECK(oroipc_result_is_cancelled(result) == 1);
    atomic_fetch_add((atomic_int *)context, 1);
    STATUS(OROIPC_ABORTED, oroipc_result_send(result));
}

static void waits(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    OK(oroipc_result_on_cancel(result, on_cancel, &cancelled));
}

static void drops(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    oroipc_result_release(result);
}

static void *answers(void *result) {
    oroipc_value done = oroipc_integer(42);
    OK(oroipc_result_set_data(result, &done));
    oroipc_result *more = oroipc_result_retain(result);
    OK(oroipc_result_send(result));
    STATUS(OROIPC_STATE, oroipc_result_send(more));
    STATUS(OROIPC_STATE, oroipc_result_set_data(more, &done));
    oroipc_result_release(more);
    return NULL;
}

static void later(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)context;
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, answers, result) == 0);
    pthread_detach(thread);
}

struct counting {
    int next, end, refused;
};

static void count_on(oroipc_result *result, void *context) {
    struct counting *counting = context;
    for (; counting->next < counting->end; counting->next++) {
        oroipc_status status;
        if (counting->next % 2 == 0) {
            oroipc_value value = oroipc_integer(counting->next);
            status = oroipc_result_send_event(result, "number", &value, NULL);
        } else {
            status = oroipc_result_send_chunk(result, &counting->next, sizeof counting->next);
        }
        if (status == OROIPC_BUSY) {
            counting->refused++;
            OK(oroipc_result_on_room(result, count_on, counting));
            return;
        }
        OK(status);
    }
    int end = counting->end;
    free(counting);
    if (end == 13) OK(oroipc_result_set_error(result, "RangeError", "thirteen", NULL));
    OK(oroipc_result_send(result));
}

static void counts(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_value end;
    struct counting *counting = calloc(1, sizeof *counting);
    OK(oroipc_message_value(message, "to", OROIPC_NATIVE, &end));
    counting->end = (int)end.integer;
    count_on(result, counting);
}

static void headers(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    const char *name, *value;
    if (oroipc_message_header_at(message, 0, &name, &value) == OROIPC_NOT_FOUND) {
        CHECK(name == NULL && value == NULL && oroipc_message_header(message, "accept") == NULL);
        return;
    }
    CHECK(same(name, "accept") && same(value, "Text/Plain, b") && oroipc_message_header_count(message) == 3);
    CHECK(same(oroipc_message_header(message, "ACCEPT"), "Text/Plain, b"));
    OK(oroipc_message_header_at(message, 1, &name, &value));
    CHECK(same(name, "set-cookie") && same(value, "A=1"));
    OK(oroipc_message_header_at(message, 2, &name, &value));
    CHECK(same(value, "B=2"));
    STATUS(OROIPC_NOT_FOUND, oroipc_message_header_at(message, 3, &name, &value));
    OK(oroipc_result_set_header(result, "Content-Type", "text/html"));
    OK(oroipc_result_set_header(result, "Content-Type", "text/plain"));
    OK(oroipc_result_set_header(result, "Gone", "1"));
    OK(oroipc_result_set_header(result, "gone", NULL));
    OK(oroipc_result_set_header(result, "Set-Cookie", "A=1"));
    OK(oroipc_result_set_header(result, "set-cookie", "B=2"));
    oroipc_value data = oroipc_integer(5);
    OK(oroipc_result_set_data(result, &data));
    OK(oroipc_result_set_bytes(result, "abc", 3));
    if (oroipc_message_get(message, "fail") != NULL) OK(oroipc_result_set_error(result, "RangeError", "far", NULL));
}

static void told(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    oroipc_value uri = oroipc_text(oroipc_message_uri(message));
    CHECK(oroipc_message_uri(message) == uri.data);
    OK(oroipc_result_set_data(result, &uri));
}

// A handler that reads a body, and answers with how many bytes there were, and what they add up to.
struct reading {
    oroipc_message *message;
    oroipc_result *result;
    int64_t bytes, sum, chunks;
};

static void on_body(oroipc_message *chunk, oroipc_result *end, void *context) {
    struct reading *reading = context;
    if (chunk != NULL) {
        const unsigned char *bytes = oroipc_message_bytes(chunk);
        size_t size = oroipc_message_bytes_size(chunk);
        for (size_t index = 0; index < size; index++) reading->sum += bytes[index];
        reading->bytes += (int64_t)size;
        reading->chunks++;
        return;
    }
    char json[128];
    snprintf(json, sizeof json, "{\"bytes\":%lld,\"sum\":%lld,\"chunks\":%lld}", (long long)reading->bytes,
        (long long)reading->sum, (long long)reading->chunks);
    OK(oroipc_result_set_json(reading->result, json));
    if (!oroipc_result_is_ok(end)) {
        OK(oroipc_result_set_error(
            reading->result, oroipc_result_error_name(end), oroipc_result_error_message(end), NULL));
    }
    oroipc_status sent = oroipc_result_send(reading->result);
    CHECK(sent == OROIPC_OK || sent == OROIPC_ABORTED);
    oroipc_message_release(reading->message);
    free(reading);
}

static void reads(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    struct reading *reading = calloc(1, sizeof *reading);
    reading->message = oroipc_message_retain(message);
    reading->result = result;
    if (oroipc_message_read_body(message, on_body, reading) == OROIPC_OK) {
        STATUS(OROIPC_STATE, oroipc_message_read_body(message, on_body, reading));
        return;
    }
    OK(oroipc_result_set_error(result, "NotFoundError", "no body", NULL));
    OK(oroipc_result_send(result));
    oroipc_message_release(message);
    free(reading);
}

static int destroyed;
static void destroy(void *context) { (void)context, destroyed++; }

// MARK: Behaviours

static void values_come_back_as_they_are(void) {
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("echo");
    oroipc_value seen;
    const char *json = "{\"b\":[1,2.5,\"\\u00fc\",null,true],\"a\":123456789012345678901234567890}";
    call.value = oroipc_json(json);
    OK(oroipc_client_call(client, &call, &result));
    CHECK(strstr(oroipc_result_json(result), "123456789012345678901234567890") != NULL);
    CHECK(strncmp(oroipc_result_json(result), "{\"b\":[1,2.5,\"", 13) == 0);
    CHECK(same(oroipc_result_source(result), "echo"));
    OK(oroipc_result_data(result, "a", OROIPC_TEXT, &seen));
    CHECK(same(seen.data, "123456789012345678901234567890"));
    oroipc_value scalars[] = {oroipc_null(), oroipc_boolean(7), oroipc_integer(INT64_MIN), oroipc_number(-0.5),
        oroipc_text("K\xc3\xb6ln"), oroipc_text_of("a\0b", 3)};
    for (size_t index = 0; index < sizeof scalars / sizeof *scalars; index++) {
        call.value = scalars[index];
        OK(oroipc_client_call(client, &call, &result));
        OK(oroipc_result_data(result, NULL, OROIPC_NATIVE, &seen));
        CHECK(seen.kind == scalars[index].kind && seen.integer == scalars[index].integer);
        CHECK(seen.number == scalars[index].number);
        if (index == 5) CHECK(seen.size == 3 && memcmp(seen.data, "a\0b", 4) == 0);
    }
    // In the encoded form, there and back, untouched.
    call.value = oroipc_json(json);
    OK(oroipc_client_call(client, &call, &result));
    OK(oroipc_result_data(result, NULL, OROIPC_ENCODED, &seen));
    char encoded[256];
    size_t size = seen.size;
    CHECK(size > 0 && size < sizeof encoded);
    memcpy(encoded, seen.data, size);
    call.value = oroipc_encoded(encoded, size);
    OK(oroipc_client_call(client, &call, &result));
    OK(oroipc_result_data(result, NULL, OROIPC_ENCODED, &seen));
    CHECK(seen.size == size && memcmp(seen.data, encoded, size) == 0);
    call.value = oroipc_none();
    OK(oroipc_client_call(client, &call, &result));
    CHECK(oroipc_result_json(result) == NULL);
    oroipc_result_release(result);
}

// Bytes of the host's in memory that may be written to, which nobody else sees.
static void bytes_are_mapped_privately(void) {
    enum { LONG = (5 << 20) + 3 };
    char *sent = malloc(LONG);
    CHECK(sent != NULL);
    memset(sent, 'x', LONG);
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("echo");
    oroipc_bytes *bytes, *mapped = NULL;
    void *data = NULL;
    call.bytes = sent;
    // What came in its frame is no block: it is to be copied.
    call.bytes_size = 5000;
    OK(oroipc_client_call(client, &call, &result));
    OK(oroipc_result_take_bytes(result, &bytes));
    STATUS(OROIPC_NOT_FOUND, oroipc_bytes_map_private(bytes, &data, &mapped));
    CHECK(data == NULL && mapped == NULL);
    oroipc_bytes_release(bytes);
    call.bytes_size = LONG;
    for (int round = 0; round < 50; round++) {
        OK(oroipc_client_call(client, &call, &result));
        OK(oroipc_result_take_bytes(result, &bytes));
        OK(oroipc_result_clear(result));
        OK(oroipc_bytes_map_private(bytes, &data, &mapped));
        CHECK(oroipc_bytes_size(mapped) == LONG && oroipc_bytes_data(mapped) == data);
        CHECK(oroipc_bytes_is_immutable(mapped) == 0 && memcmp(data, sent, LONG) == 0);
        memset(data, 'y', LONG / 2);
        ((char *)data)[LONG - 1] = 'z';
        CHECK(memcmp(oroipc_bytes_data(bytes), sent, LONG) == 0);
        // The mapping holds the block.
        oroipc_bytes_release(bytes);
        CHECK(((char *)data)[0] == 'y' && ((char *)data)[LONG / 2] == 'x' && ((char *)data)[LONG - 1] == 'z');
        // What was written is what is sent.
        oroipc_call back = OROIPC_CALL("echo");
        back.payload = mapped;
        OK(oroipc_client_call(client, &back, &result));
        CHECK(memcmp(oroipc_result_bytes(result), data, LONG) == 0);
        oroipc_bytes_release(mapped);
    }
    oroipc_result_release(result);
    free(sent);
}

static void bytes_come_back_and_go_away(void) {
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("echo");
    static char large[300000];
    memset(large, 'x', sizeof large);
    size_t sizes[] = {1, 64, 65, 5000, sizeof large};
    for (size_t index = 0; index < 5; index++) {
        call.bytes = large;
        call.bytes_size = sizes[index];
        OK(oroipc_client_call(client, &call, &result));
        CHECK(oroipc_result_bytes_size(result) == sizes[index]);
        CHECK(memcmp(oroipc_result_bytes(result), large, sizes[index]) == 0);
    }
    // Kept without the result; given back on another occasion.
    oroipc_bytes *bytes;
    OK(oroipc_result_take_bytes(result, &bytes));
    OK(oroipc_result_clear(result));
    STATUS(OROIPC_NOT_FOUND, oroipc_result_take_bytes(result, &(oroipc_bytes *){NULL}));
    CHECK(oroipc_bytes_size(bytes) == sizeof large && memcmp(oroipc_bytes_data(bytes), large, sizeof large) == 0);
    CHECK(oroipc_bytes_is_borrowed(bytes) == 1 && oroipc_bytes_is_immutable(bytes) == 0);
    oroipc_bytes_release(bytes);
    // Memory of ours, until it is not needed any more.
    int before = destroyed;
    OK(oroipc_bytes_borrow(large, sizeof large, destroy, NULL, &bytes));
    call.payload = bytes;
    OK(oroipc_client_call(client, &call, &result));
    CHECK(oroipc_result_bytes_size(result) == sizeof large);
    CHECK(destroyed == before);
    oroipc_bytes_release(oroipc_bytes_retain(bytes));
    oroipc_bytes_release(bytes);
    CHECK(destroyed == before + 1);
    // A block that is written once.
    oroipc_loan *loan;
    OK(oroipc_client_loan(client, 200000, 1000, &loan));
    CHECK(oroipc_loan_size(loan) == 200000 && (uintptr_t)oroipc_loan_data(loan) % 128 == 0);
    memset(oroipc_loan_data(loan), 'y', 200000);
    OK(oroipc_loan_finish(loan, 150000, &bytes));
    oroipc_loan_release(loan);
    call.payload = bytes;
    oroipc_client_statistics statistics = OROIPC_CLIENT_STATISTICS_INIT;
    OK(oroipc_client_statistics_get(client, &statistics));
    uint64_t copied = statistics.copied_bytes;
    OK(oroipc_client_call(client, &call, &result));
    OK(oroipc_client_statistics_get(client, &statistics));
    CHECK(statistics.copied_bytes == copied);
    CHECK(((const char *)oroipc_result_bytes(result))[149999] == 'y');
    oroipc_bytes_release(bytes);
    // A memfd.
    int descriptor = memfd_create("bytes", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    CHECK(descriptor >= 0 && write(descriptor, large, 100000) == 100000);
    OK(oroipc_bytes_from_memfd(descriptor, &bytes));
    close(descriptor);
    call.payload = bytes;
    OK(oroipc_client_call(client, &call, &result));
    CHECK(oroipc_result_bytes_size(result) == 100000);
    oroipc_bytes_release(bytes);
    // What the host lends.
    oroipc_call lends = OROIPC_CALL("lends");
    OK(oroipc_client_call(client, &lends, &result));
    CHECK(oroipc_result_bytes_size(result) == 99999 && ((const char *)oroipc_result_bytes(result))[99998] == 7);
    oroipc_result_release(result);
}

static void messages_say_all_they_know(void) {
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("looks");
    call.value = oroipc_json(
        "{\"text\":\"a\\\"b\",\"list\":[1,2],\"empty\":\"\",\"value\":5,\"index\":3,\"whole\":7,"
        "\"half\":0.5,\"yes\":true,\"nothing\":null,\"large\":99999999999999999999}");
    call.bytes = "abc";
    call.bytes_size = 3;
    call.seq = "123456789012345678901234567890";
    OK(oroipc_client_call(client, &call, &result));
    // After its callback, on another thread, because it was retained.
    CHECK(same(oroipc_message_get(kept, "half"), "0.5"));
    CHECK(same(oroipc_message_name(kept), "looks"));
    oroipc_message_release(kept);
    oroipc_result_release(result);
}

static void headers_go_both_ways(void) {
    oroipc_result *result = NULL, *copy;
    oroipc_call call = OROIPC_CALL("headers");
    oroipc_header given[] = {{"Accept", "Text/Plain"}, {"set-cookie", "A=1"}, {"accept", "b"}, {"Set-Cookie", "B=2"}};
    OK(oroipc_client_call(client, &call, &result));
    const char *name = "", *value = "";
    STATUS(OROIPC_NOT_FOUND, oroipc_result_header_at(result, 0, &name, &value));
    CHECK(name == NULL && value == NULL && oroipc_result_header(result, "content-type") == NULL);
    call.headers = given;
    call.headers_count = 4;
    for (int failing = 0; failing < 2; failing++) {
        if (failing) call.value = oroipc_json("{\"fail\":1}");
        STATUS(failing ? OROIPC_FAILED : OROIPC_OK, oroipc_client_call(client, &call, &result));
        CHECK(same(oroipc_result_header(result, "CONTENT-type"), "text/plain"));
        CHECK(oroipc_result_header(result, "gone") == NULL && oroipc_result_header_count(result) == 3);
        CHECK(same(oroipc_result_header(result, "set-cookie"), "A=1, B=2"));
        OK(oroipc_result_header_at(result, 0, &name, &value));
        CHECK(same(name, "content-type") && same(value, "text/plain"));
        OK(oroipc_result_header_at(result, 2, &name, &value));
        CHECK(same(name, "set-cookie") && same(value, "B=2"));
        STATUS(OROIPC_NOT_FOUND, oroipc_result_header_at(result, 3, &name, &value));
        CHECK(failing || (same(oroipc_result_json(result), "5") && oroipc_result_bytes_size(result) == 3));
    }
    OK(oroipc_result_copy(result, &copy));
    OK(oroipc_result_clear(result));
    CHECK(oroipc_result_header(result, "content-type") == NULL);
    CHECK(same(oroipc_result_header(copy, "content-type"), "text/plain"));
    oroipc_result_release(copy);
    oroipc_result_release(result);
}

static void messages_are_uris(void) {
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("told");
    call.value = oroipc_json("{\"path\":\"/tmp/a b\",\"n\":\"5\"}");
    call.seq = "77";
    OK(oroipc_client_call(client, &call, &result));
    CHECK(same(oroipc_result_json(result), "\"ipc://told?path=%2Ftmp%2Fa+b&n=5&index=0&seq=R77\""));
    oroipc_result_release(result);
}

struct uploading {
    oroipc_body *body;
    int left, refused;
    int ends;
    char json[128], error[32], message[64];
};

static void push_on(oroipc_body *body, void *context) {
    struct uploading *uploading = context;
    unsigned char bytes[1000];
    memset(bytes, 3, sizeof bytes);
    for (; uploading->left > 0; uploading->left--) {
        oroipc_status status;
        if (uploading->left % 3 == 0) {
            oroipc_bytes *payload;
            OK(oroipc_bytes_create(bytes, sizeof bytes, &payload));
            status = oroipc_body_send_payload(body, payload);
            oroipc_bytes_release(payload);
        } else {
            status = oroipc_body_send(body, bytes, sizeof bytes);
        }
        if (status == OROIPC_BUSY) {
            uploading->refused++;
            OK(oroipc_body_on_room(body, push_on, uploading));
            return;
        }
        OK(status);
    }
    OK(oroipc_body_end(body, NULL, NULL));
}

static void on_uploaded(oroipc_result *result, void *context) {
    struct uploading *uploading = context;
    const char *json = oroipc_result_json(result), *error = oroipc_result_error_name(result);
    if (json != NULL) snprintf(uploading->json, sizeof uploading->json, "%s", json);
    if (error != NULL) snprintf(uploading->error, sizeof uploading->error, "%s", error);
    if (error != NULL)
        snprintf(uploading->message, sizeof uploading->message, "%s", oroipc_result_error_message(result));
    uploading->ends++;
}

static void on_last_chunk(oroipc_message *chunk, oroipc_result *end, void *context) {
    (void)chunk;
    if (end != NULL) ++*(int *)context;
}

static void bodies_go_as_fast_as_they_are_read(void) {
    struct uploading uploading = {.left = 5000};
    oroipc_call call = OROIPC_CALL("reads");
    uint64_t ticket;
    OK(oroipc_body_create(&call.body));
    OK(oroipc_body_on_room(call.body, push_on, &uploading));
    OK(oroipc_client_call_async(client, &call, on_uploaded, &uploading, NULL));
    STATUS(OROIPC_STATE, oroipc_client_call_async(client, &call, on_uploaded, &uploading, NULL));
    turn_until(client, &uploading.ends, 1);
    CHECK(same(uploading.json, "{\"bytes\":5000000,\"sum\":15000000,\"chunks\":5000}") && uploading.refused > 0);
    STATUS(OROIPC_STATE, oroipc_body_end(call.body, NULL, NULL));
    oroipc_body_release(call.body);
    // Nothing at all; an end that tells of an error; a body that is dropped.
    for (int kind = 0; kind < 3; kind++) {
        memset(&uploading, 0, sizeof uploading);
        OK(oroipc_body_create(&call.body));
        OK(oroipc_client_call_async(client, &call, on_uploaded, &uploading, NULL));
        if (kind < 2) OK(oroipc_body_end(call.body, kind == 0 ? NULL : "RangeError", kind == 0 ? NULL : "no more"));
        oroipc_body_release(call.body);
        turn_until(client, &uploading.ends, 1);
        if (kind == 0) CHECK(same(uploading.json, "{\"bytes\":0,\"sum\":0,\"chunks\":0}"));
        if (kind == 1) CHECK(same(uploading.error, "RangeError") && same(uploading.message, "no more"));
        if (kind == 2) CHECK(same(uploading.error, "AbortError"));
    }
    // Ended before the call was made.
    memset(&uploading, 0, sizeof uploading);
    OK(oroipc_body_create(&call.body));
    OK(oroipc_body_end(call.body, NULL, NULL));
    OK(oroipc_client_call_async(client, &call, on_uploaded, &uploading, NULL));
    turn_until(client, &uploading.ends, 1);
    CHECK(same(uploading.json, "{\"bytes\":0,\"sum\":0,\"chunks\":0}"));
    oroipc_body_release(call.body);
    // A request that is over takes nothing more: an unknown command, one that was given up, one that nobody reads.
    const char *commands[] = {"nobody.knows.this.command", "reads", "fails"};
    for (int kind = 0; kind < 3; kind++) {
        memset(&uploading, 0, sizeof uploading);
        call.command = commands[kind];
        OK(oroipc_body_create(&call.body));
        OK(oroipc_client_call_async(client, &call, on_uploaded, &uploading, &ticket));
        if (kind == 1) OK(oroipc_client_abort(client, ticket, NULL));
        turn_until(client, &uploading.ends, 1);
        STATUS(OROIPC_STATE, oroipc_body_end(call.body, NULL, NULL));
        STATUS(OROIPC_ABORTED, oroipc_body_send(call.body, "x", 1));
        oroipc_body_release(call.body);
    }
    // Beside a stream; and a request without one.
    int ends = 0;
    call.command = "counts.body";
    OK(oroipc_body_create(&call.body));
    struct uploading beside = {.left = 100};
    OK(oroipc_body_on_room(call.body, push_on, &beside));
    OK(oroipc_client_stream(client, &call, 0, on_last_chunk, &ends, NULL));
    turn_until(client, &ends, 1);
    oroipc_body_release(call.body);
    call.body = NULL;
    memset(&uploading, 0, sizeof uploading);
    call.command = "reads";
    OK(oroipc_client_call_async(client, &call, on_uploaded, &uploading, NULL));
    turn_until(client, &uploading.ends, 1);
    CHECK(same(uploading.error, "NotFoundError"));
}

static void errors_are_results(void) {
    oroipc_result *result = NULL;
    oroipc_value error;
    oroipc_call call = OROIPC_CALL("fails");
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
    CHECK(oroipc_result_is_ok(result) == 0);
    CHECK(same(oroipc_result_error_name(result), "NotFoundError"));
    CHECK(same(oroipc_result_error_message(result), "no such thing"));
    CHECK(same(oroipc_result_error_code(result), "NOT_FOUND_ERR"));
    OK(oroipc_result_error(result, OROIPC_JSON, &error));
    CHECK(strstr(error.data, "\"url\":\"x\"") != NULL);
    call.command = "nobody.knows.this.command";
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
    CHECK(same(oroipc_result_error_name(result), "NotFoundError"));
    call.command = "not a command";
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
    CHECK(same(oroipc_result_error_name(result), "TypeError"));
    call.command = "ec";
    call.command_size = 1;
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, NULL));
    // A synchronous route's result is over when its handler returns, whoever keeps it.
    call.command = "keeps.result";
    call.command_size = 0;
    OK(oroipc_client_call(client, &call, &result));
    STATUS(OROIPC_STATE, oroipc_result_set_bytes(overdue, "x", 1));
    CHECK(oroipc_result_bytes_size(overdue) == 4 && oroipc_result_bytes_size(result) == 4);
    OK(oroipc_client_call(client, &call, &result));
    CHECK(oroipc_result_bytes_size(overdue) == 4 && oroipc_result_bytes_size(result) == 0);
    oroipc_result *theirs = overdue;
    STATUS(OROIPC_STATE, oroipc_client_call(client, &call, &theirs));
    oroipc_result_release(overdue);
    // Whatever the command is made of, and however long it is.
    const char *wrong[] = {"", "\xc3\xa4", "a b", "0123456789abcdef \xc3\xa4"};
    for (int index = 0; index < 4; index++) {
        call.command = wrong[index];
        STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
        CHECK(same(oroipc_result_error_name(result), "TypeError"));
    }
    call.command = "\xff";
    STATUS(OROIPC_INVALID, oroipc_client_call(client, &call, &result));
    oroipc_result_release(result);
}

struct seen {
    int results, failures;
    char last[32];
};

static void on_result(oroipc_result *result, void *context) {
    struct seen *seen = context;
    if (!oroipc_result_is_ok(result)) {
        seen->failures++;
        snprintf(seen->last, sizeof seen->last, "%s", oroipc_result_error_name(result));
    }
    seen->results++;
    STATUS(OROIPC_STATE, oroipc_client_turn(client, NULL));
}

static void calls_end_once_whatever_happens(void) {
    struct seen seen = {0};
    uint64_t ticket;
    oroipc_call call = OROIPC_CALL("later");
    for (int index = 0; index < 200; index++) {
        OK(oroipc_client_call_async(client, &call, on_result, &seen, NULL));
        // Blocking calls go between, and call nobody back.
        if (index % 10 == 0) {
            int results = seen.results;
            OK(oroipc_client_call(client, &(oroipc_call)OROIPC_CALL("echo"), NULL));
            CHECK(seen.results == results);
        }
    }
    turn_until(client, &seen.results, 200);
    CHECK(seen.failures == 0);
    // Given up by ticket, by an abort, by its deadline; refused before it was sent.
    call.command = "waits";
    OK(oroipc_client_call_async(client, &call, on_result, &seen, &ticket));
    OK(oroipc_client_abort(client, ticket, "enough"));
    STATUS(OROIPC_NOT_FOUND, oroipc_client_abort(client, ticket, NULL));
    CHECK(seen.results == 200);
    turn_until(client, &seen.results, 201);
    CHECK(same(seen.last, "AbortError"));
    oroipc_abort *abort;
    OK(oroipc_abort_create(&abort));
    call.abort = abort;
    for (int index = 0; index < 3; index++) OK(oroipc_client_call_async(client, &call, on_result, &seen, NULL));
    OK(oroipc_abort_fire(abort, "all"));
    turn_until(client, &seen.results, 204);
    OK(oroipc_client_call_async(client, &call, on_result, &seen, NULL));
    turn_until(client, &seen.results, 205);
    oroipc_abort_release(abort);
    call.abort = NULL;
    call.timeout_ms = 20;
    OK(oroipc_client_call_async(client, &call, on_result, &seen, NULL));
    turn_until(client, &seen.results, 206);
    CHECK(same(seen.last, "TimeoutError"));
    oroipc_result *result = NULL;
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
    CHECK(same(oroipc_result_error_name(result), "TimeoutError"));
    call.command = "drops";
    call.timeout_ms = 0;
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
    CHECK(same(oroipc_result_error_name(result), "InternalError"));
    // Two of the same seq at once.
    call.command = "waits";
    call.seq = "77";
    OK(oroipc_client_call_async(client, &call, on_result, &seen, &ticket));
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
    OK(oroipc_client_abort(client, ticket, NULL));
    turn_until(client, &seen.results, 207);
    // The handlers have heard of every one that they had begun; on a busy machine a deadline may pass before that.
    time_t limit = time(NULL) + 30;
    oroipc_host_statistics statistics = OROIPC_HOST_STATISTICS_INIT;
    int over = 0;
    do {
        OK(oroipc_client_call(client, &(oroipc_call)OROIPC_CALL("echo"), NULL));
        OK(oroipc_host_statistics_get(host, &statistics));
        over = atomic_load(&cancelled) + (int)statistics.expired;
    } while (over < 7 && time(NULL) < limit);
    CHECK(over == 7);
    oroipc_result_release(result);
}

struct stream_seen {
    int next, ends, errors;
};

static void on_chunk(oroipc_message *chunk, oroipc_result *end, void *context) {
    struct stream_seen *seen = context;
    if (end != NULL) {
        CHECK(chunk == NULL);
        seen->ends++;
        seen->errors += !oroipc_result_is_ok(end);
        return;
    }
    oroipc_value value;
    if (seen->next % 2 == 0) {
        CHECK(same(oroipc_message_name(chunk), "number"));
        OK(oroipc_message_value(chunk, NULL, OROIPC_NATIVE, &value));
        CHECK(value.integer == seen->next);
    } else {
        CHECK(oroipc_message_name(chunk) == NULL && oroipc_message_bytes_size(chunk) == sizeof(int));
        CHECK(memcmp(oroipc_message_bytes(chunk), &seen->next, sizeof(int)) == 0);
    }
    seen->next++;
}

static void a_client_that_lingers_gets_its_results(void) {
    struct seen seen = {0};
    oroipc_call call = OROIPC_CALL("later");
    int timeout = 0, most = 0;
    for (int index = 0; index < 200; index++) {
        OK(oroipc_client_call_async(client, &call, on_result, &seen, NULL));
        while (seen.results <= index) {
            OK(oroipc_client_linger(client, 100, &timeout));
            // Something was done: the descriptor does not tell now.
            if (timeout == 0) most++;
            struct pollfd waits = {.fd = oroipc_client_descriptor(client), .events = POLLIN};
            if (timeout != 0 && seen.results <= index) CHECK(poll(&waits, 1, 30000) == 1);
        }
    }
    CHECK(seen.results == 200 && seen.failures == 0 && most >= 200);
    // Once nothing is there, the descriptor tells of what comes.
    do OK(oroipc_client_linger(client, 100, &timeout));
    while (timeout == 0);
    OK(oroipc_client_call_async(client, &call, on_result, &seen, NULL));
    struct pollfd waits = {.fd = oroipc_client_descriptor(client), .events = POLLIN};
    while (seen.results == 200) {
        CHECK(poll(&waits, 1, 30000) == 1);
        OK(oroipc_client_turn(client, NULL));
    }
}

static void streams_come_in_order_and_end_once(void) {
    struct stream_seen seen = {0};
    uint64_t ticket;
    oroipc_call call = OROIPC_CALL("counts");
    call.value = oroipc_json("{\"to\":1000}");
    OK(oroipc_client_stream(client, &call, 4, on_chunk, &seen, NULL));
    turn_until(client, &seen.ends, 1);
    CHECK(seen.next == 1000 && seen.errors == 0);
    memset(&seen, 0, sizeof seen);
    call.value = oroipc_json("{\"to\":13}");
    OK(oroipc_client_stream(client, &call, 0, on_chunk, &seen, NULL));
    turn_until(client, &seen.ends, 1);
    CHECK(seen.next == 13 && seen.errors == 1);
    // A stream that is given up.
    memset(&seen, 0, sizeof seen);
    call.command = "waits.stream";
    OK(oroipc_client_stream(client, &call, 0, on_chunk, &seen, &ticket));
    OK(oroipc_client_call(client, &(oroipc_call)OROIPC_CALL("echo"), NULL));
    OK(oroipc_client_abort(client, ticket, NULL));
    turn_until(client, &seen.ends, 1);
    CHECK(seen.errors == 1);
    // A route that is no stream gives one chunk; a stream that is asked for as a result is an error.
    memset(&seen, 0, sizeof seen);
    call.command = "fails";
    OK(oroipc_client_stream(client, &call, 0, on_chunk, &seen, NULL));
    turn_until(client, &seen.ends, 1);
    CHECK(seen.errors == 1 && seen.next == 0);
    call.command = "counts";
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, NULL));
}

/* Answers with a header, and with a chunk of it before all others where a stream is taken. */
static void either(oroipc_message *message, oroipc_result *result, void *context) {
    (void)context;
    const oroipc_value one = oroipc_integer(1);
    OK(oroipc_result_set_header(result, "x-head", "h"));
    if (!(oroipc_message_streams(message) & OROIPC_TAKES_STREAM)) {
        OK(oroipc_result_set_data(result, &one));
    } else {
        OK(oroipc_result_send_event(result, NULL, NULL, NULL));
        STATUS(OROIPC_STATE, oroipc_result_set_header(result, "x-late", "l"));
        for (int chunk = 0; chunk < 3; chunk++) OK(oroipc_result_send_event(result, "one", &one, NULL));
    }
    OK(oroipc_result_send(result));
}

struct headed {
    int chunks, heads, ends;
};

static void on_headed(oroipc_message *chunk, oroipc_result *end, void *context) {
    struct headed *seen = context;
    if (end != NULL) {
        CHECK(oroipc_result_is_ok(end));
        seen->ends++;
        return;
    }
    int has_head = same(oroipc_message_header(chunk, "X-Head"), "h");
    CHECK(has_head == (seen->chunks == 0) && (has_head || same(oroipc_message_name(chunk), "one")));
    seen->heads += has_head;
    seen->chunks++;
}

static void turn_often(void) {
    // A call there and back: what was on its way before has come.
    for (int times = 0; times < 5; times++) {
        OK(oroipc_client_call(client, &(oroipc_call)OROIPC_CALL("echo"), NULL));
        OK(oroipc_client_turn(client, NULL));
    }
}

static void a_stream_comes_as_it_is_taken(void) {
    struct headed seen = {0};
    uint64_t ticket;
    oroipc_call call = OROIPC_CALL("either");
    OK(oroipc_client_stream(client, &call, 4 | OROIPC_STREAM_TAKEN, on_headed, &seen, &ticket));
    for (int taken = 0; taken < 4; taken++) {
        turn_often();
        CHECK(seen.chunks == taken && seen.ends == 0);
        OK(oroipc_client_stream_take(client, ticket, 1));
        turn_until(client, &seen.chunks, taken + 1);
    }
    turn_often();
    CHECK(seen.heads == 1 && seen.ends == 0);
    OK(oroipc_client_stream_take(client, ticket, 1));
    turn_until(client, &seen.ends, 1);
    STATUS(OROIPC_NOT_FOUND, oroipc_client_stream_take(client, ticket, 1));
    // Nobody takes the end of one that was given up.
    struct stream_seen given_up = {0};
    call.command = "waits.stream";
    OK(oroipc_client_stream(client, &call, 1 | OROIPC_STREAM_TAKEN, on_chunk, &given_up, &ticket));
    turn_often();
    OK(oroipc_client_abort(client, ticket, NULL));
    turn_until(client, &given_up.ends, 1);
    CHECK(given_up.errors == 1);
    // Who takes no stream gets a result.
    oroipc_result *result = NULL;
    call.command = "either";
    OK(oroipc_client_call(client, &call, &result));
    CHECK(same(oroipc_result_json(result), "1") && same(oroipc_result_header(result, "x-head"), "h"));
    oroipc_result_release(result);
}

static void *calls_often(void *context) {
    oroipc_result *result = NULL;
    oroipc_call call = OROIPC_CALL("echo");
    call.value = oroipc_integer((int64_t)(intptr_t)context);
    for (int index = 0; index < 500; index++) {
        oroipc_value value;
        OK(oroipc_client_call(client, &call, &result));
        OK(oroipc_result_data(result, NULL, OROIPC_NATIVE, &value));
        CHECK(value.integer == (int64_t)(intptr_t)context);
    }
    oroipc_result_release(result);
    return NULL;
}

static void many_threads_call_one_client(void) {
    pthread_t threads[4];
    for (intptr_t index = 0; index < 4; index++)
        CHECK(pthread_create(&threads[index], NULL, calls_often, (void *)index) == 0);
    for (int index = 0; index < 4; index++) CHECK(pthread_join(threads[index], NULL) == 0);
}

static void on_result_atomic(oroipc_result *result, void *context) {
    CHECK(oroipc_result_is_ok(result));
    atomic_fetch_add((atomic_int *)context, 1);
}

static void a_client_may_be_called_back_by_the_library(void) {
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    options.delivery = OROIPC_DELIVER_THREAD;
    oroipc_client *threaded;
    OK(oroipc_host_connect(host, &options, &threaded));
    CHECK(oroipc_client_descriptor(threaded) == -1);
    STATUS(OROIPC_STATE, oroipc_client_turn(threaded, NULL));
    atomic_int results = 0;
    oroipc_call call = OROIPC_CALL("later");
    for (int index = 0; index < 100; index++)
        OK(oroipc_client_call_async(threaded, &call, on_result_atomic, &results, NULL));
    time_t limit = time(NULL) + 30;
    while (atomic_load(&results) < 100 && time(NULL) < limit) poll(NULL, 0, 1);
    CHECK(atomic_load(&results) == 100);
    oroipc_client_release(threaded);
}

static void posts_get_no_result(void) {
    oroipc_host_statistics before = OROIPC_HOST_STATISTICS_INIT, after = OROIPC_HOST_STATISTICS_INIT;
    OK(oroipc_client_call(client, &(oroipc_call)OROIPC_CALL("echo"), NULL));
    OK(oroipc_host_statistics_get(host, &before));
    oroipc_call call = OROIPC_CALL("echo");
    call.bytes = "post";
    call.bytes_size = 4;
    for (int index = 0; index < 100; index++) OK(oroipc_client_post(client, &call));
    call.command = "not a command";
    STATUS(OROIPC_MALFORMED, oroipc_client_post(client, &call));
    // The host's thread writes the figures when it goes to sleep.
    time_t limit = time(NULL) + 30;
    do OK(oroipc_host_statistics_get(host, &after));
    while (after.requests < before.requests + 100 && time(NULL) < limit);
    CHECK(after.requests >= before.requests + 100);
}

static void on_echo(oroipc_result *result, void *context) {
    CHECK(same(oroipc_result_json(result), "{\"path\":\"/tmp/a b\",\"n\":\"5\"}"));
    ++*(int *)context;
}

static void a_uri_is_a_call(void) {
    oroipc_call call = OROIPC_CALL_URI("ipc://echo?path=%2Ftmp%2Fa%20b&n=5");
    oroipc_result *result = NULL;
    int results = 0;
    OK(oroipc_client_call(client, &call, &result));
    on_echo(result, &results);
    OK(oroipc_client_call_async(client, &call, on_echo, &results, NULL));
    turn_until(client, &results, 2);
    OK(oroipc_client_post(client, &call));
    OK(oroipc_host_invoke(host, &call, NULL, NULL));
    call.uri = "ipc://echo";
    OK(oroipc_client_call(client, &call, &result));
    CHECK(oroipc_result_json(result) == NULL);
    const char *const wrong[] = {"", "echo", "http://echo?path=x", "ipc://", "ipc://a b", "ipc://[", "\xff"};
    for (size_t index = 0; index < sizeof wrong / sizeof *wrong; index++) {
        call.uri = wrong[index];
        oroipc_status status = oroipc_client_call(client, &call, &result);
        // What is a URI and names no command is told by the result.
        CHECK(status == OROIPC_INVALID || (status == OROIPC_FAILED && !oroipc_result_is_ok(result)));
    }
    call.uri = "ipc://echo?path=x";
    call.value = oroipc_integer(1);
    STATUS(OROIPC_INVALID, oroipc_client_call(client, &call, &result));
    call.value = oroipc_none();
    call.command = "echo";
    STATUS(OROIPC_INVALID, oroipc_client_call(client, &call, &result));
    CHECK(strstr(oroipc_last_error(), "'uri'") != NULL);
    // A program that was compiled when there were no URIs.
    call.command = "echo";
    call.size = offsetof(oroipc_call, uri);
    OK(oroipc_client_call(client, &call, &result));
    oroipc_result_release(result);
}

static void a_result_is_an_envelope(void) {
    oroipc_result *result = NULL;
    oroipc_value value;
    oroipc_call call = OROIPC_CALL_URI("ipc://echo?a=1");
    OK(oroipc_client_call(client, &call, &result));
    OK(oroipc_result_envelope(result, NULL, NULL, OROIPC_JSON, &value));
    CHECK(strstr(value.data, "{\"source\":\"echo\",\"token\":null,\"id\":\"") == value.data);
    const char *end = ",\"data\":{\"a\":\"1\"}}";
    CHECK(value.size > strlen(end) && same((const char *)value.data + value.size - strlen(end), end));
    oroipc_value again;
    OK(oroipc_result_envelope(result, NULL, NULL, OROIPC_JSON, &again));
    CHECK(again.data == value.data);
    OK(oroipc_result_envelope(result, "other", "T", OROIPC_JSON, &again));
    CHECK(strstr(again.data, "{\"source\":\"other\",\"token\":\"T\",\"id\":\"") == again.data);
    // The id belongs to the result, whatever else is said.
    CHECK(same(strstr(again.data, "\"id\""), strstr(value.data, "\"id\"")));
    OK(oroipc_result_envelope(result, NULL, NULL, OROIPC_ENCODED, &again));
    CHECK(again.kind == OROIPC_ENCODED && again.size > 0);
    STATUS(OROIPC_INVALID, oroipc_result_envelope(result, NULL, NULL, OROIPC_TEXT, &again));
    CHECK(again.kind == OROIPC_NONE);
    STATUS(OROIPC_INVALID, oroipc_result_envelope(result, "\xff", NULL, OROIPC_JSON, &again));
    STATUS(OROIPC_INVALID, oroipc_result_envelope(result, NULL, NULL, OROIPC_JSON, NULL));
    call = (oroipc_call)OROIPC_CALL("fails");
    STATUS(OROIPC_FAILED, oroipc_client_call(client, &call, &result));
    OK(oroipc_result_envelope(result, NULL, NULL, OROIPC_JSON, &value));
    CHECK(strstr(value.data, "\"err\":{") != NULL && strstr(value.data, "no such thing") != NULL);
    CHECK(strstr(value.data, "\"data\"") == NULL);
    oroipc_result_release(result);
}

static void results_can_be_copied(void) {
    oroipc_result *result, *copy;
    oroipc_value value = oroipc_text("first");
    OK(oroipc_result_create(&result));
    OK(oroipc_result_set_json(result, "{\"data\":{\"a\":1}}"));
    CHECK(same(oroipc_result_json(result), "{\"a\":1}"));
    OK(oroipc_result_set_json(result, "{\"err\":{\"message\":\"m\"}}"));
    CHECK(same(oroipc_result_error_message(result), "m"));
    OK(oroipc_result_set_json(result, "[1]"));
    CHECK(same(oroipc_result_json(result), "[1]"));
    OK(oroipc_result_set_data(result, &value));
    OK(oroipc_result_set_bytes(result, "bytes", 5));
    OK(oroipc_result_copy(result, &copy));
    OK(oroipc_result_clear(result));
    CHECK(oroipc_result_json(result) == NULL && oroipc_result_bytes_size(result) == 0);
    CHECK(same(oroipc_result_json(copy), "\"first\"") && oroipc_result_bytes_size(copy) == 5);
    oroipc_result_release(copy);
    oroipc_result_release(result);
}

static void policies_and_names_refuse(void) {
    oroipc_host *other;
    oroipc_client *refused;
    char folder[] = "/tmp/oroipc-test-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    oroipc_client_options client_options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = client_options.folder = folder;
    STATUS(OROIPC_NOT_LISTENING, oroipc_client_connect("twice", &client_options, &refused));
    OK(oroipc_host_create("twice", &options, &other));
    oroipc_host *second;
    STATUS(OROIPC_NAME_TAKEN, oroipc_host_create("twice", &options, &second));
    CHECK(second == NULL && strstr(oroipc_last_error(), "twice") != NULL);
    oroipc_host_release(other);
    char path[128];
    snprintf(path, sizeof path, "rm -rf '%s'", folder);
    CHECK(system(path) == 0);
}

// Turns both until the client is there.
static oroipc_client *turn_both(oroipc_host *turned, oroipc_connecting *connecting) {
    oroipc_client *made = NULL;
    time_t limit = time(NULL) + 30;
    while (made == NULL && time(NULL) < limit) {
        int host_ms, client_ms;
        OK(oroipc_host_turn(turned, &host_ms));
        OK(oroipc_connecting_turn(connecting, &client_ms, &made));
        CHECK(made != NULL || client_ms >= 0);
        struct pollfd both[] = {
            {.fd = oroipc_host_descriptor(turned), .events = POLLIN},
            {.fd = oroipc_connecting_descriptor(connecting), .events = POLLIN},
        };
        if (made == NULL && host_ms != 0) CHECK(poll(both, 2, client_ms) >= 0);
    }
    CHECK(made != NULL);
    return made;
}

static void connecting_never_waits(void) {
    char folder[] = "/tmp/oroipc-test-XXXXXX";
    CHECK(mkdtemp(folder) != NULL);
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    oroipc_client_options client_options = OROIPC_CLIENT_OPTIONS_INIT;
    options.folder = client_options.folder = folder;
    oroipc_connecting *connecting;
    oroipc_client *mine;
    STATUS(OROIPC_NOT_LISTENING, oroipc_client_connect_async("turned", &client_options, &connecting));
    CHECK(connecting == NULL);
    oroipc_host *turned;
    OK(oroipc_host_create("turned", &options, &turned));
    OK(oroipc_host_turn(turned, NULL));
    // Here the host would be waited for by the thread that serves it.
    STATUS(OROIPC_STATE, oroipc_client_connect("turned", &client_options, &mine));
    CHECK(mine == NULL && strstr(oroipc_last_error(), "oroipc_client_connect_async") != NULL);
    STATUS(OROIPC_STATE, oroipc_host_connect(turned, &client_options, &mine));
    OK(oroipc_client_connect_async("turned", &client_options, &connecting));
    mine = turn_both(turned, connecting);
    OK(oroipc_client_state(mine));
    oroipc_client *again = NULL;
    STATUS(OROIPC_ABORTED, oroipc_connecting_turn(connecting, NULL, &again));
    CHECK(again == NULL && oroipc_connecting_descriptor(connecting) == -1);
    oroipc_connecting_release(connecting);
    oroipc_client_release(mine);
    // A child's end, and whoever gives up.
    int descriptor;
    OK(oroipc_host_make_peer(turned, &descriptor));
    OK(oroipc_client_adopt_async(descriptor, NULL, &connecting));
    mine = turn_both(turned, connecting);
    OK(oroipc_client_state(mine));
    oroipc_connecting_release(connecting);
    oroipc_client_release(mine);
    OK(oroipc_client_connect_async("turned", &client_options, &connecting));
    oroipc_connecting_release(connecting);
    OK(oroipc_host_turn(turned, NULL));
    // A host that does not answer is given up in time, and meanwhile nothing waits.
    client_options.handshake_ms = 50;
    OK(oroipc_client_connect_async("turned", &client_options, &connecting));
    int timeout = 0;
    oroipc_status status;
    while ((status = oroipc_connecting_turn(connecting, &timeout, &mine)) == OROIPC_OK && mine == NULL) {
        CHECK(timeout >= 0 && timeout <= 50);
        poll(NULL, 0, timeout);
    }
    CHECK(status == OROIPC_TIMED_OUT && mine == NULL);
    STATUS(OROIPC_TIMED_OUT, oroipc_connecting_turn(connecting, &timeout, &mine));
    oroipc_connecting_release(connecting);
    oroipc_host_release(turned);
    char path[128];
    snprintf(path, sizeof path, "rm -rf '%s'", folder);
    CHECK(system(path) == 0);
}

int main(void) {
    OK(oroipc_host_create(NULL, NULL, &host));
    OK(oroipc_host_map(host, "echo", OROIPC_ROUTE_SYNC, echo, NULL, NULL));
    OK(oroipc_host_map(host, "fails", OROIPC_ROUTE_SYNC, fails, NULL, NULL));
    OK(oroipc_host_map(host, "looks", OROIPC_ROUTE_SYNC, looks, &host, NULL));
    OK(oroipc_host_map(host, "headers", OROIPC_ROUTE_SYNC, headers, NULL, NULL));
    OK(oroipc_host_map(host, "told", OROIPC_ROUTE_SYNC, told, NULL, NULL));
    OK(oroipc_host_map(host, "reads", OROIPC_ROUTE_LATER, reads, NULL, NULL));
    OK(oroipc_host_map(host, "counts.body", OROIPC_ROUTE_STREAM, reads, NULL, NULL));
    OK(oroipc_host_map(host, "lends", OROIPC_ROUTE_SYNC, lends, NULL, NULL));
    OK(oroipc_host_map(host, "keeps.result", OROIPC_ROUTE_SYNC, keeps_result, NULL, NULL));
    OK(oroipc_host_map(host, "waits", OROIPC_ROUTE_LATER, waits, NULL, NULL));
    OK(oroipc_host_map(host, "waits.stream", OROIPC_ROUTE_STREAM, waits, NULL, NULL));
    OK(oroipc_host_map(host, "drops", OROIPC_ROUTE_LATER, drops, NULL, NULL));
    OK(oroipc_host_map(host, "later", OROIPC_ROUTE_LATER, later, NULL, NULL));
    OK(oroipc_host_map(host, "counts", OROIPC_ROUTE_STREAM, counts, NULL, NULL));
    OK(oroipc_host_map(host, "either", OROIPC_ROUTE_EITHER, either, NULL, NULL));
    OK(oroipc_host_map(host, "gone", OROIPC_ROUTE_SYNC, echo, NULL, destroy));
    int before = destroyed;
    OK(oroipc_host_map(host, "gone", OROIPC_ROUTE_SYNC, echo, NULL, destroy));
    CHECK(destroyed == before + 1);
    OK(oroipc_host_start(host));
    OK(oroipc_host_connect(host, NULL, &client));
    OK(oroipc_client_turn(client, NULL));
    values_come_back_as_they_are();
    bytes_come_back_and_go_away();
    bytes_are_mapped_privately();
    messages_say_all_they_know();
    headers_go_both_ways();
    messages_are_uris();
    bodies_go_as_fast_as_they_are_read();
    errors_are_results();
    calls_end_once_whatever_happens();
    a_client_that_lingers_gets_its_results();
    streams_come_in_order_and_end_once();
    a_stream_comes_as_it_is_taken();
    many_threads_call_one_client();
    a_client_may_be_called_back_by_the_library();
    posts_get_no_result();
    a_uri_is_a_call();
    a_result_is_an_envelope();
    results_can_be_copied();
    policies_and_names_refuse();
    connecting_never_waits();
    OK(oroipc_client_close(client));
    oroipc_client_release(client);
    OK(oroipc_host_stop(host));
    oroipc_host_release(host);
    CHECK(destroyed >= before + 2);
    puts("behaviour: all as it must be");
    return 0;
}
