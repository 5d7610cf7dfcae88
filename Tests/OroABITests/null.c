// SPDX-License-Identifier: Apache-2.0
// Every function takes NULL for every pointer and a wrong size for every size, and says so.
#include "check.h"

static void handler(oroipc_message *message, oroipc_result *result, void *context) {
    (void)message, (void)result, (void)context;
}
static void listener(oroipc_message *message, void *context) { (void)message, (void)context; }
static void completion(oroipc_result *result, void *context) { (void)result, (void)context; }
static void receiver(oroipc_message *chunk, oroipc_result *end, void *context) {
    (void)chunk, (void)end, (void)context;
}
static void notice(oroipc_result *result, void *context) { (void)result, (void)context; }
static void body_notice(oroipc_body *body, void *context) { (void)body, (void)context; }
static void ending(oroipc_client *client, void *context) { (void)client, (void)context; }
static int gate(const oroipc_peer *peer, const char *name, void *context) {
    (void)peer, (void)name, (void)context;
    return 1;
}
static void destroy(void *context) { ++*(int *)context; }

#define INVALID(expression) STATUS(OROIPC_INVALID, expression)
#define OUT(type, expression)  \
    do {                       \
        type *out = (type *)1; \
        INVALID(expression);   \
        CHECK(out == NULL);    \
    } while (0)

static void handles(void) {
    CHECK(oroipc_bytes_retain(NULL) == NULL);
    oroipc_bytes_release(NULL);
    CHECK(oroipc_bytes_data(NULL) == NULL);
    CHECK(oroipc_bytes_size(NULL) == 0);
    CHECK(oroipc_bytes_is_borrowed(NULL) == 0);
    CHECK(oroipc_bytes_is_immutable(NULL) == 0);
    void *data = (void *)1;
    INVALID(oroipc_bytes_map_private(NULL, NULL, NULL));
    INVALID(oroipc_bytes_map_private(NULL, &data, NULL));
    CHECK(data == NULL);
    OUT(oroipc_bytes, oroipc_bytes_map_private(NULL, &data, &out));
    INVALID(oroipc_bytes_create("", 0, NULL));
    OUT(oroipc_bytes, oroipc_bytes_create(NULL, 1, &out));
    INVALID(oroipc_bytes_borrow("", 0, NULL, NULL, NULL));
    OUT(oroipc_bytes, oroipc_bytes_borrow(NULL, 0, NULL, NULL, &out));
    INVALID(oroipc_bytes_from_memfd(-1, NULL));
    OUT(oroipc_bytes, oroipc_bytes_from_memfd(-1, &out));
    CHECK(oroipc_loan_data(NULL) == NULL);
    CHECK(oroipc_loan_size(NULL) == 0);
    OUT(oroipc_bytes, oroipc_loan_finish(NULL, 0, &out));
    oroipc_loan_release(NULL);
    INVALID(oroipc_abort_create(NULL));
    CHECK(oroipc_abort_retain(NULL) == NULL);
    oroipc_abort_release(NULL);
    INVALID(oroipc_abort_fire(NULL, NULL));
    oroipc_bytes *bytes;
    STATUS(OROIPC_TOO_LARGE, oroipc_bytes_create("", SIZE_MAX, &bytes));
    CHECK(bytes == NULL);
    STATUS(OROIPC_TOO_LARGE, oroipc_bytes_borrow("", SIZE_MAX - 1, NULL, NULL, &bytes));
    STATUS(OROIPC_TOO_LARGE, oroipc_bytes_create("", (size_t)1 << 62, &bytes));
}

