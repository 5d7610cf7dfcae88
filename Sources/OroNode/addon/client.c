// SPDX-License-Identifier: Apache-2.0

/*
 * Clients, as JavaScript has them: an external value, and functions that take it first. `lib/link.js` makes a class of it.
 *
 * What comes is queued while the library is turned, and handed over when it has returned: JavaScript that is called back
 * may call everything here.
 */
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "addon.h"
#include "arguments.h"
#include "functions.h"
#include "port.h"

/* What has come and was not handed over: the result of a slot, which may be the end of a stream, a chunk of one, or an event. */
typedef struct arrival {
    oroipc_result *result;
    /* An event, or a chunk. */
    oroipc_message *event;
    uint32_t slot;
    bool is_chunk;
    /* Of neither: the body of this slot's call takes more. */
    bool is_room;
    /* Nor that: the state of the client is the one in `slot`, for this reason. */
    char *reason;
} arrival;

/* The result that a blocked thread of a worker waits for. */
typedef struct awaited {
    oroipc_result *result;
    bool is_done;
    /* The thread waits no more: whoever brings the result frees this. */
    bool is_given_up;
} awaited;

typedef struct client {
    oro_room room;
    /* Until the link is there. */
    oroipc_connecting *connecting;
    /* By slot: how a call is aborted. */
    uint64_t *tickets;
    /* Bodies in chunks, whose end was not said; NULL for most. */
    oroipc_body **bodies;
    size_t ticket_count;
    arrival *arrivals;
    size_t arrival_count, arrival_capacity;
    /* What blocking calls fill again and again. */
    oroipc_result *result;
    /* Calls without a result yet. */
    size_t pending;
    bool is_over, is_told;
    /* It connects again when its link ends. */
    bool comes_back;
} client;

static void queue(client *self, arrival arrived) {
    if (self->arrival_count == self->arrival_capacity) {
        self->arrival_capacity = self->arrival_capacity == 0 ? 64 : self->arrival_capacity * 2;
        self->arrivals = oro_grow(self->arrivals, self->arrival_capacity, sizeof *self->arrivals);
    }
    self->arrivals[self->arrival_count++] = arrived;
}

static void on_completion(oroipc_result *result, void *slot) {
    client *self = (client *)oro_turned;
    self->pending -= 1;
    queue(self, (arrival){.result = oroipc_result_retain(result), .slot = (uint32_t)(uintptr_t)slot});
}

static void on_awaited(oroipc_result *result, void *context) {
    awaited *wanted = context;
    if (wanted->is_given_up) return free(wanted);
    wanted->result = oroipc_result_retain(result);
    wanted->is_done = true;
}

static void on_chunk(oroipc_message *chunk, oroipc_result *end, void *slot) {
    client *self = (client *)oro_turned;
    if (end != NULL) return on_completion(end, slot);
    queue(self, (arrival){.event = oroipc_message_retain(chunk), .slot = (uint32_t)(uintptr_t)slot, .is_chunk = true});
}

static void on_event(oroipc_message *event, void *context) {
    queue(context, (arrival){.event = oroipc_message_retain(event)});
}

static void on_end(oroipc_client *ended, void *context) {
    (void)ended;
    ((client *)context)->is_over = true;
}

static void on_state(oroipc_client *changed, int32_t state, const char *reason, void *context) {
    (void)changed;
    char *copy = strdup(reason);
    if (copy != NULL) queue(context, (arrival){.slot = (uint32_t)state, .reason = copy});
}

static void on_body_room(oroipc_body *body, void *slot) {
    (void)body;
    queue((client *)oro_turned, (arrival){.slot = (uint32_t)(uintptr_t)slot, .is_room = true});
}

/* ------------------------------------------------------------------------------------------------- to JavaScript */

static void deliver_results(client *self) {
    napi_value arguments[2];
    if (napi_create_uint32(self->room.env, (uint32_t)self->room.records.count, &arguments[0]) != napi_ok) return;
    arguments[1] = oro_records_extras(self->room.env, &self->room.records);
    oro_room_call(&self->room, ORO_ROOM_DELIVER, 2, arguments);
}

