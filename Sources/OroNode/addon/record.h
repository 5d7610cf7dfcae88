/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How what has come is handed to JavaScript: many replies in one call, without an object for each. `lib/records.js` is the
 * other half, and says the same in its own words.
 *
 *     numbers   five of 32 bits for each record: slot, flags, bytes of its value, bytes of its payload, tag (of a request:
 *               the number of its route)
 *     inbox     values and short payloads, one after another
 *     extras    long values, long payloads and headers, in the order of the records that have them
 */
#ifndef ORO_NODE_RECORD_H
#define ORO_NODE_RECORD_H

#include "failures.h"
#include "bytes.h"

enum {
    ORO_RECORD_WORDS = 5,
    ORO_RECORD_FAILED = 1,
    ORO_RECORD_BYTES = 2,
    ORO_RECORD_LONG_BYTES = 4,
    ORO_RECORD_LONG_VALUE = 8,
    ORO_RECORD_HEADERS = 16,
    /* There was a value, and it was none. */
    ORO_RECORD_MALFORMED = 32,
    /* Whoever asked takes an answer in chunks. */
    ORO_RECORD_TAKES_STREAM = 64,
    /* Its body follows in chunks. */
    ORO_RECORD_HAS_BODY = 128,
    /* Payloads up to this length are copied through the inbox: cheaper than a Buffer made for each. */
    ORO_RECORD_SHORT_BYTES = 2048
};

/* JavaScript's memory for records, and how much of it is filled. */
typedef struct oro_records {
    uint32_t *numbers;
    uint8_t *inbox;
    size_t capacity;
    size_t inbox_size;
    /* What Buffers of payloads are. */
    oro_buffers buffers;
    size_t count;
    size_t position;
    /* An array, made when the first extra comes. */
    napi_value extras;
    uint32_t extra_count;
} oro_records;

/* Takes JavaScript's memory; it has to be kept by whoever calls. False, with an exception, when it is something else. */
bool oro_records_use(napi_env env, oro_records *records, napi_value numbers, napi_value inbox);

/* Begins anew. */
void oro_records_clear(oro_records *records);

/* Adds a result; false when there is no room left, and it has to come first after a clear. */
bool oro_records_add_result(
    napi_env env, oro_records *records, uint32_t slot, uint32_t tag, const oroipc_result *result);

/* Adds a message, in the same way. */
bool oro_records_add_message(
    napi_env env, oro_records *records, uint32_t slot, uint32_t tag, const oroipc_message *message);

/* The extras, or undefined. */
napi_value oro_records_extras(napi_env env, const oro_records *records);

#endif
