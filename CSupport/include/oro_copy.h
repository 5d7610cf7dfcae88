// SPDX-License-Identifier: Apache-2.0
// Copies into shared memory that go around the caches, for a reader on a processor that is far away.
//
// A line the reader still has must be taken from it before it can be written, and that costs as much as the way to the
// reader. Streaming stores write to memory instead, and the reader's prefetchers find the lines there.
#ifndef ORO_COPY_H
#define ORO_COPY_H

#include <stddef.h>
#include <stdint.h>

// Ticks until the line at `place` is this processor's to write; its content stays. Few when it is still in our caches,
// many when the reader has it and is far away.
uint64_t oro_line_ticks(void *place);

// Like memcpy; the caller's next store comes after all of it. `to` is a multiple of 16.
void oro_copy_streaming(void *to, const void *from, size_t count);

#endif