static void deliver_event(client *self, const oroipc_message *event, bool is_chunk, uint32_t slot) {
    napi_env env = self->room.env;
    napi_value arguments[3];
    const char *name = oroipc_message_name(event);
    oro_records_clear(&self->room.records);
    oro_records_add_message(env, &self->room.records, slot, 0, event);
    if (napi_create_string_utf8(env, name == NULL ? "" : name, NAPI_AUTO_LENGTH, &arguments[0]) != napi_ok) return;
    arguments[1] = oro_records_extras(env, &self->room.records);
    if (is_chunk && napi_create_uint32(env, slot, &arguments[2]) != napi_ok) return;
    oro_room_call(&self->room, ORO_ROOM_HEAR, is_chunk ? 3 : 2, arguments);
}

/* hear(undefined, undefined, slot): a body takes more. */
static void deliver_room(client *self, uint32_t slot) {
    napi_value arguments[3];
    if (napi_get_undefined(self->room.env, &arguments[0]) != napi_ok || napi_create_uint32(self->room.env, slot, &arguments[2]) != napi_ok) return;
    arguments[1] = arguments[0];
    oro_room_call(&self->room, ORO_ROOM_HEAR, 3, arguments);
}

static void deliver_state(client *self, uint32_t state, const char *reason) {
    napi_value arguments[2];
    if (napi_create_uint32(self->room.env, state, &arguments[0]) != napi_ok) return;
    if (napi_create_string_utf8(self->room.env, reason, NAPI_AUTO_LENGTH, &arguments[1]) != napi_ok) return;
    oro_room_call(&self->room, ORO_ROOM_CHANGED, 2, arguments);
}

/* Hands over as many results as fit; answers how many. */
static size_t deliver_some(client *self, arrival *arrivals, size_t count) {
    size_t taken = 0;
    oro_records_clear(&self->room.records);
    while (taken < count && arrivals[taken].result != NULL) {
        arrival *next = &arrivals[taken];
        if (!oro_records_add_result(self->room.env, &self->room.records, next->slot, 0, next->result)) break;
        oroipc_result_release(next->result);
        next->result = NULL;
        taken += 1;
    }
    deliver_results(self);
    return taken;
}

static void deliver_all(client *self) {
    /* JavaScript that is called may block in a call, whose turns queue more, and it may end the client, and with it the queue. */
    for (size_t i = 0; i < self->arrival_count;) {
        napi_handle_scope scope;
        if (napi_open_handle_scope(self->room.env, &scope) != napi_ok) return;
        const arrival next = self->arrivals[i];
        oroipc_message *event = next.event;
        if (event != NULL) {
            self->arrivals[i].event = NULL;
            deliver_event(self, event, next.is_chunk, next.slot);
            oroipc_message_release(event);
            i += 1;
        } else if (next.reason != NULL) {
            self->arrivals[i].reason = NULL;
            deliver_state(self, next.slot, next.reason);
            free(next.reason);
            i += 1;
        } else if (next.is_room) {
            deliver_room(self, next.slot);
            i += 1;
        } else {
            i += deliver_some(self, self->arrivals + i, self->arrival_count - i);
        }
        napi_close_handle_scope(self->room.env, scope);
    }
    self->arrival_count = 0;
}

static void tell_end(client *self) {
    napi_handle_scope scope;
    napi_value reason;
    if (!self->is_over || self->is_told || napi_open_handle_scope(self->room.env, &scope) != napi_ok) return;
    self->is_told = true;
    oroipc_client_state(self->room.client);
    if (napi_create_string_utf8(self->room.env, oroipc_last_error(), NAPI_AUTO_LENGTH, &reason) == napi_ok) {
        oro_room_call(&self->room, ORO_ROOM_TELL, 1, &reason);
    }
    napi_close_handle_scope(self->room.env, scope);
}

static void status_texts(client *self, oroipc_status status, napi_value *arguments) {
    napi_create_string_utf8(self->room.env, oroipc_status_name(status), NAPI_AUTO_LENGTH, &arguments[0]);
    napi_create_string_utf8(self->room.env, oroipc_last_error(), NAPI_AUTO_LENGTH, &arguments[1]);
}

