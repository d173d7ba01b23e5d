/*
 * Health: what check results mean. One `struct health` a check (a server has one for its check and
 * one for its agent); it counts rise and fall, says when the next check is due, and ramps the
 * weight of a server that has just come up.
 *
 * Main thread only, with the clock as an argument. A change is returned, not acted upon: the caller
 * goes on to server_apply_check() (server.h), which publishes it to the workers and tells who wants
 * to hear of it; server_log.h makes the log line.
 *
 * The health value runs from 0 to rise + fall - 1; from `rise` on the server counts as up. A server
 * starts one failure away from down when it is expected to be up.
 */
#pragma once

#include "common/base/buf.h"
#include "common/base/mono.h"

#include <stdbool.h>
#include <stdint.h>

/* How the check ended: name for "show stat" and words for logs in `health_results`. */
enum health_result_id {
    HEALTH_UNKNOWN, /* not checked yet */
    HEALTH_INI,     /* initializing */
    HEALTH_HANA,    /* from here on failures: errors seen in traffic */
    HEALTH_SOCKERR, /* no socket could be had */
    HEALTH_L4TOUT,  /* connection timed out */
    HEALTH_L4CON,   /* refused, unreachable */
    HEALTH_L6TOUT,
    HEALTH_L6RSP,
    HEALTH_L7TOUT, /* connected, but no whole answer in time */
    HEALTH_L7RSP,  /* answer is not what the protocol asks for */
    HEALTH_L7STS,  /* answer says no, e.g. HTTP 500 */
    HEALTH_PROCERR,
    HEALTH_PROCTOUT,
    HEALTH_L4OK, /* from here on passes */
    HEALTH_L6OK,
    HEALTH_L7OK,
    HEALTH_L7OKC, /* passes, but asks for no new clients (disable-on-404) */
    HEALTH_PROCOK,
    HEALTH_RESULTS
};

struct health_result_words {
    const char *name;  /* "L7TOUT" */
    const char *words; /* "Layer7 timeout" */
    bool pass;
    bool has_code; /* logs say ", code: N" */
};
extern const struct health_result_words health_results[HEALTH_RESULTS];

struct health_result {
    enum health_result_id id;
    uint16_t code;        /* HTTP status or exit code, 0 if none */
    struct span duration; /* how long the check took; negative: not said */
    char info[128];       /* the reason in words, e.g. "Connection refused"; may be empty */
};

enum health_observe { HEALTH_OBSERVE_NONE, HEALTH_OBSERVE_L4, HEALTH_OBSERVE_L7 };
enum health_on_error {
    HEALTH_ON_ERROR_FAIL_CHECK, /* one simulated failed check, forces fastinter (the default) */
    HEALTH_ON_ERROR_FASTINTER,
    HEALTH_ON_ERROR_SUDDEN_DEATH, /* the next failed check marks the server down */
    HEALTH_ON_ERROR_MARK_DOWN
};
enum health_on_marked { HEALTH_MARKED_NOTHING, HEALTH_MARKED_SHUTDOWN_SESSIONS };

struct health_conf {
    uint16_t rise, fall;              /* 0 means 2 and 3 */
    struct span inter;                /* 0 means 2 s */
    struct span fastinter, downinter; /* 0 means inter */
    struct span timeout;              /* 0: inter bounds the whole check */
    enum health_observe observe;
    enum health_on_error on_error;
    uint16_t error_limit;                 /* 0 means 10 */
    enum health_on_marked on_marked_down; /* what the engine does with the sessions */
    enum health_on_marked on_marked_up;   /* sessions on backup servers */
};

enum health_change {
    HEALTH_SAME,     /* nothing that a user would see */
    HEALTH_STEP,     /* the "1/3" moved, the state did not */
    HEALTH_DOWN,     /* is down now */
    HEALTH_UP,       /* is up now (starting, if there is a slowstart) */
    HEALTH_STOPPING, /* up, but takes no new clients (404) */
    HEALTH_RESUMED   /* takes new clients again */
};

struct health {
    struct health_conf conf; /* with the defaults filled in */
    bool enabled;            /* there is a check, and no maintenance stops it */
    bool running;            /* between health_begin() and health_report() */
    uint32_t value;          /* 0 .. rise + fall - 1 */
    bool stopping;           /* last pass was HEALTH_L7OKC */
    uint32_t errors;         /* observed errors in a row */
    struct health_result last;
    struct mono next;  /* when the next check starts; MONO_NEVER while one runs or checks stop */
    uint64_t failures; /* chkfail: checks that failed while it was up */
    uint64_t downs;    /* chkdown: times it went down */
    uint64_t observed_failures; /* hanafail */
};

/* Up, one failure from down, as a server starts. `conf` is copied. */
void health_init(struct health *h, const struct health_conf *conf, bool enabled);

static inline bool health_is_up(const struct health *h)
{
    return h->value >= h->conf.rise;
}

static inline bool health_is_steady(const struct health *h)
{
    return h->value == 0 || h->value == (uint32_t)h->conf.rise + h->conf.fall - 1;
}

/* When check number `index` of `count` starts first: the starts are spread over `inter`. */
struct mono health_first(struct health *h, unsigned index, unsigned count, struct mono now);

/* The check starts: no next one until its result is in. Returns its deadline. */
struct mono health_begin(struct health *h, struct mono now);

/* The result of a check. Sets `next`. */
enum health_change health_report(struct health *h, const struct health_result *r, struct mono now);

/* Traffic was seen (observe): `ok` or a connection/response error of the observed layer. What it
 * leads to is in `on_error`. The engine hands over batches from the workers as `n` in a row. */
enum health_change health_observed(struct health *h, bool ok, unsigned n, struct mono now);

/* "set server health up|stopping|down" and agents: forces the value. */
enum health_change health_force_up(struct health *h, bool stopping);
enum health_change health_force_down(struct health *h);

/* Maintenance: no more checks; a result that is still to come changes nothing. */
void health_stop(struct health *h);
/* Its end: up, one failure from down, and checked at once. */
void health_resume(struct health *h, struct mono now);

/* The wait until the next check: inter when steady, downinter when down, fastinter in transition.
 */
struct span health_interval(const struct health *h);

/* Slowstart: percentage of the weight that counts `since` coming up; 100 when over or not set. */
unsigned health_ramp_percent(struct span slowstart, struct mono since, struct mono now);

/* When the ramp changes next; MONO_NEVER when it is over. */
struct mono health_ramp_next(struct span slowstart, struct mono since, struct mono now);

/* "reason: Layer7 timeout, check duration: 2001ms", as logs and the runtime socket say it. */
void health_reason(struct buf *out, const struct health_result *r);
