// SPDX-License-Identifier: Apache-2.0
// What a program in C sees of ports, structured values and broadcasts: in one process, and from another that it starts.
#define _GNU_SOURCE
#include "check.h"
#include <math.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static oroipc_host *host;
static oroipc_client *first, *second;

static uint32_t add(oroipc_structured *structured, oroipc_node node) {
    uint32_t number;
    OK(oroipc_structured_add(structured, &node, &number));
    return number;
}

static uint32_t add_value(oroipc_structured *structured, oroipc_value value) {
    uint32_t number;
    OK(oroipc_structured_add_value(structured, &value, &number));
    return number;
}

static oroipc_structured *structured_of(oroipc_value value) {
    oroipc_structured *structured;
    OK(oroipc_structured_create(&structured));
    add_value(structured, value);
    return structured;
}

static oroipc_node node_at(oroipc_structured *structured, uint32_t number) {
    oroipc_node node = OROIPC_NODE_INIT;
    OK(oroipc_structured_node(structured, number, &node));
    return node;
}

static oroipc_node root_of(oroipc_structured *structured) {
    uint32_t root;
    OK(oroipc_structured_root(structured, &root));
    return node_at(structured, root);
}

// Turns both clients until something has come to a port of one of them.
static int32_t take(oroipc_client *client, oroipc_port *port, oroipc_structured **out) {
    time_t limit = time(NULL) + 30;
    for (;;) {
        int32_t what;
        oroipc_status status = oroipc_port_take(port, &what, out);
        if (status == OROIPC_OK) return what;
        STATUS(OROIPC_BUSY, status);
        CHECK(what == 0 && *out == NULL);
        struct pollfd poll_for = {.fd = oroipc_client_descriptor(client), .events = POLLIN};
        CHECK(poll(&poll_for, 1, 1000) >= 0);
        OK(oroipc_client_turn(client, NULL));
        CHECK(time(NULL) < limit);
    }
}

static int64_t take_integer(oroipc_client *client, oroipc_port *port) {
    oroipc_structured *message;
    CHECK(take(client, port, &message) == OROIPC_PORT_MESSAGE);
    oroipc_node node = root_of(message);
    CHECK(node.kind == OROIPC_NODE_INTEGER);
    oroipc_structured_release(message);
    return node.integer;
}

static void post_integer(oroipc_port *port, int64_t integer) {
    oroipc_structured *message = structured_of(oroipc_integer(integer));
    OK(oroipc_port_post(port, message, NULL, 0));
    oroipc_structured_release(message);
}

// MARK: The host's ends

static atomic_int closed, destroyed;

// Sends everything back, ports and all.
static void echo(oroipc_port *port, int32_t what, oroipc_structured *message, void *context) {
    CHECK(context == &host);
    if (what == OROIPC_PORT_CLOSED) {
        CHECK(message == NULL);
        atomic_fetch_add(&closed, 1);
        return;
    }
    CHECK(what == OROIPC_PORT_MESSAGE);
    oroipc_port *ports[8];
    size_t count = oroipc_structured_port_count(message);
    CHECK(count <= 8 && oroipc_structured_port(message, count) == NULL);
    for (size_t index = 0; index < count; index++) ports[index] = oroipc_structured_port(message, index);
    oroipc_status status = oroipc_port_post(port, message, ports, count);
    // Whoever posted it may be gone meanwhile.
    CHECK(status == OROIPC_OK || status == OROIPC_CLOSED);
}

static void count_destroyed(void *context) { (void)context, atomic_fetch_add(&destroyed, 1); }

static void accept_echo(oroipc_port *port, uint64_t client, void *context) {
    CHECK(client != 0 && context == &host);
    OK(oroipc_port_listen(port, echo, context, count_destroyed));
    int32_t what;
    oroipc_structured *message;
    STATUS(OROIPC_STATE, oroipc_port_take(port, &what, &message));
}

static void accept_and_drop(oroipc_port *port, uint64_t client, void *context) {
    (void)port, (void)client, (void)context;
}

// Where the host keeps a port that it does not read.
static _Atomic(oroipc_port *) kept;

static void accept_and_keep(oroipc_port *port, uint64_t client, void *context) {
    (void)client, (void)context;
    atomic_store(&kept, oroipc_port_retain(port));
}