static void messages(void) {
    oroipc_value value;
    CHECK(oroipc_message_retain(NULL) == NULL);
    oroipc_message_release(NULL);
    CHECK(oroipc_message_name(NULL) == NULL);
    CHECK(oroipc_message_seq(NULL) == NULL);
    CHECK(oroipc_message_uri(NULL) == NULL);
    CHECK(oroipc_message_index(NULL) == -1);
    CHECK(oroipc_message_get(NULL, NULL) == NULL);
    CHECK(oroipc_message_get(NULL, "key") == NULL);
    CHECK(oroipc_message_json(NULL) == NULL);
    INVALID(oroipc_message_value(NULL, NULL, OROIPC_NATIVE, NULL));
    value.kind = OROIPC_TEXT;
    INVALID(oroipc_message_value(NULL, "key", OROIPC_NATIVE, &value));
    CHECK(value.kind == OROIPC_NONE);
    CHECK(oroipc_message_bytes(NULL) == NULL);
    CHECK(oroipc_message_bytes_size(NULL) == 0);
    CHECK(oroipc_message_streams(NULL) == 0);
    INVALID(oroipc_message_read_body_taken(NULL, NULL, NULL));
    INVALID(oroipc_message_take_body(NULL, 1));
    OUT(oroipc_bytes, oroipc_message_take_bytes(NULL, &out));
    CHECK(oroipc_message_header(NULL, NULL) == NULL);
    const char *name = "", *text = "";
    INVALID(oroipc_message_header_at(NULL, 0, &name, &text));
    INVALID(oroipc_message_header_at(NULL, 0, NULL, NULL));
    CHECK(oroipc_message_header_count(NULL) == 0);
    INVALID(oroipc_message_read_body(NULL, receiver, NULL));
    CHECK(oroipc_message_client(NULL) == 0);
    INVALID(oroipc_message_peer(NULL, NULL));
    OUT(oroipc_loan, oroipc_message_loan(NULL, 1, &out));
}

