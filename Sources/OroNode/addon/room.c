// SPDX-License-Identifier: Apache-2.0

#include "room.h"

#include <stdlib.h>

#include "functions.h"
#include "port.h"

_Thread_local oro_room *oro_turned;

void oro_room_retain(oro_room *room) { atomic_fetch_add(&room->owners, 1); }

void oro_room_release(oro_room *room) {
    if (atomic_fetch_sub(&room->owners, 1) > 1) return;
    free(room->port_arrivals);
    room->discard(room);
}

static int turn(void *context) {
    oro_room *room = context, *outer = oro_turned;
    oro_turned = room;
    int wait = room->turn(room);
    oro_turned = outer;
    return wait;
}

static void stopped(void *context) {
    oro_room *room = context;
    napi_remove_async_cleanup_hook(room->hook);
    oro_room_release(room);
}

static void drop_references(oro_room *room) {
    for (int i = 0; i < ORO_ROOM_REFERENCES; i++) {
        if (room->references[i] != NULL) napi_delete_reference(room->env, room->references[i]);
        room->references[i] = NULL;
    }
    if (room->async != NULL) napi_async_destroy(room->env, room->async);
    room->async = NULL;
}

void oro_room_leave(oro_room *room) {
    if (room->watch == NULL) return;
    /* What is still told at the end is queued as in a turn, and dropped with the rest. */
    oro_room *outer = oro_turned;
    oro_turned = room;
    room->leave(room);
    oro_turned = outer;
    oro_port_drop_arrivals(room);
    room->client = NULL;
    room->host = NULL;
    drop_references(room);
    oro_watch *watch = room->watch;
    room->watch = NULL;
    oro_watch_stop(watch, stopped, room);
}

/* The environment ends. */
static void on_cleanup(napi_async_cleanup_hook_handle hook, void *context) {
    (void)hook;
    oro_room_leave(context);
}

static void on_finalize(napi_env env, void *data, void *hint) {
    (void)env;
    (void)hint;
    oro_room_leave(data);
    oro_room_release(data);
}

static bool take_references(oro_room *room, const char *name, const napi_value *given) {
    napi_value text;
    for (int i = 0; i < ORO_ROOM_REFERENCES; i++) {
        if (given[i] != NULL && napi_create_reference(room->env, given[i], 1, &room->references[i]) != napi_ok) return false;
    }
    return napi_create_string_utf8(room->env, name, NAPI_AUTO_LENGTH, &text) == napi_ok &&
           napi_async_init(room->env, NULL, text, &room->async) == napi_ok;
}

static void replaced(void *context) { oro_room_release(context); }

bool oro_room_watch(oro_room *room, int descriptor) {
    napi_value error;
    if (room->watch == NULL || descriptor == room->descriptor) return true;
    /* Before the new one: its descriptor may have been closed, and its number be used again. */
    oro_room_retain(room);
    oro_watch_stop(room->watch, replaced, room);
    room->watch = oro_watch_start(room->env, descriptor, turn, room);
    bool is_watched = room->watch != NULL;
    if (!is_watched) {
        napi_get_and_clear_last_exception(room->env, &error);
        descriptor = -1;
        room->watch = oro_watch_start(room->env, descriptor, turn, room);
    }
    room->descriptor = descriptor;
    oro_watch_keep(room->watch, room->keeps);
    return is_watched;
}

void oro_room_keep(oro_room *room, bool keeps) {
    room->keeps = keeps;
    oro_watch_keep(room->watch, keeps);
}

napi_value oro_room_open(
    oro_room *room, napi_env env, const char *name, const napi_value *given, int descriptor, oro_watch_turn turn_room) {
    napi_value external = NULL;
    room->env = env;
    room->turn = turn_room;
    room->descriptor = descriptor;
    atomic_init(&room->owners, 1);
    if (!oro_records_use(env, &room->records, given[ORO_ROOM_NUMBERS], given[ORO_ROOM_INBOX]) ||
        !take_references(room, name, given) ||
        (room->watch = oro_watch_start(env, descriptor, turn, room)) == NULL) {
        oro_throw_pending(env);
        drop_references(room);
        room->leave(room);
        oro_room_release(room);
        return NULL;
    }
    oro_room_retain(room);
    napi_add_async_cleanup_hook(env, on_cleanup, room, &room->hook);
    if (napi_create_external(env, room, on_finalize, NULL, &external) != napi_ok) {
        oro_room_leave(room);
        oro_room_release(room);
        oro_throw_pending(env);
        return NULL;
    }
    return external;
}

oro_room *oro_room_argument(napi_env env, napi_value value, const char *closed) {
    void *data = NULL;
    if (napi_get_value_external(env, value, &data) != napi_ok) {
        napi_throw_type_error(env, NULL, "a client or a host is expected");
        return NULL;
    }
    oro_room *room = data;
    if (room->watch != NULL) return room;
    napi_throw_error(env, NULL, closed);
    return NULL;
}

void oro_room_call(oro_room *room, int reference, size_t count, const napi_value *arguments) {
    oro_call_back(room->env, room->async, room->references[reference], count, arguments);
}