static oroipc_port *wait_for_kept(void) {
    time_t limit = time(NULL) + 30;
    oroipc_port *port;
    while ((port = atomic_exchange(&kept, NULL)) == NULL) {
        OK(oroipc_client_turn(first, NULL));
        CHECK(time(NULL) < limit);
    }
    return port;
}

// MARK: Behaviours

enum { INTS = 4 };

// Everything a structured value can be.
static oroipc_structured *build(void) {
    oroipc_structured *all;
    oroipc_bytes *bytes;
    const int32_t ints[INTS] = {1, -2, 3, -4};
    OK(oroipc_structured_create(&all));
    OK(oroipc_bytes_create(ints, sizeof ints, &bytes));
    uint32_t parts[18];
    parts[0] = add(all, oroipc_node_of(OROIPC_NODE_UNDEFINED));
    parts[1] = add_value(all, oroipc_null());
    parts[2] = add_value(all, oroipc_boolean(1));
    parts[3] = add_value(all, oroipc_integer(INT64_MIN));
    parts[4] = add_value(all, oroipc_number(-0.0));
    oroipc_node node = oroipc_node_of(OROIPC_NODE_BIGINT);
    node.text = "-123456789012345678901234567890";
    parts[5] = add(all, node);
    parts[6] = add_value(all, oroipc_text_of("a\0b", 3));
    node = oroipc_node_of(OROIPC_NODE_DATE);
    node.number = 1e12;
    parts[7] = add(all, node);
    node = oroipc_node_of(OROIPC_NODE_REGEXP);
    node.text = "a+";
    node.more = "gi";
    parts[8] = add(all, node);
    node = oroipc_node_list(OROIPC_NODE_ERROR, &parts[3], 1);
    node.text = "RangeError";
    node.more = "too far";
    node.stack = "here";
    parts[9] = add(all, node);
    parts[10] = add(all, oroipc_node_list(OROIPC_NODE_BOXED, &parts[2], 1));
    parts[11] = add(all, oroipc_node_list(OROIPC_NODE_MAP, (uint32_t[]){parts[6], parts[3]}, 2));
    parts[12] = add(all, oroipc_node_list(OROIPC_NODE_SET, &parts[1], 2));
    parts[13] = add(all, oroipc_node_buffer(bytes));
    parts[14] = add(all, oroipc_node_view(OROIPC_VIEW_INT32, &parts[13], 4, 2));
    parts[15] = OROIPC_HOLE;
    parts[16] = add_value(all, oroipc_json("{\"list\":[1,2],\"text\":\"x\"}"));
    parts[17] = add(all, oroipc_node_list(OROIPC_NODE_ARRAY, NULL, 0));
    uint32_t root = add(all, oroipc_node_list(OROIPC_NODE_ARRAY, parts, 18));
    // A cycle: the last element is an object that has the whole.
    node = oroipc_node_object((const char *const[]){"whole", "one", "one"}, (uint32_t[]){root, parts[1], parts[2]}, 3);
    OK(oroipc_structured_set(all, parts[17], &node));
    OK(oroipc_structured_set_root(all, root));
    oroipc_bytes_release(bytes);
    return all;
}

static int has_text(const char *text, size_t size, const char *expected, size_t wanted) {
    return text != NULL && size == wanted && memcmp(text, expected, wanted) == 0 && text[size] == 0;
}

