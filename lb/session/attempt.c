#include "lb/session/attempt.h"

#include "lb/session/flow.h"
#include "lb/session/observe.h"
#include "lb/session/sticky.h"
#include "lb/worker.h"

#include <errno.h>

#define PAUSE_MAX span_s(1) /* between two tries at the same server */

static struct worker *worker_of(const struct attempt *a)
{
    return a->client->conn.w;
}

static struct mono now_of(const struct attempt *a)
{
    return worker_now(worker_of(a));
}

static struct count *counts(const struct attempt *a)
{
    return &a->server->lanes[worker_of(a)->index].count;
}

static struct count *pool_counts(const struct attempt *a)
{
    return &a->pool->pool->lanes[worker_of(a)->index].count;
}

void attempt_note(const struct attempt *a, enum count_id id)
{
    count_add(counts(a), id, 1);
    count_add(pool_counts(a), id, 1);
}

static void note_session(struct count *c, struct mono now)
{
    count_add(c, COUNT_SESSIONS, 1);
    count_most(c, COUNT_LAST_US, (uint64_t)now.us);
}

void attempt_init(struct attempt *a, const struct attempt_ops *ops, const struct conn_ops *conn_ops,
                  void *session, struct client *client)
{
    *a = (struct attempt){
        .ops = ops,
        .conn_ops = conn_ops,
        .session = session,
        .client = client,
        .deadline = MONO_NEVER,
    };
    list_init(&a->wait.node);
}

int attempt_begin(struct attempt *a, const struct plan_pool *pool, struct server *want)
{
    a->pool = pool;
    a->up = worker_upstream(worker_of(a), pool);
    if (!a->up)
        return -ENOMEM;
    if (!want && pool->n_sticks)
        want = sticky_find(pool, balancer_members(a->up->balancer), a->client, a->keys, now_of(a));
    a->want = want ? server_ref(want) : NULL;
    a->state = ATTEMPT_IDLE;
    note_session(pool_counts(a), now_of(a));
    return 0;
}

/* ---- choosing ---- */

/* From here on anybody may take it. */
static void give_up_wanted(struct attempt *a)
{
    a->moved |= a->want != NULL;
    server_unref(a->want);
    a->want = NULL;
}

static enum attempt_result chosen(struct attempt *a, struct server *s)
{
    a->server = s;
    a->has_slot = true;
    a->state = ATTEMPT_CHOSEN;
    a->queued_until = now_of(a);
    note_session(counts(a), now_of(a));
    return ATTEMPT_WAIT;
}

static enum attempt_result join(struct attempt *a, struct server *s)
{
    struct queue *q = &a->up->queue;

    if (queue_join(q, &a->wait, s, a->pool->t.queue, now_of(a)) == QUEUE_FULL)
        return ATTEMPT_QUEUE_FULL;
    if (s)
        a->server_queue = a->wait.ahead + 1;
    else
        a->pool_queue = a->wait.ahead + 1;
    a->state = ATTEMPT_QUEUED;
    a->deadline = a->wait.deadline;
    conn_watch(&a->client->conn); /* it may leave while it waits */
    if (s)
        attempt_turns(a->up, a->pool->slot, s);
    else
        attempt_look(a->up, a->pool->slot);
    return ATTEMPT_WAIT;
}

static struct balance_choice choose(struct attempt *a)
{
    struct balance_key key = {.source = a->client->peer.addr};
    struct balance_choice c = {.verdict = BALANCE_NONE};

    if (a->want)
        c = balance_persist(a->up->balancer, a->want, a->pool->conf->persist);
    if (c.verdict == BALANCE_FULL && a->pool->conf->redispatch)
        c.verdict = BALANCE_NONE;
    if (a->want && c.verdict != BALANCE_NONE)
        return c;
    give_up_wanted(a);
    a->ops->key(a, &key);
    return balance_pick(a->up->balancer, &key, a->exclude.n ? &a->exclude : NULL);
}

static enum attempt_result pick(struct attempt *a)
{
    struct balance_choice c = choose(a);

