// SPDX-License-Identifier: Apache-2.0
// Private memory for messages, whose length a peer decides.
//
// From 4 KiB on it stands apart from what the C library's allocator has, which would keep it: in blocks of one size
// each, whose mapping goes when none of them is used, but for the last of its size. From 512 KiB on it is mapped by
// itself, so that it grows without a copy: only its place among the addresses changes.
//
// A mapping that nobody uses is kept for a second for the next message, 64 MiB of them, and unmapped by a thread of its
// own: 64 MiB take 4 ms, for which no other client waits. At most 256 MiB are kept or wait for that thread; what comes
// then, and all of it in a process that has none, is unmapped by whoever frees. Where the system gives no memory what
// is kept goes first.
#ifndef ORO_MEMORY_H
#define ORO_MEMORY_H

#include <stddef.h>
#include <stdint.h>

// Makes the thread that unmaps. 0, or minus errno. Once is enough for a process; a child of fork has none.
int oro_memory_start(void);
// Memory of `bytes`, aligned to a line; NULL: there is none.
void *oro_memory_allocate(size_t bytes);
// The same, where such memory is kept, all of it there already; else NULL.
void *oro_memory_reuse(size_t bytes);
// Memory of `bytes` with the first `kept` bytes of `memory`, which is gone then. NULL: there is none, and `memory`
// stays.
void *oro_memory_grow(void *memory, size_t kept, size_t bytes);
void oro_memory_free(void *memory);
// Bytes that are freed and not unmapped.
uint64_t oro_memory_kept(void);

#endif
