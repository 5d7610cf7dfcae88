// SPDX-License-Identifier: Apache-2.0

#include "port.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "addon.h"
#include "arguments.h"
#include "bytes.h"
#include "functions.h"

/* A port. The external value has one reference, the library's receiver another, which may be given back on any thread. */
typedef struct port {
    atomic_int references;
    oro_room *room;
    oroipc_port *port;
    uint32_t id;
} port;

struct oro_port_arrival {
    int32_t what;
    uint32_t id;
    oroipc_structured *message;
    oroipc_port *accepted;
    uint64_t client;
};

static void release(void *context) {
    port *self = context;
    if (atomic_fetch_sub(&self->references, 1) > 1) return;
    oroipc_port_release(self->port);
    oro_room_release(self->room);
    free(self);
}

static void on_finalize(napi_env env, void *data, void *hint) {
    (void)env;
    (void)hint;
    release(data);
}

/* The external value of a port, whose reference it takes over. NULL, with an exception, when that cannot be. */
static napi_value make_port(napi_env env, oro_room *room, oroipc_port *taken) {
    static _Thread_local uint32_t last_id;
    napi_value external;
    port *self = oro_grow(NULL, 1, sizeof *self);
    self->room = room;
    oro_room_retain(room);
    self->port = taken;
    self->id = ++last_id;
    atomic_init(&self->references, 1);
    if (napi_create_external(env, self, on_finalize, NULL, &external) == napi_ok) return external;
    release(self);
    oro_throw_pending(env);
    return NULL;
}

static port *port_argument(napi_env env, napi_value value) {
    void *data = NULL;
    if (napi_get_value_external(env, value, &data) == napi_ok) return data;
    napi_throw_type_error(env, NULL, "a port is expected");
    return NULL;
}

/* ---------------------------------------------------------------------------------------------------- to JavaScript */

static void queue(oro_room *room, oro_port_arrival arrival) {
    if (room->port_arrival_count == room->port_arrival_capacity) {
        room->port_arrival_capacity = room->port_arrival_capacity == 0 ? 64 : room->port_arrival_capacity * 2;
        room->port_arrivals = oro_grow(room->port_arrivals, room->port_arrival_capacity, sizeof *room->port_arrivals);
    }
    room->port_arrivals[room->port_arrival_count++] = arrival;
}

static void on_arrival(oroipc_port *from, int32_t what, oroipc_structured *message, void *context) {
    (void)from;
    port *self = context;
    if (self->room->watch == NULL) return;
    queue(self->room, (oro_port_arrival){.what = what, .id = self->id, .message = oroipc_structured_retain(message)});
}

/* The port itself may be gone. */
static void on_room(oroipc_port *from, void *id) {
    (void)from;
    queue(oro_turned, (oro_port_arrival){.what = ORO_PORT_ROOM, .id = (uint32_t)(uintptr_t)id});
}

typedef struct acceptor {
    oro_room *room;
    uint32_t tag;
} acceptor;

static void on_accept(oroipc_port *accepted, uint64_t client, void *context) {
    const acceptor *to = context;
    queue(to->room, (oro_port_arrival){
        .what = ORO_PORT_ACCEPTED, .id = to->tag, .accepted = oroipc_port_retain(accepted), .client = client});
}

void oro_port_drop_arrivals(oro_room *room) {
    for (size_t i = 0; i < room->port_arrival_count; i++) {
        oroipc_structured_release(room->port_arrivals[i].message);
        oroipc_port_release(room->port_arrivals[i].accepted);
    }
    room->port_arrival_count = 0;
}

/* The buffers beside a message, copied: who gets them may write to them. */
static bool make_buffers(napi_env env, oroipc_structured *message, napi_value *out) {
    size_t count = oroipc_structured_buffer_count(message);
    if (napi_create_array_with_length(env, count, out) != napi_ok) return false;
    for (size_t i = 0; i < count; i++) {
        oroipc_bytes *bytes;
        napi_value buffer;
        void *data;
        if (oroipc_structured_buffer(message, i, &bytes) != OROIPC_OK) return false;
        size_t size = oroipc_bytes_size(bytes);
        bool is_made = napi_create_arraybuffer(env, size, &data, &buffer) == napi_ok;
        if (is_made) memcpy(data, oroipc_bytes_data(bytes), size);
        oroipc_bytes_release(bytes);
        if (!is_made || napi_set_element(env, *out, (uint32_t)i, buffer) != napi_ok) return false;
    }
    return true;
}

