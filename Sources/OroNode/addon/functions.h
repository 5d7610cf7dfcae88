/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions from one side to the other: those of C that JavaScript calls, and those of JavaScript that the event loop calls.
 */
#ifndef ORO_NODE_FUNCTIONS_H
#define ORO_NODE_FUNCTIONS_H

#include "failures.h"

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

#endif