static void results(void) {
    oroipc_value value;
    INVALID(oroipc_result_create(NULL));
    CHECK(oroipc_result_retain(NULL) == NULL);
    oroipc_result_release(NULL);
    OUT(oroipc_result, oroipc_result_copy(NULL, &out));
    INVALID(oroipc_result_clear(NULL));
    INVALID(oroipc_result_set_data(NULL, NULL));
    INVALID(oroipc_result_set_error(NULL, NULL, NULL, NULL));
    INVALID(oroipc_result_set_error_value(NULL, NULL));
    INVALID(oroipc_result_set_json(NULL, NULL));
    INVALID(oroipc_result_set_bytes(NULL, NULL, 0));
    INVALID(oroipc_result_set_payload(NULL, NULL));
    CHECK(oroipc_result_is_ok(NULL) == 0);
    CHECK(oroipc_result_json(NULL) == NULL);
    INVALID(oroipc_result_data(NULL, NULL, OROIPC_NATIVE, NULL));
    INVALID(oroipc_result_data(NULL, NULL, OROIPC_NATIVE, &value));
    CHECK(oroipc_result_error_name(NULL) == NULL);
    CHECK(oroipc_result_error_message(NULL) == NULL);
    CHECK(oroipc_result_error_code(NULL) == NULL);
    CHECK(oroipc_result_delivery(NULL) == OROIPC_DELIVERY_NONE);
    INVALID(oroipc_result_error(NULL, OROIPC_NATIVE, &value));
    INVALID(oroipc_result_envelope(NULL, NULL, NULL, OROIPC_JSON, &value));
    INVALID(oroipc_result_envelope(NULL, NULL, NULL, OROIPC_JSON, NULL));
    CHECK(oroipc_result_source(NULL) == NULL);
    CHECK(oroipc_result_seq(NULL) == NULL);
    CHECK(oroipc_result_bytes(NULL) == NULL);
    CHECK(oroipc_result_bytes_size(NULL) == 0);
    OUT(oroipc_bytes, oroipc_result_take_bytes(NULL, &out));
    CHECK(oroipc_result_header(NULL, "name") == NULL);
    const char *name = "", *text = "";
    INVALID(oroipc_result_header_at(NULL, 0, &name, &text));
    CHECK(name == NULL && text == NULL);
    INVALID(oroipc_result_header_at(NULL, 0, NULL, NULL));
    CHECK(oroipc_result_header_count(NULL) == 0);
    INVALID(oroipc_result_set_header(NULL, "name", "value"));
    INVALID(oroipc_result_send(NULL));
    INVALID(oroipc_result_send_chunk(NULL, NULL, 1));
    INVALID(oroipc_result_send_event(NULL, NULL, NULL, NULL));
    INVALID(oroipc_result_on_room(NULL, NULL, NULL));
    INVALID(oroipc_result_on_room(NULL, notice, NULL));
    INVALID(oroipc_result_on_cancel(NULL, notice, NULL));
    CHECK(oroipc_result_is_cancelled(NULL) == 0);

    // One that is nobody's answer.
    oroipc_result *result;
    OK(oroipc_result_create(&result));
    CHECK(oroipc_result_is_ok(result) == 1);
    CHECK(oroipc_result_json(result) == NULL);
    CHECK(oroipc_result_error_name(result) == NULL);
    STATUS(OROIPC_NOT_FOUND, oroipc_result_data(result, NULL, OROIPC_NATIVE, &value));
    INVALID(oroipc_result_data(result, NULL, OROIPC_NATIVE, NULL));
    STATUS(OROIPC_STATE, oroipc_result_send(result));
    STATUS(OROIPC_STATE, oroipc_result_send_chunk(result, "", 0));
    STATUS(OROIPC_STATE, oroipc_result_send_event(result, "name", NULL, NULL));
    STATUS(OROIPC_STATE, oroipc_result_on_cancel(result, notice, NULL));
    STATUS(OROIPC_STATE, oroipc_result_on_room(result, notice, NULL));
    value = oroipc_text(NULL);
    INVALID(oroipc_result_set_data(result, &value));
    value = oroipc_text("\xff");
    INVALID(oroipc_result_set_data(result, &value));
    value = oroipc_text_of("text", (size_t)1 << 60);
    STATUS(OROIPC_TOO_LARGE, oroipc_result_set_data(result, &value));
    value = oroipc_json("{\"open\":");
    STATUS(OROIPC_MALFORMED, oroipc_result_set_data(result, &value));
    value = oroipc_encoded("\xff\xff\xff", 3);
    STATUS(OROIPC_MALFORMED, oroipc_result_set_data(result, &value));
    value = oroipc_encoded(NULL, 0);
    INVALID(oroipc_result_set_data(result, &value));
    value.kind = 77;
    INVALID(oroipc_result_set_data(result, &value));
    value.kind = OROIPC_NATIVE;
    INVALID(oroipc_result_set_data(result, &value));
    INVALID(oroipc_result_set_json(result, NULL));
    STATUS(OROIPC_MALFORMED, oroipc_result_set_json(result, "nothing"));
    INVALID(oroipc_result_set_header(result, NULL, "value"));
    INVALID(oroipc_result_set_header(result, "no name", "value"));
    INVALID(oroipc_result_set_header(result, "name", "two\nlines"));
    CHECK(oroipc_result_header(result, NULL) == NULL);
    STATUS(OROIPC_NOT_FOUND, oroipc_result_header_at(result, 0, &name, &text));
    INVALID(oroipc_result_set_bytes(result, NULL, 1));
    STATUS(OROIPC_TOO_LARGE, oroipc_result_set_bytes(result, "", SIZE_MAX));
    OK(oroipc_result_set_error(result, NULL, NULL, NULL));
    CHECK(oroipc_result_is_ok(result) == 0);
    oroipc_result_release(result);
}

static void bodies(void) {
    oroipc_body *body;
    INVALID(oroipc_body_create(NULL));
    CHECK(oroipc_body_retain(NULL) == NULL);
    oroipc_body_release(NULL);
    INVALID(oroipc_body_send(NULL, NULL, 0));
    INVALID(oroipc_body_send_payload(NULL, NULL));
    INVALID(oroipc_body_end(NULL, NULL, NULL));
    INVALID(oroipc_body_on_room(NULL, body_notice, NULL));
    OK(oroipc_body_create(&body));
    INVALID(oroipc_body_send(body, NULL, 1));
    INVALID(oroipc_body_send_payload(body, NULL));
    INVALID(oroipc_body_on_room(body, NULL, NULL));
    STATUS(OROIPC_BUSY, oroipc_body_send(body, "x", 1));
    OK(oroipc_body_end(body, NULL, NULL));
    STATUS(OROIPC_STATE, oroipc_body_end(body, NULL, NULL));
    STATUS(OROIPC_STATE, oroipc_body_send(body, "x", 1));
    oroipc_body_release(body);
}

