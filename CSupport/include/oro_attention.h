// SPDX-License-Identifier: Apache-2.0
// Sleeping and waking between two processes, without a lost wake-up and with one signal for each sleep.
// The protocol is verified by tools/model (docs/model.md); the names of its steps (SLEEP-1, WAKE-1, …) stand below.
//
// The sleeper announces its sleep in its own segment, looks once more, and waits for its socket. Whoever has written
// a record (or has read one that the sleeper waits for) looks at the sleeper's word afterwards and sends a wake packet.
// The packet needs no reading at once: to a poller each new packet is a new edge. The sleeper reads those that have
// come in before they could fill the waker's send buffer (oro_wake_packets_unread). Both sides store one word and then
// load another, so both need a full barrier in between. A sleeper that sleeps often leaves the FENCE bit set and the
// waker pays the fence. A sleeper that has been streaming clears the bit; the waker then needs no fence at all, and
// before the sleeper next sleeps it sets the bit and calls membarrier, which makes every running thread of the peer
// pass a full barrier.
#ifndef ORO_ATTENTION_H
#define ORO_ATTENTION_H

#include "oro_lane.h"

// Cheaper than mfence on x86 and as strong for ordinary memory.
static inline void oro_full_fence(void) {
#if defined(__x86_64__)
    __asm__ volatile("lock; orl $0,(%%rsp)" ::: "memory", "cc");
#else
    atomic_thread_fence(memory_order_seq_cst);
#endif
}

// The sleeper's private books.
struct oro_sleeper {
    struct oro_attention *mine;  // in our own segment
    uint64_t word;               // what mine->sleep says
};

// The waker's private books. Several threads of the process may wake.
struct oro_waker {
    const struct oro_attention *peer;  // UNTRUSTED: in the peer's segment
    _Atomic uint64_t signalled;        // epoch of the last sleep a signal was sent for
};

static inline struct oro_attention *oro_control_own_attention(void *control) {
    return &((struct oro_control *)control)->attention;
}
static inline const struct oro_attention *oro_control_attention(const void *control) {
    return &((const struct oro_control *)control)->attention;
}
static inline void oro_control_init(void *control) {
    ((struct oro_control *)control)->magic = ORO_LAYOUT_MAGIC;
    ((struct oro_control *)control)->version = ORO_LAYOUT_VERSION;
}

static inline size_t oro_waker_size(void) { return sizeof(struct oro_waker); }
static inline void oro_waker_init(struct oro_waker *w, const struct oro_attention *peer) {
    w->peer = peer;
    atomic_init(&w->signalled, 0);
}

static inline void oro_sleeper_init(struct oro_sleeper *s, struct oro_attention *mine) {
    s->mine = mine;
    s->word = ORO_SLEEP_FENCE;
    atomic_store_explicit(&mine->sleep, s->word, memory_order_release);
}

// Announces sleep; the caller then looks at every ring once more, and calls oro_sleep_disarm or waits. (SLEEP-2)
static inline void oro_sleep_arm(struct oro_sleeper *s, bool room) {
    s->word = ((s->word & ~(uint64_t)(ORO_SLEEP_ASLEEP | ORO_SLEEP_ROOM)) + ORO_SLEEP_EPOCH) | ORO_SLEEP_ASLEEP
              | (room ? ORO_SLEEP_ROOM : 0);
    atomic_store_explicit(&s->mine->sleep, s->word, memory_order_relaxed);
    // SYNC: the announcement becomes visible before the second look; pairs with the fence in oro_wake_wanted.
    oro_full_fence();
}

static inline void oro_sleep_disarm(struct oro_sleeper *s) {
    s->word &= ~(uint64_t)(ORO_SLEEP_ASLEEP | ORO_SLEEP_ROOM);
    atomic_store_explicit(&s->mine->sleep, s->word, memory_order_relaxed);
}

// True: wakers need no fence now; membarrier is due before the next sleep (oro_sleep_want_fence).
static inline bool oro_sleep_is_fenceless(const struct oro_sleeper *s) { return (s->word & ORO_SLEEP_FENCE) == 0; }

