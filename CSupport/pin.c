// SPDX-License-Identifier: Apache-2.0

#include "oro_pin.h"

#include <pthread.h>
#include <stdlib.h>

#include "oro_sys.h"

_Thread_local oro_pins *oro_pins_here;
bool oro_pins_fence;

// All that were ever made: those of threads that have ended are used again.
static oro_pins *_Atomic all;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;

static void thread_ends(void *memory) {
    oro_pins *pins = memory;
    oro_pins_here = NULL;
    // A thread that was cancelled has not ended its pins.
    for (size_t index = 0; index < ORO_PINS; index++) {
        atomic_store_explicit(&pins->object[index], NULL, memory_order_release);
    }
    pins->depth = 0;
    atomic_store_explicit(&pins->is_taken, false, memory_order_release);
}

static void begin(void) {
    oro_pins_fence = !oro_membarrier_register();
    has_key = pthread_key_create(&key, thread_ends) == 0;
}

void oro_pins_begin(void) { pthread_once(&once, begin); }

static oro_pins *take(void) {
    for (oro_pins *pins = atomic_load_explicit(&all, memory_order_acquire); pins != NULL; pins = pins->next) {
        bool is_taken = false;
        // SYNC: acquire: after what the thread before did with it.
        if (atomic_compare_exchange_strong_explicit(
                &pins->is_taken, &is_taken, true, memory_order_acquire, memory_order_relaxed)) {
            return pins;
        }
    }
    oro_pins *made = calloc(1, sizeof *made);
    if (made == NULL) return NULL;
    atomic_init(&made->is_taken, true);
    made->next = atomic_load_explicit(&all, memory_order_relaxed);
    // SYNC: release: whoever finds it sees what it is made of.
    while (
        !atomic_compare_exchange_weak_explicit(&all, &made->next, made, memory_order_release, memory_order_relaxed)) {}
    return made;
}

oro_pins *oro_pins_make(void) {
    oro_pins_begin();
    oro_pins *pins = has_key ? take() : NULL;
    if (pins == NULL) return NULL;
    if (pthread_setspecific(key, pins) != 0) {
        atomic_store_explicit(&pins->is_taken, false, memory_order_release);
        return NULL;
    }
    return oro_pins_here = pins;
}

void oro_place_set(void *place, const void *object) {
    // SYNC: sequentially consistent: before the fence of `oro_pinned`.
    atomic_store_explicit((const void *_Atomic *)place, object, memory_order_seq_cst);
}

bool oro_pinned(const void *object) {
    if (oro_pins_fence) {
        atomic_thread_fence(memory_order_seq_cst);
    } else if (!oro_membarrier()) {
        return true;
    }
    for (oro_pins *pins = atomic_load_explicit(&all, memory_order_acquire); pins != NULL; pins = pins->next) {
        for (size_t index = 0; index < ORO_PINS; index++) {
            // SYNC: acquire: what the thread did with the object comes before this.
            if (atomic_load_explicit(&pins->object[index], memory_order_acquire) == object) return true;
        }
    }
    return false;
}
