// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "oro_memory.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "count.h"
#include "memory.h"
#include "oro_sys.h"
#include "thread.h"

enum {
    LINE = 64,
    // From here on memory is mapped by itself.
    MAPPED_LEAST = 512 << 10,
    // Below this it comes from the C library, which keeps what is freed among what is not.
    SPAN_LEAST = 4 << 10,
    // Blocks of a span: 8 KiB, 16 KiB, … 1 MiB.
    BLOCK_LEAST_LOG = 13,
    CLASSES = 8,
    SPAN_BYTES = 4 << 20,
    WORDS = SPAN_BYTES >> BLOCK_LEAST_LOG >> 6,
    STACK_BYTES = 64 << 10,
};

// What is kept for the next message, and for how long.
static const uint64_t kept_most = 64u << 20, kept_ns = 1000000000u;
// What waits to be unmapped at most; beyond that whoever frees unmaps.
static const uint64_t waiting_most = 256u << 20;

// Blocks of one size, in a mapping of their own. Stands before them, on a page that holds nothing else.
struct span {
    // Those of the same size that have free blocks.
    struct span *next, *previous;
    // All of the mapping.
    size_t mapped;
    uint32_t block_log, used;
    // A bit for each free block.
    uint64_t free[WORDS];
};

// Stands before the memory.
struct head {
    // All of the mapping; 0: it is a block of `span`, and where there is none it came from the C library.
    size_t mapped;
    struct span *span;
    // While a mapping is kept: the one that was freed before, and when this one was (oro_now).
    struct head *next;
    uint64_t since;
};
_Static_assert(sizeof(struct head) <= LINE, "the head fits its line");

// Everything below belongs to the mutex.
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t wanted;
// The newest first.
static struct head *newest;
static uint64_t kept;
static bool is_running;
static struct span *spans[CLASSES];

static struct head *head_of(void *memory) { return (struct head *)((char *)memory - LINE); }
static void *memory_of(struct head *head) { return (char *)head + LINE; }

// In whole pages; 0: more than there can be.
static size_t mapped_for(size_t bytes) {
    size_t page = oro_page_bytes();
    return bytes > SIZE_MAX - LINE - page ? 0 : (bytes + LINE + page - 1) / page * page;
}

// The last that was freed of what is kept, out of the list; NULL: none. With the mutex.
static struct head *take_newest(void) {
    struct head *head = newest;
    if (head != NULL) {
        newest = head->next;
        kept -= head->mapped;
    }
    return head;
}

// Gives the system all that is kept, for memory that it would not give otherwise. False: nothing was.
static bool let_go(void) {
    bool has_any = false;
    for (;;) {
        pthread_mutex_lock(&mutex);
        struct head *head = take_newest();
        pthread_mutex_unlock(&mutex);
        if (head == NULL) return has_any;
        COUNTED(munmap(head, head->mapped));
        has_any = true;
    }
}

// The smallest mapping that is kept and has `mapped` bytes, and not an eighth more.
static struct head *take_kept(size_t mapped) {
    pthread_mutex_lock(&mutex);
    struct head **best = NULL;
    for (struct head **place = &newest; *place != NULL; place = &(*place)->next) {
        size_t has = (*place)->mapped;
        if (has >= mapped && has - mapped <= mapped / 8 && (best == NULL || has < (*best)->mapped)) best = place;
    }
    struct head *head = best == NULL ? NULL : *best;
    if (head != NULL) {
        *best = head->next;
        kept -= head->mapped;
    }
    pthread_mutex_unlock(&mutex);
    return head;
}

void *oro_memory_reuse(size_t bytes) {
    size_t mapped = bytes < MAPPED_LEAST ? 0 : mapped_for(bytes);
    struct head *head = mapped == 0 ? NULL : take_kept(mapped);
    return head == NULL ? NULL : memory_of(head);
}

