/*
 * Servers: their state, who may use them, and their slots.
 *
 * Threads. "main" is the thread of checks, control socket and configuration; "worker" is any of the
 * traffic threads. Each function below says who may call it; without a word it is main.
 *
 *  - What never changes after creation (name, id, cookie, ...) is read by all.
 *  - What main changes and workers read is one atomic word (server_view()), or an atomic number, or
 *    a small sequence-locked cell (the address). Main is the only writer. After a change it raises
 *    `pool.epoch`, which tells each worker's balancer to look again.
 *  - What workers count together (slots taken, queued) is an atomic number.
 *  - What belongs to one worker (its waiting requests, its counters) is in `lanes[worker]`, which
 *    only that worker writes.
 *
 * Lives. A server is counted: by each snapshot of members that lists it, by each slot taken, by
 * server_ref(). It goes when nobody can reach it any more, in whatever thread that happens.
 *
 * Admin state, operational state and weight are three fields; configured value and runtime override
 * are two.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/list.h"
#include "common/base/mono.h"
#include "lb/core/count.h"
#include "lb/core/health.h"
#include "lb/core/health_agent.h"
#include "lb/core/meter.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define SERVER_WEIGHT_MAX   256
#define SERVER_WEIGHT_SCALE 16  /* effective weights count sixteenths, for the ramps */
#define SERVER_STATUS_MAX   192 /* longest server_status_text() */
#define SERVER_WORKERS_MAX  64
#define SERVER_NAME_MAX     255

struct pool;

/* What the administrator wants. */
enum server_admin { SERVER_READY, SERVER_DRAIN, SERVER_MAINT };
extern const char *const server_admin_names[3]; /* "ready" "drain" "maint" */

/* What checks found; the numbers are those of "show servers state". */
enum server_oper {
    SERVER_STOPPED,  /* down, or in maintenance */
    SERVER_STARTING, /* up, weight still on the ramp */
    SERVER_RUNNING,  /* up */
    SERVER_STOPPING  /* up for those who have it, not for new clients (404) */
};

/* The state that a request needs, in one word: read it once, decide on the copy. */
struct server_view {
    uint16_t weight; /* effective, sixteenths; 0 for a drained server */
    uint16_t health; /* value of the check, for the "1/3" */
    uint8_t oper;    /* enum server_oper */
    uint8_t admin;   /* enum server_admin, with what is inherited */
    uint8_t flags;   /* SERVER_VIEW_* */
    uint8_t reserved;
};
#define SERVER_VIEW_CHECKED    1u /* a check is configured, its own or the tracked server's */
#define SERVER_VIEW_INHERITED  2u /* maintenance comes from the tracked server */
#define SERVER_VIEW_AGENT      4u /* an agent is configured */
#define SERVER_VIEW_AGENT_DOWN 8u /* and says down */

struct server_conf {
    const char *name;
    uint32_t id; /* 0: the lowest free one, from 1 */
    struct addr_port address;
    const char *fqdn;   /* NULL if the address was given as a number */
    int weight;         /* 0..256; -1 means 1 */
    uint32_t maxconn;   /* 0: no limit */
    uint32_t minconn;   /* 0: as maxconn; else maxconn grows with the load of the pool */
    uint32_t maxqueue;  /* 0: no limit */
    const char *cookie; /* NULL: none */
    bool backup;
    bool disabled; /* starts in maintenance */
    bool down;     /* its name is not resolved: down until server_set_resolved() */
    bool checked, agent_checked;
    struct span slowstart; /* 0: at once with full weight */
    struct health_conf check, agent;
};

/* One a worker; aligned so that workers do not share a line. */
struct lane {
    _Alignas(CACHE_LINE) struct list waiting; /* struct queue_entry, owner only */
    _Atomic uint64_t head;                    /* ticket of the first, QUEUE_NONE if empty */
    struct list idle, busy; /* the engine's: connections to the server, owner only */
    uint32_t n_idle;
    bool observed_bad;         /* the engine's: the last that traffic showed was an error */
    _Atomic uint32_t observed; /* errors that main has not been told of */
    struct count count;
};

/* What happened to a server as its users see it. */
enum server_event_kind {
    SERVER_SAME,
    SERVER_WENT_DOWN,
    SERVER_WENT_UP,
    SERVER_WENT_STOPPING,
    SERVER_ENTERS_MAINT,
    SERVER_LEAVES_MAINT,
    SERVER_ENTERS_DRAIN,
    SERVER_LEAVES_DRAIN
};

enum server_cause {
    SERVER_BY_CHECK,
    SERVER_BY_AGENT,
    SERVER_BY_ADMIN,
    SERVER_BY_TRACKED,
    SERVER_BY_RESOLVER
};

struct server_event {
    struct server *server;
    enum server_event_kind kind;
    enum server_cause cause;
    struct server_view before, after;
};

/* One door for all that follows from a change: log, sessions to shut, workers to wake. Called in
 * main, after the change is published, for the server itself first and then for those that track
 * it. Must not change servers. */
typedef void server_event_fn(const struct server_event *ev, void *user);

struct server_address_cell {
    _Atomic uint32_t seq;
    _Atomic uint64_t words[3];
};

struct server {
    /* Never changes. */
    struct pool *pool; /* held */
    char *name;
    uint32_t id;
    char *cookie; /* NULL: none */
    char *fqdn;   /* NULL: none */
    bool backup, checked, agent_checked;
    uint32_t minconn, maxqueue;
    int weight_conf;
    enum server_admin admin_conf;
    uint32_t maxconn_conf;
    struct addr_port address_conf;
    struct span slowstart;
    struct lane *lanes; /* [pool->workers] */

