// SPDX-License-Identifier: Apache-2.0
// Blocks on their way back: the receiver of lent blocks writes their loans here, in memory of its own; the sender
// reads.
//
// The slots are drawn in oro_layout.h. A slot is its own commit word, so a reader that finds it written has all of it.
// Whoever writes has a place for every loan that can be out, so the ring never runs full: a sender lends no more at
// once.
#ifndef ORO_RELEASE_RING_H
#define ORO_RELEASE_RING_H

#include <stdbool.h>

#include "oro_layout.h"

static inline uint64_t oro_return_lap(uint64_t number, uint64_t slots) {
    return (number / slots + 1) << ORO_RETURN_LAP_SHIFT;
}

// Return number `number`. Numbers are given out by whoever writes, one after the other.
static inline void oro_return_give(void *ring, uint64_t slots, uint64_t number, uint64_t loan) {
    _Atomic uint64_t *slot = (_Atomic uint64_t *)ring + (number & (slots - 1));
    uint64_t word = oro_return_lap(number, slots) | (loan & ORO_RETURN_LOAN_MASK);
    // SYNC: release: our loads of the block come before the sender may overwrite it; pairs with oro_return_take.
    atomic_store_explicit(slot, word, memory_order_release);
}

// True when return number `number` is there.
static inline bool oro_return_take(const void *ring, uint64_t slots, uint64_t number, uint64_t *loan) {
    const _Atomic uint64_t *slot = (const _Atomic uint64_t *)ring + (number & (slots - 1));
    // SYNC: acquire pairs with the release in oro_return_give.
    // UNTRUSTED: one load; which loan it names is checked by the caller against its own books.
    uint64_t word = atomic_load_explicit(slot, memory_order_acquire);
    if ((word & ~(uint64_t)ORO_RETURN_LOAN_MASK) != oro_return_lap(number, slots)) return false;
    *loan = word & ORO_RETURN_LOAN_MASK;
    return true;
}

#endif
