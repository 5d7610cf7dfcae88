// SPDX-License-Identifier: Apache-2.0
// One direction of a link: records in a ring, one writer, one reader, in two processes.
//
// The writer's and the reader's state (`struct oro_writer`, `struct oro_reader`) are private memory. The only shared
// words are the record headers (written by the writer) and the consumed cursor (written by the reader); see
// oro_layout.h. Nothing here blocks, allocates or makes a system call.
#ifndef ORO_LANE_H
#define ORO_LANE_H

#include <stdbool.h>
#include <string.h>

#include "oro_layout.h"

#if defined(__x86_64__)
#define oro_pause() __builtin_ia32_pause()
#define oro_prefetch_write(p) __asm__ volatile("prefetchw %0" : : "m"(*(const char *)(p)))
#elif defined(__aarch64__)
#define oro_pause() __asm__ volatile("isb" ::: "memory")
#define oro_prefetch_write(p) __builtin_prefetch((p), 1, 3)
#else
#define oro_pause() ((void)0)
#define oro_prefetch_write(p) __builtin_prefetch((p), 1, 3)
#endif

static inline void oro_spin_pause(void) { oro_pause(); }

// What the reader found at its position.
enum {
    ORO_READ_EMPTY = 0,
    ORO_READ_RECORD = 1,
    ORO_READ_VIOLATION = -1,  // the peer broke the protocol; the link is over
};

struct oro_writer {
    unsigned char *ring;  // mapped twice back to back
    uint64_t capacity;    // bytes, a power of two
    uint64_t key;
    uint64_t position;                  // where the next record goes
    uint64_t limit;                     // last known consumed + capacity: may write up to here without looking
    const struct oro_cursor *consumed;  // UNTRUSTED: in the peer's segment
    struct oro_record *held;            // first record of an open batch; its commit word is stored last
    uint64_t held_commit;
    uint64_t reserved;  // size word of the reserved record (length and stride)
};

struct oro_reader {
    const unsigned char *ring;  // UNTRUSTED: the peer's segment, read-only
    uint64_t capacity;
    uint64_t key;
    uint64_t position;            // next record to read
    uint64_t published;           // what `consumed` says
    struct oro_cursor *consumed;  // in our own segment
    uint64_t size;                // of the last record: checked, and expected of the next one
};

struct oro_view {
    const unsigned char *payload;  // UNTRUSTED: may change while it is read
    uint32_t length;
    uint32_t part;
    uint64_t stride;
};

static inline void oro_writer_init(
    struct oro_writer *w, void *ring, uint64_t capacity, uint64_t key, const struct oro_cursor *consumed) {
    memset(w, 0, sizeof *w);
    w->ring = (unsigned char *)ring;
    w->capacity = capacity;
    w->key = key;
    w->limit = capacity;
    w->consumed = consumed;
}

static inline void oro_reader_init(
    struct oro_reader *r, const void *ring, uint64_t capacity, uint64_t key, struct oro_cursor *consumed) {
    memset(r, 0, sizeof *r);
    r->ring = (const unsigned char *)ring;
    r->capacity = capacity;
    r->key = key;
    r->consumed = consumed;
}

static inline const struct oro_cursor *oro_control_cursor(const void *control, uint32_t ring) {
    return &((const struct oro_control *)control)->consumed[ring];
}
static inline struct oro_cursor *oro_control_own_cursor(void *control, uint32_t ring) {
    return &((struct oro_control *)control)->consumed[ring];
}

// Copies into a record from the end to the start, so that the line the reader polls is touched last.
static inline void oro_put(void *destination, const void *source, size_t count) {
    unsigned char *to = (unsigned char *)destination;
    const unsigned char *from = (const unsigned char *)source;
    if (count >= 16 && count <= 256) {
        size_t left = count;
        while (left >= 16) {
            left -= 16;
            memcpy(to + left, from + left, 16);
        }
        if (left > 0) memcpy(to, from, 16);
    } else {
        memcpy(to, from, count);
    }
}