/* Gets on with connecting; `wait` gets the milliseconds until it is due again. The link is there, or cannot be, when `connecting` is
 * NULL afterwards. */
static oroipc_status connect_on(client *self, int *wait) {
    oroipc_client *link = NULL;
    oroipc_status status = oroipc_connecting_turn(self->connecting, wait, &link);
    bool is_done = status != OROIPC_OK || link != NULL;
    if (link != NULL) {
        self->room.client = link;
        oroipc_client_on_end(link, on_end, self);
        if (self->comes_back) oroipc_client_on_state(link, on_state, self, NULL);
    }
    int descriptor = link != NULL ? oroipc_client_descriptor(link)
        : status == OROIPC_OK     ? oroipc_connecting_descriptor(self->connecting)
                                  : -1;
    if (!oro_room_watch(&self->room, descriptor)) status = OROIPC_SYSTEM;
    if (!is_done && status == OROIPC_OK) return status;
    oroipc_connecting_release(self->connecting);
    self->connecting = NULL;
    return status;
}

/* A turn of a client that connects. */
static int connect_turn(client *self) {
    napi_handle_scope scope;
    napi_value arguments[2];
    int wait = -1;
    oroipc_status status = connect_on(self, &wait);
    if (self->connecting != NULL) return wait;
    if (napi_open_handle_scope(self->room.env, &scope) != napi_ok) return -1;
    status_texts(self, status, arguments);
    oro_room_call(&self->room, ORO_ROOM_OPENED, status == OROIPC_OK ? 0 : 2, arguments);
    napi_close_handle_scope(self->room.env, scope);
    return 0;
}

static int turn(void *context) {
    client *self = context;
    int wait = -1;
    if (self->connecting != NULL) return connect_turn(self);
    /* Who gets a result often calls again: as long as a result is waited for it is looked for, before the loop's other handles get
     * their time. */
    for (int turns = 0; turns < ORO_TURNS && self->room.client != NULL; turns++) {
        oroipc_client_linger(self->room.client, self->pending > 0 ? ORO_LINGER_US : 0, &wait);
        deliver_all(self);
        oro_port_deliver(&self->room);
        tell_end(self);
        if (wait != 0) return wait;
    }
    return 0;
}

/* ---------------------------------------------------------------------------------------------------- coming and going */

static void leave(oro_room *room) {
    client *self = (client *)room;
    oroipc_connecting_release(self->connecting);
    self->connecting = NULL;
    if (room->client == NULL) return;
    oroipc_client_on_end(room->client, NULL, NULL);
    oroipc_client_on_state(room->client, NULL, NULL, NULL);
    oroipc_client_close(room->client);
    for (size_t i = 0; i < self->arrival_count; i++) {
        oroipc_result_release(self->arrivals[i].result);
        oroipc_message_release(self->arrivals[i].event);
        free(self->arrivals[i].reason);
    }
    self->arrival_count = 0;
    oroipc_client_release(room->client);
}

static void discard(oro_room *room) {
    client *self = (client *)room;
    for (size_t i = 0; i < self->ticket_count; i++) oroipc_body_release(self->bodies[i]);
    free(self->bodies);
    oroipc_result_release(self->result);
    free(self->tickets);
    free(self->arrivals);
    free(self);
}

static oroipc_status begin_link(napi_env env, napi_value target, const char *folder, oroipc_connecting **out) {
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    char name[256];
    int32_t descriptor;
    options.folder = folder;
    options.delivery = OROIPC_DELIVER_TURN;
    if (napi_get_value_int32(env, target, &descriptor) == napi_ok) {
        return oroipc_client_adopt_async(descriptor, &options, out);
    }
    if (!oro_text_argument(env, target, name, sizeof name)) return OROIPC_INVALID;
    return oroipc_client_connect_async(name, &options, out);
}

/* connect(target, folder, buffers, numbers, inbox, deliver, end, port, hear, opened, changed) → a client that connects: nothing but release, close,
 * keep and connectWait is for it until `opened` was called, or connectWait has answered true. */
