// SPDX-License-Identifier: Apache-2.0

#include "port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void oro_throw_pending(napi_env env) {
    bool is_pending = false;
    if (napi_is_exception_pending(env, &is_pending) == napi_ok && is_pending) return;
    const napi_extended_error_info *info = NULL;
    const char *text = "a call of Node-API failed";
    if (napi_get_last_error_info(env, &info) == napi_ok && info->error_message != NULL) text = info->error_message;
    napi_throw_error(env, NULL, text);
}

void oro_throw_status(napi_env env, oroipc_status status) {
    napi_value message, error, name;
    if (napi_create_string_utf8(env, oroipc_last_error(), NAPI_AUTO_LENGTH, &message) != napi_ok ||
        napi_create_error(env, NULL, message, &error) != napi_ok ||
        napi_create_string_utf8(env, oroipc_status_name(status), NAPI_AUTO_LENGTH, &name) != napi_ok ||
        napi_set_named_property(env, error, "status", name) != napi_ok || napi_throw(env, error) != napi_ok) {
        oro_throw_pending(env);
    }
}

void *oro_grow(void *memory, size_t count, size_t size) {
    void *grown = reallocarray(memory, count, size);
    if (grown == NULL) napi_fatal_error("oro-ipc", NAPI_AUTO_LENGTH, "out of memory", NAPI_AUTO_LENGTH);
    return grown;
}

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

bool oro_is_ending(napi_env env) {
    napi_handle_scope scope;
    napi_value script, nothing;
    if (napi_open_handle_scope(env, &scope) != napi_ok) return true;
    /* No JavaScript runs any more then, whatever it is. */
    bool is_ending = napi_create_string_utf8(env, "0", 1, &script) != napi_ok || napi_run_script(env, script, &nothing) != napi_ok;
    napi_close_handle_scope(env, scope);
    return is_ending;
}

void oro_call_back(
    napi_env env, napi_async_context async, napi_ref function, size_t count, const napi_value *arguments) {
    napi_value callee, global, error;
    if (function == NULL || napi_get_reference_value(env, function, &callee) != napi_ok || callee == NULL) return;
    if (napi_get_global(env, &global) != napi_ok) return;
    if (napi_make_callback(env, async, global, callee, count, arguments, NULL) != napi_pending_exception) return;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
}

bool oro_add_functions(napi_env env, napi_value object, const oro_function *functions, size_t count) {
    for (size_t i = 0; i < count; i++) {
        napi_value function;
        if (napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].callback, NULL, &function) !=
                napi_ok ||
            napi_set_named_property(env, object, functions[i].name, function) != napi_ok) {
            return false;
        }
    }
    return true;
}

NAPI_MODULE_INIT() {
    if (!oro_add_client(env, exports) || !oro_add_host(env, exports) || !oro_add_port(env, exports)) {
        oro_throw_pending(env);
        return NULL;
    }
    return exports;
}
