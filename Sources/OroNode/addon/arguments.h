/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the arguments of JavaScript's functions are read.
 */
#ifndef ORO_NODE_ARGUMENTS_H
#define ORO_NODE_ARGUMENTS_H

#include "failures.h"

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

#endif
