/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client and a host of JavaScript's have in common: a place in an environment, with a watch in its event loop, functions
 * to call back, memory for records, and ports.
 */
#ifndef ORO_NODE_ROOM_H
#define ORO_NODE_ROOM_H

#include <stdatomic.h>

#include "failures.h"
#include "record.h"
#include "watch.h"

/* What JavaScript hands over when it opens a room. */
enum {
    /* Memory of records. */
    ORO_ROOM_NUMBERS,
    ORO_ROOM_INBOX,
    /* deliver(count, extras): records are there. */
    ORO_ROOM_DELIVER,
    /* Of a client end(reason), of a host tell(slot, whether there is room). */
    ORO_ROOM_TELL,
    /* port(id, what, value, buffers, ports): see port.h. */
    ORO_ROOM_PORT,
    /* Of a client hear(name, extras, slot): an event, a chunk of a stream, or room for a body; of a host hear(slot, isEnd, extras): a body. */
    ORO_ROOM_HEAR,
    /* Of a client opened(status, reason): the link is there, with two undefined; or why it cannot be. */
    ORO_ROOM_OPENED,
    /* Of a client changed(state, reason): OROIPC_CLIENT_…, and why. */
    ORO_ROOM_CHANGED,
    ORO_ROOM_REFERENCES
};

typedef struct oro_room oro_room;
typedef struct oro_port_arrival oro_port_arrival;

struct oro_room {
    napi_env env;
    /* NULL once it was left. */
    oro_watch *watch;
    /* What it watches, and whether it keeps the process alive. */
    int descriptor;
    bool keeps;
    napi_async_cleanup_hook_handle hook;
    napi_async_context async;
    napi_ref references[ORO_ROOM_REFERENCES];
    oro_records records;
    /* What came to its ports, and was not handed over. */
    oro_port_arrival *port_arrivals;
    size_t port_arrival_count, port_arrival_capacity;
    /* The external value, the watch with its hook, and the ports; these may go on any thread. */
    atomic_int owners;
    oro_watch_turn turn;
    /* Gives back what is the library's; once. */
    void (*leave)(oro_room *room);
    /* Frees the room and everything in it. */
    void (*discard)(oro_room *room);
    /* The library's client or host; the other is NULL, and both are when the room was left, and while a client connects. */
    oroipc_client *client;
    oroipc_host *host;
};

/* Makes a room of memory that is zero but for `leave`, `discard`, `client` or `host`, and `records.buffers`, and answers its
 * external value. `given` are what the enumeration above says; missing ones are NULL. `turn` is called with the room when `descriptor`
 * is readable. NULL, with an exception, when that cannot be: the room is gone then. */
napi_value oro_room_open(
    oro_room *room, napi_env env, const char *name, const napi_value *given, int descriptor, oro_watch_turn turn);

/* Watches another descriptor from now on, -1: none. False, without an exception, when it cannot be watched: none is then. */
bool oro_room_watch(oro_room *room, int descriptor);

/* Whether the room keeps the process alive. */
void oro_room_keep(oro_room *room, bool keeps);

/* The room that is turned on this thread: some callbacks' contexts have no room for it. */
extern _Thread_local oro_room *oro_turned;

/* One owner more; one less: the last one frees the room. */
void oro_room_retain(oro_room *room);
void oro_room_release(oro_room *room);

/* Gives everything back; the room is of no more use. */
void oro_room_leave(oro_room *room);

/* The room that is the first argument; NULL, with an exception that says `closed`, when it is none or was left. */
oro_room *oro_room_argument(napi_env env, napi_value value, const char *closed);

/* Calls one of JavaScript's functions. */
void oro_room_call(oro_room *room, int reference, size_t count, const napi_value *arguments);

#endif
