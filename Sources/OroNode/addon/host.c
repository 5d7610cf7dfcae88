// SPDX-License-Identifier: Apache-2.0

/*
 * Hosts, as JavaScript has them: an external value, and functions that take it first. `lib/host-link.js` makes a class of it.
 *
 * A request gets a slot when it comes, and keeps it until it is answered. As in clients, what comes is queued while the
 * library is turned, and handed over when it has returned.
 */
#include <stdlib.h>

#include "addon.h"
#include "arguments.h"
#include "bytes.h"
#include "functions.h"
#include "port.h"

enum { ORO_NO_SLOT = UINT32_MAX };

/* What happens to a request besides that it comes. */
typedef enum arrival_kind { ARRIVED, CANCELLED, ROOM, BODY } arrival_kind;

typedef struct arrival {
    arrival_kind kind;
    uint32_t slot;
    /* Of a body: a chunk, or the end. */
    oroipc_message *chunk;
    oroipc_result *end;
} arrival;

typedef struct host host;

/* What a route's handler is told: whose it is, and its number in JavaScript. */
typedef struct route {
    host *host;
    uint32_t tag;
} route;

/* A request that was not answered yet. Free slots are linked by `next`. */
typedef struct request {
    oroipc_message *message;
    oroipc_result *result;
    uint32_t tag;
    uint32_t next;
    /* Of the slot: what comes for an earlier request in it is nobody's. */
    uint32_t generation;
} request;

struct host {
    oro_room room;
    request *requests;
    size_t request_count;
    uint32_t free_slot;
    arrival *arrivals;
    size_t arrival_count, arrival_capacity;
};

/* ------------------------------------------------------------------------------------------------------ what comes */

static void queue_arrival(host *self, arrival arrived) {
    if (self->arrival_count == self->arrival_capacity) {
        self->arrival_capacity = self->arrival_capacity == 0 ? 64 : self->arrival_capacity * 2;
        self->arrivals = oro_grow(self->arrivals, self->arrival_capacity, sizeof *self->arrivals);
    }
    self->arrivals[self->arrival_count++] = arrived;
}

static void queue(host *self, arrival_kind kind, uint32_t slot) {
    queue_arrival(self, (arrival){.kind = kind, .slot = slot});
}

static uint32_t take_slot(host *self) {
    if (self->free_slot == ORO_NO_SLOT) {
        size_t count = self->request_count == 0 ? 64 : self->request_count * 2;
        self->requests = oro_grow(self->requests, count, sizeof *self->requests);
        for (size_t i = count; i > self->request_count; i--) {
            self->requests[i - 1] = (request){.next = self->free_slot};
            self->free_slot = (uint32_t)(i - 1);
        }
        self->request_count = count;
    }
    uint32_t slot = self->free_slot;
    self->free_slot = self->requests[slot].next;
    return slot;
}

static void on_request(oroipc_message *message, oroipc_result *result, void *context) {
    const route *to = context;
    uint32_t slot = take_slot(to->host);
    to->host->requests[slot] =
        (request){
            .message = oroipc_message_retain(message),
            .result = result,
            .tag = to->tag,
            .next = ORO_NO_SLOT,
            .generation = to->host->requests[slot].generation + 1};
    queue(to->host, ARRIVED, slot);
}

/* Notices have a slot as their context. */
static void on_cancel(oroipc_result *result, void *slot) {
    (void)result;
    queue((host *)oro_turned, CANCELLED, (uint32_t)(uintptr_t)slot);
}

static void on_room(oroipc_result *result, void *slot) {
    (void)result;
    queue((host *)oro_turned, ROOM, (uint32_t)(uintptr_t)slot);
}

/* The context is a slot and its generation. */
static void on_body(oroipc_message *chunk, oroipc_result *end, void *context) {
    host *self = (host *)oro_turned;
    uint32_t slot = (uint32_t)(uintptr_t)context;
    if (self == NULL || self->requests[slot].generation != (uint32_t)((uintptr_t)context >> 32)) return;
    queue_arrival(self, (arrival){
        .kind = BODY,
        .slot = slot,
        .chunk = chunk == NULL ? NULL : oroipc_message_retain(chunk),
        .end = end == NULL ? NULL : oroipc_result_retain(end)});
}

/* --------------------------------------------------------------------------------------------------- to JavaScript */