// Copies a record out of a ring into private memory, whole 32-byte blocks at a time. Both sides must have room for the
// rounded count: rings have, being mapped twice, and frame buffers have by their capacity.
static inline void oro_take(void *destination, const void *source, size_t count) {
    if (count > 512) {
        memcpy(destination, source, count);
        return;
    }
    for (size_t done = 0; done < count; done += 32)
        memcpy((unsigned char *)destination + done, (const unsigned char *)source + done, 32);
}

// Looks at how far the peer has read. False: the peer lies (cursor moved back, or past what was written).
static inline bool oro_writer_look(struct oro_writer *w) {
    // SYNC: acquire pairs with the release in oro_reader_publish: the reader's loads of the freed bytes are over.
    // UNTRUSTED: copied once; it must lie between the last value seen and our position.
    uint64_t consumed = atomic_load_explicit(&w->consumed->position, memory_order_acquire);
    uint64_t seen = w->limit - w->capacity;
    if (consumed - seen > w->position - seen) return false;
    w->limit = consumed + w->capacity;
    return true;
}

// A record that was written, and not yet read by the peer as far as the cursor says.
struct oro_written {
    const unsigned char *payload;
    uint32_t length;
    uint32_t part;
};

// The record at `*from`, which is moved behind it; false at the end. `*from` is 0 at first: where the peer has read to.
// For the owner of the ring, whose own memory the records are.
static inline bool oro_writer_unread(struct oro_writer *w, uint64_t *from, struct oro_written *record) {
    if (*from == 0) {
        if (!oro_writer_look(w)) return false;
        *from = w->limit - w->capacity;
    }
    if (*from >= w->position) return false;
    const unsigned char *at = w->ring + (*from & (w->capacity - 1));
    uint64_t size = atomic_load_explicit(&((const struct oro_record *)at)->size, memory_order_relaxed);
    uint64_t stride = size >> 32;
    if (stride == 0 || stride > w->position - *from) return false;
    record->payload = at + ORO_RECORD_HEADER_BYTES;
    record->length = (uint32_t)size & ((1u << ORO_PART_SHIFT) - 1);
    record->part = (uint32_t)size >> ORO_PART_SHIFT;
    *from += stride;
    return true;
}

static inline uint64_t oro_stride(uint32_t length, uint64_t align) {
    return ((uint64_t)length + ORO_RECORD_HEADER_BYTES + align - 1) & ~(align - 1);
}

// Reserves a record for `length` payload bytes. Returns its payload, or NULL when the ring is full (after a look) or
// the peer lies about what it read (`*violation`). The caller has checked that length fits half the ring.
// `align`: 16 packs records (throughput), 128 gives each its own pair of lines (latency).
static inline unsigned char *oro_writer_reserve(
    struct oro_writer *w, uint32_t length, uint32_t part, uint64_t align, bool *violation) {
    uint64_t end = (w->position + oro_stride(length, 16) + align - 1) & ~(align - 1);
    uint64_t stride = end - w->position;
    if (__builtin_expect(end > w->limit, 0)) {
        if (!oro_writer_look(w)) {
            *violation = true;
            return NULL;
        }
        if (end > w->limit) return NULL;
    }
    w->reserved = (uint64_t)(length | part << ORO_PART_SHIFT) | stride << 32;
    return w->ring + (w->position & (w->capacity - 1)) + ORO_RECORD_HEADER_BYTES;
}

// Commits the reserved record: the reader sees it, whole. With `hold`, the first record of a run is kept back until
// oro_writer_flush, and the run behind it with it: one line transfer publishes many records.
static inline void oro_writer_commit(struct oro_writer *w, bool hold) {
    struct oro_record *record = (struct oro_record *)(w->ring + (w->position & (w->capacity - 1)));
    uint64_t commit = w->key + w->position;
    // The header's line goes last: the reader polls it, and would take it away while other lines are being fetched.
    atomic_store_explicit(&record->size, w->reserved, memory_order_relaxed);
    w->position += w->reserved >> 32;
    if (hold && w->held == NULL) {
        w->held = record;
        w->held_commit = commit;
        return;
    }
    // SYNC: release orders the payload and the size word before the commit word; pairs with the acquire in
    // oro_reader_peek. (SEND-2)
    atomic_store_explicit(&record->commit, commit, memory_order_release);
    if (!hold) {
        // The next record's lines are fetched for writing while the peer works on this one.
        unsigned char *next = w->ring + (w->position & (w->capacity - 1));
        oro_prefetch_write(next);
        oro_prefetch_write(next + ORO_LINE);
    }
}

