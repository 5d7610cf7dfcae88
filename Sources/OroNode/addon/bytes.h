/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Payloads as Buffers: over the memory they lie in where the engine allows it, otherwise a copy.
 */
#ifndef ORO_NODE_BYTES_H
#define ORO_NODE_BYTES_H

#include "addon.h"

/* A Buffer of these bytes, whose reference it takes over, also when it fails. Memory of the other side cannot be
 * written to: who writes to such a Buffer ends the process. `copies`: never that, always memory of one's own. */
napi_status oro_make_buffer(napi_env env, oroipc_bytes *bytes, bool copies, napi_value *out);

/* Copies these bytes into the loan, which is given back, and makes bytes of it. */
oroipc_status oro_fill_loan(oroipc_loan *loan, const void *data, size_t size, oroipc_bytes **out);

#endif
