/*
 * The engine: main's thread. It owns everything that lives longer than a request: the plan, the
 * workers, the checks, the logs, the control socket.
 */
#pragma once

#include "common/rt/child.h"
#include "common/rt/control.h"
#include "common/rt/loop.h"
#include "lb/check/check.h"
#include "lb/log_sinks.h"
#include "lb/plan.h"
#include "lb/tables.h"
#include "lb/worker.h"

#include <stdbool.h>

struct access_lane;
struct lane_wake;

struct engine_options {
    const char *name;    /* of the configuration, for the log */
    const char *control; /* path of the control socket; NULL: the configuration's */
    /* Reads the configuration anew; as config_files_load(). */
    struct config *(*load)(void *ctx, struct conf_report *r, struct err *e);
    void *load_ctx;
};

struct engine {
    struct engine_options options;
    struct loop *loop;
    struct children *children;
    struct control *control;
    struct control_listener *control_listener;
    struct control *runtime; /* HAProxy's runtime sockets; NULL: none */
    struct log_sinks *sinks;
    uint64_t event_sinks; /* where state changes go */
    struct workers *workers;
    unsigned n_workers;
    struct access_lane **lanes; /* [n_workers] */
    struct lane_wake *lane_wakes;
    struct timer log_timer, stop_timer, ramp_timer;
    struct mono stop_until;

    struct plan *plan; /* newest; held */
    struct tables tables;
    struct pool **slots;
    unsigned n_slots;
    struct check **checks;
    size_t n_checks;

    struct mono started;
    uint64_t fd_limit;    /* descriptors that the process may have */
    bool reloading;       /* not all workers have the newest plan */
    bool stopping, quiet; /* quiet: changes are not logged, they are none (reload) */
    struct list waiters;  /* struct engine_waiter */
    uint64_t reloads, reloads_failed;
};

/* Who wants to know when all workers use the newest plan; embedded in its owner. */
struct engine_waiter {
    struct list node;
    void (*fn)(struct engine_waiter *w);
};

/* Takes the configuration over in each case. 0 or a negative errno with a sentence. */
int engine_new(struct engine **out, struct config *c, const struct engine_options *options,
               struct err *e);

/* Serves until it is told to stop. */
int engine_run(struct engine *e, struct err *err);

void engine_free(struct engine *e); /* NULL-safe */

/* Loads the configuration anew; on failure everything stays as it is, and `text` (which may be
 * NULL) says why. On success `text` has what the configuration gave reason to say, and `waiter`
 * (which may be NULL) hears when it is in force everywhere; list_del() its node if it can wait no
 * longer. */
int engine_reload(struct engine *e, struct buf *text, struct engine_waiter *waiter);

/* No new connections; ends with the last request, or after a minute. */
void engine_stop(struct engine *e);

/* The slot of a pool, -1 if it has none. */
int engine_slot(const struct engine *e, const struct pool *p);

/* Client connections in all that `c` allows, or that the limit of descriptors does. */
uint32_t engine_maxconn(const struct engine *e, const struct config *c);

/* A server has changed: its checks are scheduled anew, its ramp is followed. */
void engine_watch(struct engine *e, struct server *s);