static size_t deliver_requests(host *self, const arrival *arrivals, size_t count) {
    size_t taken = 0;
    napi_value arguments[2];
    oro_records_clear(&self->room.records);
    while (taken < count && arrivals[taken].kind == ARRIVED) {
        uint32_t slot = arrivals[taken].slot;
        const request *next = &self->requests[slot];
        if (!oro_records_add_message(self->room.env, &self->room.records, slot, next->tag, next->message)) break;
        taken += 1;
    }
    if (napi_create_uint32(self->room.env, (uint32_t)self->room.records.count, &arguments[0]) == napi_ok) {
        arguments[1] = oro_records_extras(self->room.env, &self->room.records);
        oro_room_call(&self->room, ORO_ROOM_DELIVER, 2, arguments);
    }
    return taken;
}

static void tell(host *self, const arrival *what) {
    napi_value arguments[2];
    if (napi_create_uint32(self->room.env, what->slot, &arguments[0]) != napi_ok ||
        napi_get_boolean(self->room.env, what->kind == ROOM, &arguments[1]) != napi_ok) {
        return;
    }
    oro_room_call(&self->room, ORO_ROOM_TELL, 2, arguments);
}

/* hear(slot, whether it is the end, extras): a record of a body is there. */
static void deliver_body(host *self, const arrival *what) {
    napi_env env = self->room.env;
    napi_value arguments[3];
    oro_records_clear(&self->room.records);
    if (what->chunk != NULL) oro_records_add_message(env, &self->room.records, what->slot, 0, what->chunk);
    else oro_records_add_result(env, &self->room.records, what->slot, 0, what->end);
    if (napi_create_uint32(env, what->slot, &arguments[0]) != napi_ok ||
        napi_get_boolean(env, what->end != NULL, &arguments[1]) != napi_ok) {
        return;
    }
    arguments[2] = oro_records_extras(env, &self->room.records);
    oro_room_call(&self->room, ORO_ROOM_HEAR, 3, arguments);
}

static void release_body(arrival *what) {
    oroipc_message_release(what->chunk);
    oroipc_result_release(what->end);
    what->chunk = NULL;
    what->end = NULL;
}

static void deliver_all(host *self) {
    /* JavaScript that is called may close the host, and with it the queue. */
    for (size_t i = 0; i < self->arrival_count;) {
        napi_handle_scope scope;
        if (napi_open_handle_scope(self->room.env, &scope) != napi_ok) break;
        if (self->arrivals[i].kind == ARRIVED) {
            i += deliver_requests(self, self->arrivals + i, self->arrival_count - i);
        } else {
            arrival what = self->arrivals[i];
            self->arrivals[i++] = (arrival){.kind = what.kind, .slot = what.slot};
            if (what.kind == BODY) deliver_body(self, &what);
            else tell(self, &what);
            release_body(&what);
        }
        napi_close_handle_scope(self->room.env, scope);
    }
    self->arrival_count = 0;
}

static int turn(void *context) {
    host *self = context;
    int wait = -1;
    /* What handlers answered meanwhile goes out with another turn, and who has got an answer often asks again: at once, and not
     * after a round of the loop. */
    for (int turns = 0; turns < ORO_TURNS && self->room.host != NULL; turns++) {
        oroipc_host_linger(self->room.host, ORO_LINGER_US, &wait);
        deliver_all(self);
        oro_port_deliver(&self->room);
        if (wait != 0) return wait;
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- coming and going */

static void drop_requests(host *self) {
    for (size_t i = 0; i < self->request_count; i++) {
        oroipc_message_release(self->requests[i].message);
        oroipc_result_release(self->requests[i].result);
        self->requests[i] = (request){.generation = self->requests[i].generation};
    }
    for (size_t i = 0; i < self->arrival_count; i++) release_body(&self->arrivals[i]);
    self->arrival_count = 0;
}

static void leave(oro_room *room) {
    host *self = (host *)room;
    drop_requests(self);
    oroipc_host_stop(room->host);
    /* And what had been on its way. */
    drop_requests(self);
    oroipc_host_release(room->host);
}

static void discard(oro_room *room) {
    host *self = (host *)room;
    free(self->requests);
    free(self->arrivals);
    free(self);
}

/* hostOpen(name, folder, buffers, numbers, inbox, deliver, tell, port, hear) → host */
static napi_value host_open(napi_env env, napi_callback_info info) {
    napi_value arguments[9], given[ORO_ROOM_REFERENCES] = {0};
    size_t count = 9;
    char name[256], folder[4096];
    uint32_t buffers;
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.allows_meetings = 1;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    bool has_name = !oro_is_nothing(env, arguments[0]);
    bool has_folder = !oro_is_nothing(env, arguments[1]);
    if ((has_name && !oro_text_argument(env, arguments[0], name, sizeof name)) ||
        (has_folder && !oro_text_argument(env, arguments[1], folder, sizeof folder))) {
        return NULL;
    }
    if (has_folder) options.folder = folder;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[2], &buffers));
    for (int i = ORO_ROOM_NUMBERS; i <= ORO_ROOM_HEAR; i++) given[i] = arguments[3 + i];

    oroipc_host *opened = NULL;
    oroipc_status status = oroipc_host_create(has_name ? name : NULL, &options, &opened);
    if (status != OROIPC_OK) {
        oro_throw_status(env, status);
        return NULL;
    }
    host *self = oro_grow(NULL, 1, sizeof *self);
    *self = (host){
        .room = {.host = opened, .leave = leave, .discard = discard, .records = {.buffers = (oro_buffers)buffers}},
        .free_slot = ORO_NO_SLOT};
    napi_value external = oro_room_open(&self->room, env, "oro-ipc host", given, oroipc_host_descriptor(opened), turn);
    if (external != NULL) oro_room_keep(&self->room, true);
    return external;
}

