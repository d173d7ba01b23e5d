/*
 * Pools and servers: who there is, in which state, and who may use it.
 *
 * Threads. "main" is the thread of checks, control socket and configuration; "worker" is any of the
 * traffic threads. Each function below says who may call it; without a word it is main.
 *
 *  - What never changes after creation (name, id, cookie, ...) is read by all.
 *  - What main changes and workers read is one atomic word (`server_view`), or an atomic number, or
 *    a small sequence-locked cell (the address). Main is the only writer. After a change it raises
 *    `pool.epoch`, which tells each worker's balancer to look again.
 *  - What workers count together (slots taken, queued) is an atomic number.
 *  - What belongs to one worker (its waiting requests, its counters) is in `lanes[worker]`, which
 *    only that worker writes.
 *
 * Lives. Servers and pools are counted. A snapshot of the members (`pool_members`) is immutable and
 * holds each of its servers; main makes a new one for each change of membership and sends it to
 * each worker as a message, which puts it into its balancer and drops the old one. A session holds
 * the server it uses (server_ref). So a server goes when nobody can reach it any more, in whatever
 * thread that happens; nothing waits.
 *
 * Admin state, operational state and weight are three fields; configured value and runtime override
 * are two.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/list.h"
#include "common/base/mono.h"
#include "lb/core/balance_conf.h"
#include "lb/core/count.h"
#include "lb/core/health.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define POOL_WEIGHT_MAX   256
#define POOL_WEIGHT_SCALE 16    /* effective weights count sixteenths, for the ramps */
#define POOL_SERVERS_MAX  16384 /* members of one pool */
#define POOL_WORKERS_MAX  64
#define POOL_STATUS_MAX   192 /* longest pool_status_text() */

/* What the administrator wants. */
enum server_admin { SERVER_READY, SERVER_DRAIN, SERVER_MAINT };
extern const char *const server_admin_names[]; /* "ready" "drain" "maint" */

/* What checks found; the numbers are those of "show servers state". */
enum server_oper {
    SERVER_STOPPED,  /* down */
    SERVER_STARTING, /* up, weight still on the ramp */
    SERVER_RUNNING,  /* up */
    SERVER_STOPPING  /* up for those who have it, not for new clients (404) */
};

/* The state that a request needs, in one word: read it once, decide on the copy. */
struct server_view {
    uint16_t weight; /* effective, sixteenths; 0 for a drained server */
    uint16_t health; /* value of the check, for the "1/3" */
    uint8_t oper;    /* enum server_oper, STOPPED while in maintenance */
    uint8_t admin;   /* enum server_admin, effective */
    uint8_t flags;   /* SERVER_VIEW_* */
    uint8_t reserved;
};
#define SERVER_VIEW_CHECKED    1u  /* a check is configured */
#define SERVER_VIEW_INHERITED  2u  /* maintenance comes from the tracked server */
#define SERVER_VIEW_AGENT      4u  /* an agent is configured */
#define SERVER_VIEW_AGENT_DOWN 8u  /* and says down */
#define SERVER_VIEW_DRAIN      16u /* drained by the administrator (not only by weight) */

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
    bool down;     /* starts down until a check passes (e.g. name not resolved) */
    bool checked, agent_checked;
    struct health_conf check, agent;
};

/* One a worker; aligned so that workers do not share a line. */
struct lane {
    _Alignas(CACHE_LINE) struct list waiting; /* struct queue_entry, owner only */
    _Atomic uint64_t head;                    /* ticket of the first, QUEUE_NONE if empty */
    struct count count;
};

struct server_address_cell {
    _Atomic uint32_t seq;
    _Atomic uint64_t words[3];
};

struct server {
    /* Never changes. */
    struct pool *pool; /* held */
    char *name;
    uint32_t id;
    char *cookie;
    char *fqdn;
    bool backup, checked, agent_checked;
    uint32_t minconn, maxqueue;
    int weight_conf;
    enum server_admin admin_conf;
    uint32_t maxconn_conf;
    struct addr_port address_conf;
    unsigned workers;

    /* Main writes, all read. */
    _Atomic uint64_t view; /* server_view() */
    _Atomic uint32_t maxconn;
    _Atomic uint32_t ramp_limit; /* percent of maxconn while starting */
    struct server_address_cell address;

    /* All count. */
    _Alignas(CACHE_LINE) _Atomic uint32_t refs;
    _Atomic uint32_t slots;  /* requests being served: what maxconn bounds */
    _Atomic uint32_t queued; /* requests waiting for this server */
    _Atomic uint64_t stamp;  /* order of the last change of load (leastconn) */
    _Atomic uint32_t slots_max, queued_max;
    _Atomic uint32_t grants; /* see queue.c */

    /* Main only. */
    _Alignas(CACHE_LINE) struct list trackers; /* servers that follow this one */
    struct list track_node;
    struct server *tracked; /* held; NULL if none */
    int weight_override;    /* -1: none */
    int admin_override;     /* enum server_admin, -1: none */
    int agent_weight;       /* percent, -1: none */
    struct health check, agent;
    struct mono changed; /* last change of the operational state */
    struct mono ramp_since;
    struct span downtime; /* sum, without the present one */
    bool ramping;

    struct lane *lanes; /* [workers] */
};

struct pool_conf {
    const char *name;
    uint32_t id;
    struct balance_conf balance;
    uint32_t fullconn; /* requests at which minconn servers get their whole maxconn; 0: none */
};