static void check_all(oroipc_structured *all) {
    uint32_t whole;
    OK(oroipc_structured_root(all, &whole));
    oroipc_node root = node_at(all, whole), node;
    CHECK(root.kind == OROIPC_NODE_ARRAY && root.count == 18 && root.parts[15] == OROIPC_HOLE);
    CHECK(node_at(all, root.parts[0]).kind == OROIPC_NODE_UNDEFINED);
    CHECK(node_at(all, root.parts[1]).kind == OROIPC_NODE_NULL);
    node = node_at(all, root.parts[2]);
    CHECK(node.kind == OROIPC_NODE_BOOLEAN && node.integer == 1);
    node = node_at(all, root.parts[3]);
    CHECK(node.kind == OROIPC_NODE_INTEGER && node.integer == INT64_MIN);
    node = node_at(all, root.parts[4]);
    CHECK(node.kind == OROIPC_NODE_NUMBER && node.number == 0 && signbit(node.number));
    node = node_at(all, root.parts[5]);
    CHECK(node.kind == OROIPC_NODE_BIGINT && same(node.text, "-123456789012345678901234567890"));
    node = node_at(all, root.parts[6]);
    CHECK(node.kind == OROIPC_NODE_TEXT && has_text(node.text, node.text_size, "a\0b", 3));
    node = node_at(all, root.parts[7]);
    CHECK(node.kind == OROIPC_NODE_DATE && node.number == 1e12);
    node = node_at(all, root.parts[8]);
    CHECK(node.kind == OROIPC_NODE_REGEXP && same(node.text, "a+") && same(node.more, "gi"));
    node = node_at(all, root.parts[9]);
    CHECK(node.kind == OROIPC_NODE_ERROR && same(node.text, "RangeError") && same(node.more, "too far"));
    CHECK(same(node.stack, "here") && node.count == 1);
    CHECK(node_at(all, node.parts[0]).integer == INT64_MIN);
    node = node_at(all, root.parts[10]);
    CHECK(node.kind == OROIPC_NODE_BOXED && node_at(all, node.parts[0]).kind == OROIPC_NODE_BOOLEAN);
    node = node_at(all, root.parts[11]);
    CHECK(node.kind == OROIPC_NODE_MAP && node.count == 2 && node_at(all, node.parts[1]).integer == INT64_MIN);
    node = node_at(all, root.parts[12]);
    CHECK(node.kind == OROIPC_NODE_SET && node.count == 2 && node_at(all, node.parts[0]).kind == OROIPC_NODE_NULL);
    oroipc_node buffer = node_at(all, root.parts[13]);
    CHECK(buffer.kind == OROIPC_NODE_BUFFER && oroipc_bytes_size(buffer.bytes) == INTS * sizeof(int32_t));
    CHECK(((const int32_t *)oroipc_bytes_data(buffer.bytes))[3] == -4);
    node = node_at(all, root.parts[14]);
    CHECK(node.kind == OROIPC_NODE_VIEW && node.view == OROIPC_VIEW_INT32 && node.offset == 4 && node.length == 2);
    CHECK(node.count == 1 && node.parts[0] == root.parts[13]);
    oroipc_value value;
    OK(oroipc_structured_value(all, root.parts[16], OROIPC_JSON, &value));
    CHECK(same(value.data, "{\"list\":[1,2],\"text\":\"x\"}"));
    STATUS(OROIPC_NOT_FOUND, oroipc_structured_value(all, root.parts[7], OROIPC_JSON, &value));
    STATUS(OROIPC_NOT_FOUND, oroipc_structured_value(all, whole, OROIPC_JSON, &value));
    node = node_at(all, root.parts[17]);
    CHECK(
        node.kind == OROIPC_NODE_OBJECT && node.count == 2 && has_text(node.names[0], node.name_sizes[0], "whole", 5));
    CHECK(node.parts[0] == whole && same(node.names[1], "one")
          && node_at(all, node.parts[1]).kind == OROIPC_NODE_BOOLEAN);
    node.size = sizeof node;
    STATUS(OROIPC_NOT_FOUND, oroipc_structured_node(all, 1000, &node));
}

