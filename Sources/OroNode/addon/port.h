/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ports and subscriptions, as JavaScript has them: an external value, and functions that take it first. `lib/remote-port.js` makes a
 * class of it.
 *
 * JavaScript is told of everything in one way: port(id, what, value, buffers, ports). `value` is an encoded structured value
 * (docs/structured-values.md), `buffers` are the ArrayBuffers it names, `ports` external values.
 */
#ifndef ORO_NODE_PORT_H
#define ORO_NODE_PORT_H

#include "room.h"

/* What JavaScript is told, besides OROIPC_PORT_…. */
enum {
    /* There is room for messages again. */
    ORO_PORT_ROOM = 0,
    /* A client has opened a conversation: `id` is the tag of the name, `value` the client's number, the port the only one. */
    ORO_PORT_ACCEPTED = -1
};

/* Hands over what has come to the room's ports. */
void oro_port_deliver(oro_room *room);

/* Gives up what was not handed over. */
void oro_port_drop_arrivals(oro_room *room);

#endif