static void structured_values(void) {
    oroipc_node node = OROIPC_NODE_INIT;
    oroipc_value value = oroipc_null();
    uint32_t number = 1;
    oroipc_structured *structured;
    INVALID(oroipc_structured_create(NULL));
    CHECK(oroipc_structured_retain(NULL) == NULL);
    oroipc_structured_release(NULL);
    INVALID(oroipc_structured_from_encoded(NULL, 0, NULL, 0, NULL, 0, NULL));
    OUT(oroipc_structured, oroipc_structured_from_encoded(NULL, 0, NULL, 0, NULL, 0, &out));
    OUT(oroipc_structured, oroipc_structured_from_encoded("\xc0", 1, NULL, 1, NULL, 0, &out));
    OUT(oroipc_structured, oroipc_structured_from_encoded("\xc0", 1, NULL, 0, NULL, 1, &out));
    OUT(oroipc_structured, oroipc_structured_from_encoded("\xc0", 1, (oroipc_bytes *const[]){NULL}, 1, NULL, 0, &out));
    INVALID(oroipc_structured_add(NULL, &node, &number));
    CHECK(number == UINT32_MAX);
    INVALID(oroipc_structured_add_value(NULL, &value, NULL));
    INVALID(oroipc_structured_set(NULL, 0, &node));
    INVALID(oroipc_structured_set_root(NULL, 0));
    INVALID(oroipc_structured_root(NULL, NULL));
    INVALID(oroipc_structured_node(NULL, 0, &node));
    INVALID(oroipc_structured_node(NULL, 0, NULL));
    INVALID(oroipc_structured_value(NULL, 0, OROIPC_JSON, &value));
    CHECK(value.kind == OROIPC_NONE);
    INVALID(oroipc_structured_encoded(NULL, NULL));
    INVALID(oroipc_structured_encoded(NULL, &value));
    CHECK(oroipc_structured_buffer_count(NULL) == 0);
    OUT(oroipc_bytes, oroipc_structured_buffer(NULL, 0, &out));
    CHECK(oroipc_structured_port_count(NULL) == 0);
    CHECK(oroipc_structured_port(NULL, 0) == NULL);
    OK(oroipc_structured_create(&structured));
    INVALID(oroipc_structured_add(structured, NULL, NULL));
    int32_t kinds[] = {OROIPC_NODE_BUFFER, OROIPC_NODE_PORT, OROIPC_NODE_VIEW, OROIPC_NODE_BOXED, OROIPC_NODE_BIGINT};
    for (int index = 0; index < 5; index++) {
        node.kind = kinds[index];
        INVALID(oroipc_structured_add(structured, &node, NULL));
    }
    node.count = 1;
    for (node.kind = OROIPC_NODE_ERROR; node.kind <= OROIPC_NODE_SET; node.kind++)
        INVALID(oroipc_structured_add(structured, &node, NULL));
    node.kind = OROIPC_NODE_OBJECT;
    node.parts = &number;
    number = 0;
    INVALID(oroipc_structured_add(structured, &node, NULL));
    OK(oroipc_structured_add_value(structured, NULL, NULL));
    INVALID(oroipc_structured_node(structured, 0, NULL));
    INVALID(oroipc_structured_value(structured, 0, OROIPC_JSON, NULL));
    oroipc_structured_release(structured);
}

static void port_receiver(oroipc_port *port, int32_t what, oroipc_structured *message, void *context) {
    (void)port, (void)what, (void)message, (void)context;
}
static void port_notice(oroipc_port *port, void *context) { (void)port, (void)context; }
static void acceptor(oroipc_port *port, uint64_t client, void *context) { (void)port, (void)client, (void)context; }