// Publishes a held run. True when there was one.
static inline bool oro_writer_flush(struct oro_writer *w) {
    if (w->held == NULL) return false;
    // SYNC: release orders every record of the run before the commit word of its first. (SEND-3)
    atomic_store_explicit(&w->held->commit, w->held_commit, memory_order_release);
    w->held = NULL;
    return true;
}

// Looks at the next record. ORO_READ_RECORD fills `view`.
static inline int oro_reader_peek(struct oro_reader *r, struct oro_view *view) {
    const struct oro_record *record = (const struct oro_record *)(r->ring + (r->position & (r->capacity - 1)));
    // SYNC: acquire pairs with the release in oro_writer_commit.
    if (atomic_load_explicit(&record->commit, memory_order_acquire) != r->key + r->position) return ORO_READ_EMPTY;
    // UNTRUSTED: one load gives length, part and stride together; only this copy is used. The record must lie inside
    // one lap and keep the next one aligned.
    uint64_t size = atomic_load_explicit(&record->size, memory_order_relaxed);
    // Records mostly come in runs of one size. Where the next one lies is taken from the last size word when this one
    // is the same, not from this one: the processor then reads ahead while the line this one came in is still on its
    // way.
    uint64_t known = r->size, expected = known;
    __asm__("" : "+r"(expected));  // the compiler must not put `size` in the place of `known` again
    if (__builtin_expect(size != expected, 0)) {
        uint64_t stride = size >> 32;
        if (stride < (size & ORO_LENGTH_MASK) + ORO_RECORD_HEADER_BYTES || stride > r->capacity
            || (stride & (ORO_RECORD_ALIGNMENT - 1)) != 0 || ((uint32_t)size >> ORO_PART_SHIFT) > 3)
            return ORO_READ_VIOLATION;
        r->size = known = size;
    }
    view->payload = (const unsigned char *)(record + 1);
    view->length = (uint32_t)known & ORO_LENGTH_MASK;
    view->part = (uint32_t)known >> ORO_PART_SHIFT;
    view->stride = known >> 32;
    return ORO_READ_RECORD;
}

// A look that costs one load: whether oro_reader_peek would find something.
static inline bool oro_reader_ready(const struct oro_reader *r) {
    const struct oro_record *record = (const struct oro_record *)(r->ring + (r->position & (r->capacity - 1)));
    // SYNC: relaxed: oro_reader_peek looks again, with acquire.
    return atomic_load_explicit(&record->commit, memory_order_relaxed) == r->key + r->position;
}

// For the loop that polls: asks for the second line of the record to come, so that both lines arrive together.
// Measured: 1.5 to 1.2 times the bare round trip (docs/decisions/002-commit-word.md).
static inline void oro_reader_expect(const struct oro_reader *r) {
    __builtin_prefetch(r->ring + (r->position & (r->capacity - 1)) + ORO_LINE);
}

static inline void oro_reader_advance(struct oro_reader *r, uint64_t stride) { r->position += stride; }

// How many bytes have been read and not yet given back.
static inline uint64_t oro_reader_unpublished(const struct oro_reader *r) { return r->position - r->published; }

// Gives the room of everything read back to the writer.
static inline void oro_reader_publish(struct oro_reader *r) {
    r->published = r->position;
    // SYNC: release: our loads of the payloads come before the writer may overwrite them. (PUB-1)
    atomic_store_explicit(&r->consumed->position, r->position, memory_order_release);
}

#endif
