// SPDX-License-Identifier: Apache-2.0

#include <stdlib.h>

#include "arguments.h"

/* A text in memory of its own; NULL when it is none. */
static char *take_text(napi_env env, napi_value value) {
    size_t length = 0;
    if (napi_get_value_string_utf8(env, value, NULL, 0, &length) != napi_ok) return NULL;
    char *text = oro_grow(NULL, length + 1, 1);
    if (napi_get_value_string_utf8(env, value, text, length + 1, &length) == napi_ok &&
        oro_text_is_whole(env, text, length)) {
        return text;
    }
    free(text);
    return NULL;
}

static bool take_pairs(napi_env env, napi_value array, oro_headers *headers) {
    uint32_t count;
    if (napi_get_array_length(env, array, &count) != napi_ok) return false;
    headers->pairs = oro_grow(NULL, count / 2 + 1, sizeof *headers->pairs);
    for (uint32_t i = 0; i + 1 < count; i += 2) {
        napi_value texts[2];
        if (napi_get_element(env, array, i, &texts[0]) != napi_ok ||
            napi_get_element(env, array, i + 1, &texts[1]) != napi_ok) {
            return false;
        }
        oroipc_header *pair = &headers->pairs[headers->count++];
        *pair = (oroipc_header){take_text(env, texts[0]), take_text(env, texts[1])};
        if (pair->name == NULL || pair->value == NULL) return false;
    }
    return true;
}

bool oro_headers_argument(napi_env env, napi_value value, oro_headers *headers) {
    *headers = (oro_headers){0};
    if (oro_is_nothing(env, value) || take_pairs(env, value, headers)) return true;
    bool is_pending = false;
    napi_is_exception_pending(env, &is_pending);
    if (!is_pending) napi_throw_type_error(env, NULL, "an array of names and values is expected");
    return false;
}

void oro_headers_free(oro_headers *headers) {
    for (size_t i = 0; i < headers->count; i++) {
        free((char *)headers->pairs[i].name);
        free((char *)headers->pairs[i].value);
    }
    free(headers->pairs);
    *headers = (oro_headers){0};
}
