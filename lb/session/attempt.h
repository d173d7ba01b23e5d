/*
 * Getting a server: one chosen, waited for if it is full, connected to, another tried if it
 * refuses. The same for requests and for tcp sessions, which embed this.
 *
 *     IDLE -> [QUEUED] -> CHOSEN -> CONNECTING -> READY
 *                ^           ^          |
 *                +--- next --+- PAUSED <+   refused, and nobody else to ask at once
 */
#pragma once

#include "lb/core/balance.h"
#include "lb/core/queue.h"
#include "lb/net/client.h"
#include "lb/net/upstream.h"

#include <stdbool.h>

enum attempt_state {
    ATTEMPT_IDLE,
    ATTEMPT_QUEUED,
    ATTEMPT_CHOSEN, /* a slot of `server` is taken */
    ATTEMPT_CONNECTING,
    ATTEMPT_PAUSED,
    ATTEMPT_READY
};

enum attempt_result {
    ATTEMPT_WAIT, /* for an event of `sc`, for its turn, or until `deadline` */
    ATTEMPT_DONE, /* `sc` stands */
    ATTEMPT_NO_SERVER,
    ATTEMPT_QUEUE_FULL,
    ATTEMPT_QUEUE_TIMEOUT,
    ATTEMPT_REFUSED,   /* by all that could be asked */
    ATTEMPT_TIMED_OUT, /* connecting */
    ATTEMPT_RESOURCES, /* no descriptor, port or memory */
    ATTEMPT_RESULTS
};

struct attempt;
struct flow;
struct sticky_keys;

struct attempt_ops {
    /* What the algorithm may look at. */
    void (*key)(struct attempt *a, struct balance_key *key);
    /* Its turn in the queue has come, or its server has gone: run it in a later turn. */
    void (*resume)(struct attempt *a);
};

struct attempt {
    const struct attempt_ops *ops;
    const struct conn_ops *conn_ops; /* of `sc` */
    void *session;                   /* sc->session */
    struct client *client;
    const struct plan_pool *pool;
    struct upstream *up;

    uint8_t state; /* enum attempt_state */
    bool may_reuse;
    bool reused;                    /* `sc` has carried requests before */
    bool moved;                     /* whom the client wanted did not take it */
    bool has_slot;                  /* of `server` */
    bool redispatched;              /* a try went to another server than the first */
    const struct sticky_keys *keys; /* of the pool's stick rules; NULL: the address */
    struct server *want;            /* named by cookie or stick entry, held; NULL: nobody */
    struct server *server;          /* held with a slot; NULL: none */
    struct server_conn *sc;
    struct queue_entry wait;
    struct balance_exclude exclude;
    unsigned tries;       /* failed ones */
    struct mono deadline; /* of the present state */

    struct mono queued_until, connected_at; /* for the log */
    unsigned server_queue, pool_queue;      /* how many were ahead */
};

/* `want` may be NULL. */
void attempt_init(struct attempt *a, const struct attempt_ops *ops, const struct conn_ops *conn_ops,
                  void *session, struct client *client);

/* From the beginning, at this pool. `want`: the server that the client's cookie names; NULL: none,
 * then stick rules are asked. -ENOMEM if the worker does not know the pool. */
int attempt_begin(struct attempt *a, const struct plan_pool *pool, struct server *want);

/* Goes on as far as possible; call it again after each event and when `deadline` has come. */
enum attempt_result attempt_run(struct attempt *a);

/* The connection stood but failed before it was of use. False: do not try again, it counts as
 * refused. A stale reused connection costs no try. */
bool attempt_again(struct attempt *a);

/* Puts what a fresh connection has to begin with (a PROXY header) in front of what goes up. False
 * without memory. */
bool attempt_hello(const struct attempt *a, struct flow *up);

/* Closes the connection or leaves the queue; the slot stays until attempt_end(). */
void attempt_disconnect(struct attempt *a);

/* The server has done its part: the connection is kept for others if `keep`, the slot given back;
 * `server` stays held until attempt_end(). */
void attempt_release(struct attempt *a, bool keep);

/* Counts one for its server and one for its pool; there is a server. */
void attempt_note(const struct attempt *a, enum count_id id);

/* Lets go of everything. The connection is kept for others if `keep`. */
void attempt_end(struct attempt *a, bool keep);

/* A slot of `s` is free, or the worker was told so: starts whoever's turn it is. */
void attempt_turns(struct upstream *u, unsigned slot, struct server *s);

/* Any server may have room. */
void attempt_look(struct upstream *u, unsigned slot);

/* `s` does not serve any more: who waits for it is balanced anew. */
void attempt_evict(struct upstream *u, struct server *s);
