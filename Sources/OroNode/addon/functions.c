// SPDX-License-Identifier: Apache-2.0

#include "functions.h"

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
