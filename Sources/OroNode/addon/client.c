/*
 * Clients, as JavaScript has them: an external value, and functions that take it first. `lib/link.js` makes a class of it.
 *
 * What comes is queued while the library is turned, and handed over when it has returned: JavaScript that is called back
 * may call everything here.
 */
#include <stdlib.h>
#include <string.h>

#include "addon.h"
#include "record.h"
#include "watch.h"

/* What has come and was not handed over: the result of a slot, or an event. */
typedef struct arrival {
    oroipc_result *result;
    oroipc_message *event;
    uint32_t slot;
} arrival;

typedef struct client {
    napi_env env;
    oroipc_client *client;
    oro_watch *watch;
    napi_async_cleanup_hook_handle hook;
    napi_async_context async;
    /* JavaScript's: deliver(count, extras), end(reason), hear(name, extras); and the memory of records. */
    napi_ref deliver, end, hear, numbers, inbox;
    oro_records records;
    /* By slot: how a call is aborted. */
    uint64_t *tickets;
    size_t ticket_count;
    arrival *arrivals;
    size_t arrival_count, arrival_capacity;
    /* What blocking calls fill again and again. */
    oroipc_result *result;
    bool is_over, is_told;
    /* The external value, and the watch with its hook. */
    int owners;
} client;

/* The client that is turned on this thread: its callbacks' context has no room for it. */
static _Thread_local client *turned;

static void queue(client *self, arrival arrived) {
    if (self->arrival_count == self->arrival_capacity) {
        self->arrival_capacity = self->arrival_capacity == 0 ? 64 : self->arrival_capacity * 2;
        self->arrivals = oro_grow(self->arrivals, self->arrival_capacity, sizeof *self->arrivals);
    }
    self->arrivals[self->arrival_count++] = arrived;
}

static void on_completion(oroipc_result *result, void *slot) {
    queue(turned, (arrival){.result = oroipc_result_retain(result), .slot = (uint32_t)(uintptr_t)slot});
}

static void on_event(oroipc_message *event, void *context) {
    queue(context, (arrival){.event = oroipc_message_retain(event)});
}

static void on_end(oroipc_client *ended, void *context) {
    (void)ended;
    ((client *)context)->is_over = true;
}

/* ------------------------------------------------------------------------------------------------- to JavaScript */

static void call_back(client *self, napi_ref reference, size_t count, const napi_value *arguments) {
    oro_call_back(self->env, self->async, reference, count, arguments);
}

static void deliver_results(client *self) {
    napi_value arguments[2];
    if (napi_create_uint32(self->env, (uint32_t)self->records.count, &arguments[0]) != napi_ok) return;
    arguments[1] = oro_records_extras(self->env, &self->records);
    call_back(self, self->deliver, 2, arguments);
}

static void deliver_event(client *self, const oroipc_message *event) {
    napi_value arguments[2];
    const char *name = oroipc_message_name(event);
    oro_records_clear(&self->records);
    oro_records_add_message(self->env, &self->records, 0, 0, event);
    if (napi_create_string_utf8(self->env, name == NULL ? "" : name, NAPI_AUTO_LENGTH, &arguments[0]) != napi_ok) return;
    arguments[1] = oro_records_extras(self->env, &self->records);
    call_back(self, self->hear, 2, arguments);
}

/* Hands over as many results as fit; answers how many. */
static size_t deliver_some(client *self, arrival *arrivals, size_t count) {
    size_t taken = 0;
    oro_records_clear(&self->records);
    while (taken < count && arrivals[taken].result != NULL) {
        arrival *next = &arrivals[taken];
        if (!oro_records_add_result(self->env, &self->records, next->slot, 0, next->result)) break;
        oroipc_result_release(next->result);
        next->result = NULL;
        taken += 1;
    }
    deliver_results(self);
    return taken;
}

