/*
 * One worker's connections to the servers of one pool: chosen, opened, kept for the next request.
 */
#pragma once

#include "lb/core/balance.h"
#include "lb/core/proxy_proto.h"
#include "lb/core/queue.h"
#include "lb/net/conn.h"
#include "lb/plan.h"

struct client;
struct worker;

struct upstream {
    struct worker *w;
    struct pool *pool; /* held */
    struct balancer *balancer;
    struct queue queue;
};

struct server_conn {
    struct conn conn;
    struct list node;      /* lane.idle or lane.busy of the server */
    struct server *server; /* held */
    void *session;         /* whose it is while busy */
    uint32_t requests;     /* that it has carried */
    bool connected;
    bool cut; /* taken from its session by order: no other try */
};

/* Takes over the hold on `m`. NULL without memory. */
struct upstream *upstream_new(struct worker *w, struct pool *p, struct pool_members *m);

/* Drops idle connections and the rest; no session uses it any more. NULL-safe. */
void upstream_free(struct upstream *u);

/* An idle connection to `s`, now busy with `session`; NULL if there is none. */
struct server_conn *upstream_reuse(struct upstream *u, struct server *s, void *session,
                                   const struct conn_ops *ops);

/* Connections to `s` are good for one client only: it is told who that is, or its port depends on
 * the client's. */
bool upstream_private(const struct plan_pool *p, const struct server *s);

/* What has to be sent first on a fresh connection; its length, 0 for nothing. */
size_t upstream_hello(const struct plan_pool *p, const struct server *s,
                      const struct client *client, char out[PROXY_PROTO_OUT]);

/* Begins to connect; `connected` tells whether it stands already, else ops->event will be called.
 * NULL with errno set. `client` is for ports relative to the one it came to. */
struct server_conn *upstream_connect(struct upstream *u, const struct plan_pool *p,
                                     struct server *s, const struct client *client, void *session,
                                     const struct conn_ops *ops);

/* After an event: has the attempt come to an end? False: still connecting. If it failed, the
 * connection is broken. */
bool upstream_connected(struct server_conn *sc);

/* The request is done and the connection can carry another: keeps it for `p->conf->idle`. */
void upstream_keep(struct upstream *u, const struct plan_pool *p, struct server_conn *sc);

/* Closes and frees; NULL-safe. */
void upstream_drop(struct server_conn *sc);

/* Closes the idle connections of this worker to `s`. */
void upstream_flush(struct upstream *u, struct server *s);
