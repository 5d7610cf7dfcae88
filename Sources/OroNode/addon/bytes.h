/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads as Buffers: over the memory they lie in where the engine allows it, otherwise a copy.
 */
#ifndef ORO_NODE_BYTES_H
#define ORO_NODE_BYTES_H

#include "failures.h"

/* What Buffers of received bytes are; `lib/bytes.js` has the same numbers. */
typedef enum oro_buffers {
    /* To be written to: copies, and of long ones a mapping whose pages are copied when they are written to. */
    ORO_BUFFERS_WRITABLE = 0,
    /* Copies, which the other side cannot change any more. */
    ORO_BUFFERS_COPIED = 1,
    /* Memory of the other side's, which cannot be written to: who writes to such a Buffer ends the process. */
    ORO_BUFFERS_SHARED = 2
} oro_buffers;

/* A Buffer of these bytes, whose reference it takes over, also when it fails. */
napi_status oro_make_buffer(napi_env env, oroipc_bytes *bytes, oro_buffers kind, napi_value *out);

/* Copies these bytes into the loan, which is given back, and makes bytes of it. */
oroipc_status oro_fill_loan(oroipc_loan *loan, const void *data, size_t size, oroipc_bytes **out);

#endif