static void deliver_all(client *self) {
    /* JavaScript that is called brings about nothing new here, only a turn does; but it may end the client, and with it the
     * queue. */
    for (size_t i = 0; i < self->arrival_count;) {
        napi_handle_scope scope;
        if (napi_open_handle_scope(self->env, &scope) != napi_ok) return;
        oroipc_message *event = self->arrivals[i].event;
        if (event != NULL) {
            self->arrivals[i].event = NULL;
            deliver_event(self, event);
            oroipc_message_release(event);
            i += 1;
        } else {
            i += deliver_some(self, self->arrivals + i, self->arrival_count - i);
        }
        napi_close_handle_scope(self->env, scope);
    }
    self->arrival_count = 0;
}

static void tell_end(client *self) {
    napi_handle_scope scope;
    napi_value reason;
    if (!self->is_over || self->is_told || napi_open_handle_scope(self->env, &scope) != napi_ok) return;
    self->is_told = true;
    oroipc_client_state(self->client);
    if (napi_create_string_utf8(self->env, oroipc_last_error(), NAPI_AUTO_LENGTH, &reason) == napi_ok) {
        call_back(self, self->end, 1, &reason);
    }
    napi_close_handle_scope(self->env, scope);
}

static int turn(void *context) {
    client *self = context;
    int wait = -1;
    client *outer = turned;
    turned = self;
    oroipc_client_turn(self->client, &wait);
    turned = outer;
    deliver_all(self);
    tell_end(self);
    return wait;
}

/* ---------------------------------------------------------------------------------------------------- coming and going */

static void disown(void *context) {
    client *self = context;
    if (--self->owners > 0) return;
    oroipc_result_release(self->result);
    free(self->tickets);
    free(self->arrivals);
    free(self);
}

static void stopped(void *context) {
    client *self = context;
    napi_remove_async_cleanup_hook(self->hook);
    disown(self);
}

/* Gives everything back; the client is of no more use. */
static void stop(client *self) {
    if (self->watch == NULL) return;
    oroipc_client_on_end(self->client, NULL, NULL);
    oroipc_client_close(self->client);
    for (size_t i = 0; i < self->arrival_count; i++) {
        oroipc_result_release(self->arrivals[i].result);
        oroipc_message_release(self->arrivals[i].event);
    }
    self->arrival_count = 0;
    oroipc_client_release(self->client);
    self->client = NULL;
    napi_ref *references[] = {&self->deliver, &self->end, &self->hear, &self->numbers, &self->inbox};
    for (size_t i = 0; i < sizeof references / sizeof *references; i++) {
        if (*references[i] != NULL) napi_delete_reference(self->env, *references[i]);
        *references[i] = NULL;
    }
    if (self->async != NULL) napi_async_destroy(self->env, self->async);
    self->async = NULL;
    oro_watch *watch = self->watch;
    self->watch = NULL;
    oro_watch_stop(watch, stopped, self);
}