static napi_value client_connect(napi_env env, napi_callback_info info) {
    napi_value arguments[11];
    size_t count = 11;
    char folder[4096];
    napi_valuetype kind;
    uint32_t buffers;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    bool has_folder = !oro_is_nothing(env, arguments[1]);
    if (has_folder && !oro_text_argument(env, arguments[1], folder, sizeof folder)) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[2], &buffers));

    oroipc_connecting *link = NULL;
    oroipc_status status = begin_link(env, arguments[0], has_folder ? folder : NULL, &link);
    if (status != OROIPC_OK) {
        bool is_pending = false;
        napi_is_exception_pending(env, &is_pending);
        if (!is_pending) oro_throw_status(env, status);
        return NULL;
    }
    client *self = oro_grow(NULL, 1, sizeof *self);
    *self = (client){.room = {.leave = leave, .discard = discard, .records = {.buffers = (oro_buffers)buffers}}, .connecting = link};
    self->comes_back = napi_typeof(env, arguments[0], &kind) == napi_ok && kind == napi_string;
    oroipc_result_create(&self->result);
    return oro_room_open(&self->room, env, "oro-ipc", arguments + 3, oroipc_connecting_descriptor(link), turn);
}

static client *client_argument(napi_env env, napi_value value) {
    return (client *)oro_room_argument(env, value, "the link is closed");
}

/* The client, when it is the only argument that counts. */
static client *only_client(napi_env env, napi_callback_info info) {
    napi_value argument;
    size_t count = 1;
    if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) != napi_ok) {
        oro_throw_pending(env);
        return NULL;
    }
    return client_argument(env, argument);
}

/* release(client): ends the link, and gives everything back. */
static napi_value client_release(napi_env env, napi_callback_info info) {
    client *self = only_client(env, info);
    if (self != NULL) oro_room_leave(&self->room);
    return NULL;
}

/* How long a thread is blocked, in milliseconds, before it looks whether its environment still wants it. */
enum { SLICE_MS = 50 };

static int64_t now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Blocks until the descriptor is readable, `wait` milliseconds at most, -1: no limit. False when the environment ends: a worker is
 * terminated, or the process exits. */
static bool block(napi_env env, int descriptor, int64_t wait, int64_t *last_look) {
    struct pollfd readable = {.fd = descriptor, .events = POLLIN};
    poll(&readable, 1, wait >= 0 && wait < SLICE_MS ? (int)wait : SLICE_MS);
    int64_t now = now_ms();
    if (now - *last_look < SLICE_MS) return true;
    *last_look = now;
    return !oro_is_ending(env);
}

/* connectWait(client, milliseconds, 0: no limit) → whether the link is there; blocks until it is. Throws why it cannot be. */
static napi_value client_connect_wait(napi_env env, napi_callback_info info) {
    napi_value arguments[2], answer;
    size_t count = 2;
    uint32_t limit;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &limit));
    int64_t start = now_ms(), last_look = start;
    while (self->connecting != NULL) {
        int wait = -1;
        oroipc_status status = connect_on(self, &wait);
        if (status != OROIPC_OK) {
            oro_throw_status(env, status);
            return NULL;
        }
        if (self->connecting == NULL) break;
        int64_t left = limit == 0 ? wait : start + limit - now_ms();
        if (limit > 0 && left <= 0) break;
        if (!block(env, oroipc_connecting_descriptor(self->connecting), wait >= 0 && wait < left ? wait : left, &last_look)) return NULL;
    }
    ORO_TRY(env, napi_get_boolean(env, self->connecting == NULL, &answer));
    return answer;
}

/* close(client): ends the link; what is pending is told in the next round of the loop. */
static napi_value client_close(napi_env env, napi_callback_info info) {
    client *self = only_client(env, info);
    if (self == NULL) return NULL;
    oroipc_client_close(self->room.client);
    oro_watch_poke(self->room.watch);
    return NULL;
}

/* keep(client, keeps): whether the link keeps the process alive. */
static napi_value client_keep(napi_env env, napi_callback_info info) {
    napi_value arguments[2];
    size_t count = 2;
    bool keeps = false;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_bool(env, arguments[1], &keeps));
    oro_room_keep(&self->room, keeps);
    return NULL;
}