// A mapping of so many bytes that nobody uses; NULL: there is none.
static struct head *map(size_t mapped) {
    struct head *head = take_kept(mapped);
    if (head != NULL) return head;
    do head = COUNTED(mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    while (head == MAP_FAILED && let_go());
    if (head == MAP_FAILED) return NULL;
    *head = (struct head){.mapped = mapped};
    return head;
}

// A mapping that nobody uses any more. True: it is kept. With the mutex.
static bool keep(struct head *head) {
    if (!is_running || kept + head->mapped > waiting_most) return false;
    head->since = oro_now();
    head->next = newest;
    kept += head->mapped;
    // Else it wakes in time by itself.
    if (newest == NULL || kept > kept_most) pthread_cond_signal(&wanted);
    newest = head;
    return true;
}

// --- Spans --------------------------------------------------------------------------------------------------------
static uint32_t blocks_of(const struct span *span) { return SPAN_BYTES >> span->block_log; }

static void link_span(struct span *span) {
    struct span **first = &spans[span->block_log - BLOCK_LEAST_LOG];
    span->next = *first;
    span->previous = NULL;
    if (*first != NULL) (*first)->previous = span;
    *first = span;
}

static void unlink_span(struct span *span) {
    if (span->next != NULL) span->next->previous = span->previous;
    if (span->previous != NULL)
        span->previous->next = span->next;
    else
        spans[span->block_log - BLOCK_LEAST_LOG] = span->next;
}

// A free block of a span that has one. With the mutex.
static struct head *take_block(struct span *span) {
    uint32_t word = 0;
    while (span->free[word] == 0) word++;
    uint32_t index = word * 64 + (uint32_t)__builtin_ctzll(span->free[word]);
    span->free[word] &= span->free[word] - 1;
    if (++span->used == blocks_of(span)) unlink_span(span);
    struct head *head = (struct head *)((char *)span + oro_page_bytes() + ((size_t)index << span->block_log));
    *head = (struct head){.span = span};
    return head;
}

static void *allocate_block(size_t bytes) {
    uint32_t log = BLOCK_LEAST_LOG;
    while (((size_t)1 << log) < bytes + LINE) log++;
    pthread_mutex_lock(&mutex);
    struct span *span = spans[log - BLOCK_LEAST_LOG];
    if (span == NULL) {
        pthread_mutex_unlock(&mutex);
        // Most of it is never touched where little is needed.
        struct head *whole = map(SPAN_BYTES + oro_page_bytes());
        if (whole == NULL) return NULL;
        span = (struct span *)whole;
        *span = (struct span){.mapped = whole->mapped, .block_log = log};
        for (uint32_t left = blocks_of(span), word = 0; left > 0; word++) {
            uint32_t count = left < 64 ? left : 64;
            span->free[word] = count == 64 ? UINT64_MAX : ((uint64_t)1 << count) - 1;
            left -= count;
        }
        pthread_mutex_lock(&mutex);
        link_span(span);
    }
    struct head *head = take_block(span);
    pthread_mutex_unlock(&mutex);
    return memory_of(head);
}

static void free_block(struct head *block) {
    struct span *span = block->span;
    struct head *whole = NULL;
    pthread_mutex_lock(&mutex);
    uint32_t index = (uint32_t)(((char *)block - (char *)span - oro_page_bytes()) >> span->block_log);
    if (span->used == blocks_of(span)) link_span(span);
    span->free[index / 64] |= (uint64_t)1 << index % 64;
    // The last one of its size stays, for the next.
    if (--span->used == 0 && (span->next != NULL || span->previous != NULL)) {
        unlink_span(span);
        size_t mapped = span->mapped;
        whole = (struct head *)span;
        *whole = (struct head){.mapped = mapped};
        if (keep(whole)) whole = NULL;
    }
    pthread_mutex_unlock(&mutex);
    if (whole != NULL) COUNTED(munmap(whole, whole->mapped));
}

// --- Memory -------------------------------------------------------------------------------------------------------
void *oro_memory_allocate(size_t bytes) {
    if (bytes >= MAPPED_LEAST) {
        size_t mapped = mapped_for(bytes);
        struct head *head = mapped == 0 ? NULL : map(mapped);
        return head == NULL ? NULL : memory_of(head);
    }
    if (bytes >= SPAN_LEAST) return allocate_block(bytes);
    void *memory;
    while (posix_memalign(&memory, LINE, bytes + LINE) != 0)
        if (!let_go()) return NULL;
    *(struct head *)memory = (struct head){0};
    return memory_of(memory);
}

void *oro_memory_grow(void *memory, size_t kept_bytes, size_t bytes) {
    struct head *head = head_of(memory);
    if (head->mapped > 0 && bytes >= MAPPED_LEAST) {
        size_t mapped = mapped_for(bytes);
        if (mapped == 0) return NULL;
        struct head *grown;
        do grown = COUNTED(mremap(head, head->mapped, mapped, MREMAP_MAYMOVE));
        while (grown == MAP_FAILED && let_go());
        if (grown == MAP_FAILED) return NULL;
        grown->mapped = mapped;
        return memory_of(grown);
    }
    void *grown = oro_memory_allocate(bytes);
    if (grown == NULL) return NULL;
    memcpy(grown, memory, kept_bytes);
    oro_memory_free(memory);
    return grown;
}

void oro_memory_free(void *memory) {
    struct head *head = head_of(memory);
    if (head->span != NULL) return free_block(head);
    if (head->mapped == 0) return free(head);
    pthread_mutex_lock(&mutex);
    bool is_kept = keep(head);
    pthread_mutex_unlock(&mutex);
    if (!is_kept) COUNTED(munmap(head, head->mapped));
}

// --- The thread ---------------------------------------------------------------------------------------------------
// The oldest that is to go, out of the list; NULL: none yet, and *next says when (oro_now; UINT64_MAX: there is none).
static struct head *take_leaving(uint64_t *next) {
    *next = UINT64_MAX;
    if (newest == NULL) return NULL;
    struct head **oldest = &newest;
    while ((*oldest)->next != NULL) oldest = &(*oldest)->next;
    struct head *head = *oldest;
    *next = head->since + kept_ns;
    if (kept <= kept_most && oro_now() < *next) return NULL;
    *oldest = NULL;
    return head;
}

static void *unmap_all(void *unused) {
    (void)unused;
    oro_thread_name("oro-ipc unmap");
    pthread_mutex_lock(&mutex);
    for (;;) {
        uint64_t next;
        struct head *head = take_leaving(&next);
        if (head != NULL) {
            size_t mapped = head->mapped;
            pthread_mutex_unlock(&mutex);
            COUNTED(munmap(head, mapped));
            pthread_mutex_lock(&mutex);
            // Until here it counts: what waits is bounded.
            kept -= mapped;
        } else if (next == UINT64_MAX) {
            pthread_cond_wait(&wanted, &mutex);
        } else {
            struct timespec until = {.tv_sec = (time_t)(next / 1000000000u), .tv_nsec = (long)(next % 1000000000u)};
            pthread_cond_timedwait(&wanted, &mutex, &until);
        }
    }
    return NULL;
}

// No thread changes it meanwhile, so that a child finds it in order. It does not have the thread: nothing more is kept
// there, and what was kept stays mapped.
void oro_memory_before_fork(void) { pthread_mutex_lock(&mutex); }
void oro_memory_after_fork(void) { pthread_mutex_unlock(&mutex); }

void oro_memory_in_child(void) {
    mutex = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    newest = NULL;
    kept = 0;
    is_running = false;
}

int oro_memory_start(void) {
    pthread_mutex_lock(&mutex);
    int status = 0;
    if (!is_running) {
        pthread_condattr_t attributes;
        status = -pthread_condattr_init(&attributes);
        if (status == 0) {
            pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
            pthread_cond_init(&wanted, &attributes);
            pthread_condattr_destroy(&attributes);
            status = oro_thread_detached(unmap_all, STACK_BYTES);
        }
        is_running = status == 0;
    }
    pthread_mutex_unlock(&mutex);
    return status;
}

uint64_t oro_memory_kept(void) {
    pthread_mutex_lock(&mutex);
    uint64_t bytes = kept;
    pthread_mutex_unlock(&mutex);
    return bytes;
}