/* The environment ends. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *context) {
    (void)hook;
    stop(context);
}

static void on_finalize(napi_env env, void *data, void *hint) {
    (void)env;
    (void)hint;
    stop(data);
    disown(data);
}

static oroipc_status open_link(napi_env env, napi_value target, const char *folder, oroipc_client **out) {
    oroipc_client_options options = OROIPC_CLIENT_OPTIONS_INIT;
    char name[256];
    int32_t descriptor;
    options.folder = folder;
    options.delivery = OROIPC_DELIVER_TURN;
    if (napi_get_value_int32(env, target, &descriptor) == napi_ok) {
        return oroipc_client_adopt(descriptor, &options, out);
    }
    if (!oro_text_argument(env, target, name, sizeof name)) return OROIPC_INVALID;
    return oroipc_client_connect(name, &options, out);
}

static bool take_references(client *self, const napi_value *functions, napi_value numbers, napi_value inbox) {
    napi_env env = self->env;
    napi_value name;
    return napi_create_reference(env, functions[0], 1, &self->deliver) == napi_ok &&
           napi_create_reference(env, functions[1], 1, &self->end) == napi_ok &&
           napi_create_reference(env, functions[2], 1, &self->hear) == napi_ok &&
           napi_create_reference(env, numbers, 1, &self->numbers) == napi_ok &&
           napi_create_reference(env, inbox, 1, &self->inbox) == napi_ok &&
           napi_create_string_utf8(env, "oro-ipc", NAPI_AUTO_LENGTH, &name) == napi_ok &&
           napi_async_init(env, NULL, name, &self->async) == napi_ok;
}

/* connect(target, folder, copies, numbers, inbox, deliver, end, hear) → client */
static napi_value client_connect(napi_env env, napi_callback_info info) {
    napi_value arguments[8], external;
    size_t count = 8;
    char folder[4096];
    bool copies = false;
    oro_records records = {0};
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    bool has_folder = !oro_is_nothing(env, arguments[1]);
    if (has_folder && !oro_text_argument(env, arguments[1], folder, sizeof folder)) return NULL;
    ORO_TRY(env, napi_get_value_bool(env, arguments[2], &copies));
    if (!oro_records_use(env, &records, arguments[3], arguments[4])) return NULL;
    records.copies = copies;

    oroipc_client *link = NULL;
    oroipc_status status = open_link(env, arguments[0], has_folder ? folder : NULL, &link);
    if (status != OROIPC_OK) {
        bool is_pending = false;
        napi_is_exception_pending(env, &is_pending);
        if (!is_pending) oro_throw_status(env, status);
        return NULL;
    }
    client *self = oro_grow(NULL, 1, sizeof *self);
    *self = (client){.env = env, .client = link, .records = records, .owners = 1};
    if (!take_references(self, arguments + 5, arguments[3], arguments[4]) ||
        oroipc_result_create(&self->result) != OROIPC_OK) {
        oro_throw_pending(env);
    } else {
        self->watch = oro_watch_start(env, oroipc_client_descriptor(link), turn, self);
    }
    if (self->watch == NULL) {
        oroipc_client_release(link);
        disown(self);
        return NULL;
    }
    self->owners += 1;
    napi_add_async_cleanup_hook(env, on_cleanup, self, &self->hook);
    oroipc_client_on_end(link, on_end, self);
    if (napi_create_external(env, self, on_finalize, NULL, &external) != napi_ok) {
        stop(self);
        disown(self);
        oro_throw_pending(env);
        return NULL;
    }
    return external;
}

/* The client of a call's first argument; NULL, with an exception, when it is none or was released. */
static client *client_argument(napi_env env, napi_value value) {
    void *data = NULL;
    if (napi_get_value_external(env, value, &data) != napi_ok) {
        napi_throw_type_error(env, NULL, "a client is expected");
        return NULL;
    }
    client *self = data;
    if (self->watch != NULL) return self;
    napi_throw_error(env, NULL, "the link is closed");
    return NULL;
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
    if (self != NULL) stop(self);
    return NULL;
}

/* close(client): ends the link; what is pending is told in the next round of the loop. */
static napi_value client_close(napi_env env, napi_callback_info info) {
    client *self = only_client(env, info);
    if (self == NULL) return NULL;
    oroipc_client_close(self->client);
    oro_watch_poke(self->watch);
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
    oro_watch_keep(self->watch, keeps);
    return NULL;
}

/* ending(client) → why the link is over, or undefined. */
static napi_value client_ending(napi_env env, napi_callback_info info) {
    napi_value reason;
    client *self = only_client(env, info);
    if (self == NULL || oroipc_client_state(self->client) == OROIPC_OK) return NULL;
    ORO_TRY(env, napi_create_string_utf8(env, oroipc_last_error(), NAPI_AUTO_LENGTH, &reason));
    return reason;
}