static void values_of_every_kind_arrive(void) {
    oroipc_port *port;
    oroipc_structured *all = build(), *back, *again;
    check_all(all);
    OK(oroipc_client_open_port(first, "echo", &port));
    for (int round = 0; round < 2; round++) {
        OK(oroipc_port_post(port, all, NULL, 0));
        CHECK(take(first, port, &back) == OROIPC_PORT_MESSAGE);
        check_all(back);
        oroipc_node node = oroipc_node_of(OROIPC_NODE_NULL);
        STATUS(OROIPC_STATE, oroipc_structured_add(back, &node, NULL));
        STATUS(OROIPC_STATE, oroipc_structured_set_root(back, 0));
        // What came is posted again, as it is; and so is its encoding, handed in.
        oroipc_value encoded;
        OK(oroipc_structured_encoded(back, &encoded));
        CHECK(encoded.kind == OROIPC_ENCODED && encoded.size > 0);
        oroipc_bytes *buffers[4];
        size_t count = oroipc_structured_buffer_count(back);
        CHECK(count == 1);
        OK(oroipc_structured_buffer(back, 0, &buffers[0]));
        OK(oroipc_structured_from_encoded(encoded.data, encoded.size, buffers, count, NULL, 0, &again));
        oroipc_bytes_release(buffers[0]);
        STATUS(OROIPC_NOT_FOUND, oroipc_structured_buffer(back, 1, &buffers[0]));
        oroipc_structured_release(back);
        OK(oroipc_port_post(port, again, NULL, 0));
        CHECK(take(first, port, &back) == OROIPC_PORT_MESSAGE);
        check_all(back);
        check_all(again);
        oroipc_structured_release(again);
        oroipc_structured_release(back);
    }
    oroipc_structured_release(all);
    // What is no structured value is found out by who reads it.
    oroipc_value form = oroipc_json("[99]"), seen;
    oroipc_structured *wrong = structured_of(form);
    oroipc_result *result;
    OK(oroipc_result_create(&result));
    OK(oroipc_result_set_data(result, &form));
    OK(oroipc_result_data(result, NULL, OROIPC_ENCODED, &seen));
    oroipc_structured_release(wrong);
    OK(oroipc_structured_from_encoded(seen.data, seen.size, NULL, 0, NULL, 0, &wrong));
    uint32_t root;
    STATUS(OROIPC_MALFORMED, oroipc_structured_root(wrong, &root));
    CHECK(root == UINT32_MAX);
    OK(oroipc_port_post(port, wrong, NULL, 0));
    CHECK(take(first, port, &back) == OROIPC_PORT_MESSAGE);
    STATUS(OROIPC_MALFORMED, oroipc_structured_root(back, &root));
    oroipc_structured_release(back);
    oroipc_structured_release(wrong);
    oroipc_result_release(result);
    int before = atomic_load(&closed);
    oroipc_port_release(port);
    time_t limit = time(NULL) + 30;
    while (atomic_load(&closed) == before || atomic_load(&destroyed) == 0) CHECK(time(NULL) < limit);
}

static void what_cannot_be_is_refused(void) {
    oroipc_structured *structured;
    OK(oroipc_structured_create(&structured));
    uint32_t number;
    STATUS(OROIPC_STATE, oroipc_structured_root(structured, &number));
    oroipc_node node = oroipc_node_list(OROIPC_NODE_ARRAY, (uint32_t[]){0}, 1);
    STATUS(OROIPC_INVALID, oroipc_structured_add(structured, &node, &number));
    CHECK(number == UINT32_MAX);
    oroipc_bytes *bytes;
    OK(oroipc_bytes_create("12345678", 8, &bytes));
    uint32_t buffer = add(structured, oroipc_node_buffer(bytes));
    oroipc_bytes_release(bytes);
    const size_t views[][3] = {{OROIPC_VIEW_INT32, 2, 1}, {OROIPC_VIEW_INT32, 4, 2}, {OROIPC_VIEW_UINT8, 9, 0},
        {OROIPC_VIEW_UINT8, SIZE_MAX, 1}, {OROIPC_VIEW_FLOAT64, 0, SIZE_MAX}, {99, 0, 0}};
    for (size_t index = 0; index < sizeof views / sizeof *views; index++) {
        node = oroipc_node_view((int32_t)views[index][0], &buffer, views[index][1], views[index][2]);
        STATUS(OROIPC_INVALID, oroipc_structured_add(structured, &node, &number));
    }
    node = oroipc_node_list(OROIPC_NODE_MAP, &buffer, 1);
    STATUS(OROIPC_INVALID, oroipc_structured_add(structured, &node, &number));
    node = oroipc_node_of(OROIPC_NODE_BIGINT);
    node.text = "12x";
    STATUS(OROIPC_INVALID, oroipc_structured_add(structured, &node, &number));
    node = oroipc_node_of(77);
    STATUS(OROIPC_INVALID, oroipc_structured_add(structured, &node, &number));
    node = oroipc_node_of(OROIPC_NODE_NULL);
    STATUS(OROIPC_INVALID, oroipc_structured_set(structured, 100, &node));
    STATUS(OROIPC_INVALID, oroipc_structured_set_root(structured, 100));
    node.size = 1;
    STATUS(OROIPC_INVALID, oroipc_structured_add(structured, &node, &number));
    oroipc_structured_release(structured);
    oroipc_port *port;
    STATUS(OROIPC_INVALID, oroipc_client_open_port(first, "", &port));
    STATUS(OROIPC_INVALID, oroipc_client_subscribe(first, "news", NULL, 7, &port));
    CHECK(port == NULL);
    STATUS(OROIPC_MALFORMED, oroipc_structured_from_encoded("\xff", 1, NULL, 0, NULL, 0, &structured));
}

