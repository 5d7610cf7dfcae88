/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One descriptor and one deadline in an environment's event loop, and what to do when either is due.
 */
#ifndef ORO_NODE_WATCH_H
#define ORO_NODE_WATCH_H

#include "failures.h"

typedef struct oro_watch oro_watch;

/* How long a turn may look for what comes, in microseconds, and how many turns follow each other before the loop's other handles get
 * their time. Two turns bring a request and send its answer. */
enum { ORO_LINGER_US = 50, ORO_TURNS = 8 };

/* Does all there is to do; answers after how many milliseconds it wants to be called again, -1: only for the
 * descriptor. It may call oro_watch_stop. */
typedef int (*oro_watch_turn)(void *context);

/* Watches `descriptor` from now on, of -1 the deadline alone, which cannot fail; the first turn comes with the next round of the
 * loop. It does not keep the process alive. NULL, with an exception, when that cannot be. */
oro_watch *oro_watch_start(napi_env env, int descriptor, oro_watch_turn turn, void *context);

/* Whether the watch keeps the process alive. */
void oro_watch_keep(oro_watch *watch, bool keeps);

/* Wants a turn in the next round of the loop. */
void oro_watch_poke(oro_watch *watch);

/* Ends it: no turn from now on. `done` is called from the loop when nothing of it is left. */
void oro_watch_stop(oro_watch *watch, void (*done)(void *context), void *context);

#endif