// Never while asleep: a waker that leaves out its fence could miss the sleep.
static inline void oro_sleep_go_fenceless(struct oro_sleeper *s) {
    if ((s->word & ORO_SLEEP_ASLEEP) != 0) return;
    s->word &= ~(uint64_t)ORO_SLEEP_FENCE;
    atomic_store_explicit(&s->mine->sleep, s->word, memory_order_relaxed);
}

// SLEEP-1. The caller runs oro_membarrier right after, before it arms; while that fails it must not sleep.
static inline void oro_sleep_want_fence(struct oro_sleeper *s) {
    s->word |= ORO_SLEEP_FENCE;
    atomic_store_explicit(&s->mine->sleep, s->word, memory_order_relaxed);
}

// To be called after a commit (`reading` false) or after publishing what was read (`reading` true). True: this caller,
// and no other thread, has to send the peer a wake packet now (oro_send_wake).
static inline bool oro_wake_wanted(struct oro_waker *w, bool reading) {
    // WAKE-1 to WAKE-3.
    // SYNC: the compiler may not move this load before the commit; the processor may, unless FENCE asks for a fence.
    atomic_signal_fence(memory_order_seq_cst);
    uint64_t word = atomic_load_explicit(&w->peer->sleep, memory_order_relaxed);
    if (__builtin_expect(word & ORO_SLEEP_FENCE, 1)) {
        oro_full_fence();
        word = atomic_load_explicit(&w->peer->sleep, memory_order_relaxed);
    }
    // UNTRUSTED: any value only decides whether the peer, and nobody else, gets a signal.
    if (__builtin_expect((word & ORO_SLEEP_ASLEEP) == 0, 1)) return false;
    if (reading && (word & ORO_SLEEP_ROOM) == 0) return false;
    // WAKE-4. Only a newer sleep than the last one signalled: a thread that was held up since it read an older word
    // must not take the claim back, or one sleep would be signalled twice. One try is enough: who changed it meanwhile
    // saw a sleep at least as new.
    uint64_t epoch = word / ORO_SLEEP_EPOCH;
    uint64_t last = atomic_load_explicit(&w->signalled, memory_order_relaxed);
    // SYNC: relaxed is enough: the signal itself (a system call) orders everything before it.
    return epoch > last
           && atomic_compare_exchange_strong_explicit(
               &w->signalled, &last, epoch, memory_order_relaxed, memory_order_relaxed);
}

static inline uint32_t oro_attention_cpu(const struct oro_attention *a) {
    return atomic_load_explicit(&a->cpu, memory_order_relaxed);
}
// UNTRUSTED: the peer's counters. They decide when its socket is read, and nothing else.
static inline uint32_t oro_attention_control_messages(const struct oro_attention *a) {
    return atomic_load_explicit(&a->control_messages, memory_order_relaxed);
}
static inline uint32_t oro_attention_wake_packets(const struct oro_attention *a) {
    return atomic_load_explicit(&a->wake_packets, memory_order_relaxed);
}
static inline void oro_attention_set_cpu(struct oro_attention *a, uint32_t cpu_plus_one) {
    atomic_store_explicit(&a->cpu, cpu_plus_one, memory_order_relaxed);
}
// Before a control packet is sent, by one thread at a time; taken back when it could not be sent.
// SYNC: relaxed: the system call that sends the packet orders the count before it, and the one that reads it orders the
// look at the count behind it.
static inline void oro_attention_announce(struct oro_attention *a) {
    atomic_fetch_add_explicit(&a->control_messages, 1, memory_order_relaxed);
}
static inline void oro_attention_take_back(struct oro_attention *a) {
    atomic_fetch_sub_explicit(&a->control_messages, 1, memory_order_relaxed);
}
// How many sleeps this side has announced so far: as many wake packets may have come, and no more.
static inline uint32_t oro_sleep_count(const struct oro_sleeper *s) { return (uint32_t)(s->word / ORO_SLEEP_EPOCH); }

#endif
