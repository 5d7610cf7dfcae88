// SPDX-License-Identifier: Apache-2.0

#include "watch.h"

#include <stdlib.h>
#include <uv.h>

struct oro_watch {
    uv_poll_t poll;
    uv_timer_t timer;
    oro_watch_turn turn;
    void *context;
    int open;
    bool has_poll, is_stopped;
    void (*done)(void *context);
    void *done_context;
};

static void on_timer(uv_timer_t *timer);

static void run(oro_watch *watch) {
    int wait = watch->turn(watch->context);
    if (watch->is_stopped) return;
    if (wait < 0) {
        uv_timer_stop(&watch->timer);
    } else {
        uv_timer_start(&watch->timer, on_timer, (uint64_t)wait, 0);
    }
}

static void on_timer(uv_timer_t *timer) { run(timer->data); }

static void on_poll(uv_poll_t *poll, int status, int events) {
    (void)status;
    (void)events;
    run(poll->data);
}

static void on_close(uv_handle_t *handle) {
    oro_watch *watch = handle->data;
    if (--watch->open > 0) return;
    void (*done)(void *context) = watch->done;
    void *context = watch->done_context;
    free(watch);
    if (done != NULL) done(context);
}

oro_watch *oro_watch_start(napi_env env, int descriptor, oro_watch_turn turn, void *context) {
    uv_loop_t *loop;
    if (napi_get_uv_event_loop(env, &loop) != napi_ok) {
        oro_throw_pending(env);
        return NULL;
    }
    oro_watch *watch = oro_grow(NULL, 1, sizeof *watch);
    *watch = (oro_watch){.turn = turn, .context = context};
    watch->has_poll = descriptor >= 0;
    int status = watch->has_poll ? uv_poll_init(loop, &watch->poll, descriptor) : 0;
    if (status != 0) {
        free(watch);
        napi_throw_error(env, NULL, uv_strerror(status));
        return NULL;
    }
    uv_timer_init(loop, &watch->timer);
    watch->poll.data = watch->timer.data = watch;
    watch->open = watch->has_poll ? 2 : 1;
    if (watch->has_poll) uv_poll_start(&watch->poll, UV_READABLE, on_poll);
    oro_watch_poke(watch);
    oro_watch_keep(watch, false);
    return watch;
}

void oro_watch_keep(oro_watch *watch, bool keeps) {
    void (*change)(uv_handle_t *handle) = keeps ? uv_ref : uv_unref;
    if (watch->has_poll) change((uv_handle_t *)&watch->poll);
    change((uv_handle_t *)&watch->timer);
}

void oro_watch_poke(oro_watch *watch) { uv_timer_start(&watch->timer, on_timer, 0, 0); }

void oro_watch_stop(oro_watch *watch, void (*done)(void *context), void *context) {
    watch->is_stopped = true;
    watch->done = done;
    watch->done_context = context;
    if (watch->has_poll) uv_close((uv_handle_t *)&watch->poll, on_close);
    uv_close((uv_handle_t *)&watch->timer, on_close);
}
