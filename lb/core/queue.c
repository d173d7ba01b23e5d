/*
 * Each worker's waiting requests hang in its own lane of the server or the pool; all that other
 * workers see of them is the ticket of the first (`head`) and how many there are (`queued`).
 *
 * No wake-up is lost: a joiner publishes its ticket and then looks for a free slot, whoever frees a
 * slot does so first and then looks for tickets, and all four steps are sequentially consistent, so
 * at least one of the two sees the other.
 */
#include "lb/core/queue.h"

/* Of so many slots freed while both wait, one goes to the queue of the pool. */
#define POOL_SHARE 4

static struct lane *lane_of(struct queue *q, struct server *s)
{
    return s ? &s->lanes[q->worker] : &q->pool->lanes[q->worker];
}

static void publish_head(struct lane *l)
{
    const struct queue_entry *first = list_first(&l->waiting, struct queue_entry, node);
    atomic_store(&l->head, first ? first->ticket : QUEUE_NONE);
}

/* Counts one more in, unless `max` (0: no limit) are there; returns how many were, or -1. */
static int64_t count_in(_Atomic uint32_t *queued, uint32_t max)
{
    uint32_t n = atomic_load(queued);
    do {
        if (max && n >= max)
            return -1;
    } while (!atomic_compare_exchange_weak(queued, &n, n + 1));
    return n;
}

enum queue_joined queue_join(struct queue *q, struct queue_entry *e, struct server *s,
                             struct span timeout, struct mono now)
{
    struct pool *p = q->pool;
    int64_t ahead = count_in(s ? &s->queued : &p->queued, s ? s->maxqueue : 0);
    if (ahead < 0)
        return QUEUE_FULL;
    count_peak(s ? &s->queued_max : &p->queued_max, (uint32_t)ahead + 1);
    atomic_fetch_add_explicit(&p->queued_all, 1, memory_order_relaxed);
    struct lane *l = lane_of(q, s);
    *e = (struct queue_entry){
        .ticket = atomic_fetch_add_explicit(&p->tickets, 1, memory_order_relaxed),
        .server = s ? server_ref(s) : NULL,
        .since = now,
        .deadline = timeout.us > 0 ? mono_add(now, timeout) : MONO_NEVER,
        .ahead = (uint32_t)ahead,
        .waiting = true,
    };
    list_push_back(&l->waiting, &e->node);
    publish_head(l);
    count_add(&l->count, COUNT_QUEUED, 1);
    return QUEUE_WAITING;
}

/* Out of its lane; `e->server` is still held. */
static void take_out(struct queue *q, struct queue_entry *e)
{
    struct server *s = e->server;
    list_del(&e->node);
    e->waiting = false;
    publish_head(lane_of(q, s));
    atomic_fetch_sub(s ? &s->queued : &q->pool->queued, 1);
    atomic_fetch_sub_explicit(&q->pool->queued_all, 1, memory_order_relaxed);
}

static void drop_server(struct queue_entry *e)
{
    struct server *s = e->server;
    e->server = NULL;
    server_unref(s);
}

void queue_leave(struct queue *q, struct queue_entry *e)
{
    if (!e->waiting)
        return;
    take_out(q, e);
    drop_server(e);
}

struct queue_entry *queue_evict(struct queue *q, struct server *s)
{
    struct lane *l = &s->lanes[q->worker];
    struct queue_entry *e = list_first(&l->waiting, struct queue_entry, node);
    if (e)
        queue_leave(q, e);
    return e;
}

/* Who has the lowest ticket? -1: nobody waits. */
static int first_worker(const struct lane *lanes, unsigned workers)
{
    uint64_t least = QUEUE_NONE;
    int worker = -1;
    for (unsigned i = 0; i < workers; i++) {
        uint64_t head = atomic_load(&lanes[i].head);
        if (head < least) {
            least = head;
            worker = (int)i;
        }
    }
    return worker;
}

struct turn {
    struct server *of; /* the server's queue; NULL: the pool's */
    int worker;        /* -1: nobody */
    bool both;         /* the other queue waits, too */
};

static struct turn whose_turn(const struct queue *q, struct server *s)
{
    struct server_view v = server_view(s);
    struct turn t = {.of = s, .worker = -1};
    int own = -1, any = -1;
    if (server_usable_persistent(&v) && atomic_load(&s->queued))
        own = first_worker(s->lanes, q->pool->workers);
    if (server_usable_new(&v) && atomic_load(&q->pool->queued))
        any = first_worker(q->pool->lanes, q->pool->workers);
    t.both = own >= 0 && any >= 0;
    uint32_t grants = atomic_load_explicit(&s->grants, memory_order_relaxed);
    bool pool = t.both ? grants % POOL_SHARE == POOL_SHARE - 1 : any >= 0;
    t.of = pool ? NULL : s;
    t.worker = pool ? any : own;
    return t;
}

static bool slot_free(const struct server *s)
{
    uint32_t limit = server_limit(s);
    return !limit || server_slots(s) < limit;
}

struct queue_turn queue_next(struct queue *q, struct server *s)
{
    const struct queue_turn nobody = {.wake = -1};
    struct turn t = whose_turn(q, s);
    if (t.worker < 0)
        return nobody;
    if (t.worker != (int)q->worker) {
        if (!slot_free(s))
            return nobody;
        return (struct queue_turn){.server = s, .wake = t.worker};
    }
    if (!server_take(s))
        return nobody;
    struct lane *l = lane_of(q, t.of);
    struct queue_entry *e = list_first(&l->waiting, struct queue_entry, node);
    take_out(q, e);
    drop_server(e);
    if (t.both)
        atomic_fetch_add_explicit(&s->grants, 1, memory_order_relaxed);
    return (struct queue_turn){.entry = e, .server = s, .wake = -1};
}

struct queue_turn queue_look(struct queue *q, const struct pool_members *m)
{
    struct queue_turn t = {.wake = -1};
    for (uint32_t i = 0; i < m->n && !t.entry && t.wake < 0; i++) {
        if (slot_free(m->servers[i]))
            t = queue_next(q, m->servers[i]);
    }
    if (t.wake >= 0)
        t.server = NULL; /* the others that may be free are its to look at, too */
    return t;
}