/* statistics(client) → an object of numbers. */
static napi_value client_statistics(napi_env env, napi_callback_info info) {
    client *self = only_client(env, info);
    oroipc_client_statistics figures = OROIPC_CLIENT_STATISTICS_INIT;
    napi_value object, number;
    if (self == NULL) return NULL;
    oroipc_client_statistics_get(self->client, &figures);
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

/* Reads (command, value, valueSize, body, timeout, seq, headers). The headers have to be freed, also when this fails. */
static bool read_call(napi_env env, const napi_value *arguments, call_texts *texts, oroipc_call *call) {
    const void *value;
    size_t room;
    uint32_t size;
    texts->headers = (oro_headers){0};
    if (!oro_text_argument(env, arguments[0], texts->command, sizeof texts->command)) return false;
    *call = (oroipc_call)OROIPC_CALL(texts->command);
    if (!oro_bytes_argument(env, arguments[1], &value, &room)) return false;
    if (napi_get_value_uint32(env, arguments[2], &size) != napi_ok || size > room) {
        napi_throw_range_error(env, NULL, "a value is longer than its memory");
        return false;
    }
    if (size > 0) call->value = oroipc_encoded(value, size);
    if (!oro_bytes_argument(env, arguments[3], &call->bytes, &call->bytes_size)) return false;
    if (napi_get_value_uint32(env, arguments[4], &call->timeout_ms) != napi_ok) {
        oro_throw_pending(env);
        return false;
    }
    if (!oro_is_nothing(env, arguments[5])) {
        if (!oro_text_argument(env, arguments[5], texts->seq, sizeof texts->seq)) return false;
        call->seq = texts->seq;
    }
    if (!oro_headers_argument(env, arguments[6], &texts->headers)) return false;
    call->headers = texts->headers.pairs;
    call->headers_count = texts->headers.count;
    return true;
}

/* call(client, slot, command, value, valueSize, body, timeout, seq, headers) */
static napi_value client_call(napi_env env, napi_callback_info info) {
    napi_value arguments[9];
    size_t count = 9;
    uint32_t slot;
    call_texts texts;
    oroipc_call call;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    ORO_TRY(env, napi_get_value_uint32(env, arguments[1], &slot));
    if (!read_call(env, arguments + 2, &texts, &call)) {
        oro_headers_free(&texts.headers);
        return NULL;
    }
    if (slot >= self->ticket_count) {
        self->ticket_count = slot < 64 ? 64 : (size_t)slot * 2;
        self->tickets = oro_grow(self->tickets, self->ticket_count, sizeof *self->tickets);
    }
    oroipc_status status = oroipc_client_call_async(
        self->client, &call, on_completion, (void *)(uintptr_t)slot, &self->tickets[slot]);
    oro_headers_free(&texts.headers);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    /* It may be due before all others. */
    if (call.timeout_ms > 0) oro_watch_poke(self->watch);
    return NULL;
}

/* callSync(client, command, value, valueSize, body, timeout, seq, headers) → extras; one record is there. */
static napi_value client_call_sync(napi_env env, napi_callback_info info) {
    napi_value arguments[8];
    size_t count = 8;
    call_texts texts;
    oroipc_call call;
    ORO_TRY(env, napi_get_cb_info(env, info, &count, arguments, NULL, NULL));
    client *self = client_argument(env, arguments[0]);
    if (self == NULL) return NULL;
    bool is_read = read_call(env, arguments + 1, &texts, &call);
    oroipc_status status = is_read ? oroipc_client_call(self->client, &call, &self->result) : OROIPC_OK;
    oro_headers_free(&texts.headers);
    if (!is_read) return NULL;
    if (status < 0) {
        oro_throw_status(env, status);
        return NULL;
    }
    oro_records_clear(&self->records);
    oro_records_add_result(env, &self->records, 0, 0, self->result);
    /* The bytes have a reference of their own; blocks must not wait for the next call. */
    oroipc_result_clear(self->result);
    return oro_records_extras(env, &self->records);
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
    if (slot < self->ticket_count) oroipc_client_abort(self->client, self->tickets[slot], NULL);
    oro_watch_poke(self->watch);
    return NULL;
}

/* listen(client): the host's events come from now on. */
static napi_value client_listen(napi_env env, napi_callback_info info) {
    client *self = only_client(env, info);
    uint64_t token;
    if (self == NULL) return NULL;
    oroipc_status status = oroipc_client_listen(self->client, "*", on_event, self, NULL, &token);
    if (status != OROIPC_OK) oro_throw_status(env, status);
    return NULL;
}

bool oro_add_client(napi_env env, napi_value exports) {
    static const oro_function functions[] = {
        {"connect", client_connect}, {"release", client_release},       {"close", client_close},
        {"keep", client_keep},       {"ending", client_ending},         {"statistics", client_statistics},
        {"call", client_call},       {"callSync", client_call_sync},    {"abort", client_abort},
        {"listen", client_listen},
    };
    return oro_add_functions(env, exports, functions, sizeof functions / sizeof *functions);
}