static bool make_ports(napi_env env, oro_room *room, oroipc_structured *message, napi_value *out) {
    size_t count = oroipc_structured_port_count(message);
    if (napi_create_array_with_length(env, count, out) != napi_ok) return false;
    for (size_t i = 0; i < count; i++) {
        napi_value each = make_port(env, room, oroipc_port_retain(oroipc_structured_port(message, i)));
        if (each == NULL || napi_set_element(env, *out, (uint32_t)i, each) != napi_ok) return false;
    }
    return true;
}

static void deliver(oro_room *room, oro_port_arrival *arrival) {
    napi_env env = room->env;
    napi_value arguments[5];
    size_t count = 2;
    if (napi_create_uint32(env, arrival->id, &arguments[0]) != napi_ok ||
        napi_create_int32(env, arrival->what, &arguments[1]) != napi_ok) {
        return;
    }
    if (arrival->message != NULL) {
        oroipc_value value;
        if (oroipc_structured_encoded(arrival->message, &value) != OROIPC_OK ||
            napi_create_buffer_copy(env, value.size, value.data, NULL, &arguments[2]) != napi_ok ||
            !make_buffers(env, arrival->message, &arguments[3]) ||
            !make_ports(env, room, arrival->message, &arguments[4])) {
            return;
        }
        count = 5;
    } else if (arrival->accepted != NULL) {
        oroipc_port *accepted = arrival->accepted;
        arrival->accepted = NULL;
        if (napi_create_bigint_uint64(env, arrival->client, &arguments[2]) != napi_ok ||
            (arguments[3] = make_port(env, room, accepted)) == NULL) {
            return;
        }
        count = 4;
    }
    oro_room_call(room, ORO_ROOM_PORT, count, arguments);
}

void oro_port_deliver(oro_room *room) {
    /* JavaScript that is called may leave the room, and with it the queue. */
    for (size_t i = 0; i < room->port_arrival_count; i++) {
        napi_handle_scope scope;
        if (napi_open_handle_scope(room->env, &scope) != napi_ok) return;
        oro_port_arrival arrival = room->port_arrivals[i];
        room->port_arrivals[i] = (oro_port_arrival){0};
        deliver(room, &arrival);
        oroipc_structured_release(arrival.message);
        oroipc_port_release(arrival.accepted);
        napi_close_handle_scope(room->env, scope);
    }
    room->port_arrival_count = 0;
}

/* --------------------------------------------------------------------------------------------------- from JavaScript */

static oro_room *room_argument(napi_env env, napi_value value) {
    return oro_room_argument(env, value, "the link is closed");
}

/* Throws what a status says, unless it is OROIPC_OK. */
static bool is_well(napi_env env, oroipc_status status) {
    if (status == OROIPC_OK) return true;
    oro_throw_status(env, status);
    return false;
}

/* portOpen(room, how, name, origin) → port. `how`: 0 to the host, 1 to another client, 2 a subscription. */
static napi_value port_open(napi_env env, napi_callback_info info) {
    napi_value arguments[4];
    size_t count = 4;
    uint32_t how;
    char name[1025], origin[1025];
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    oro_room *room = room_argument(env, arguments[0]);
    if (room == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &how));
    if (!oro_text_argument(env, arguments[2], name, sizeof name)) return NULL;
    if (how == 2 && !oro_text_argument(env, arguments[3], origin, sizeof origin)) return NULL;
    oroipc_port *opened = NULL;
    oroipc_status status;
    if (how == 2) {
        status = room->client != NULL ? oroipc_client_subscribe(room->client, name, origin, OROIPC_KEEP_ALL, &opened)
                                      : oroipc_host_subscribe(room->host, name, origin, OROIPC_KEEP_ALL, &opened);
    } else {
        status = how == 1 ? oroipc_client_meet(room->client, name, &opened)
                          : oroipc_client_open_port(room->client, name, &opened);
    }
    oro_watch_poke(room->watch);
    return is_well(env, status) ? make_port(env, room, opened) : NULL;
}