/* ending(client) → why the link is over, or undefined; while the client is connecting again it is not. */
static napi_value client_ending(napi_env env, napi_callback_info info) {
    napi_value reason;
    client *self = only_client(env, info);
    if (self == NULL) return NULL;
    oroipc_status state = oroipc_client_state(self->room.client);
    if (state == OROIPC_OK || (self->comes_back && !self->is_over && state != OROIPC_CLOSED)) return NULL;
    ORO_TRY(env, napi_create_string_utf8(env, oroipc_last_error(), NAPI_AUTO_LENGTH, &reason));
    return reason;
}

/* statistics(client) → an object of numbers. */
static napi_value client_statistics(napi_env env, napi_callback_info info) {
    client *self = only_client(env, info);
    oroipc_client_statistics figures = OROIPC_CLIENT_STATISTICS_INIT;
    napi_value object, number;
    if (self == NULL) return NULL;
    oroipc_client_statistics_get(self->room.client, &figures);
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {
        {"pending", figures.pending},          {"lateResults", figures.late_results}, {"copiedBytes", figures.copied_bytes},
        {"loanedBytes", figures.loaned_bytes}, {"loans", figures.loans},              {"blockMemory", figures.block_memory},
    };
    ORO_TRY(env, napi_create_object(env, &object));
    for (size_t i = 0; i < sizeof members / sizeof *members; i++) {
        ORO_TRY(env, napi_create_double(env, (double)members[i].value, &number));
        ORO_TRY(env, napi_set_named_property(env, object, members[i].name, number));
    }
    return object;
}

/* --------------------------------------------------------------------------------------------------------------- calls */

/* Room for the texts of a call while it is made. */
typedef struct call_texts {
    char command[257];
    char seq[4100];
    oro_headers headers;
} call_texts;

/* A payload of no bytes, which is one; it is kept for the life of the process. */
static oroipc_bytes *empty_payload(void) {
    static _Atomic(oroipc_bytes *) kept;
    oroipc_bytes *payload = atomic_load(&kept), *none = NULL;
    if (payload != NULL || oroipc_bytes_create(NULL, 0, &payload) != OROIPC_OK) return payload;
    if (atomic_compare_exchange_strong(&kept, &none, payload)) return payload;
    /* A worker was faster. */
    oroipc_bytes_release(payload);
    return none;
}

/* Reads (command, value, valueSize, body, timeout, seq, headers, idempotent). The headers have to be freed, also when this fails. */
static bool read_call(napi_env env, const napi_value *arguments, call_texts *texts, oroipc_call *call) {
    texts->headers = (oro_headers){0};
    if (!oro_text_argument(env, arguments[0], texts->command, sizeof texts->command)) return false;
    *call = (oroipc_call)OROIPC_CALL(texts->command);
    if (!oro_value_argument(env, arguments[1], arguments[2], &call->value)) return false;
    if (!oro_bytes_argument(env, arguments[3], &call->bytes, &call->bytes_size)) return false;
    if (call->bytes != NULL && call->bytes_size == 0) call->payload = empty_payload();
    bool is_idempotent;
    if (napi_get_value_uint32(env, arguments[4], &call->timeout_ms) != napi_ok || napi_get_value_bool(env, arguments[7], &is_idempotent) != napi_ok) {
        oro_throw_pending(env);
        return false;
    }
    call->idempotent = is_idempotent;
    if (!oro_is_nothing(env, arguments[5])) {
        if (!oro_text_argument(env, arguments[5], texts->seq, sizeof texts->seq)) return false;
        call->seq = texts->seq;
    }
    if (!oro_headers_argument(env, arguments[6], &texts->headers)) return false;
    call->headers = texts->headers.pairs;
    call->headers_count = texts->headers.count;
    return true;
}

/* Room for the ticket of a slot. */
static uint64_t *ticket_at(client *self, uint32_t slot) {
    if (slot >= self->ticket_count) {
        size_t count = slot < 64 ? 64 : (size_t)slot * 2;
        self->tickets = oro_grow(self->tickets, count, sizeof *self->tickets);
        self->bodies = oro_grow(self->bodies, count, sizeof *self->bodies);
        memset(self->bodies + self->ticket_count, 0, (count - self->ticket_count) * sizeof *self->bodies);
        self->ticket_count = count;
    }
    return &self->tickets[slot];
}

