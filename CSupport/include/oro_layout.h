// SPDX-License-Identifier: Apache-2.0
// Layout of a segment: the one place that knows where a shared word lies.
//
// A process creates a *segment* (one memfd), maps it read-write, seals it, and hands the descriptor to its peer,
// which can map it read-only and nothing else. So every byte drawn here has exactly one writer: the owner.
//
//   offset     size  what                                             written by  read by
//   ─────────────────────────────────────────────────────────────────────────────────────
//   0            64  identity: magic, layout version (for debuggers)   owner       nobody
//   64           64  attention line (below)                            owner       peer
//   128         128  unused
//   256     16 × 64  consumed cursors, one line for each ring that     owner       peer
//                    the *peer* writes: bytes the owner has read
//   4096      ring   ring 0: records the owner sends (below)           owner       peer
//
// A further ring has a memfd of its own that holds nothing but the ring. So have blocks (nothing but payloads: which
// bytes are whose stands in the sender's private state and in frames) and of release rings (below).
//
// Attention line (all little-endian):
//
//   +0  sleep    63            3   2      1     0
//               ┌──────────────┬───┬──────┬─────┐
//               │ epoch        │ F │ ROOM │  A  │   F: "fence before you look at this word" (oro_attention.h)
//               └──────────────┴───┴──────┴─────┘   ROOM: also wake me when you have read. A: I am asleep.
//               The epoch counts sleeps and never repeats: with 29 bits a sleep could pass for one 2^29 earlier.
//   +8  cpu      32 bits: the processor the owner last ran on, plus one; 0 = unknown
//   +12 control_messages  32 bits: how many packets, other than wake packets, the owner has sent over the socket since
//                the handshake. Raised before each is sent: who has read fewer reads the socket
//   +16 wake_packets      32 bits: how many wake packets the owner has sent. Raised before each is sent
//
// Record (starts at a multiple of 16 bytes; the ring is mapped twice back to back, so no record wraps):
//
//   0        8          12         16                    16+length        stride
//   ┌────────┬──────────┬──────────┬─────────────────────┬────────────────┐
//   │ commit │ length   │ stride   │ payload             │ padding        │
//   └────────┴──────────┴──────────┴─────────────────────┴────────────────┘
//   commit  the commit word: key + position, stored last (release). `position` counts bytes since the ring was
//           made and never repeats, `key` is 64 random bits private to the ring, so neither an earlier lap nor a
//           payload can pass for a written record.
//   length  bits 0–27 payload bytes; bits 28–31 part: 0 whole message, 1 first, 2 middle, 3 last
//   stride  bytes from this record to the next; a multiple of 16, at least 16 + length
//
// Release ring (a memfd of 8-byte slots, a power of two of them; release number n stands in slot n % slots):
//
//   63     56 55               32 31                     0
//   ┌────────┬───────────────────┬────────────────────────┐
//   │ lap    │ index of the loan │ generation of the loan │   lap: n / slots + 1, modulo 256: a slot with another
//   └────────┴───────────────────┴────────────────────────┘   lap has not been written yet.
#ifndef ORO_LAYOUT_H
#define ORO_LAYOUT_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define ORO_LAYOUT_MAGIC 0x004350494f524f00ull
#define ORO_LAYOUT_VERSION 1u

enum {
    ORO_LINE = 64,             // a cache line on every machine we run on; x86 fetches them in pairs
    ORO_CONTROL_BYTES = 4096,  // one page, so that the ring behind it can be mapped twice
    ORO_RINGS_MAX = 16,        // rings one side may open on a link
    ORO_RING_MIN_BYTES = 4096,
    ORO_RING_MAX_BYTES = 1 << 26,
    ORO_RECORD_HEADER_BYTES = 16,
    ORO_RECORD_ALIGNMENT = 16,
};

enum {
    ORO_SLEEP_ASLEEP = 1u << 0,
    ORO_SLEEP_ROOM = 1u << 1,
    ORO_SLEEP_FENCE = 1u << 2,
    ORO_SLEEP_EPOCH = 1u << 3,  // one step of the epoch
};

enum {
    ORO_RETURN_LAP_SHIFT = 56,
    ORO_LOAN_INDEX_SHIFT = 32,
    ORO_LOAN_INDEX_BITS = 24,
    ORO_LOANS_MIN = 512,  // slots of a release ring (a page of them), and so loans at once
    ORO_LOANS_MAX = 1 << 20,
    ORO_BLOCK_ALIGNMENT = 128,  // blocks start at multiples of a pair of lines
    ORO_MEMORIES_MAX = 4096,    // memfds with blocks that one side may have open on a link
};
#define ORO_RETURN_LOAN_MASK ((1ull << ORO_RETURN_LAP_SHIFT) - 1)

enum {
    ORO_LENGTH_MASK = (1u << 28) - 1,
    ORO_PART_SHIFT = 28,
};

struct oro_attention {
    _Atomic uint64_t sleep;
    _Atomic uint32_t cpu;
    _Atomic uint32_t control_messages;
    _Atomic uint32_t wake_packets;
    uint32_t unused0;
    uint64_t unused[5];
};

struct oro_cursor {
    _Atomic uint64_t position;
    uint64_t unused[7];
};

struct oro_control {
    uint64_t magic;
    uint32_t version;
    uint32_t unused0[13];
    struct oro_attention attention;
    unsigned char unused1[128];
    struct oro_cursor consumed[ORO_RINGS_MAX];
};

struct oro_record {
    _Atomic uint64_t commit;
    _Atomic uint64_t size;  // length in the low half, stride in the high half: one load reads both
};

_Static_assert(sizeof(_Atomic uint64_t) == 8 && sizeof(_Atomic uint32_t) == 4, "shared words have no hidden lock");
_Static_assert(
    ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2, "a lock in shared memory could be held by the dead");
_Static_assert(offsetof(struct oro_control, attention) == 64, "a line of its own: it is polled while cursors change");
_Static_assert(sizeof(struct oro_attention) == ORO_LINE, "nothing else in the line the peer polls");
_Static_assert(
    offsetof(struct oro_control, consumed) == 256, "starts a pair of lines: no false sharing by pair prefetch");
_Static_assert(sizeof(struct oro_cursor) == ORO_LINE, "two rings have two readers' threads");
_Static_assert(sizeof(struct oro_control) <= ORO_CONTROL_BYTES, "the ring starts on a page");
_Static_assert(sizeof(struct oro_record) == ORO_RECORD_HEADER_BYTES, "part of the wire");
_Static_assert(offsetof(struct oro_record, size) == 8, "part of the wire");
_Static_assert(ORO_LOAN_INDEX_SHIFT + ORO_LOAN_INDEX_BITS == ORO_RETURN_LAP_SHIFT,
    "index and generation fill the word below the lap");
_Static_assert(ORO_LOANS_MAX <= 1 << ORO_LOAN_INDEX_BITS, "every loan has an index");

#endif
