/*
 * What a kind of tracker is made of. For the files in vrrpd/track/.
 *
 * A kind is a structure that begins with `struct tracker`, and a `struct track_kind` that says how
 * it starts and stops. It looks at the world in its own way and reports each result with
 * track_result(); counting, delays, transitions and telling the subscriber happen in track.c.
 */
#pragma once

#include "common/base/list.h"
#include "common/base/macro.h"
#include "common/base/timer.h"
#include "common/rt/loop.h"
#include "vrrpd/net/procev.h"
#include "vrrpd/track/pathwatch.h"
#include "vrrpd/track/procscan.h"
#include "vrrpd/track/track.h"

struct track_kind {
    const char *name; /* first: "script", as in the configuration */
    enum track_type type;
    size_t size; /* of its structure */
    /* Copies what it needs of the spec, and begins. `t` is complete, its own part all zero. On
     * failure stop() is called. */
    int (*start)(struct tracker *t, const struct track_spec *spec, struct err *e);
    void (*stop)(struct tracker *t);
    void (*check)(struct tracker *t); /* look now; NULL: events tell all there is */
    /* Writes what it watches ("killall -0 proxy"). */
    void (*what)(const struct tracker *t, char *text, size_t size);
    bool (*running)(const struct tracker *t); /* a check runs; NULL: never */
    /* A process got a new program or name. NULL: of no interest. */
    void (*exec)(struct tracker *t, pid_t pid, const char *comm);
};

extern const struct track_kind track_script, track_process, track_link, track_file, track_watch;

/* One row of the table by type. */
const struct track_kind *track_kind_of(enum track_type type);

struct trackers {
    struct loop *loop;
    struct children *children;
    struct list all; /* struct tracker.node */
    struct pathwatches paths;
    struct procscan scan;
    struct procev *procev;
    char procev_reason[TRACK_TEXT_MAX];
    uint64_t script_refused;
};

struct tracker {
    const struct track_kind *kind;
    struct trackers *set;
    struct list node;
    char *name;
    track_fn *fn;
    void *ctx;
    struct loop_work tell;
    enum track_start start;
    unsigned rise, fall;
    struct span rise_delay, fall_delay;
    struct timer delay; /* runs while the opposite of `state` holds */

    enum track_state state;
    bool provisional; /* the state is not from an own result */
    struct mono since;
    int64_t number;
    enum track_state told_state;
    int64_t told_number;
    unsigned streak; /* results against `state` */
    enum track_state latest;
    struct mono checked;
    struct span took;
    uint64_t checks, failures, timeouts, changes;
    char reason[TRACK_TEXT_MAX];
};

/* Subscribes to process events, once; without them the set goes on. */
void trackers_want_procev(struct trackers *ts);

/* One look came out; the sentence says how. */
void track_result(struct tracker *t, bool ok, const char *fmt, ...) printf_like(3, 4);

/* Sets the number (before the result). */
void track_number(struct tracker *t, int64_t number);
