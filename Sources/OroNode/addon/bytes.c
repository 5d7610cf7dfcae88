// SPDX-License-Identifier: Apache-2.0

#include "bytes.h"

#include <string.h>

/* The Buffer was collected: the other side gets its block back. */
static void release(napi_env env, void *data, void *bytes) {
    (void)env;
    (void)data;
    oroipc_bytes_release(bytes);
}

napi_status oro_make_buffer(napi_env env, oroipc_bytes *bytes, bool copies, napi_value *out) {
    void *data = (void *)oroipc_bytes_data(bytes);
    size_t size = oroipc_bytes_size(bytes);
    napi_status status = napi_no_external_buffers_allowed;
    if (!copies && size > 0) {
        status = napi_create_external_buffer(env, size, data, release, bytes, out);
        if (status == napi_ok) return napi_ok;
    }
    /* A memory cage, as some engines have it, admits no memory from outside. */
    if (status == napi_no_external_buffers_allowed) status = napi_create_buffer_copy(env, size, data, NULL, out);
    oroipc_bytes_release(bytes);
    return status;
}

oroipc_status oro_fill_loan(oroipc_loan *loan, const void *data, size_t size, oroipc_bytes **out) {
    memcpy(oroipc_loan_data(loan), data, size);
    oroipc_status status = oroipc_loan_finish(loan, size, out);
    oroipc_loan_release(loan);
    return status;
}