    switch (c.verdict) {
    case BALANCE_SERVED:
        return chosen(a, c.server);
    case BALANCE_QUEUE_SERVER:
        return join(a, c.server);
    case BALANCE_QUEUE_POOL:
        return join(a, NULL);
    case BALANCE_FULL:
        return ATTEMPT_QUEUE_FULL;
    case BALANCE_NONE:
        break;
    }
    return ATTEMPT_NO_SERVER;
}

/* ---- connecting ---- */

static enum attempt_result stands(struct attempt *a)
{
    a->state = ATTEMPT_READY;
    a->deadline = MONO_NEVER;
    a->connected_at = now_of(a);
    observe(worker_of(a), a->server, false, true);
    if (a->pool->n_sticks)
        sticky_store(a->pool, a->server, a->client, a->keys, now_of(a), false);
    return ATTEMPT_DONE;
}

static enum attempt_result connect_to(struct attempt *a)
{
    if (a->may_reuse && !upstream_private(a->pool, a->server)) {
        a->sc = upstream_reuse(a->up, a->server, a->session, a->conn_ops);
        a->reused = a->sc != NULL;
        if (a->sc) {
            attempt_note(a, COUNT_REUSES);
            return stands(a);
        }
    }
    a->reused = false;
    a->sc = upstream_connect(a->up, a->pool, a->server, a->client, a->session, a->conn_ops);
    if (!a->sc)
        return errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == EADDRNOTAVAIL
                   ? ATTEMPT_RESOURCES
                   : ATTEMPT_REFUSED;
    attempt_note(a, COUNT_CONNECTS);
    if (a->sc->connected)
        return stands(a);
    a->state = ATTEMPT_CONNECTING;
    a->deadline = mono_add(now_of(a), a->pool->t.connect);
    return ATTEMPT_WAIT;
}

static enum attempt_result connecting(struct attempt *a)
{
    if (!a->sc->conn.broken && !mono_before(now_of(a), a->deadline)) {
        a->sc->conn.broken = true;
        a->sc->conn.error = ETIMEDOUT;
    }
    if (!upstream_connected(a->sc))
        return ATTEMPT_WAIT;
    if (!a->sc->conn.broken)
        return stands(a);
    return a->sc->conn.error == ETIMEDOUT ? ATTEMPT_TIMED_OUT : ATTEMPT_REFUSED;
}

/* ---- failing ---- */

static void free_slot(struct attempt *a)
{
    if (!a->has_slot)
        return;
    a->has_slot = false;
    server_release(a->server);
    attempt_turns(a->up, a->pool->slot, a->server);
}

static void let_go(struct attempt *a)
{
    upstream_drop(a->sc);
    a->sc = NULL;
    free_slot(a);
    server_unref(a->server);
    a->server = NULL;
}

/* May this try go to another server? */
static bool elsewhere(const struct attempt *a)
{
    int64_t every = a->pool->conf->redispatch, retries = a->pool->conf->retries;
    const struct pool_members *m = balancer_members(a->up->balancer);

    if (!a->want)
        return m->n > 1;
    if (every < 0)
        return a->tries >= retries;
    return every > 0 && a->tries % every == 0;
}

/* The same server again, after a pause; nobody else may have its slot meanwhile. */
static void pause_same(struct attempt *a)
{
    struct span connect = a->pool->t.connect;

    upstream_drop(a->sc);
    a->sc = NULL;
    a->state = ATTEMPT_PAUSED;
    a->deadline = mono_add(now_of(a), connect.us < PAUSE_MAX.us ? connect : PAUSE_MAX);
    conn_watch(&a->client->conn);
}

static bool next_try(struct attempt *a)
{
    observe(worker_of(a), a->server, false, false);
    attempt_note(a, COUNT_CONN_ERRORS);
    if (a->tries >= a->pool->conf->retries)
        return false;
    a->tries++;
    attempt_note(a, COUNT_RETRIES);
    if (!elsewhere(a)) {
        pause_same(a);
        return true;
    }
    attempt_note(a, COUNT_REDISPATCHES);
    a->redispatched = true;
    balance_exclude(&a->exclude, a->server);
    give_up_wanted(a);
    let_go(a);
    a->state = ATTEMPT_IDLE;
    return true;
}