/* Reads the arguments of a function, the first of which is a host; NULL, with an exception, when it is none. */
static host *host_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
    if (napi_get_cb_info(env, info, &count, arguments, NULL, NULL) != napi_ok) {
        oro_throw_pending(env);
        return NULL;
    }
    return (host *)oro_room_argument(env, arguments[0], "the host is closed");
}

/* hostClose(host) */
static napi_value host_close(napi_env env, napi_callback_info info) {
    napi_value arguments[1];
    host *self = host_arguments(env, info, 1, arguments);
    if (self != NULL) oro_room_leave(&self->room);
    return NULL;
}

/* hostKeep(host, keeps) */
static napi_value host_keep(napi_env env, napi_callback_info info) {
    napi_value arguments[2];
    bool keeps;
    host *self = host_arguments(env, info, 2, arguments);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_bool(env, arguments[1], &keeps));
    oro_room_keep(&self->room, keeps);
    return NULL;
}

/* hostPeer(host) → a descriptor for another process */
static napi_value host_peer(napi_env env, napi_callback_info info) {
    napi_value arguments[1], number;
    int descriptor = -1;
    host *self = host_arguments(env, info, 1, arguments);
    if (self == NULL) return NULL;
    oroipc_status status = oroipc_host_make_peer(self->room.host, &descriptor);
    if (status != OROIPC_OK) {
        oro_throw_status(env, status);
        return NULL;
    }
    oro_watch_poke(self->room.watch);
    ORO_TRY(env, napi_create_int32(env, descriptor, &number));
    return number;
}

/* -------------------------------------------------------------------------------------------------------------- routes */

/* hostMap(host, name, tag) */
static napi_value host_map(napi_env env, napi_callback_info info) {
    napi_value arguments[3];
    char name[257];
    uint32_t tag;
    host *self = host_arguments(env, info, 3, arguments);
    if (self == NULL || !oro_text_argument(env, arguments[1], name, sizeof name)) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[2], &tag));
    route *to = oro_grow(NULL, 1, sizeof *to);
    *to = (route){self, tag};
    /* Also a handler that answers at once does so after the turn, and only its answer shows whether it is a stream. */
    oroipc_status status = oroipc_host_map(self->room.host, name, OROIPC_ROUTE_EITHER, on_request, to, free);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    return NULL;
}

/* hostUnmap(host, name) */
static napi_value host_unmap(napi_env env, napi_callback_info info) {
    napi_value arguments[2];
    char name[257];
    host *self = host_arguments(env, info, 2, arguments);
    if (self == NULL || !oro_text_argument(env, arguments[1], name, sizeof name)) return NULL;
    oroipc_status status = oroipc_host_unmap(self->room.host, name);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    return NULL;
}

/* ------------------------------------------------------------------------------------------------------------- requests */

/* The request of a slot; NULL, with an exception, when there is none. */
static request *request_argument(napi_env env, host *self, napi_value value, uint32_t *slot) {
    if (napi_get_value_uint32(env, value, slot) == napi_ok && *slot < self->request_count &&
        self->requests[*slot].result != NULL) {
        return &self->requests[*slot];
    }
    napi_throw_range_error(env, NULL, "the request was answered");
    return NULL;
}