static void ports(void) {
    int destroyed = 0;
    int32_t what = 1;
    oroipc_port *second = (oroipc_port *)1;
    INVALID(oroipc_client_open_port(NULL, "name", NULL));
    OUT(oroipc_port, oroipc_client_open_port(NULL, "name", &out));
    OUT(oroipc_port, oroipc_client_meet(NULL, "name", &out));
    OUT(oroipc_port, oroipc_client_subscribe(NULL, "name", NULL, OROIPC_KEEP_ALL, &out));
    OUT(oroipc_port, oroipc_host_subscribe(NULL, "name", NULL, OROIPC_KEEP_ALL, &out));
    OUT(oroipc_port, oroipc_client_create_channel(NULL, &out, &second));
    OUT(oroipc_port, oroipc_host_create_channel(NULL, &out, &second));
    CHECK(second == NULL);
    INVALID(oroipc_client_create_channel(NULL, NULL, NULL));
    INVALID(oroipc_host_create_channel(NULL, NULL, NULL));
    INVALID(oroipc_host_accept_ports(NULL, "name", acceptor, &destroyed, destroy));
    CHECK(destroyed == 1);
    CHECK(oroipc_port_retain(NULL) == NULL);
    oroipc_port_release(NULL);
    INVALID(oroipc_port_close(NULL));
    CHECK(oroipc_port_is_closed(NULL) == 1);
    CHECK(oroipc_port_id(NULL) == NULL);
    CHECK(oroipc_port_reason(NULL) == NULL);
    INVALID(oroipc_port_post(NULL, NULL, NULL, 0));
    INVALID(oroipc_port_broadcast(NULL, NULL, NULL));
    INVALID(oroipc_port_on_room(NULL, port_notice, NULL));
    INVALID(oroipc_port_listen(NULL, port_receiver, &destroyed, destroy));
    CHECK(destroyed == 2);
    OUT(oroipc_structured, oroipc_port_take(NULL, &what, &out));
    CHECK(what == 0);
    oroipc_host *host;
    oroipc_port *port;
    oroipc_structured *structured;
    OK(oroipc_host_create(NULL, NULL, &host));
    INVALID(oroipc_host_accept_ports(host, NULL, acceptor, NULL, NULL));
    OK(oroipc_host_accept_ports(host, "name", NULL, NULL, NULL));
    INVALID(oroipc_host_create_channel(host, &port, NULL));
    OK(oroipc_host_create_channel(host, &port, &second));
    INVALID(oroipc_port_post(port, NULL, NULL, 0));
    OK(oroipc_structured_create(&structured));
    STATUS(OROIPC_INVALID, oroipc_port_post(port, structured, NULL, 1));
    STATUS(OROIPC_STATE, oroipc_port_post(port, structured, NULL, 0));
    INVALID(oroipc_port_on_room(port, NULL, NULL));
    INVALID(oroipc_port_take(port, NULL, NULL));
    OK(oroipc_port_listen(port, NULL, NULL, NULL));
    oroipc_structured_release(structured);
    oroipc_port_release(port);
    oroipc_port_release(second);
    oroipc_host_release(host);
}

