// SPDX-License-Identifier: Apache-2.0

#include "failures.h"

#include <stdlib.h>

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
