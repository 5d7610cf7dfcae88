// SPDX-License-Identifier: Apache-2.0

#include "oro_copy.h"

#include <stdatomic.h>
#include <string.h>

#include "oro_clock.h"

#if defined(__x86_64__)
#include <emmintrin.h>
#endif

// Until all earlier instructions are over: the clock alone is read out of order.
static void await_instructions(void) {
#if defined(__x86_64__)
    _mm_lfence();
#elif defined(__aarch64__)
    __asm__ volatile("dsb sy; isb" ::: "memory");
#endif
}

uint64_t oro_line_ticks(void *place) {
    // SUBTLE: a zero the compiler does not know of. A change by a known zero becomes a load, and a line that was only
    // read by others would seem to be ours.
    uint64_t nothing = 0;
    __asm__ volatile("" : "+r"(nothing));
    await_instructions();
    uint64_t before = oro_ticks();
    // SYNC: relaxed: a change by nothing, which takes the line for writing; nothing is ordered by it.
    atomic_fetch_or_explicit((_Atomic uint64_t *)place, nothing, memory_order_relaxed);
    await_instructions();
    return oro_ticks() - before;
}

void oro_copy_streaming(void *to, const void *from, size_t count) {
#if defined(__x86_64__)
    char *place = to;
    const char *source = from;
    size_t whole = count / 64 * 64;
    for (size_t i = 0; i < whole; i += 64) {
        __m128i a = _mm_loadu_si128((const __m128i *)(source + i));
        __m128i b = _mm_loadu_si128((const __m128i *)(source + i + 16));
        __m128i c = _mm_loadu_si128((const __m128i *)(source + i + 32));
        __m128i d = _mm_loadu_si128((const __m128i *)(source + i + 48));
        _mm_stream_si128((__m128i *)(place + i), a);
        _mm_stream_si128((__m128i *)(place + i + 16), b);
        _mm_stream_si128((__m128i *)(place + i + 32), c);
        _mm_stream_si128((__m128i *)(place + i + 48), d);
    }
    memcpy(place + whole, source + whole, count - whole);
    // SYNC: streaming stores are not ordered with later ones by themselves, and the block is about to be lent.
    _mm_sfence();
#else
    memcpy(to, from, count);
#endif
}