static void hosts(void) {
    oroipc_host_statistics statistics = OROIPC_HOST_STATISTICS_INIT;
    int destroyed = 0;
    uint64_t token = 1;
    INVALID(oroipc_host_create(NULL, NULL, NULL));
    CHECK(oroipc_host_retain(NULL) == NULL);
    oroipc_host_release(NULL);
    INVALID(oroipc_host_start(NULL));
    INVALID(oroipc_host_run(NULL));
    INVALID(oroipc_host_shutdown(NULL, 0, NULL));
    INVALID(oroipc_host_stop(NULL));
    CHECK(oroipc_host_descriptor(NULL) == -1);
    INVALID(oroipc_host_turn(NULL, NULL));
    INVALID(oroipc_host_linger(NULL, 10, NULL));
    int descriptor = 7;
    INVALID(oroipc_host_make_peer(NULL, &descriptor));
    CHECK(descriptor == -1);
    INVALID(oroipc_host_make_peer(NULL, NULL));
    INVALID(oroipc_host_adopt(NULL, -1));
    descriptor = 7;
    INVALID(oroipc_host_make_labelled_peer(NULL, NULL, &descriptor));
    CHECK(descriptor == -1);
    INVALID(oroipc_host_make_labelled_peer(NULL, "label", NULL));
    INVALID(oroipc_host_adopt_labelled(NULL, NULL, 0));
    INVALID(oroipc_host_guard(NULL, NULL, NULL, &destroyed, destroy));
    CHECK(destroyed == 1);
    destroyed = 0;
    INVALID(oroipc_host_disconnect(NULL, 1, NULL));
    INVALID(oroipc_host_fix_origin(NULL, 1, NULL));
    INVALID(oroipc_host_statistics_get(NULL, NULL));
    INVALID(oroipc_host_statistics_get(NULL, &statistics));
    INVALID(oroipc_host_map(NULL, NULL, 0, NULL, &destroyed, destroy));
    INVALID(oroipc_host_unmap(NULL, NULL));
    INVALID(oroipc_host_listen(NULL, NULL, NULL, &destroyed, destroy, NULL));
    INVALID(oroipc_host_unlisten(NULL, NULL, 0));
    CHECK(destroyed == 2);
    INVALID(oroipc_host_emit(NULL, 0, NULL, NULL, NULL));
    INVALID(oroipc_host_push(NULL, 0, NULL));
    INVALID(oroipc_host_invoke(NULL, NULL, NULL, NULL));
    OUT(oroipc_client, oroipc_host_connect(NULL, NULL, &out));

    oroipc_host_options options = OROIPC_HOST_OPTIONS_INIT;
    options.size = 0;
    OUT(oroipc_host, oroipc_host_create(NULL, &options, &out));
    options.size = sizeof options;
    options.idle = 99;
    OUT(oroipc_host, oroipc_host_create(NULL, &options, &out));
    options.idle = 0;
    options.limits.ring_bytes = 5;
    OUT(oroipc_host, oroipc_host_create(NULL, &options, &out));
    OUT(oroipc_host, oroipc_host_create("not a name", NULL, &out));
    OUT(oroipc_host, oroipc_host_create("\xff", NULL, &out));

    oroipc_host *host;
    OK(oroipc_host_create(NULL, NULL, &host));
    INVALID(oroipc_host_map(host, NULL, OROIPC_ROUTE_SYNC, handler, &destroyed, destroy));
    INVALID(oroipc_host_map(host, "name", 99, handler, &destroyed, destroy));
    INVALID(oroipc_host_map(host, "name", OROIPC_ROUTE_SYNC, NULL, &destroyed, destroy));
    INVALID(oroipc_host_map(host, "\xff", OROIPC_ROUTE_SYNC, handler, &destroyed, destroy));
    INVALID(oroipc_host_listen(host, "name", NULL, &destroyed, destroy, &token));
    INVALID(oroipc_host_listen(host, NULL, listener, &destroyed, destroy, &token));
    INVALID(oroipc_host_listen(host, "name", listener, &destroyed, destroy, NULL));
    CHECK(destroyed == 9);
    OK(oroipc_host_map(host, "name", OROIPC_ROUTE_SYNC, handler, NULL, NULL));
    OK(oroipc_host_unmap(host, "name"));
    OK(oroipc_host_unmap(host, "name"));
    STATUS(OROIPC_NOT_FOUND, oroipc_host_unlisten(host, "name", 1));
    INVALID(oroipc_host_adopt(host, -1));
    INVALID(oroipc_host_make_labelled_peer(host, NULL, &descriptor));
    INVALID(oroipc_host_adopt_labelled(host, NULL, 0));
    destroyed = 0;
    INVALID(oroipc_host_guard(host, NULL, gate, &destroyed, destroy));
    INVALID(oroipc_host_guard(host, "", gate, &destroyed, destroy));
    INVALID(oroipc_host_guard(host, "*", NULL, &destroyed, destroy));
    CHECK(destroyed == 3);
    INVALID(oroipc_host_emit(host, 0, NULL, NULL, NULL));
    STATUS(OROIPC_NOT_FOUND, oroipc_host_emit(host, 12345, "name", NULL, NULL));
    INVALID(oroipc_host_push(host, 0, NULL));
    INVALID(oroipc_host_invoke(host, NULL, completion, NULL));
    oroipc_call call = OROIPC_CALL("nobody");
    STATUS(OROIPC_NOT_FOUND, oroipc_host_invoke(host, &call, completion, NULL));
    statistics.size = 3;
    INVALID(oroipc_host_statistics_get(host, &statistics));
    OK(oroipc_host_turn(host, NULL));
    OK(oroipc_host_linger(host, 10, NULL));
    STATUS(OROIPC_STATE, oroipc_host_start(host));
    OK(oroipc_host_stop(host));
    OK(oroipc_host_stop(host));
    STATUS(OROIPC_STATE, oroipc_host_turn(host, NULL));
    oroipc_host_release(host);
}

