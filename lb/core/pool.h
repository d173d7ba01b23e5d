/*
 * Pools: groups of servers, their members as each thread sees them, and what their workers share.
 *
 * Threads: as in server.h; functions without a word are main's.
 *
 * Membership. A snapshot of the members is immutable and holds each of its servers. Main makes a
 * new one for each change and sends it to each worker as a message, which puts it into its balancer
 * (balancer_adopt) and drops the old one. Servers hold their pool; pool_retire() drops the members,
 * and the pool goes when the last session of the last server does. Nothing waits for anything.
 */
#pragma once

#include "lb/core/balance_conf.h"
#include "lb/core/server.h"

#define POOL_SERVERS_MAX 16384 /* members of one pool */

struct pool_conf {
    const char *name;
    uint32_t id;
    struct balance_conf balance;
    uint32_t fullconn; /* requests at which minconn servers get their whole maxconn; 0: none */
};

/* Immutable; shared by the threads, counted. */
struct pool_members {
    _Atomic uint32_t refs;
    uint32_t n, n_cookies;
    uint64_t generation;       /* grows with each change of membership */
    struct server **servers;   /* [n], in order of configuration */
    struct server **by_id;     /* [n], ascending */
    struct server **by_name;   /* [n], by strcmp */
    struct server **by_cookie; /* [n_cookies], by strcmp */
};

struct pool {
    char *name;
    uint32_t id;
    unsigned workers;
    struct balance_conf balance;
    struct lane *lanes; /* [workers] */
    _Atomic uint32_t fullconn;
    _Atomic uint32_t epoch; /* raised by main after each change that a pick must see */

    /* All count. */
    _Alignas(CACHE_LINE) _Atomic uint64_t turn; /* round robin: the next position */
    _Atomic uint32_t slots;                     /* requests being served, all servers */
    _Atomic uint32_t queued;                    /* waiting for any server */
    _Atomic uint32_t queued_all;                /* and for one of them */
    _Atomic uint32_t refs;
    _Atomic uint64_t tickets; /* order of arrival in the queues */
    _Atomic uint32_t slots_max, queued_max;

    /* Main writes, all read. */
    struct count cleared; /* the sums when they were last cleared */

    /* Main only. */
    _Alignas(CACHE_LINE) struct pool_members *members; /* newest */
    server_event_fn *on_event;
    void *user;
    struct meter meter;
    bool down;            /* no member takes new clients */
    struct mono changed;  /* last change between up and down */
    struct span downtime; /* sum, without the present one */
    uint64_t downs;       /* times it went down */
};

/* Strings are copied. NULL with `e` set on a bad value or without memory. */
struct pool *pool_new(const struct pool_conf *conf, unsigned workers, struct err *e);

/* Drops all members and main's hold: the pool goes when the last session does. NULL-safe. */
void pool_retire(struct pool *p);

struct pool *pool_ref(struct pool *p); /* any thread */
void pool_unref(struct pool *p);       /* any thread; NULL-safe */

/* Who hears of changes of its servers. */
void pool_on_event(struct pool *p, server_event_fn *fn, void *user);

/* Membership. Each makes new members; send pool_members() to the workers after.
 * -EEXIST: name or id taken; -EINVAL; -ENOSPC: POOL_SERVERS_MAX; -ENOMEM. */
int pool_add(struct pool *p, const struct server_conf *conf, struct mono now, struct server **out,
             struct err *e);

/* Takes `s` out and ends its tracking. Whether it is idle is the caller's to ask first. A server
 * that others track cannot go: -EBUSY. -ENOENT, -ENOMEM. */
int pool_del(struct pool *p, struct server *s, struct err *e);

/* By name or, as "#3", by id; NULL if there is none. */
struct server *pool_find(const struct pool *p, const char *name);

/* The newest members, held for the receiver: one hold a worker. */
struct pool_members *pool_members(struct pool *p);
void pool_members_unref(struct pool_members *m); /* any thread; NULL-safe */

/* Look-ups; NULL if there is none. Any thread that holds `m`. */
struct server *pool_by_cookie(const struct pool_members *m, const char *value, size_t len);
struct server *pool_by_id(const struct pool_members *m, uint32_t id);
struct server *pool_by_name(const struct pool_members *m, const char *name);

/* How many a new client may use now. */
struct pool_usable {
    unsigned active, backup;
};
struct pool_usable pool_usable(const struct pool *p);

/* Time spent down, with the present one. Main only. */
struct span pool_downtime(const struct pool *p, struct mono now);

/* Raises the epoch, so that each worker looks again. */
void pool_touch(struct pool *p);

/* Sum over the workers, since the last clearing. Any thread. */
uint64_t pool_count(const struct pool *p, enum count_id id);
/* As server_clear_counts() and server_clear_peaks(), for the pool itself. */
void pool_clear_counts(struct pool *p);
void pool_clear_peaks(struct pool *p);