static oroipc_node buffer_of(const char *text, oroipc_bytes **bytes) {
    OK(oroipc_bytes_create(text, strlen(text), bytes));
    oroipc_node node = oroipc_node_of(OROIPC_NODE_BUFFER);
    node.bytes = *bytes;
    return node;
}

// What is put in the place of another node is no further one, and what was read before is not shown again.
static void nodes_take_the_place_of_others(void) {
    oroipc_structured *structured;
    oroipc_bytes *first_bytes, *second_bytes;
    uint32_t part, list, next;
    OK(oroipc_structured_create(&structured));
    oroipc_node node = oroipc_node_of(OROIPC_NODE_UNDEFINED);
    OK(oroipc_structured_add(structured, &node, &part));
    node = oroipc_node_list(OROIPC_NODE_ARRAY, &part, 1);
    OK(oroipc_structured_add(structured, &node, &list));
    node = buffer_of("one", &first_bytes);
    OK(oroipc_structured_set(structured, part, &node));
    CHECK(root_of(structured).kind == OROIPC_NODE_ARRAY);
    CHECK(oroipc_bytes_size(node_at(structured, part).bytes) == 3);
    node = buffer_of("three", &second_bytes);
    OK(oroipc_structured_set(structured, part, &node));
    CHECK(oroipc_bytes_size(node_at(structured, part).bytes) == 5);
    node = oroipc_node_of(OROIPC_NODE_NULL);
    OK(oroipc_structured_add(structured, &node, &next));
    CHECK(next == list + 1 && root_of(structured).kind == OROIPC_NODE_NULL);
    oroipc_value before, after;
    OK(oroipc_structured_encoded(structured, &before));
    size_t size = before.size;
    OK(oroipc_structured_set_root(structured, list));
    OK(oroipc_structured_encoded(structured, &after));
    CHECK(after.size > size);
    oroipc_bytes_release(first_bytes);
    oroipc_bytes_release(second_bytes);
    oroipc_structured_release(structured);
}

static void messages_come_in_order_and_with_an_end(void) {
    oroipc_port *port, *theirs;
    oroipc_structured *message;
    int32_t what;
    OK(oroipc_client_open_port(first, "kept", &port));
    CHECK(oroipc_port_id(port) != NULL && oroipc_port_is_closed(port) == 0);
    for (int index = 0; index < 1000; index++) post_integer(port, index);
    theirs = wait_for_kept();
    for (int index = 0; index < 500; index++) post_integer(theirs, -index);
    OK(oroipc_port_close(theirs));
    OK(oroipc_port_close(theirs));
    CHECK(oroipc_port_is_closed(theirs) == 1);
    message = structured_of(oroipc_null());
    STATUS(OROIPC_CLOSED, oroipc_port_post(theirs, message, NULL, 0));
    oroipc_structured_release(message);
    STATUS(OROIPC_CLOSED, oroipc_port_take(theirs, &what, &message));
    for (int index = 0; index < 500; index++) CHECK(take_integer(first, port) == -index);
    CHECK(take(first, port, &message) == OROIPC_PORT_CLOSED);
    CHECK(message == NULL && oroipc_port_reason(port) == NULL && oroipc_port_is_closed(port) == 1);
    STATUS(OROIPC_CLOSED, oroipc_port_take(port, &what, &message));
    oroipc_port_release(theirs);
    oroipc_port_release(port);
    // Nobody takes the name; the one who takes it drops the port.
    const char *names[] = {"nobody", "dropped"};
    for (int index = 0; index < 2; index++) {
        OK(oroipc_client_open_port(first, names[index], &port));
        CHECK(take(first, port, &message) == OROIPC_PORT_CLOSED);
        CHECK((oroipc_port_reason(port) != NULL) == (index == 0));
        oroipc_port_release(port);
    }
}

static void on_room(oroipc_port *port, void *context) { (void)port, ++*(int *)context; }

