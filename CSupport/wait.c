// SPDX-License-Identifier: Apache-2.0

#include "oro_wait.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool has_key;
static _Thread_local oro_wait *here;

static void thread_ends(void *memory) {
    oro_wait *wait = memory;
    if (wait->abandoned != NULL) wait->abandoned(wait);
    here = NULL;
    free(wait);
}

static void make_key(void) { has_key = pthread_key_create(&key, thread_ends) == 0; }

oro_wait *oro_wait_here(void) {
    if (here != NULL) return here;
    pthread_once(&once, make_key);
    oro_wait *made = has_key ? calloc(1, sizeof *made) : NULL;
    if (made != NULL && pthread_setspecific(key, made) != 0) {
        free(made);
        return NULL;
    }
    return here = made;
}

void oro_wait_test_cancel(void) { pthread_testcancel(); }
