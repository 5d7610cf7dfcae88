/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How failures become JavaScript exceptions, and what every file of the addon needs of Node-API.
 *
 * Everything here runs on the thread of one JavaScript environment. Nothing is kept between environments: a worker that
 * loads the addon has clients and hosts of its own.
 */
#ifndef ORO_NODE_FAILURES_H
#define ORO_NODE_FAILURES_H

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

#endif