/* call(client, slot, command, value, valueSize, body, timeout, seq, headers, idempotent, window, hasChunks): with a window the answer comes in
 * chunks, of which none come before they are taken; hasChunks says that a body follows in chunks. */
static napi_value client_call(napi_env env, napi_callback_info info) {
    napi_value arguments[12];
    size_t count = 12;
    uint32_t slot, window = 0;
    bool has_chunks = false;
    call_texts texts;
    oroipc_call call;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &slot));
    if (count > 10) ORO_TRY(env, napi_get_value_uint32(env, arguments[10], &window));
    if (count > 11) ORO_TRY(env, napi_get_value_bool(env, arguments[11], &has_chunks));
    if (!read_call(env, arguments + 2, &texts, &call)) {
        oro_headers_free(&texts.headers);
        return NULL;
    }
    uint64_t *ticket = ticket_at(self, slot);
    void *context = (void *)(uintptr_t)slot;
    /* That of an earlier call ended with it. */
    oroipc_body_release(self->bodies[slot]);
    self->bodies[slot] = NULL;
    oroipc_status status = has_chunks ? oroipc_body_create(&self->bodies[slot]) : OROIPC_OK;
    call.body = self->bodies[slot];
    if (status == OROIPC_OK) {
        status = window == 0
            ? oroipc_client_call_async(self->room.client, &call, on_completion, context, ticket)
            : oroipc_client_stream(self->room.client, &call, window | OROIPC_STREAM_TAKEN, on_chunk, context, ticket);
    }
    oro_headers_free(&texts.headers);
    if (status == OROIPC_OK) self->pending += 1;
    else oro_throw_status(env, status);
    /* It may be due before all others; and an end may be there already. */
    if (call.timeout_ms > 0 || window > 0) oro_watch_poke(self->room.watch);
    return NULL;
}

/* take(client, slot, chunks): so many more of this stream are wanted. */
static napi_value client_take(napi_env env, napi_callback_info info) {
    napi_value arguments[3];
    size_t count = 3;
    uint32_t slot, chunks;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &slot));
    ORO_TRY(env, napi_get_value_uint32(env, arguments[2], &chunks));
    if (slot < self->ticket_count) oroipc_client_stream_take(self->room.client, self->tickets[slot], chunks);
    oro_watch_poke(self->room.watch);
    return NULL;
}

/* bodySend(client, slot, bytes) → 1 sent, 0 not now: hear(undefined, undefined, slot) is called when there is room, -1 nobody wants more */
static napi_value client_body_send(napi_env env, napi_callback_info info) {
    napi_value arguments[3], answer;
    size_t count = 3, size;
    uint32_t slot;
    const void *bytes;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &slot));
    if (!oro_bytes_argument(env, arguments[2], &bytes, &size)) return NULL;
    oroipc_body *body = slot < self->ticket_count ? self->bodies[slot] : NULL;
    oroipc_status status = body == NULL ? OROIPC_ABORTED : oroipc_body_send(body, bytes, size);
    if (status == OROIPC_BUSY) oroipc_body_on_room(body, on_body_room, (void *)(uintptr_t)slot);
    if (status != OROIPC_OK && status != OROIPC_BUSY && status != OROIPC_ABORTED && status != OROIPC_STATE) {
        oro_throw_status(env, status);
        return NULL;
    }
    if (status == OROIPC_OK) oro_watch_poke(self->room.watch);
    ORO_TRY(env, napi_create_int32(env, status == OROIPC_OK ? 1 : status == OROIPC_BUSY ? 0 : -1, &answer));
    return answer;
}

/* bodyEnd(client, slot): nothing more follows. */
static napi_value client_body_end(napi_env env, napi_callback_info info) {
    napi_value arguments[2];
    size_t count = 2;
    uint32_t slot;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &slot));
    if (slot >= self->ticket_count || self->bodies[slot] == NULL) return NULL;
    oroipc_body_end(self->bodies[slot], NULL, NULL);
    oroipc_body_release(self->bodies[slot]);
    self->bodies[slot] = NULL;
    oro_watch_poke(self->room.watch);
    return NULL;
}