/* hostDescribe(host, slot) → [name, seq, client] */
static napi_value host_describe(napi_env env, napi_callback_info info) {
    napi_value arguments[2], parts[3], array;
    uint32_t slot;
    host *self = host_arguments(env, info, 2, arguments);
    const request *asked = self == NULL ? NULL : request_argument(env, self, arguments[1], &slot);
    if (asked == NULL) return NULL;
    const char *name = oroipc_message_name(asked->message);
    const char *seq = oroipc_message_seq(asked->message);
    ORO_TRY(env, napi_create_string_utf8(env, name == NULL ? "" : name, NAPI_AUTO_LENGTH, &parts[0]));
    ORO_TRY(env, napi_create_string_utf8(env, seq == NULL ? "" : seq, NAPI_AUTO_LENGTH, &parts[1]));
    ORO_TRY(env, napi_create_bigint_uint64(env, oroipc_message_client(asked->message), &parts[2]));
    ORO_TRY(env, napi_create_array_with_length(env, 3, &array));
    for (uint32_t i = 0; i < 3; i++) ORO_TRY(env, napi_set_element(env, array, i, parts[i]));
    return array;
}

/* hostBody(host, slot): begins to read the body that follows the request, of which nothing comes before it is taken. */
static napi_value host_body(napi_env env, napi_callback_info info) {
    napi_value arguments[2];
    uint32_t slot;
    host *self = host_arguments(env, info, 2, arguments);
    const request *asked = self == NULL ? NULL : request_argument(env, self, arguments[1], &slot);
    if (asked == NULL) return NULL;
    void *context = (void *)((uintptr_t)asked->generation << 32 | slot);
    oroipc_status status = oroipc_message_read_body_taken(asked->message, on_body, context);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    return NULL;
}

/* hostTake(host, slot, chunks): so many more of the body are wanted. */
static napi_value host_take(napi_env env, napi_callback_info info) {
    napi_value arguments[3];
    uint32_t slot, chunks;
    host *self = host_arguments(env, info, 3, arguments);
    const request *asked = self == NULL ? NULL : request_argument(env, self, arguments[1], &slot);
    if (asked == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[2], &chunks));
    oroipc_message_take_body(asked->message, chunks);
    oro_watch_poke(self->room.watch);
    return NULL;
}

/* hostWatch(host, slot): tell(slot, false) is called when nobody waits for the answer any more. */
static napi_value host_watch(napi_env env, napi_callback_info info) {
    napi_value arguments[2];
    uint32_t slot;
    host *self = host_arguments(env, info, 2, arguments);
    const request *asked = self == NULL ? NULL : request_argument(env, self, arguments[1], &slot);
    if (asked == NULL) return NULL;
    oroipc_status status = oroipc_result_on_cancel(asked->result, on_cancel, (void *)(uintptr_t)slot);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    return NULL;
}

/* The bytes in a block of the client's link, copied once; in a message where there is no block. NULL for NULL. */
static oroipc_status make_payload(const request *asked, const void *bytes, size_t size, oroipc_bytes **out) {
    *out = NULL;
    if (bytes == NULL) return OROIPC_OK;
    oroipc_loan *loan = NULL;
    if (size <= ORO_RECORD_SHORT_BYTES || oroipc_message_loan(asked->message, size, &loan) != OROIPC_OK) {
        return oroipc_bytes_create(bytes, size, out);
    }
    return oro_fill_loan(loan, bytes, size, out);
}

static void free_request(host *self, uint32_t slot) {
    oroipc_message_release(self->requests[slot].message);
    self->requests[slot] = (request){.next = self->free_slot, .generation = self->requests[slot].generation + 1};
    self->free_slot = slot;
}

static oroipc_status set_headers(oroipc_result *result, const oro_headers *headers) {
    oroipc_status status = OROIPC_OK;
    for (size_t i = 0; i < headers->count && status == OROIPC_OK; i++) {
        status = oroipc_result_set_header(result, headers->pairs[i].name, headers->pairs[i].value);
    }
    return status;
}

