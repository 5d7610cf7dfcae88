// SPDX-License-Identifier: Apache-2.0
// Objects that threads use without a counted reference ("hazard pointers"). A place leads to such an object; a thread
// pins what the place leads to while it uses it; whoever puts another object in its place frees the old one when no
// thread has it pinned. Pinning writes a word of the thread's own and reads the place twice, without an atomic
// read-modify-write: many threads use one place at once and share no line that one of them writes.
#ifndef ORO_PIN_H
#define ORO_PIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

// Most objects that a thread has pinned at once.
enum { ORO_PINS = 8 };

typedef struct oro_pins {
    const void *_Atomic object[ORO_PINS];
    unsigned depth;
    // Of a thread that has not ended.
    atomic_bool is_taken;
    struct oro_pins *next;
} oro_pins;

// The calling thread's; NULL before its first pin.
extern _Thread_local oro_pins *oro_pins_here;

// Pinning needs a fence, because the kernel cannot make one for all threads.
extern bool oro_pins_fence;

// Makes the calling thread's. NULL: there is no memory, or the thread's end cannot be watched.
oro_pins *oro_pins_make(void);

// Pins what `place` leads to, and returns it; NULL: this thread has no room for another pin, and nothing is pinned.
static inline const void *oro_pin(const void *place) {
    const void *const _Atomic *source = (const void *const _Atomic *)place;
    oro_pins *pins = oro_pins_here;
    if (pins == NULL && (pins = oro_pins_make()) == NULL) return NULL;
    if (pins->depth == ORO_PINS) return NULL;
    const void *seen = atomic_load_explicit(source, memory_order_relaxed);
    while (true) {
        atomic_store_explicit(&pins->object[pins->depth], seen, memory_order_release);
        // SYNC: the pin is seen before the place is read again, or the old object is not found there: whoever replaces
        // it makes this fence for all threads (`oro_pinned`) after the replacement, and before it looks at the pins.
        if (oro_pins_fence) {
            atomic_thread_fence(memory_order_seq_cst);
        } else {
            atomic_signal_fence(memory_order_seq_cst);
        }
        const void *now = atomic_load_explicit(source, memory_order_acquire);
        if (now == seen) break;
        seen = now;
    }
    pins->depth++;
    return seen;
}

// Ends the calling thread's last pin.
static inline void oro_unpin(void) {
    oro_pins *pins = oro_pins_here;
    // SYNC: release: what the thread did with the object comes before it is freed.
    atomic_store_explicit(&pins->object[--pins->depth], NULL, memory_order_release);
}

// Puts `object` where pins look for it.
void oro_place_set(void *place, const void *object);

// A thread has `object` pinned, which no place leads to any more; also when the kernel cannot say now.
bool oro_pinned(const void *object);

// Once in a process, before the first pin.
void oro_pins_begin(void);

#endif
