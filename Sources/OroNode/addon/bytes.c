// SPDX-License-Identifier: Apache-2.0

#include "bytes.h"

#include <string.h>

/* The Buffer was collected: the other side gets its block back. */
static void release(napi_env env, void *data, void *bytes) {
    (void)env;
    (void)data;
    oroipc_bytes_release(bytes);
}

/* Bytes up to this length are copied where they may be written to: that is cheaper than to map them once more, and to fetch each page. */
enum { MOST_COPIED = 256 << 10 };

/* Whether there is no need of a copy; `data` gets where the bytes are used, and `bytes` what keeps them. */
static bool is_usable(oro_buffers kind, size_t size, oroipc_bytes **bytes, void **data) {
    oroipc_bytes *mapped = NULL;
    void *base = NULL;
    if (size == 0 || kind == ORO_BUFFERS_COPIED) return false;
    /* What is not the other side's is this process's own. */
    if (kind == ORO_BUFFERS_SHARED || oroipc_bytes_is_borrowed(*bytes) == 0) return true;
    if (size <= MOST_COPIED || oroipc_bytes_map_private(*bytes, &base, &mapped) != OROIPC_OK) return false;
    oroipc_bytes_release(*bytes);
    *bytes = mapped;
    *data = base;
    return true;
}

napi_status oro_make_buffer(napi_env env, oroipc_bytes *bytes, oro_buffers kind, napi_value *out) {
    void *data = (void *)oroipc_bytes_data(bytes);
    size_t size = oroipc_bytes_size(bytes);
    napi_status status = napi_no_external_buffers_allowed;
    if (is_usable(kind, size, &bytes, &data)) {
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
