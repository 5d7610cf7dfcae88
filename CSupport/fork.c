// SPDX-License-Identifier: Apache-2.0

#define _GNU_SOURCE
#include "oro_fork.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <search.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "count.h"
#include "memory.h"

_Atomic uint32_t oro_generation_word = 1;

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

void oro_fork_hold(void) { pthread_mutex_lock(&held); }
void oro_fork_release(void) { pthread_mutex_unlock(&held); }

// --- Descriptors --------------------------------------------------------------------------------------------------
// A bit for each number. Descriptors with larger numbers stay open in the child, where nobody uses them.
enum { DESCRIPTORS = 1 << 20 };
static _Atomic uint64_t noted[DESCRIPTORS / 64];
static _Atomic int words_used;

void oro_fork_note_descriptor(int fd) {
    if (fd < 0 || fd >= DESCRIPTORS) return;
    int words = fd / 64 + 1, used = atomic_load_explicit(&words_used, memory_order_relaxed);
    while (used < words && !atomic_compare_exchange_weak(&words_used, &used, words)) {}
    atomic_fetch_or(&noted[fd / 64], 1ull << (fd % 64));
}

void oro_fork_forget_descriptor(int fd) {
    if (fd < 0 || fd >= DESCRIPTORS) return;
    uint64_t bit = 1ull << (fd % 64);
    if (atomic_load_explicit(&noted[fd / 64], memory_order_relaxed) & bit) atomic_fetch_and(&noted[fd / 64], ~bit);
}

// Puts one descriptor that nobody else has in the place of all noted ones, so that every copy of the parent's may still
// be used and closed, and none reaches the parent, its peers or a file of the child's: an eventfd takes a ring of a
// bell, is no socket, and is never readable. The peers then see the parent's end of a link as soon as the parent is
// gone.
static void replace_descriptors(void) {
    int nowhere = -1;
    bool is_noted = false;
    int used = atomic_load_explicit(&words_used, memory_order_relaxed);
    for (int word = 0; word < used; word++) {
        uint64_t bits = atomic_load_explicit(&noted[word], memory_order_relaxed);
        atomic_store_explicit(&noted[word], 0, memory_order_relaxed);
        for (; bits != 0; bits &= bits - 1) {
            int fd = word * 64 + __builtin_ctzll(bits);
            if (nowhere < 0) nowhere = COUNTED(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
            if (nowhere < 0) {
                // Not a descriptor left: this one makes room.
                COUNTED(close(fd));
                nowhere = COUNTED(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
                if (nowhere == fd) {
                    is_noted = true;
                    continue;
                }
            }
            if (nowhere >= 0) COUNTED(dup3(nowhere, fd, O_CLOEXEC));
        }
    }
    if (nowhere >= 0 && !is_noted) COUNTED(close(nowhere));
}

// --- Memory -------------------------------------------------------------------------------------------------------
struct memory {
    void *address;
    size_t bytes;
};

// A tree of `struct memory`, by address.
static void *memories;
static pthread_mutex_t memories_lock = PTHREAD_MUTEX_INITIALIZER;

static int compare(const void *left, const void *right) {
    uintptr_t a = (uintptr_t)((const struct memory *)left)->address,
              b = (uintptr_t)((const struct memory *)right)->address;
    return a < b ? -1 : a > b;
}

void oro_fork_note_memory(void *address, size_t bytes) {
    struct memory *memory = malloc(sizeof *memory);
    if (memory == NULL) return;
    *memory = (struct memory){address, bytes};
    pthread_mutex_lock(&memories_lock);
    struct memory **found = tsearch(memory, &memories, compare);
    bool is_kept = found != NULL && *found == memory;
    pthread_mutex_unlock(&memories_lock);
    if (!is_kept) free(memory);
}

void oro_fork_forget_memory(void *address) {
    struct memory wanted = {.address = address};
    pthread_mutex_lock(&memories_lock);
    struct memory **found = tfind(&wanted, &memories, compare), *memory = found == NULL ? NULL : *found;
    if (memory != NULL) tdelete(memory, &memories, compare);
    pthread_mutex_unlock(&memories_lock);
    free(memory);
}

static void replace_memory(const void *node, VISIT visit, int depth) {
    (void)depth;
    if (visit != leaf && visit != postorder) return;
    const struct memory *memory = *(struct memory *const *)node;
    // Empty pages of the child's own: it costs nothing until somebody writes there.
    COUNTED(mmap(memory->address, memory->bytes, PROT_READ | PROT_WRITE,
        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0));
}

// --- Forks --------------------------------------------------------------------------------------------------------
static void before(void) {
    pthread_mutex_lock(&held);
    pthread_mutex_lock(&memories_lock);
    oro_memory_before_fork();
}

static void release(void) {
    pthread_mutex_unlock(&memories_lock);
    pthread_mutex_unlock(&held);
}

static void after(void) {
    oro_memory_after_fork();
    release();
}

static void in_child(void) {
    atomic_fetch_add_explicit(&oro_generation_word, 1, memory_order_relaxed);
    int error = errno;
    replace_descriptors();
    twalk(memories, replace_memory);
    errno = error;
    oro_memory_in_child();
    release();
}

__attribute__((constructor)) static void watch_forks(void) { pthread_atfork(before, after, in_child); }