/* portChannel(room) → [port, port] */
static napi_value port_channel(napi_env env, napi_callback_info info) {
    napi_value argument, array, ends[2];
    size_t count = 1;
    oroipc_port *ports[2];
    ORO_TRY(env, napi_get_cb_info(env, info, &count, &argument, NULL, NULL));
    oro_room *room = room_argument(env, argument);
    if (room == NULL) return NULL;
    oroipc_status status = room->client != NULL ? oroipc_client_create_channel(room->client, &ports[0], &ports[1])
                                                : oroipc_host_create_channel(room->host, &ports[0], &ports[1]);
    if (!is_well(env, status)) return NULL;
    ends[0] = make_port(env, room, ports[0]);
    ends[1] = make_port(env, room, ports[1]);
    if (ends[0] == NULL || ends[1] == NULL) return NULL;
    ORO_TRY(env, napi_create_array_with_length(env, 2, &array));
    for (uint32_t i = 0; i < 2; i++) ORO_TRY(env, napi_set_element(env, array, i, ends[i]));
    return array;
}

/* portAccept(host, name, tag): port(tag, -1, client, port) is called for each conversation that a client opens. */
static napi_value port_accept(napi_env env, napi_callback_info info) {
    napi_value arguments[3];
    size_t count = 3;
    char name[1025];
    uint32_t tag;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    oro_room *room = room_argument(env, arguments[0]);
    if (room == NULL || !oro_text_argument(env, arguments[1], name, sizeof name)) return NULL;
    if (oro_is_nothing(env, arguments[2])) {
        is_well(env, oroipc_host_accept_ports(room->host, name, NULL, NULL, NULL));
        return NULL;
    }
    ORO_TRY(env, napi_get_value_uint32(env, arguments[2], &tag));
    acceptor *to = oro_grow(NULL, 1, sizeof *to);
    *to = (acceptor){room, tag};
    is_well(env, oroipc_host_accept_ports(room->host, name, on_accept, to, free));
    return NULL;
}

/* The port that is the only argument. */
static port *only_port(napi_env env, napi_callback_info info) {
    napi_value argument;
    size_t count = 1;
    if (napi_get_cb_info(env, info, &count, &argument, NULL, NULL) == napi_ok) return port_argument(env, argument);
    oro_throw_pending(env);
    return NULL;
}

/* portId(port) → the number it is called by. */
static napi_value port_id(napi_env env, napi_callback_info info) {
    napi_value number;
    const port *self = only_port(env, info);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_create_uint32(env, self->id, &number));
    return number;
}

/* portName(port) → its id for people. */
static napi_value port_name(napi_env env, napi_callback_info info) {
    napi_value text;
    const port *self = only_port(env, info);
    const char *name = self == NULL ? NULL : oroipc_port_id(self->port);
    if (name == NULL) return NULL;
    ORO_TRY(env, napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &text));
    return text;
}

/* portListen(port): what comes is handed over from now on. */
static napi_value port_listen(napi_env env, napi_callback_info info) {
    port *self = only_port(env, info);
    if (self == NULL) return NULL;
    atomic_fetch_add(&self->references, 1);
    is_well(env, oroipc_port_listen(self->port, on_arrival, self, release));
    return NULL;
}

/* portClose(port) */
static napi_value port_close(napi_env env, napi_callback_info info) {
    port *self = only_port(env, info);
    if (self != NULL) oroipc_port_close(self->port);
    return NULL;
}

/* portReason(port) → why its other end is closed, or undefined. */
static napi_value port_reason(napi_env env, napi_callback_info info) {
    napi_value text;
    const port *self = only_port(env, info);
    const char *reason = self == NULL ? NULL : oroipc_port_reason(self->port);
    if (reason == NULL) return NULL;
    ORO_TRY(env, napi_create_string_utf8(env, reason, NAPI_AUTO_LENGTH, &text));
    return text;
}

/* Bytes of an ArrayBuffer, copied once: into a block of shared memory where there is one. */
static oroipc_status take_buffer(oro_room *room, const void *data, size_t size, oroipc_bytes **out) {
    oroipc_loan *loan = NULL;
    if (room->client == NULL || size <= ORO_RECORD_SHORT_BYTES ||
        oroipc_client_loan(room->client, size, 0, &loan) != OROIPC_OK) {
        return oroipc_bytes_create(data, size, out);
    }
    return oro_fill_loan(loan, data, size, out);
}

/* What goes with a message: at most 64 buffers and 256 ports. */
typedef struct luggage {
    oroipc_bytes *buffers[64];
    oroipc_port *ports[256];
    uint32_t buffer_count, port_count;
} luggage;