/* Immutable; shared by the threads, counted. */
struct pool_members {
    _Atomic uint32_t refs;
    uint32_t n;
    uint64_t generation;       /* grows with each change of membership */
    struct server **servers;   /* [n], in order of configuration */
    struct server **by_id;     /* [n], ascending */
    struct server **by_cookie; /* [n_cookies], by strcmp */
    uint32_t n_cookies;
};

struct pool {
    char *name;
    uint32_t id;
    unsigned workers;
    struct balance_conf balance;
    _Atomic uint32_t fullconn;

    _Atomic uint32_t epoch; /* raised by main after each change that a pick must see */
    _Atomic uint32_t refs;

    _Alignas(
        CACHE_LINE) _Atomic uint64_t turn; /* round robin: the next position, for all workers */
    _Alignas(CACHE_LINE) _Atomic uint32_t slots; /* requests being served, all servers */
    _Atomic uint32_t queued;                     /* waiting for any server */
    _Atomic uint32_t queued_all;                 /* and those waiting for one of them */
    _Atomic uint64_t tickets;                    /* order of arrival in the queues, all workers */
    _Atomic uint32_t slots_max, queued_max;

    struct pool_members *members; /* main's own, newest */
    struct lane *lanes;           /* [workers] */
};

/* Strings are copied. NULL with `e` set on a bad value (name, limits) or without memory. */
struct pool *pool_new(const struct pool_conf *conf, unsigned workers, struct err *e);

/* Drops all members and main's hold: the pool goes when the last session does. NULL-safe. */
void pool_retire(struct pool *p);

struct pool *pool_ref(struct pool *p); /* any thread */
void pool_unref(struct pool *p);       /* any thread; NULL-safe */

/* Membership. Each makes new members; send pool_members() to the workers after.
 * -EEXIST: name or id taken; -EINVAL; -ENOSPC: POOL_SERVERS_MAX; -ENOMEM. */
int pool_add(struct pool *p, const struct server_conf *conf, struct server **out, struct err *e);

/* Takes `s` out. It is the caller's to have asked server_idle() first, if it means to. */
int pool_del(struct pool *p, struct server *s, struct err *e);

/* By name or, as "#3", by id; NULL if there is none. */
struct server *pool_find(const struct pool *p, const char *name);

/* The newest members, held for the receiver; pass one to each worker. */
struct pool_members *pool_members(struct pool *p);
void pool_members_unref(struct pool_members *m); /* any thread; NULL-safe */

/* The server with that cookie value; NULL if there is none. Any thread that holds `m`. */
struct server *pool_by_cookie(const struct pool_members *m, const char *value, size_t len);
struct server *pool_by_id(const struct pool_members *m, uint32_t id);
struct server *pool_by_name(const struct pool_members *m, const char *name);

/* How many can be used by a new client: `active` counts backups only when `backup`. */
unsigned pool_usable(const struct pool *p, bool backup);

/* Raises the epoch, so that each worker looks again. */
void pool_touch(struct pool *p);

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

/* maxconn as it is now: after minconn and fullconn, and the ramp. 0: no limit. Any thread. */
uint32_t server_limit(const struct server *s);

/* Nobody waiting, and a slot free. Any thread; may be untrue a moment later. */
bool server_has_room(const struct server *s);

/* Takes a slot, false if all are taken (whatever the queues say). Workers. */
bool server_take(struct server *s);
/* Takes a slot beyond any limit (a retry on the same server, a backlog that is given up). */
void server_take_always(struct server *s);
/* Gives it back. The caller then asks queue_next() whom to wake. Workers. */
void server_release(struct server *s);

/* No slot taken, nobody waiting: may be removed. Any thread. */
bool server_idle(const struct server *s);

/* Sum over the workers. Any thread. */
uint64_t server_count(const struct server *s, enum count_id id);
uint64_t pool_count(const struct pool *p, enum count_id id);

/* The words of "show stat": "UP", "UP 1/3", "DOWN 1/2", "DRAIN", "NOLB", "MAINT",
 * "MAINT (via b/s)", "no check". Any thread. Returns `text`. */
const char *pool_status_text(const struct server *s, char text[POOL_STATUS_MAX]);

/* ---- changes, main only; each publishes, and goes on to the servers that track this one ---- */

/* `ready` ends drain and maintenance, also the configured `disabled`. Checks stop in maintenance
 * and resume after; a server that comes out of it is up at once. */
void server_set_admin(struct server *s, enum server_admin admin, struct mono now);
/* Forgets the override: back to what is configured. */
void server_reset_admin(struct server *s, struct mono now);
enum server_admin server_admin(const struct server *s); /* effective, without inheritance */

/* 0..256, or a percentage of the configured weight. -EINVAL. */
int server_set_weight(struct server *s, int weight, struct err *e);
int server_set_weight_percent(struct server *s, int percent, struct err *e);
void server_reset_weight(struct server *s);
int server_weight(const struct server *s); /* override or configured */

void server_set_maxconn(struct server *s, uint32_t maxconn);
void server_set_address(struct server *s, const struct addr_port *a);

/* `s` follows the checks, maintenance and drain of `of`. -ELOOP. */
int server_track(struct server *s, struct server *of, struct err *e);

/* After health_report() and its kin changed s->check or s->agent. Returns the change as the server
 * as a whole sees it (an agent that says up does not raise a server whose check is down). */
enum health_change server_apply_check(struct server *s, struct mono now);
enum health_change server_apply_agent(struct server *s, const struct health_agent *a,
                                      struct mono now);

/* The ramp of slowstart; returns when to call again. */
struct mono server_ramp(struct server *s, struct mono now);