static void a_full_port_says_so(void) {
    oroipc_port *port, *theirs;
    OK(oroipc_client_open_port(first, "kept", &port));
    theirs = wait_for_kept();
    oroipc_structured *message = structured_of(oroipc_integer(1));
    int posted = 0, rooms = 0;
    oroipc_status status;
    while ((status = oroipc_port_post(port, message, NULL, 0)) == OROIPC_OK) posted++;
    STATUS(OROIPC_BUSY, status);
    CHECK(posted == 1024);
    OK(oroipc_port_on_room(port, on_room, &rooms));
    CHECK(rooms == 0);
    for (int index = 0; index < 1024; index++) {
        int32_t what;
        oroipc_structured *taken;
        // What did not fit the ring goes out in a turn.
        while ((status = oroipc_port_take(theirs, &what, &taken)) == OROIPC_BUSY) OK(oroipc_client_turn(first, NULL));
        OK(status);
        oroipc_structured_release(taken);
    }
    turn_until(first, &rooms, 1);
    OK(oroipc_port_post(port, message, NULL, 0));
    // Asked for where there is room already.
    OK(oroipc_port_on_room(port, on_room, &rooms));
    turn_until(first, &rooms, 2);
    oroipc_structured_release(message);
    oroipc_port_release(port);
    oroipc_port_release(theirs);
}

static void ports_travel(void) {
    oroipc_port *here, *there, *mine, *given, *echoing;
    oroipc_structured *message;
    int32_t what;
    OK(oroipc_client_meet(first, "table", &here));
    OK(oroipc_client_meet(second, "table", &there));
    OK(oroipc_client_create_channel(first, &mine, &given));
    OK(oroipc_client_open_port(first, "echo", &echoing));
    // In the value and not in the list; in it twice; through itself; its own other end.
    OK(oroipc_structured_create(&message));
    uint32_t port = add(message, oroipc_node_port(given));
    const char *names[] = {"take this", "and this"};
    uint32_t also = add_value(message, oroipc_integer(5));
    add(message, oroipc_node_object(names, (uint32_t[]){port, also}, 2));
    STATUS(OROIPC_INVALID, oroipc_port_post(here, message, NULL, 0));
    STATUS(OROIPC_INVALID, oroipc_port_post(here, message, (oroipc_port *const[]){given, given}, 2));
    STATUS(OROIPC_INVALID, oroipc_port_post(here, message, (oroipc_port *const[]){given, here}, 2));
    STATUS(OROIPC_INVALID, oroipc_port_post(mine, message, (oroipc_port *const[]){given}, 1));
    STATUS(OROIPC_INVALID, oroipc_port_post(here, message, (oroipc_port *const[]){NULL}, 1));
    // What is posted before and after it is given away comes in order.
    post_integer(mine, 1);
    OK(oroipc_port_post(here, message, (oroipc_port *const[]){given}, 1));
    post_integer(mine, 2);
    CHECK(oroipc_port_is_closed(given) == 1);
    STATUS(OROIPC_INVALID, oroipc_port_post(here, message, (oroipc_port *const[]){given}, 1));
    STATUS(OROIPC_CLOSED, oroipc_port_take(given, &what, &(oroipc_structured *){NULL}));
    oroipc_structured_release(message);
    oroipc_port_release(given);
    CHECK(take(second, there, &message) == OROIPC_PORT_MESSAGE);
    oroipc_node node = root_of(message);
    CHECK(node.kind == OROIPC_NODE_OBJECT && same(node.names[0], "take this"));
    node = node_at(message, node.parts[0]);
    CHECK(node.kind == OROIPC_NODE_PORT && oroipc_structured_port_count(message) == 1);
    CHECK(node.port == oroipc_structured_port(message, 0));
    oroipc_port *taken = oroipc_port_retain(node.port);
    oroipc_structured_release(message);
    CHECK(take_integer(second, taken) == 1 && take_integer(second, taken) == 2);
    post_integer(taken, 3);
    CHECK(take_integer(first, mine) == 3);
    oroipc_port_release(taken);
    CHECK(take(first, mine, &message) == OROIPC_PORT_CLOSED);
    oroipc_port_release(mine);
    // To the host, and back from it.
    OK(oroipc_client_create_channel(first, &mine, &given));
    OK(oroipc_structured_create(&message));
    add(message, oroipc_node_of(OROIPC_NODE_NULL));
    OK(oroipc_port_post(echoing, message, (oroipc_port *const[]){given}, 1));
    oroipc_structured_release(message);
    oroipc_port_release(given);
    CHECK(take(first, echoing, &message) == OROIPC_PORT_MESSAGE && oroipc_structured_port_count(message) == 1);
    taken = oroipc_port_retain(oroipc_structured_port(message, 0));
    oroipc_structured_release(message);
    post_integer(taken, 9);
    CHECK(take_integer(first, mine) == 9);
    // A port in a message that nobody keeps is closed.
    oroipc_port_release(taken);
    CHECK(take(first, mine, &message) == OROIPC_PORT_CLOSED);
    oroipc_port_release(mine);
    oroipc_port_release(echoing);
    oroipc_port_release(here);
    CHECK(take(second, there, &message) == OROIPC_PORT_CLOSED);
    oroipc_port_release(there);
}

