/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the addon's files share: how failures become JavaScript exceptions, and how arguments are read.
 *
 * Everything here runs on the thread of one JavaScript environment. Nothing is kept between environments: a worker that
 * loads the addon has clients and hosts of its own.
 */
#ifndef ORO_NODE_ADDON_H
#define ORO_NODE_ADDON_H

#define NAPI_VERSION 8
#include <node_api.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "oroipc.h"

/* Returns NULL from a function of JavaScript's when a call of Node-API fails; the exception is pending then. */
#define ORO_TRY(env, call)                    \
    do {                                      \
        if ((call) != napi_ok) {              \
            oro_throw_pending(env);           \
            return NULL;                      \
        }                                     \
    } while (0)

/* Makes sure that an exception is pending after a call of Node-API that failed. */
void oro_throw_pending(napi_env env);

/* Throws an Error with what the library said last, and its status by name as member `status`. */
void oro_throw_status(napi_env env, oroipc_status status);

/* Memory that grows, in elements of `size` bytes; ends the process when there is none. */
void *oro_grow(void *memory, size_t count, size_t size);

/* A text argument in `text`, which has room for `room` bytes with the zero byte. False, with an exception, when it is
 * no text, or longer, or has a zero character in it. */
bool oro_text_argument(napi_env env, napi_value value, char *text, size_t room);

/* Whether a text of so many bytes ends at its first zero byte; else there is an exception. */
bool oro_text_is_whole(napi_env env, const char *text, size_t length);

/* The bytes of a Buffer argument, which are not NULL; NULL for null. False, with an exception, when it is neither. */
bool oro_bytes_argument(napi_env env, napi_value value, const void **bytes, size_t *size);

/* A value of `size` encoded bytes at the front of a Buffer; OROIPC_NONE for a size of 0. False, with an exception, when they
 * are not that. */
bool oro_value_argument(napi_env env, napi_value buffer, napi_value size, oroipc_value *value);

/* Headers of JavaScript's, an array of names and values in turn, as the library takes them. */
typedef struct oro_headers {
    oroipc_header *pairs;
    size_t count;
} oro_headers;

/* Reads them; none for null. They have to be freed, also when this fails. False, with an exception, when it is something
 * else. */
bool oro_headers_argument(napi_env env, napi_value value, oro_headers *headers);

void oro_headers_free(oro_headers *headers);

/* Whether an argument is null or undefined. */
bool oro_is_nothing(napi_env env, napi_value value);

/* Calls a function of JavaScript's from the event loop; nothing for a NULL. What it throws is an uncaught exception. */
void oro_call_back(
    napi_env env, napi_async_context async, napi_ref function, size_t count, const napi_value *arguments);

/* Whether an environment ends although its thread runs: a worker is terminated, or the process exits. */
bool oro_is_ending(napi_env env);

/* Makes functions members of an object. */
typedef struct oro_function {
    const char *name;
    napi_callback callback;
} oro_function;

bool oro_add_functions(napi_env env, napi_value object, const oro_function *functions, size_t count);

/* Adds the functions of clients and of hosts to the module; those of ports are in port.h. */
bool oro_add_client(napi_env env, napi_value exports);
bool oro_add_host(napi_env env, napi_value exports);

#endif
