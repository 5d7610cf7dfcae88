// SPDX-License-Identifier: Apache-2.0

#include "record.h"

#include <string.h>

#include "bytes.h"

bool oro_records_use(napi_env env, oro_records *records, napi_value numbers, napi_value inbox) {
    napi_typedarray_type type;
    size_t length = 0;
    void *data = NULL;
    napi_value buffer;
    size_t offset = 0;
    if (napi_get_typedarray_info(env, numbers, &type, &length, &data, &buffer, &offset) != napi_ok ||
        type != napi_uint32_array) {
        napi_throw_type_error(env, NULL, "a Uint32Array is expected");
        return false;
    }
    records->numbers = data;
    records->capacity = length / ORO_RECORD_WORDS;
    if (napi_get_buffer_info(env, inbox, &data, &length) != napi_ok) {
        napi_throw_type_error(env, NULL, "a Buffer is expected");
        return false;
    }
    records->inbox = data;
    records->inbox_size = length;
    return true;
}

void oro_records_clear(oro_records *records) {
    records->count = 0;
    records->position = 0;
    records->extras = NULL;
    records->extra_count = 0;
}

static void add_extra(napi_env env, oro_records *records, napi_value extra) {
    if (records->extras == NULL && napi_create_array(env, &records->extras) != napi_ok) return;
    napi_set_element(env, records->extras, records->extra_count++, extra);
}

napi_value oro_records_extras(napi_env env, const oro_records *records) {
    napi_value none = NULL;
    if (records->extras != NULL) return records->extras;
    napi_get_undefined(env, &none);
    return none;
}

/* One thing that has come, whichever it is. */
typedef struct source {
    uint32_t flags;
    oroipc_value value;
    const void *bytes;
    size_t size;
    const oroipc_result *result;
    const oroipc_message *message;
} source;

static oroipc_status take_bytes(const source *from, oroipc_bytes **out) {
    return from->result != NULL ? oroipc_result_take_bytes(from->result, out)
                                : oroipc_message_take_bytes(from->message, out);
}

static oroipc_status header_at(const source *from, size_t index, const char **name, const char **value) {
    return from->result != NULL ? oroipc_result_header_at(from->result, index, name, value)
                                : oroipc_message_header_at(from->message, index, name, value);
}

static size_t header_count(const source *from) {
    return from->result != NULL ? oroipc_result_header_count(from->result) : oroipc_message_header_count(from->message);
}

/* The headers as an array of pairs; NULL when there are none. */
static napi_value make_headers(napi_env env, const source *from) {
    napi_value headers = NULL;
    const char *name, *value;
    size_t count = header_count(from);
    if (count == 0 || napi_create_array_with_length(env, count, &headers) != napi_ok) return NULL;
    for (size_t i = 0; i < count && header_at(from, i, &name, &value) == OROIPC_OK; i++) {
        napi_value pair, texts[2];
        if (napi_create_string_utf8(env, name, NAPI_AUTO_LENGTH, &texts[0]) != napi_ok ||
            napi_create_string_utf8(env, value, NAPI_AUTO_LENGTH, &texts[1]) != napi_ok ||
            napi_create_array_with_length(env, 2, &pair) != napi_ok ||
            napi_set_element(env, pair, 0, texts[0]) != napi_ok ||
            napi_set_element(env, pair, 1, texts[1]) != napi_ok ||
            napi_set_element(env, headers, (uint32_t)i, pair) != napi_ok) {
            return NULL;
        }
    }
    return headers;
}

static bool add(napi_env env, oro_records *records, uint32_t slot, uint32_t tag, const source *from) {
    size_t value_size = from->value.kind == OROIPC_ENCODED ? from->value.size : 0;
    bool is_short = from->bytes != NULL && from->size <= ORO_RECORD_SHORT_BYTES;
    size_t wanted = value_size + (is_short ? from->size : 0);
    bool is_long_value = wanted > records->inbox_size - records->position;
    if (records->count == records->capacity || (is_long_value && records->count > 0)) return false;

    uint32_t flags = from->flags;
    if (is_long_value) {
        napi_value value;
        if (napi_create_buffer_copy(env, value_size, from->value.data, NULL, &value) == napi_ok) {
            add_extra(env, records, value);
            flags |= ORO_RECORD_LONG_VALUE;
        }
    } else if (value_size > 0) {
        memcpy(records->inbox + records->position, from->value.data, value_size);
        records->position += value_size;
    }
    if (is_short) {
        if (from->size > 0) memcpy(records->inbox + records->position, from->bytes, from->size);
        records->position += from->size;
        flags |= ORO_RECORD_BYTES;
    } else if (from->size > 0) {
        oroipc_bytes *bytes = NULL;
        napi_value buffer;
        if (take_bytes(from, &bytes) == OROIPC_OK &&
            oro_make_buffer(env, bytes, records->buffers, &buffer) == napi_ok) {
            add_extra(env, records, buffer);
            flags |= ORO_RECORD_LONG_BYTES;
        }
    }
    napi_value headers = make_headers(env, from);
    if (headers != NULL) {
        add_extra(env, records, headers);
        flags |= ORO_RECORD_HEADERS;
    }
    uint32_t *numbers = records->numbers + records->count * ORO_RECORD_WORDS;
    numbers[0] = slot;
    numbers[1] = flags;
    numbers[2] = (uint32_t)value_size;
    numbers[3] = (uint32_t)from->size;
    numbers[4] = tag;
    records->count += 1;
    return true;
}

/* A value that is none must not look like one that was not sent. */
static void note(oroipc_status status, source *from) {
    if (status == OROIPC_MALFORMED) from->flags |= ORO_RECORD_MALFORMED;
}

bool oro_records_add_result(
    napi_env env, oro_records *records, uint32_t slot, uint32_t tag, const oroipc_result *result) {
    source from = {.result = result, .bytes = oroipc_result_bytes(result), .size = oroipc_result_bytes_size(result)};
    if (oroipc_result_is_ok(result)) {
        note(oroipc_result_data(result, NULL, OROIPC_ENCODED, &from.value), &from);
    } else {
        from.flags = ORO_RECORD_FAILED;
        note(oroipc_result_error(result, OROIPC_ENCODED, &from.value), &from);
    }
    return add(env, records, slot, tag, &from);
}

bool oro_records_add_message(
    napi_env env, oro_records *records, uint32_t slot, uint32_t tag, const oroipc_message *message) {
    source from = {
        .message = message, .bytes = oroipc_message_bytes(message), .size = oroipc_message_bytes_size(message)};
    int32_t streams = oroipc_message_streams(message);
    if (streams & OROIPC_TAKES_STREAM) from.flags |= ORO_RECORD_TAKES_STREAM;
    if (streams & OROIPC_HAS_BODY) from.flags |= ORO_RECORD_HAS_BODY;
    note(oroipc_message_value(message, NULL, OROIPC_ENCODED, &from.value), &from);
    return add(env, records, slot, tag, &from);
}