/* A blocking call on a thread that somebody else may want to end: it looks for that now and then. What else comes meanwhile is
 * delivered afterwards. OROIPC_ABORTED when the environment ends. */
static oroipc_status call_ending(client *self, const oroipc_call *call) {
    oro_room *outer = oro_turned;
    awaited *wanted = oro_grow(NULL, 1, sizeof *wanted);
    uint64_t ticket;
    *wanted = (awaited){0};
    oroipc_status status = oroipc_client_call_async(self->room.client, call, on_awaited, wanted, &ticket);
    if (status != OROIPC_OK) {
        free(wanted);
        return status;
    }
    int64_t last_look = now_ms();
    bool is_wanted = true;
    int descriptor = oroipc_client_descriptor(self->room.client);
    for (;;) {
        int wait = -1;
        oro_turned = &self->room;
        oroipc_client_linger(self->room.client, ORO_LINGER_US, &wait);
        oro_turned = outer;
        if (wanted->is_done || !is_wanted) break;
        if (wait != 0) is_wanted = block(self->room.env, descriptor, wait, &last_look);
    }
    oro_watch_poke(self->room.watch);
    if (!wanted->is_done) {
        wanted->is_given_up = true;
        oroipc_client_abort(self->room.client, ticket, NULL);
        return OROIPC_ABORTED;
    }
    oroipc_result_release(self->result);
    self->result = wanted->result;
    free(wanted);
    return oroipc_result_is_ok(self->result) ? OROIPC_OK : OROIPC_FAILED;
}

/* callSync(client, command, value, valueSize, body, timeout, seq, headers, idempotent, canEnd) → extras; one record is there. `canEnd`: this thread may
 * be ended meanwhile. */
static napi_value client_call_sync(napi_env env, napi_callback_info info) {
    napi_value arguments[10];
    size_t count = 10;
    bool can_end = false;
    call_texts texts;
    oroipc_call call;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_bool(env, arguments[9], &can_end));
    bool is_read = read_call(env, arguments + 1, &texts, &call);
    oroipc_status status = !is_read ? OROIPC_OK
        : can_end                   ? call_ending(self, &call)
                                    : oroipc_client_call(self->room.client, &call, &self->result);
    oro_headers_free(&texts.headers);
    if (!is_read) return NULL;
    if (status < 0) {
        oro_throw_status(env, status);
        return NULL;
    }
    oro_records_clear(&self->room.records);
    oro_records_add_result(env, &self->room.records, 0, 0, self->result);
    if (can_end) {
        /* It belongs to the call that it came from; the next one brings its own. */
        oroipc_result_release(self->result);
        self->result = NULL;
        return oro_records_extras(env, &self->room.records);
    }
    /* The bytes have a reference of their own; blocks must not wait for the next call. */
    oroipc_result_clear(self->result);
    return oro_records_extras(env, &self->room.records);
}

/* abort(client, slot): nobody wants that reply any more. */
static napi_value client_abort(napi_env env, napi_callback_info info) {
    napi_value arguments[2];
    size_t count = 2;
    uint32_t slot;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &slot));
    if (slot < self->ticket_count) oroipc_client_abort(self->room.client, self->tickets[slot], NULL);
    oro_watch_poke(self->room.watch);
    return NULL;
}

/* listen(client): the host's events come from now on. */
static napi_value client_listen(napi_env env, napi_callback_info info) {
    client *self = only_client(env, info);
    uint64_t token;
    if (self == NULL) return NULL;
    oroipc_status status = oroipc_client_listen(self->room.client, "*", on_event, self, NULL, &token);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    return NULL;
}

bool oro_add_client(napi_env env, napi_value exports) {
    static const oro_function functions[] = {
        {"connect", client_connect}, {"connectWait", client_connect_wait}, {"release", client_release}, {"close", client_close},
        {"keep", client_keep},       {"ending", client_ending},         {"statistics", client_statistics},
        {"call", client_call},       {"callSync", client_call_sync},    {"abort", client_abort},
        {"listen", client_listen},   {"take", client_take},
        {"bodySend", client_body_send}, {"bodyEnd", client_body_end},
    };
    return oro_add_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