bool attempt_again(struct attempt *a)
{
    if (!a->reused)
        return next_try(a);
    upstream_drop(a->sc);
    a->sc = NULL;
    a->may_reuse = false; /* the others may be stale, too */
    a->state = ATTEMPT_CHOSEN;
    return true;
}

/* ---- driving ---- */

static enum attempt_result step(struct attempt *a)
{
    bool late = !mono_before(now_of(a), a->deadline);

    switch ((enum attempt_state)a->state) {
    case ATTEMPT_IDLE:
        return pick(a);
    case ATTEMPT_QUEUED:
        if (late)
            queue_leave(&a->up->queue, &a->wait);
        return late ? ATTEMPT_QUEUE_TIMEOUT : ATTEMPT_WAIT;
    case ATTEMPT_CHOSEN:
        return connect_to(a);
    case ATTEMPT_CONNECTING:
        return connecting(a);
    case ATTEMPT_PAUSED:
        if (late)
            a->state = ATTEMPT_CHOSEN;
        return ATTEMPT_WAIT;
    case ATTEMPT_READY:
        return ATTEMPT_DONE;
    }
    return ATTEMPT_NO_SERVER;
}

enum attempt_result attempt_run(struct attempt *a)
{
    for (;;) {
        uint8_t before = a->state;
        enum attempt_result r = step(a);
        if ((r == ATTEMPT_REFUSED || r == ATTEMPT_TIMED_OUT) && next_try(a))
            r = ATTEMPT_WAIT;
        if (r != ATTEMPT_WAIT || a->state == before)
            return r;
    }
}

bool attempt_hello(const struct attempt *a, struct flow *up)
{
    char text[PROXY_PROTO_OUT];
    size_t len = a->reused ? 0 : upstream_hello(a->pool, a->server, a->client, text);

    return !len || flow_spill(up, &worker_of(a)->buffers, text, len);
}

void attempt_disconnect(struct attempt *a)
{
    if (a->up)
        queue_leave(&a->up->queue, &a->wait);
    upstream_drop(a->sc);
    a->sc = NULL;
    a->deadline = MONO_NEVER;
}

void attempt_release(struct attempt *a, bool keep)
{
    if (keep && a->sc)
        upstream_keep(a->up, a->pool, a->sc);
    else
        upstream_drop(a->sc);
    a->sc = NULL;
    free_slot(a);
}

void attempt_end(struct attempt *a, bool keep)
{
    if (a->up)
        queue_leave(&a->up->queue, &a->wait);
    attempt_release(a, keep);
    server_unref(a->server);
    a->server = NULL;
    server_unref(a->want);
    a->want = NULL;
}

/* ---- turns ---- */

static void start(const struct queue_turn *t)
{
    struct attempt *a = container_of(t->entry, struct attempt, wait);

    chosen(a, t->server);
    a->deadline = MONO_NEVER;
    a->ops->resume(a);
}

void attempt_turns(struct upstream *u, unsigned slot, struct server *s)
{
    struct queue_turn t;

    while ((t = queue_next(&u->queue, s)).entry)
        start(&t);
    if (t.wake >= 0)
        worker_wake(u->w, (unsigned)t.wake, slot, u->pool, s);
}

void attempt_look(struct upstream *u, unsigned slot)
{
    struct queue_turn t;

    while ((t = queue_look(&u->queue, balancer_members(u->balancer))).entry)
        start(&t);
    if (t.wake >= 0)
        worker_wake(u->w, (unsigned)t.wake, slot, u->pool, t.server);
}

void attempt_evict(struct upstream *u, struct server *s)
{
    struct queue_entry *e;

    while ((e = queue_evict(&u->queue, s))) {
        struct attempt *a = container_of(e, struct attempt, wait);
        give_up_wanted(a);
        a->state = ATTEMPT_IDLE;
        a->ops->resume(a);
    }
}
