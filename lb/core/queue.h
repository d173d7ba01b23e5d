/*
 * Waiting for a slot.
 *
 * A request waits either for one server (its cookie says so, or a hash chose it) or for any server
 * of the pool. Each worker keeps its own waiting requests, in order of arrival; a ticket drawn from
 * the pool orders them across workers. When a slot becomes free, queue_next() says whose turn it
 * is: a request of the calling worker, or another worker, which the engine wakes and which then
 * calls queue_next() itself. A wake-up that finds its request gone passes on by the same call, so
 * none is lost.
 *
 * The rule for whoever frees a slot (server_release, a raised limit, a server that came up):
 *
 *     struct queue_turn t;
 *     while ((t = queue_next(q, server)).entry)
 *         start t.entry on t.server, a slot of which is taken
 *     if (t.wake >= 0)
 *         message to that worker: the same loop for t.server (held until it has run), or with
 *         queue_look() if t.server is NULL
 *
 * and for whoever joins: after queue_join() the same loop once, with queue_next() when it waits for
 * one server, with queue_look() when it waits for any, so that a slot freed in between is not
 * missed; the request may come back with its turn at once.
 *
 * A slot may also become free without a release: a raised limit, a ramp, a server that comes up or
 * is added. Main then sends "queue_look()" to each worker. When a server goes down, main sends
 * "queue_evict()" for it.
 *
 * A timeout is the session's own timer, armed for `deadline`; when it fires the session leaves.
 *
 * Requests that wait for a server are served before those that wait for any, except that every
 * fourth freed slot goes to the pool if both wait, so that neither starves.
 */
#pragma once

#include "common/base/list.h"
#include "common/base/mono.h"
#include "lb/core/pool.h"

#define QUEUE_NONE UINT64_MAX

/* Embedded in the session. */
struct queue_entry {
    struct list node;
    uint64_t ticket;
    struct server *server; /* held while waiting; NULL: waits for any */
    struct mono since, deadline;
    uint32_t ahead; /* how many were before it when it joined: %sq or %bq of the log */
    bool waiting;
};

/* One worker's hand on the queues of one pool. */
struct queue {
    struct pool *pool;
    unsigned worker;
};

enum queue_joined {
    QUEUE_WAITING,
    QUEUE_FULL, /* maxqueue: not joined; pick another server or answer 503 */
};

/* `server` NULL: any. `timeout` 0: for ever. `e` must not be waiting. */
enum queue_joined queue_join(struct queue *q, struct queue_entry *e, struct server *server,
                             struct span timeout, struct mono now);

/* Timeout, client gone, redispatch: leaves; harmless if not waiting. */
void queue_leave(struct queue *q, struct queue_entry *e);

struct queue_turn {
    struct queue_entry *entry; /* has left the queue; a slot of `server` is taken for it */
    struct server *server;     /* held by that slot; with `wake` not held, NULL: look at all */
    int wake;                  /* >= 0: that worker's turn; -1: nobody's */
};

/* A slot of `s` may be free: whose turn is it? */
struct queue_turn queue_next(struct queue *q, struct server *s);

/* queue_next() over each member with a free slot, up to the first that gives a turn. Whoever is
 * woken by it goes on looking, so that no free server is left out. */
struct queue_turn queue_look(struct queue *q, const struct pool_members *m);

/* The next own request that waits for `s`, which is gone or down: it has left the queue and is to
 * be balanced again ("requeued"). NULL when there are none. */
struct queue_entry *queue_evict(struct queue *q, struct server *s);
