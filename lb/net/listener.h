/*
 * Listeners: the sockets, and what is counted about them.
 *
 * A `struct binding` is one address with a listening socket for each worker (SO_REUSEPORT): main
 * opens it, so that what is wrong is known before anything changes; then each socket belongs to its
 * worker. A `struct listener` is what users see: a name with counters. Both are counted and outlive
 * a reload if the new configuration has them too; a connection in the queue of a socket is never
 * lost by a reload.
 */
#pragma once

#include "common/base/err.h"
#include "lb/bind.h"
#include "lb/config.h"
#include "lb/core/count.h"
#include "lb/core/meter.h"

#include <stdatomic.h>
#include <stdbool.h>

/* ---- addresses ---- */

struct binding {
    _Atomic unsigned refs;
    struct bind_addr at;
    char *text;  /* as bind_format() writes it, the port of a range resolved */
    char *path;  /* what at.path points to */
    bool unlink; /* a socket file that is ours to remove */
    unsigned workers;
    int fds[]; /* [workers]; -1: closed, or taken over by another process */
};

/* Opens `port` of `at` (0 for what has none) for listener `conf`. NULL with a sentence that names
 * the listener, the address, who holds it, and what to do. */
struct binding *binding_open(const struct bind_addr *at, uint16_t port,
                             const struct config_listener *conf, unsigned workers, struct err *e);

struct binding *binding_ref(struct binding *b);
void binding_unref(struct binding *b); /* closes what is still open; NULL-safe */

/* The worker's own descriptor is not used any more. */
void binding_close(struct binding *b, unsigned worker);

/* ---- listeners ---- */

struct listener {
    _Atomic unsigned refs;
    char *name;
    uint32_t id;
    unsigned workers;
    _Atomic uint32_t conns, conns_max; /* now; at most so far */
    _Atomic uint32_t limit;            /* 0: none of its own */
    _Atomic bool stopped;              /* "disable frontend" */
    struct count *lanes;               /* [workers] */

    /* Main only. */
    struct count cleared; /* the sums when they were last cleared */
    struct meter meter;
};

struct listener *listener_new(const char *name, uint32_t id, unsigned workers);
struct listener *listener_ref(struct listener *l);
void listener_unref(struct listener *l); /* NULL-safe */

/* Sum over the workers, since the last clearing. Main only. */
uint64_t listener_count(const struct listener *l, enum count_id id);

/* Counters and peaks begin anew; only the peaks do. */
void listener_clear_counts(struct listener *l);
void listener_clear_peaks(struct listener *l);