struct heard {
    int count, ends;
    int64_t last, missed;
};

static void hear(oroipc_port *port, int32_t what, oroipc_structured *message, void *context) {
    (void)port;
    struct heard *heard = context;
    if (what == OROIPC_PORT_CLOSED) {
        heard->ends++;
        return;
    }
    oroipc_node node = root_of(message);
    CHECK(node.kind == OROIPC_NODE_INTEGER);
    if (what == OROIPC_PORT_MISSED) heard->missed += node.integer;
    if (what == OROIPC_PORT_MESSAGE) {
        heard->last = node.integer;
        heard->count++;
    }
}

// Whatever a client has done with ports before, the host has seen: it has answered what was posted after that.
static void settle(oroipc_client *client) {
    oroipc_port *port;
    OK(oroipc_client_open_port(client, "echo", &port));
    post_integer(port, 1);
    CHECK(take_integer(client, port) == 1);
    oroipc_port_release(port);
}

static void broadcasts_reach_all_others(void) {
    oroipc_port *sender, *other, *elsewhere, *hosts;
    struct heard heard[3] = {{0}};
    OK(oroipc_client_subscribe(first, "news", NULL, OROIPC_KEEP_ALL, &sender));
    OK(oroipc_client_subscribe(second, "news", NULL, OROIPC_KEEP_ALL, &other));
    OK(oroipc_client_subscribe(second, "news", "oro://elsewhere", OROIPC_KEEP_ALL, &elsewhere));
    CHECK(oroipc_port_id(sender) == NULL);
    OK(oroipc_port_listen(sender, hear, &heard[0], NULL));
    OK(oroipc_port_listen(other, hear, &heard[1], NULL));
    OK(oroipc_port_listen(elsewhere, hear, &heard[2], NULL));
    settle(second);
    for (int index = 1; index <= 100; index++) post_integer(sender, index);
    turn_until(second, &heard[1].count, 100);
    CHECK(heard[1].last == 100 && heard[2].count == 0 && heard[1].missed == 0);
    oroipc_structured *message = structured_of(oroipc_integer(7));
    OK(oroipc_port_broadcast(sender, "oro://elsewhere", message));
    turn_until(second, &heard[2].count, 1);
    OK(oroipc_port_broadcast(sender, "*", message));
    turn_until(second, &heard[2].count, 2);
    turn_until(second, &heard[1].count, 101);
    // The host's own part; and never the sender.
    OK(oroipc_host_subscribe(host, "news", NULL, OROIPC_KEEP_ALL, &hosts));
    OK(oroipc_port_broadcast(hosts, NULL, message));
    turn_until(first, &heard[0].count, 1);
    STATUS(OROIPC_INVALID, oroipc_port_post(hosts, message, (oroipc_port *const[]){hosts}, 1));
    oroipc_port *plain;
    OK(oroipc_client_open_port(first, "echo", &plain));
    STATUS(OROIPC_STATE, oroipc_port_broadcast(plain, NULL, message));
    oroipc_port_release(plain);
    // Who does not take its messages keeps nobody waiting, and hears how many it has missed.
    struct heard late = {0};
    oroipc_port *slow;
    OK(oroipc_client_subscribe(second, "flood", NULL, OROIPC_KEEP_ALL, &slow));
    settle(second);
    oroipc_port *flood;
    OK(oroipc_client_subscribe(first, "flood", NULL, OROIPC_KEEP_ALL, &flood));
    int sent = 0, room = 0;
    while (sent < 3000) {
        oroipc_status status = oroipc_port_post(flood, message, NULL, 0);
        if (status == OROIPC_OK) {
            sent++;
            continue;
        }
        STATUS(OROIPC_BUSY, status);
        int before = room;
        OK(oroipc_port_on_room(flood, on_room, &room));
        turn_until(first, &room, before + 1);
    }
    settle(first);
    OK(oroipc_port_listen(slow, hear, &late, NULL));
    time_t limit = time(NULL) + 30;
    while (late.count + late.missed < 3000) {
        OK(oroipc_client_turn(second, NULL));
        CHECK(time(NULL) < limit);
    }
    CHECK(late.missed > 0 && late.count + late.missed == 3000);
    oroipc_structured_release(message);
    oroipc_port *all[] = {sender, other, elsewhere, hosts, slow, flood};
    for (int index = 0; index < 6; index++) {
        OK(oroipc_port_close(all[index]));
        oroipc_port_release(all[index]);
    }
}