    /* Main writes, all read. */
    _Atomic uint64_t view; /* server_view() */
    _Atomic uint32_t maxconn;
    _Atomic uint32_t ramp_percent; /* of maxconn, while starting */
    struct server_address_cell address;

    /* All count. */
    _Alignas(CACHE_LINE) _Atomic uint64_t use; /* holds << 32 | slots taken */
    _Atomic uint64_t stamp;                    /* order of the last change of load (leastconn) */
    _Atomic uint32_t queued;                   /* requests waiting for this server */
    _Atomic uint32_t grants;                   /* see queue.c */
    _Atomic uint32_t slots_max, queued_max;

    /* Main only. */
    _Alignas(CACHE_LINE) struct list trackers; /* servers that follow this one */
    struct list track_node;
    struct server *tracked; /* held; NULL if none */
    int weight_override;    /* -1: none */
    int admin_override;     /* enum server_admin, -1: none */
    int agent_percent;      /* of the configured weight, -1: none */
    enum server_oper oper;  /* what the checks found, whatever the administrator wants */
    bool unresolved;        /* its name has no address */
    struct count cleared;   /* the sums when they were last cleared; all read */
    struct health check, agent;
    struct mono changed;    /* last change between up and down */
    struct mono ramp_since; /* MONO_NEVER: not on the ramp */
    struct meter meter;
    struct span downtime; /* sum, without the present one */
    uint64_t downs;       /* times it went down */
};

/* Any thread. */
struct server *server_ref(struct server *s);
void server_unref(struct server *s); /* NULL-safe; frees it and its hold on the pool at the last */

/* Any thread. */
struct server_view server_view(const struct server *s);
struct addr_port server_address(const struct server *s);

/* May a client that comes without cookie and stick entry use it? Any thread. */
bool server_usable_new(const struct server_view *v);
/* May a client whose cookie or stick entry names it use it? Any thread. */
bool server_usable_persistent(const struct server_view *v);

/* Requests being served. Any thread. */
uint32_t server_slots(const struct server *s);

/* maxconn as it is now: after minconn and fullconn, and the ramp. 0: no limit. Any thread. */
uint32_t server_limit(const struct server *s);

/* Nobody waiting for it, and a slot free. Any thread; may be untrue a moment later. */
bool server_has_room(const struct server *s);

/* Takes a slot, and holds the server, in one step; false if all are taken (whatever the queues
 * say). Workers. */
bool server_take(struct server *s);
/* Takes a slot beyond any limit, and holds the server. Workers. */
void server_take_always(struct server *s);
/* Gives the slot back, not the hold. The caller then asks queue_next() whose turn it is, and drops
 * its hold with server_unref() last. Workers. */
void server_release(struct server *s);

/* No slot taken, nobody waiting: may be removed. Any thread. */
bool server_idle(const struct server *s);

/* Sum over the workers, since the last clearing. Any thread. */
uint64_t server_count(const struct server *s, enum count_id id);
/* `clear counters all`: counters and peaks begin anew. */
void server_clear_counts(struct server *s);
/* `clear counters`: only the peaks. */
void server_clear_peaks(struct server *s);

/* The words of "show stat": "UP", "UP 1/3", "DOWN 1/2", "DRAIN", "NOLB", "MAINT",
 * "MAINT (via b/s)", "no check". Main only. Returns `text`. */
const char *server_status_text(const struct server *s, char text[SERVER_STATUS_MAX]);

/* ---- changes, main only; each publishes, and goes on to the servers that track this one ---- */

/* `ready` ends drain and maintenance, also the configured `disabled`. Checks stop in maintenance
 * and resume after (health.next); a server that comes out of it is up at once. */
void server_set_admin(struct server *s, enum server_admin admin, struct mono now);
/* Forgets the override: back to what is configured. */
void server_reset_admin(struct server *s, struct mono now);
enum server_admin server_admin(const struct server *s); /* without what is inherited */

/* 0..256, or a percentage of the configured weight (0..100 * 256). -EINVAL. */
int server_set_weight(struct server *s, int weight, struct mono now, struct err *e);
int server_set_weight_percent(struct server *s, int percent, struct mono now, struct err *e);
void server_reset_weight(struct server *s, struct mono now);
int server_weight(
    const struct server *s); /* the override, else the agent's share, else configured */

void server_set_maxconn(struct server *s, uint32_t maxconn);
void server_set_address(struct server *s, const struct addr_port *a);

/* Its name has an address (set before by server_set_address), or has lost it. */
void server_set_resolved(struct server *s, bool resolved, struct mono now);

/* `s` follows the checks, maintenance and drain of `of` from now on (NULL: of none any more).
 * -ELOOP, -EINVAL (has a check itself). */
int server_track(struct server *s, struct server *of, struct mono now, struct err *e);

/* After health_report() and its kin changed s->check or s->agent: publishes what follows. */
enum server_event_kind server_apply_check(struct server *s, struct mono now);
enum server_event_kind server_apply_agent(struct server *s, const struct health_agent *a,
                                          struct mono now);
/* `set server health up|stopping|down`. */
enum server_event_kind server_force_health(struct server *s, enum server_oper oper,
                                           struct mono now);

/* The ramp of slowstart: publishes the present weight; returns when to call again. */
struct mono server_ramp(struct server *s, struct mono now);

/* Time spent down, with the present one. */
struct span server_downtime(const struct server *s, struct mono now);
