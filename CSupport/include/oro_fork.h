// SPDX-License-Identifier: Apache-2.0
// What becomes of this library in a forked child. A link has one owner: the process that made it. The child has a copy
// of every object, and each copy is inert: its calls fail before they touch anything (`oro_generation`), and what they
// could touch is replaced before the child runs: shared memory by private memory, descriptors by one that leads
// nowhere.
#ifndef ORO_FORK_H
#define ORO_FORK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern _Atomic uint32_t oro_generation_word;

// How many forks lie between this process and the first that used the library, plus one. An object of another
// generation is the parent's. One load.
static inline uint32_t oro_generation(void) {
    // SYNC: relaxed: it changes in a process of one thread, before anybody else can read it.
    return atomic_load_explicit(&oro_generation_word, memory_order_relaxed);
}

// A descriptor that a forked child must not share; until it is forgotten, which `oro_close` does as well.
void oro_fork_note_descriptor(int fd);
void oro_fork_forget_descriptor(int fd);

// Memory that a forked child must not share, until it is forgotten. Does nothing where there is no memory to remember
// it.
void oro_fork_note_memory(void *address, size_t bytes);
void oro_fork_forget_memory(void *address);

// Held around changes of what the whole process shares: nobody forks meanwhile, so that a child never finds them half
// done.
void oro_fork_hold(void);
void oro_fork_release(void);

#endif