static void a_client_takes_its_ports_with_it(void) {
    oroipc_client *third;
    oroipc_port *port, *other;
    oroipc_structured *message;
    OK(oroipc_host_connect(host, NULL, &third));
    OK(oroipc_client_meet(third, "short", &port));
    OK(oroipc_client_meet(first, "short", &other));
    post_integer(port, 1);
    CHECK(take_integer(first, other) == 1);
    oroipc_client_release(third);
    CHECK(take(first, other, &message) == OROIPC_PORT_CLOSED);
    CHECK(oroipc_port_is_closed(port) == 1);
    oroipc_port_release(other);
    oroipc_port_release(port);
}

// MARK: Another process

// A client at the other end of a descriptor: talks with the host's port, and ends in the middle of it.
static int be_child(int descriptor) {
    oroipc_client *client;
    oroipc_port *port;
    oroipc_structured *all = build(), *message;
    OK(oroipc_client_adopt(descriptor, NULL, &client));
    OK(oroipc_client_open_port(client, "echo", &port));
    OK(oroipc_port_post(port, all, NULL, 0));
    CHECK(take(client, port, &message) == OROIPC_PORT_MESSAGE);
    check_all(message);
    oroipc_structured_release(message);
    oroipc_structured_release(all);
    for (int index = 0; index < 500; index++) post_integer(port, index);
    for (int index = 0; index < 500; index++) CHECK(take_integer(client, port) == index);
    post_integer(port, 500);
    _exit(7);
}

static void another_process_talks_and_dies(const char *program) {
    int descriptor, status;
    pid_t child;
    OK(oroipc_host_make_peer(host, &descriptor));
    char number[16];
    snprintf(number, sizeof number, "%d", 30);
    posix_spawn_file_actions_t actions;
    CHECK(posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_adddup2(&actions, descriptor, 30) == 0);
    int before = atomic_load(&closed);
    CHECK(posix_spawn(&child, program, &actions, NULL, (char *const[]){(char *)program, number, NULL}, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    close(descriptor);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
    time_t limit = time(NULL) + 30;
    while (atomic_load(&closed) == before) CHECK(time(NULL) < limit);
}

int main(int argc, char **argv) {
    if (argc > 1) return be_child(atoi(argv[1]));
    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.allows_meetings = 1;
    OK(oroipc_host_create(NULL, &options, &host));
    OK(oroipc_host_accept_ports(host, "echo", accept_echo, &host, NULL));
    OK(oroipc_host_accept_ports(host, "kept", accept_and_keep, NULL, NULL));
    OK(oroipc_host_accept_ports(host, "dropped", accept_and_drop, NULL, NULL));
    OK(oroipc_host_start(host));
    OK(oroipc_host_connect(host, NULL, &first));
    OK(oroipc_host_connect(host, NULL, &second));
    values_of_every_kind_arrive();
    what_cannot_be_is_refused();
    nodes_take_the_place_of_others();
    messages_come_in_order_and_with_an_end();
    a_full_port_says_so();
    ports_travel();
    broadcasts_reach_all_others();
    a_client_takes_its_ports_with_it();
    another_process_talks_and_dies(argv[0]);
    oroipc_client_release(first);
    oroipc_client_release(second);
    OK(oroipc_host_stop(host));
    oroipc_host_release(host);
    puts("ports: all as it must be");
    return 0;
}
