// SPDX-License-Identifier: Apache-2.0

#include "arguments.h"

#include <string.h>

bool oro_text_is_whole(napi_env env, const char *text, size_t length) {
    if (strlen(text) == length) return true;
    napi_throw_type_error(env, NULL, "a text has a zero character (U+0000), which nothing here can have");
    return false;
}

bool oro_text_argument(napi_env env, napi_value value, char *text, size_t room) {
    size_t length = 0;
    if (napi_get_value_string_utf8(env, value, text, room, &length) != napi_ok) {
        napi_throw_type_error(env, NULL, "a text is expected");
        return false;
    }
    /* The call cuts what is too long; a text that fills all the room may be one. */
    if (length + 1 >= room) {
        napi_throw_range_error(env, NULL, "a text is too long");
        return false;
    }
    return oro_text_is_whole(env, text, length);
}

bool oro_is_nothing(napi_env env, napi_value value) {
    napi_valuetype type;
    return napi_typeof(env, value, &type) == napi_ok && (type == napi_null || type == napi_undefined);
}

bool oro_bytes_argument(napi_env env, napi_value value, const void **bytes, size_t *size) {
    void *data = NULL;
    *bytes = NULL;
    *size = 0;
    if (oro_is_nothing(env, value)) return true;
    if (napi_get_buffer_info(env, value, &data, size) != napi_ok) {
        napi_throw_type_error(env, NULL, "a Buffer is expected");
        return false;
    }
    /* Of no bytes there may be no pointer; that there are bytes is said by one. */
    *bytes = data == NULL ? "" : data;
    return true;
}

bool oro_value_argument(napi_env env, napi_value buffer, napi_value size, oroipc_value *value) {
    const void *bytes;
    size_t room;
    uint32_t count;
    *value = oroipc_none();
    if (!oro_bytes_argument(env, buffer, &bytes, &room)) return false;
    if (napi_get_value_uint32(env, size, &count) != napi_ok || count > room) {
        napi_throw_range_error(env, NULL, "a value is longer than its memory");
        return false;
    }
    if (count > 0) *value = oroipc_encoded(bytes, count);
    return true;
}
