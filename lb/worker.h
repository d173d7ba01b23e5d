/*
 * A worker: one thread, one loop, its own listening sockets, its own connections to the servers.
 * Main talks to it by messages; nothing on the way of a request is locked.
 */
#pragma once

#include "common/rt/loop.h"
#include "lb/core/http1.h"
#include "lb/core/rewrite.h"
#include "lb/net/buffer.h"
#include "lb/plan.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct access_lane;
struct exchange;
struct rule_kit;
struct upstream;

/* What all workers of an engine share. */
struct workers {
    unsigned n;
    struct worker **v;
    _Atomic uint32_t conns, conns_max; /* client connections */
    _Atomic uint32_t conns_limit;      /* 0: none */
    struct loop *main;
    const struct plan *newest;     /* as published */
    unsigned adopted;              /* how many use it */
    void (*on_adopted)(void *ctx); /* in main: all do */
    void *ctx;
};

/* The worker's own end of a listening socket. It stays as long as a client that came through it. */
struct acceptor {
    struct loop_io io;
    struct timer pause; /* no descriptors, or a limit: try again then */
    struct list node;
    struct worker *w;
    struct binding *binding;           /* held */
    struct listener *listener;         /* held */
    const struct plan_listener *front; /* of the worker's newest plan; NULL: closed */
    unsigned users;
    unsigned batch; /* connections that the next event is likely to bring */
};

/* Scratch for one message at a time; valid during one call only. */
struct scratch {
    struct http1_head head;
    struct rewrite rewrite;
    char text[32768];
    struct iovec iov[REWRITE_IOV_MAX + 2];
};

struct worker {
    unsigned index;
    struct workers *all;
    struct loop *loop;
    pthread_t thread;
    struct plan *plan; /* newest; held */
    struct list acceptors;
    struct list clients; /* struct client.node */
    unsigned n_clients;
    struct upstream **upstreams; /* by plan_pool.slot; NULL where there is none */
    unsigned n_upstreams;
    struct buffers buffers;
    struct exchange *free_exchanges;
    unsigned n_free_exchanges;
    struct access_lane *log;
    struct scratch *scratch;
    struct rule_kit *kit;
    bool stopping;
};

/* Starts `n` threads. `logs` has one lane a worker; `buffer` is the size of one. 0 or a negative
 * errno. */
int workers_start(struct workers **out, unsigned n, uint32_t buffer, struct loop *main,
                  struct access_lane **logs, struct err *e);

/* Each worker uses the plan from its next turn on; on_adopted is called when all do. Main keeps its
 * own hold. */
void workers_publish(struct workers *all, struct plan *plan);

/* Main has changed the members of a pool. */
void workers_members(struct workers *all, const struct plan_pool *p);

/* A server went down, came up, or left: its waiting requests are looked at anew, its idle
 * connections closed; `cut` ends its sessions, too. */
void workers_server(struct workers *all, unsigned slot, struct server *s, bool down, bool cut);

/* No new connections; idle ones go, busy ones after their answer: all->conns tells when it is over.
 */
void workers_stop(struct workers *all);

/* Cuts what is left, waits for the threads to end, frees all. */
void workers_free(struct workers *all);

/* ---- for sessions ---- */

struct upstream *worker_upstream(struct worker *w, const struct plan_pool *p);

static inline struct mono worker_now(const struct worker *w)
{
    return loop_now(w->loop);
}

/* A request begins with, or ends with, the worker's newest plan. */
struct plan *worker_use_plan(struct worker *w);
void worker_release_plan(struct worker *w, struct plan *p);

/* Another worker's turn: it looks at the queues of `s`, or with NULL at those of all servers. */
void worker_wake(struct worker *w, unsigned other, unsigned slot, struct pool *p, struct server *s);

void acceptor_unuse(struct acceptor *a);