static bool take_luggage(napi_env env, oro_room *room, napi_value buffers, napi_value ports, luggage *luggage) {
    uint32_t buffer_count = 0, port_count = 0;
    if (napi_get_array_length(env, buffers, &buffer_count) != napi_ok ||
        napi_get_array_length(env, ports, &port_count) != napi_ok || buffer_count > 64 || port_count > 256) {
        napi_throw_range_error(env, NULL, "a message has at most 64 buffers beside it, and 256 ports");
        return false;
    }
    for (uint32_t i = 0; i < buffer_count; i++) {
        napi_value buffer;
        void *data;
        size_t size;
        if (napi_get_element(env, buffers, i, &buffer) != napi_ok ||
            napi_get_arraybuffer_info(env, buffer, &data, &size) != napi_ok ||
            take_buffer(room, data, size, &luggage->buffers[i]) != OROIPC_OK) {
            oro_throw_pending(env);
            return false;
        }
        luggage->buffer_count += 1;
    }
    for (uint32_t i = 0; i < port_count; i++) {
        napi_value each;
        if (napi_get_element(env, ports, i, &each) != napi_ok) return false;
        const port *taken = port_argument(env, each);
        if (taken == NULL) return false;
        luggage->ports[i] = taken->port;
        luggage->port_count += 1;
    }
    return true;
}

static void discard_message(napi_env env, void *data, void *hint) {
    (void)env;
    (void)hint;
    oroipc_structured_release(data);
}

/* portMessage(room, value, valueSize, buffers, ports) → a message to be posted. */
static napi_value port_message(napi_env env, napi_callback_info info) {
    napi_value arguments[5], external;
    size_t count = 5;
    oroipc_value value;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    oro_room *room = room_argument(env, arguments[0]);
    if (room == NULL || !oro_value_argument(env, arguments[1], arguments[2], &value)) return NULL;
    luggage *luggage = calloc(1, sizeof *luggage);
    oroipc_structured *message = NULL;
    if (luggage != NULL && take_luggage(env, room, arguments[3], arguments[4], luggage)) {
        is_well(env, oroipc_structured_from_encoded(
                         value.data, value.size, luggage->buffers, luggage->buffer_count, luggage->ports, luggage->port_count,
                         &message));
    }
    for (uint32_t i = 0; luggage != NULL && i < luggage->buffer_count; i++) oroipc_bytes_release(luggage->buffers[i]);
    free(luggage);
    if (message == NULL) return NULL;
    if (napi_create_external(env, message, discard_message, NULL, &external) == napi_ok) return external;
    oroipc_structured_release(message);
    oro_throw_pending(env);
    return NULL;
}

/* portPost(port, message, origin) → 1: posted; 0: there is no room, port(id, 0) is called when there is; -1: there is nobody to
 * post to. `origin` is for subscriptions. */
static napi_value port_post(napi_env env, napi_callback_info info) {
    napi_value arguments[3], answer;
    size_t count = 3;
    void *message = NULL;
    char origin[1025];
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    port *self = port_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_external(env, arguments[1], &message));
    bool has_origin = !oro_is_nothing(env, arguments[2]);
    if (has_origin && !oro_text_argument(env, arguments[2], origin, sizeof origin)) return NULL;
    oroipc_status status;
    if (has_origin) {
        status = oroipc_port_broadcast(self->port, origin, message);
    } else {
        oroipc_port *ports[256];
        size_t port_count = oroipc_structured_port_count(message);
        for (size_t i = 0; i < port_count; i++) ports[i] = oroipc_structured_port(message, i);
        status = oroipc_port_post(self->port, message, ports, port_count);
    }
    if (status == OROIPC_BUSY) {
        oroipc_port_on_room(self->port, on_room, (void *)(uintptr_t)self->id);
    } else if (status != OROIPC_OK && status != OROIPC_CLOSED && status != OROIPC_PEER_GONE) {
        oro_throw_status(env, status);
        return NULL;
    }
    if (self->room->watch != NULL) oro_watch_poke(self->room->watch);
    ORO_TRY(env, napi_create_int32(env, status == OROIPC_OK ? 1 : status == OROIPC_BUSY ? 0 : -1, &answer));
    return answer;
}

bool oro_add_port(napi_env env, napi_value exports) {
    static const oro_function functions[] = {
        {"portOpen", port_open},     {"portChannel", port_channel}, {"portAccept", port_accept},
        {"portId", port_id},         {"portName", port_name},       {"portListen", port_listen},
        {"portClose", port_close},   {"portReason", port_reason},   {"portMessage", port_message},
        {"portPost", port_post},
    };
    return oro_add_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