static void clients(void) {
    oroipc_client_statistics statistics = OROIPC_CLIENT_STATISTICS_INIT;
    oroipc_peer peer = OROIPC_PEER_INIT;
    oroipc_call call = OROIPC_CALL("ping");
    int destroyed = 0;
    uint64_t number = 0;
    INVALID(oroipc_client_connect(NULL, NULL, NULL));
    OUT(oroipc_client, oroipc_client_connect(NULL, NULL, &out));
    INVALID(oroipc_client_adopt(-1, NULL, NULL));
    OUT(oroipc_client, oroipc_client_adopt(-1, NULL, &out));
    INVALID(oroipc_client_connect_async(NULL, NULL, NULL));
    OUT(oroipc_connecting, oroipc_client_connect_async(NULL, NULL, &out));
    INVALID(oroipc_client_adopt_async(-1, NULL, NULL));
    OUT(oroipc_connecting, oroipc_client_adopt_async(-1, NULL, &out));
    CHECK(oroipc_connecting_descriptor(NULL) == -1);
    INVALID(oroipc_connecting_turn(NULL, NULL, NULL));
    OUT(oroipc_client, oroipc_connecting_turn(NULL, NULL, &out));
    oroipc_connecting_release(NULL);
    CHECK(oroipc_client_retain(NULL) == NULL);
    oroipc_client_release(NULL);
    INVALID(oroipc_client_close(NULL));
    INVALID(oroipc_client_state(NULL));
    INVALID(oroipc_client_peer(NULL, NULL));
    INVALID(oroipc_client_peer(NULL, &peer));
    INVALID(oroipc_client_statistics_get(NULL, NULL));
    INVALID(oroipc_client_statistics_get(NULL, &statistics));
    OUT(oroipc_loan, oroipc_client_loan(NULL, 1, 0, &out));
    INVALID(oroipc_client_call(NULL, NULL, NULL));
    INVALID(oroipc_client_call_async(NULL, NULL, NULL, NULL, NULL));
    INVALID(oroipc_client_abort(NULL, 1, NULL));
    INVALID(oroipc_client_post(NULL, NULL));
    INVALID(oroipc_client_stream(NULL, NULL, 0, NULL, NULL, NULL));
    INVALID(oroipc_client_stream_take(NULL, 1, 1));
    INVALID(oroipc_client_listen(NULL, NULL, NULL, &destroyed, destroy, NULL));
    CHECK(destroyed == 1);
    INVALID(oroipc_client_unlisten(NULL, 1));
    INVALID(oroipc_client_emit(NULL, NULL, NULL, NULL));
    INVALID(oroipc_client_on_end(NULL, NULL, NULL));
    INVALID(oroipc_client_on_state(NULL, NULL, NULL, NULL));
    CHECK(oroipc_client_descriptor(NULL) == -1);
    INVALID(oroipc_client_turn(NULL, NULL));
    INVALID(oroipc_client_linger(NULL, 10, NULL));

    oroipc_host *host;
    oroipc_client *client;
    OK(oroipc_host_create(NULL, NULL, &host));
    OK(oroipc_host_start(host));
    STATUS(OROIPC_STATE, oroipc_host_start(host));
    STATUS(OROIPC_STATE, oroipc_host_turn(host, NULL));
    OK(oroipc_host_connect(host, NULL, &client));
    INVALID(oroipc_client_call(client, NULL, NULL));
    call.size = 1;
    INVALID(oroipc_client_call(client, &call, NULL));
    call.size = sizeof call;
    call.command = NULL;
    INVALID(oroipc_client_call(client, &call, NULL));
    call.command = "\xff";
    INVALID(oroipc_client_call(client, &call, NULL));
    call.command = "ping";
    call.command_size = (size_t)-5;
    INVALID(oroipc_client_call(client, &call, NULL));
    call.command_size = 0;
    call.bytes_size = 1;
    INVALID(oroipc_client_call(client, &call, NULL));
    call.bytes_size = 0;
    call.seq = "seven";
    INVALID(oroipc_client_call(client, &call, NULL));
    call.seq = NULL;
    call.when_full = 9;
    INVALID(oroipc_client_call(client, &call, NULL));
    call.when_full = 0;
    oroipc_header headers[] = {{"no name", "value"}, {"name", NULL}, {NULL, "value"}};
    call.headers_count = 1;
    INVALID(oroipc_client_call(client, &call, NULL));
    for (int index = 0; index < 3; index++) {
        call.headers = &headers[index];
        INVALID(oroipc_client_call(client, &call, NULL));
        INVALID(oroipc_client_post(client, &call));
    }
    call.headers_count = 0;
    OK(oroipc_body_create(&call.body));
    INVALID(oroipc_client_call(client, &call, NULL));
    INVALID(oroipc_client_post(client, &call));
    INVALID(oroipc_host_invoke(host, &call, completion, NULL));
    oroipc_body_release(call.body);
    call.body = NULL;
    INVALID(oroipc_client_call_async(client, &call, NULL, NULL, NULL));
    INVALID(oroipc_client_call_async(client, NULL, completion, NULL, &number));
    INVALID(oroipc_client_stream(client, &call, 0, NULL, NULL, NULL));
    INVALID(oroipc_client_stream(client, &call, 5000, receiver, NULL, NULL));
    STATUS(OROIPC_NOT_FOUND, oroipc_client_abort(client, 0, NULL));
    STATUS(OROIPC_NOT_FOUND, oroipc_client_abort(client, UINT64_MAX, NULL));
    INVALID(oroipc_client_listen(client, "name", NULL, &destroyed, destroy, &number));
    INVALID(oroipc_client_listen(client, NULL, listener, &destroyed, destroy, &number));
    CHECK(destroyed == 3);
    STATUS(OROIPC_NOT_FOUND, oroipc_client_unlisten(client, 77));
    INVALID(oroipc_client_emit(client, NULL, NULL, NULL));
    OK(oroipc_client_on_end(client, ending, NULL));
    OK(oroipc_client_on_end(client, NULL, NULL));
    oroipc_loan *loan;
    STATUS(OROIPC_TOO_LARGE, oroipc_client_loan(client, SIZE_MAX, 0, &loan));
    CHECK(loan == NULL);
    OK(oroipc_client_loan(client, 100, 0, &loan));
    oroipc_bytes *bytes;
    INVALID(oroipc_loan_finish(loan, 101, &bytes));
    INVALID(oroipc_loan_finish(loan, 1, NULL));
    OK(oroipc_loan_finish(loan, 1, &bytes));
    oroipc_bytes_release(bytes);
    STATUS(OROIPC_STATE, oroipc_loan_finish(loan, 1, &bytes));
    CHECK(oroipc_loan_data(loan) == NULL);
    oroipc_loan_release(loan);
    OK(oroipc_client_turn(client, NULL));
    OK(oroipc_client_linger(client, 10, NULL));
    OK(oroipc_client_close(client));
    STATUS(OROIPC_CLOSED, oroipc_client_state(client));
    oroipc_client_release(client);
    oroipc_host_release(host);
}

int main(void) {
    CHECK(oroipc_abi_version() >> 16 == OROIPC_ABI_VERSION);
    unsigned major, minor, patch;
    char more;
    CHECK(sscanf(oroipc_version(), "%u.%u.%u%c", &major, &minor, &patch, &more) == 3);
    CHECK(same(oroipc_last_error(), ""));
    CHECK(same(oroipc_status_name(OROIPC_BUSY), "OROIPC_BUSY"));
    CHECK(same(oroipc_status_name(12345), "unknown status"));
    handles();
    messages();
    results();
    bodies();
    structured_values();
    ports();
    hosts();
    clients();
    CHECK(!same(oroipc_last_error(), ""));
    puts("null: every function");
    return 0;
}