/* hostReply(host, slot, failed, value, valueSize, body, headers) → whether somebody waited for it */
static napi_value host_reply(napi_env env, napi_callback_info info) {
    napi_value arguments[7], answer;
    uint32_t slot;
    bool failed;
    oroipc_value value;
    const void *body;
    size_t size;
    host *self = host_arguments(env, info, 7, arguments);
    request *asked = self == NULL ? NULL : request_argument(env, self, arguments[1], &slot);
    if (asked == NULL) return NULL;
    ORO_TRY(env, napi_get_value_bool(env, arguments[2], &failed));
    if (!oro_value_argument(env, arguments[3], arguments[4], &value) || !oro_bytes_argument(env, arguments[5], &body, &size)) {
        return NULL;
    }
    oro_headers headers;
    bool has_headers = oro_headers_argument(env, arguments[6], &headers);
    oroipc_status status = has_headers ? set_headers(asked->result, &headers) : OROIPC_OK;
    oro_headers_free(&headers);
    if (!has_headers) return NULL;
    oroipc_bytes *payload = NULL;
    if (status == OROIPC_OK && failed) status = oroipc_result_set_error_value(asked->result, &value);
    if (status == OROIPC_OK && !failed && value.kind != OROIPC_NONE) status = oroipc_result_set_data(asked->result, &value);
    if (status == OROIPC_OK && !failed) status = make_payload(asked, body, size, &payload);
    if (status == OROIPC_OK && payload != NULL) status = oroipc_result_set_payload(asked->result, payload);
    oroipc_bytes_release(payload);
    if (status != OROIPC_OK) {
        oro_throw_status(env, status);
        return NULL;
    }
    status = oroipc_result_send(asked->result);
    free_request(self, slot);
    ORO_TRY(env, napi_get_boolean(env, status == OROIPC_OK, &answer));
    return answer;
}

/* hostChunk(host, slot, name, value, valueSize, body, headers) → 1 sent, 0 not now: tell(slot, true) is called when there is room,
 * -1 nobody reads any more */
static napi_value host_chunk(napi_env env, napi_callback_info info) {
    napi_value arguments[7], answer;
    uint32_t slot;
    oroipc_value value;
    const void *body;
    size_t size;
    char name[257];
    host *self = host_arguments(env, info, 7, arguments);
    const request *asked = self == NULL ? NULL : request_argument(env, self, arguments[1], &slot);
    if (asked == NULL) return NULL;
    bool has_name = !oro_is_nothing(env, arguments[2]);
    if ((has_name && !oro_text_argument(env, arguments[2], name, sizeof name)) ||
        !oro_value_argument(env, arguments[3], arguments[4], &value) || !oro_bytes_argument(env, arguments[5], &body, &size)) {
        return NULL;
    }
    oro_headers headers;
    bool has_headers = oro_headers_argument(env, arguments[6], &headers);
    oroipc_status status = has_headers ? set_headers(asked->result, &headers) : OROIPC_OK;
    oro_headers_free(&headers);
    if (!has_headers) return NULL;
    oroipc_bytes *payload = NULL;
    if (status == OROIPC_OK) status = make_payload(asked, body, size, &payload);
    if (status == OROIPC_OK) {
        status = oroipc_result_send_event(asked->result, has_name ? name : NULL, &value, payload);
    }
    oroipc_bytes_release(payload);
    if (status == OROIPC_BUSY) oroipc_result_on_room(asked->result, on_room, (void *)(uintptr_t)slot);
    if (status != OROIPC_OK && status != OROIPC_BUSY && status != OROIPC_ABORTED) {
        oro_throw_status(env, status);
        return NULL;
    }
    ORO_TRY(env, napi_create_int32(env, status == OROIPC_OK ? 1 : status == OROIPC_BUSY ? 0 : -1, &answer));
    return answer;
}

/* hostEmit(host, client, name, value, valueSize, body) */
static napi_value host_emit(napi_env env, napi_callback_info info) {
    napi_value arguments[6];
    uint64_t to;
    bool is_exact;
    char name[257];
    oroipc_value value;
    const void *body;
    size_t size;
    host *self = host_arguments(env, info, 6, arguments);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_bigint_uint64(env, arguments[1], &to, &is_exact));
    if (!oro_text_argument(env, arguments[2], name, sizeof name) || !oro_value_argument(env, arguments[3], arguments[4], &value) ||
        !oro_bytes_argument(env, arguments[5], &body, &size)) {
        return NULL;
    }
    oroipc_bytes *payload = NULL;
    oroipc_status status = body == NULL ? OROIPC_OK : oroipc_bytes_create(body, size, &payload);
    if (status == OROIPC_OK) status = oroipc_host_emit(self->room.host, to, name, &value, payload);
    oroipc_bytes_release(payload);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    oro_watch_poke(self->room.watch);
    return NULL;
}

bool oro_add_host(napi_env env, napi_value exports) {
    static const oro_function functions[] = {
        {"hostOpen", host_open},         {"hostClose", host_close}, {"hostKeep", host_keep},
        {"hostPeer", host_peer},         {"hostMap", host_map},     {"hostUnmap", host_unmap},
        {"hostDescribe", host_describe}, {"hostWatch", host_watch}, {"hostReply", host_reply},
        {"hostChunk", host_chunk},       {"hostEmit", host_emit},   {"hostBody", host_body},
        {"hostTake", host_take},
    };
    return oro_add_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
