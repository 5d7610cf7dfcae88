// SPDX-License-Identifier: Apache-2.0
// The ring's functions, the release ring and the sleep word, from C and in one process: tools/test-ring builds and runs
// this for the machine it runs on, and for 64-bit ARM.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "oro_attention.h"
#include "oro_lane.h"
#include "oro_release_ring.h"

static const char *name_of_test = "";
#define CHECK(condition)                                                                                \
    do {                                                                                                \
        if (!(condition)) {                                                                             \
            fprintf(stderr, "%s:%d: %s: not true: %s\n", __FILE__, __LINE__, name_of_test, #condition); \
            exit(1);                                                                                    \
        }                                                                                               \
    } while (0)

enum { RING = 1 << 16, KEY = 0x5eed };

// A ring that is mapped twice, and the private state of both sides.
struct pair {
    unsigned char *ring;
    struct oro_cursor consumed;
    struct oro_writer writer;
    struct oro_reader reader;
};

static struct pair *new_pair(void) {
    struct pair *p = aligned_alloc(ORO_LINE, (sizeof *p + ORO_LINE - 1) / ORO_LINE * ORO_LINE);
    int fd = memfd_create("ring", MFD_CLOEXEC);
    CHECK(p != NULL && fd >= 0 && ftruncate(fd, RING) == 0);
    memset(p, 0, sizeof *p);
    p->ring = mmap(NULL, 2 * RING, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p->ring != MAP_FAILED);
    for (int half = 0; half < 2; half++)
        CHECK(mmap(p->ring + half * RING, RING, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED);
    close(fd);
    oro_writer_init(&p->writer, p->ring, RING, KEY, &p->consumed);
    oro_reader_init(&p->reader, p->ring, RING, KEY, &p->consumed);
    return p;
}

static void free_pair(struct pair *p) {
    munmap(p->ring, 2 * RING);
    free(p);
}

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void fill(unsigned char *payload, uint32_t length, uint64_t number) {
    for (uint32_t i = 0; i < length; i++) payload[i] = (unsigned char)(number * 31 + i);
}

static bool is_filled(const unsigned char *payload, uint32_t length, uint64_t number) {
    for (uint32_t i = 0; i < length; i++)
        if (payload[i] != (unsigned char)(number * 31 + i)) return false;
    return true;
}

// Writes a record; false when the ring is full.
static bool put(struct pair *p, uint32_t length, uint32_t part, uint64_t align, bool hold, uint64_t number) {
    bool violation = false;
    unsigned char *payload = oro_writer_reserve(&p->writer, length, part, align, &violation);
    CHECK(!violation);
    if (payload == NULL) return false;
    fill(payload, length, number);
    oro_writer_commit(&p->writer, hold);
    return true;
}

static void take(struct pair *p, uint32_t length, uint32_t part, uint64_t number) {
    struct oro_view view;
    CHECK(oro_reader_peek(&p->reader, &view) == ORO_READ_RECORD);
    CHECK(view.length == length && view.part == part && is_filled(view.payload, length, number));
    oro_reader_advance(&p->reader, view.stride);
}

static bool is_empty(struct pair *p) {
    struct oro_view view;
    bool ready = oro_reader_ready(&p->reader);
    int found = oro_reader_peek(&p->reader, &view);
    CHECK(ready == (found != ORO_READ_EMPTY));
    return found == ORO_READ_EMPTY;
}

static void a_record_is_seen_when_it_is_committed_and_not_before(void) {
    struct pair *p = new_pair();
    CHECK(is_empty(p));
    bool violation = false;
    unsigned char *payload = oro_writer_reserve(&p->writer, 64, 2, 16, &violation);
    CHECK(payload != NULL);
    fill(payload, 64, 7);
    CHECK(is_empty(p));
    oro_writer_commit(&p->writer, false);
    CHECK(!is_empty(p));
    take(p, 64, 2, 7);
    CHECK(is_empty(p));
    free_pair(p);
}

static void records_of_all_sizes_go_round_the_ring_whole_and_in_order(void) {
    struct pair *p = new_pair();
    static const uint64_t aligns[] = {16, 32, 64, 128};
    uint64_t seed = 88172645463325252u, lengths[1 << 12];
    uint32_t parts[1 << 12];
    uint64_t written = 0, read = 0;
    while (p->writer.position < 40u * RING) {
        uint32_t length = (uint32_t)(next_random(&seed) % (written % 16 == 0 ? RING / 3 : 700));
        uint32_t part = (uint32_t)(next_random(&seed) % 4);
        uint64_t align = aligns[next_random(&seed) % 4];
        while (!put(p, length, part, align, next_random(&seed) % 4 == 0, written)) {
            // What is held would never be read, and the ring never be empty.
            oro_writer_flush(&p->writer);
            CHECK(read < written);
            uint64_t most = 1 + next_random(&seed) % (written - read);
            for (; most > 0; most--, read++) take(p, (uint32_t)lengths[read % 4096], parts[read % 4096], read);
            oro_reader_publish(&p->reader);
        }
        CHECK(p->writer.position % align == 0);
        lengths[written % 4096] = length;
        parts[written % 4096] = part;
        written++;
        CHECK(written - read < 4096);
    }
    oro_writer_flush(&p->writer);
    for (; read < written; read++) take(p, (uint32_t)lengths[read % 4096], parts[read % 4096], read);
    CHECK(is_empty(p) && p->reader.position == p->writer.position);
    free_pair(p);
}

static void a_full_ring_takes_no_more_until_the_reader_says_what_it_has_read(void) {
    struct pair *p = new_pair();
    uint64_t count = 0;
    while (put(p, 48, 0, 16, false, count)) count++;
    CHECK(count == RING / 64);
    take(p, 48, 0, 0);
    take(p, 48, 0, 1);
    CHECK(oro_reader_unpublished(&p->reader) == 128);
    CHECK(!put(p, 48, 0, 16, false, count));
    oro_reader_publish(&p->reader);
    CHECK(oro_reader_unpublished(&p->reader) == 0);
    CHECK(put(p, 48, 0, 16, false, count) && put(p, 48, 0, 16, false, count + 1));
    CHECK(!put(p, 48, 0, 16, false, count + 2));
    for (uint64_t number = 2; number < count + 2; number++) take(p, 48, 0, number);
    CHECK(is_empty(p));
    free_pair(p);
}

static void a_reader_that_lies_about_what_it_read_is_found_out(void) {
    struct pair *p = new_pair();
    for (uint64_t number = 0; number < 4; number++) CHECK(put(p, 16, 0, 16, false, number));
    for (uint64_t number = 0; number < 2; number++) take(p, 16, 0, number);
    oro_reader_publish(&p->reader);
    CHECK(oro_writer_look(&p->writer) && p->writer.limit == RING + 64);
    uint64_t lies[] = {0, 63, p->writer.position + 1, p->writer.position + RING, UINT64_MAX, 1ull << 63};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        atomic_store(&p->consumed.position, lies[i]);
        CHECK(!oro_writer_look(&p->writer));
        CHECK(p->writer.limit == RING + 64);
    }
    // Where the writer looks because the ring is full, it says so.
    atomic_store(&p->consumed.position, p->writer.position);
    CHECK(oro_writer_look(&p->writer));
    while (put(p, 1000, 0, 16, false, 0)) {}
    atomic_store(&p->consumed.position, 64);
    bool violation = false;
    CHECK(oro_writer_reserve(&p->writer, 1000, 0, 16, &violation) == NULL && violation);
    free_pair(p);
}

static void a_held_run_is_seen_when_it_is_flushed_all_at_once(void) {
    struct pair *p = new_pair();
    CHECK(!oro_writer_flush(&p->writer));
    for (uint64_t number = 0; number < 5; number++) CHECK(put(p, 32, 0, 16, true, number));
    // One that is not held stands behind those that are.
    CHECK(put(p, 32, 0, 16, false, 5));
    CHECK(is_empty(p));
    CHECK(oro_writer_flush(&p->writer) && !oro_writer_flush(&p->writer));
    for (uint64_t number = 0; number < 6; number++) take(p, 32, 0, number);
    CHECK(is_empty(p));
    free_pair(p);
}

static void what_an_earlier_lap_left_is_no_record(void) {
    struct pair *p = new_pair();
    for (uint64_t lap = 0; lap < 3; lap++) {
        for (uint64_t number = 0; number < RING / 64; number++) {
            CHECK(put(p, 48, 0, 16, false, number));
            take(p, 48, 0, number);
            // The bytes behind it are those of a whole record of the lap before.
            CHECK(is_empty(p));
        }
        oro_reader_publish(&p->reader);
    }
    // Nor is a payload that was written to look like one, by who does not know the key.
    bool violation = false;
    unsigned char *payload = oro_writer_reserve(&p->writer, 4096, 0, 16, &violation);
    for (uint32_t at = 0; at < 4096; at += 16) {
        uint64_t commit = p->writer.position + at, size = 16 | 32ull << 32;
        memcpy(payload + at, &commit, 8);
        memcpy(payload + at + 8, &size, 8);
    }
    CHECK(is_empty(p));
    free_pair(p);
}

static void a_record_that_cannot_be_is_a_violation(void) {
    struct {
        uint64_t length, part, stride;
        bool is_right;
    } rows[] = {
        {64, 0, 80, true},
        {64, 3, 96, true},
        {0, 0, 16, true},
        {RING - 16, 0, RING, true},
        {64, 0, 64, false},
        {64, 0, 72, false},
        {64, 0, 88, false},
        {64, 0, 0, false},
        {64, 4, 80, false},
        {64, 15, 80, false},
        {64, 0, RING + 16, false},
        {RING, 0, RING, false},
        {ORO_LENGTH_MASK, 0, 80, false},
        {64, 0, 0xfffffff0, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct pair *p = new_pair();
        // One before it, whose size is expected of the next.
        CHECK(put(p, 64, 0, 16, false, 1));
        take(p, 64, 0, 1);
        struct oro_record *record = (struct oro_record *)(p->ring + p->writer.position);
        atomic_store(&record->size, rows[i].length | rows[i].part << ORO_PART_SHIFT | rows[i].stride << 32);
        atomic_store(&record->commit, KEY + p->writer.position);
        struct oro_view view;
        CHECK(oro_reader_peek(&p->reader, &view) == (rows[i].is_right ? ORO_READ_RECORD : ORO_READ_VIOLATION));
        if (rows[i].is_right)
            CHECK(view.length == rows[i].length && view.part == rows[i].part && view.stride == rows[i].stride);
        free_pair(p);
    }
}

static void copies_have_every_byte_and_no_other(void) {
    unsigned char from[704], to[704];
    for (size_t count = 0; count <= 640; count++) {
        fill(from, sizeof from, count);
        memset(to, 0xee, sizeof to);
        oro_put(to, from, count);
        CHECK(memcmp(to, from, count) == 0);
        for (size_t i = count; i < sizeof to; i++) CHECK(to[i] == 0xee);
        memset(to, 0xee, sizeof to);
        oro_take(to, from, count);
        CHECK(memcmp(to, from, count) == 0);
        // Whole blocks of 32 bytes may go with it.
        for (size_t i = (count + 31) / 32 * 32; i < sizeof to; i++) CHECK(to[i] == 0xee);
    }
}

static void returns_come_once_and_in_order_on_every_lap(void) {
    static _Atomic uint64_t slots[8];
    uint64_t loan = 0;
    for (uint64_t number = 0; number < 8 * 600; number++) {
        CHECK(!oro_return_take(slots, 8, number, &loan));
        uint64_t given = (number * 0x9e3779b97f4a7c15ull) & ORO_RETURN_LOAN_MASK;
        // The bits of the lap are no bits of the loan.
        oro_return_give(slots, 8, number, given | 0xab00000000000000ull);
        CHECK(oro_return_take(slots, 8, number, &loan) && loan == given);
    }
    // The lap has eight bits: 256 laps later a slot would look written, so it is written before that.
    CHECK(oro_return_lap(8 * 255, 8) == 0 && oro_return_lap(8 * 256, 8) == oro_return_lap(0, 8));
}

static void a_sleep_is_signalled_once_by_whoever_is_first(void) {
    struct oro_attention line;
    struct oro_sleeper sleeper;
    struct oro_waker waker;
    memset(&line, 0, sizeof line);
    oro_sleeper_init(&sleeper, &line);
    oro_waker_init(&waker, &line);
    CHECK(!oro_wake_wanted(&waker, false) && !oro_wake_wanted(&waker, true) && oro_sleep_count(&sleeper) == 0);
    for (uint32_t round = 1; round < 100; round++) {
        bool room = round % 2 == 0;
        oro_sleep_arm(&sleeper, room);
        CHECK(oro_sleep_count(&sleeper) == round);
        // Who has read wakes only who waits for room.
        CHECK(oro_wake_wanted(&waker, true) == room);
        CHECK(oro_wake_wanted(&waker, false) == !room);
        CHECK(!oro_wake_wanted(&waker, false) && !oro_wake_wanted(&waker, true));
        oro_sleep_disarm(&sleeper);
        CHECK(!oro_wake_wanted(&waker, false) && !oro_wake_wanted(&waker, true));
    }
    // A sleep that was over before anybody looked.
    oro_sleep_arm(&sleeper, true);
    oro_sleep_disarm(&sleeper);
    CHECK(!oro_wake_wanted(&waker, false) && !oro_wake_wanted(&waker, true));
    // A waker that saw an older sleep than was signalled last does not signal again.
    oro_sleep_arm(&sleeper, false);
    uint64_t older = atomic_load(&line.sleep);
    oro_sleep_arm(&sleeper, false);
    CHECK(oro_wake_wanted(&waker, false));
    atomic_store(&line.sleep, older);
    CHECK(!oro_wake_wanted(&waker, false));
    // Armed again while it is armed: another sleep, and asleep no longer for room.
    oro_sleep_arm(&sleeper, true);
    oro_sleep_arm(&sleeper, false);
    CHECK(!oro_wake_wanted(&waker, true) && oro_wake_wanted(&waker, false));
}

static void the_fence_is_left_out_by_who_is_awake_only(void) {
    struct oro_attention line;
    struct oro_sleeper sleeper;
    memset(&line, 0, sizeof line);
    oro_sleeper_init(&sleeper, &line);
    CHECK((atomic_load(&line.sleep) & ORO_SLEEP_FENCE) != 0 && !oro_sleep_is_fenceless(&sleeper));
    oro_sleep_arm(&sleeper, false);
    oro_sleep_go_fenceless(&sleeper);
    CHECK(!oro_sleep_is_fenceless(&sleeper) && (atomic_load(&line.sleep) & ORO_SLEEP_FENCE) != 0);
    oro_sleep_disarm(&sleeper);
    oro_sleep_go_fenceless(&sleeper);
    CHECK(oro_sleep_is_fenceless(&sleeper) && (atomic_load(&line.sleep) & ORO_SLEEP_FENCE) == 0);
    oro_sleep_want_fence(&sleeper);
    CHECK(!oro_sleep_is_fenceless(&sleeper) && atomic_load(&line.sleep) == (ORO_SLEEP_EPOCH | ORO_SLEEP_FENCE));
    oro_attention_announce(&line);
    oro_attention_announce(&line);
    oro_attention_take_back(&line);
    oro_attention_set_cpu(&line, 3);
    CHECK(oro_attention_control_messages(&line) == 1 && oro_attention_cpu(&line) == 3
          && oro_attention_wake_packets(&line) == 0);
}

// --- Two threads ---------------------------------------------------------------------------------------------------

enum { MESSAGES = 20000 };

// One side writes and wakes, the other reads, and sleeps where there is nothing.
static struct {
    struct pair *p;
    struct oro_attention line;
    struct oro_sleeper sleeper;
    struct oro_waker waker;
    _Atomic uint64_t signals;
} both;

static void *write_all(void *unused) {
    (void)unused;
    uint64_t seed = 2463534242u;
    for (uint64_t number = 0; number < MESSAGES; number++) {
        uint32_t length = (uint32_t)(next_random(&seed) % 300);
        while (!put(both.p, length, 0, 16, number % 3 == 0, number)) {
            oro_writer_flush(&both.p->writer);
            if (oro_wake_wanted(&both.waker, false)) atomic_fetch_add(&both.signals, 1);
            sched_yield();
        }
        if (number % 3 == 2 || number % 64 == 0 || number == MESSAGES - 1) {
            oro_writer_flush(&both.p->writer);
            if (oro_wake_wanted(&both.waker, false)) atomic_fetch_add(&both.signals, 1);
        }
    }
    return NULL;
}

static void two_threads_lose_no_record_and_no_wake_up(void) {
    both.p = new_pair();
    oro_sleeper_init(&both.sleeper, &both.line);
    oro_waker_init(&both.waker, &both.line);
    pthread_t writer;
    CHECK(pthread_create(&writer, NULL, write_all, NULL) == 0);
    uint64_t seed = 2463534242u, sleeps = 0, read = 0;
    while (read < MESSAGES) {
        struct oro_view view;
        int found = oro_reader_peek(&both.p->reader, &view);
        CHECK(found != ORO_READ_VIOLATION);
        if (found == ORO_READ_RECORD) {
            CHECK(view.length == next_random(&seed) % 300 && is_filled(view.payload, view.length, read));
            oro_reader_advance(&both.p->reader, view.stride);
            if (++read % 16 == 0) oro_reader_publish(&both.p->reader);
            continue;
        }
        oro_reader_publish(&both.p->reader);
        uint64_t signalled = atomic_load(&both.signals);
        oro_sleep_arm(&both.sleeper, false);
        sleeps++;
        // Woken by what comes after the second look finds nothing: a signal that never comes keeps this here for ever.
        if (!oro_reader_ready(&both.p->reader))
            while (atomic_load(&both.signals) == signalled) sched_yield();
        oro_sleep_disarm(&both.sleeper);
        CHECK(atomic_load(&both.signals) <= sleeps);
    }
    pthread_join(writer, NULL);
    CHECK(atomic_load(&both.signals) <= sleeps && is_empty(both.p));
    free_pair(both.p);
}

int main(void) {
    int count = 0;
#define RUN(test) (name_of_test = #test, test(), count++)
    RUN(a_record_is_seen_when_it_is_committed_and_not_before);
    RUN(records_of_all_sizes_go_round_the_ring_whole_and_in_order);
    RUN(a_full_ring_takes_no_more_until_the_reader_says_what_it_has_read);
    RUN(a_reader_that_lies_about_what_it_read_is_found_out);
    RUN(a_held_run_is_seen_when_it_is_flushed_all_at_once);
    RUN(what_an_earlier_lap_left_is_no_record);
    RUN(a_record_that_cannot_be_is_a_violation);
    RUN(copies_have_every_byte_and_no_other);
    RUN(returns_come_once_and_in_order_on_every_lap);
    RUN(a_sleep_is_signalled_once_by_whoever_is_first);
    RUN(the_fence_is_left_out_by_who_is_awake_only);
    RUN(two_threads_lose_no_record_and_no_wake_up);
    printf("%d tests of the ring passed\n", count);
    return 0;
}
