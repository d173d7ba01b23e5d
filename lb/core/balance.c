/*
 * The rows of `algorithms` are all there is to an algorithm: how the order is worked out when the
 * usable servers change, and how one is picked. What is the same for all - who is usable, taking
 * the slot, when to queue - is around them.
 */
#include "lb/core/balance.h"

#include "lb/core/balance_order.h"

#include <stdlib.h>
#include <string.h>

#define TAKE_TRIES    4 /* picks lost to another worker before the request queues */
#define DRAWS_DEFAULT 2
#define NOBODY        UINT32_MAX

struct balancer {
    struct pool *pool; /* held */
    struct pool_members *members;
    unsigned worker;
    uint32_t epoch;
    bool fresh; /* never refreshed with these members */
    struct rng rng;

    /* Room for all members; the first n are usable. */
    struct server **servers;
    uint32_t *weights; /* sixteenths */
    uint32_t *marks;   /* number of the pick that found it unfit */
    uint32_t mark;
    uint32_t n;
    uint64_t weight_sum;

    uint16_t *turns;
    uint32_t n_turns;
    struct order_point *ring;
    uint32_t n_ring;
};

struct pick {
    struct balancer *b;
    const struct balance_key *key;
    const struct balance_exclude *exclude; /* NULL: all allowed */
    bool full;                             /* somebody was passed over only because full */
};

/* ---- working out the order ---- */

typedef bool order_fn(const uint32_t *weights, uint32_t n, uint16_t *out);

static void make_turns(struct balancer *b, order_fn *order)
{
    uint32_t *w = calloc(b->n + 1, sizeof(*w));
    if (!w)
        return;
    memcpy(w, b->weights, b->n * sizeof(*w));
    uint32_t len = order_reduce(w, b->n, ORDER_LEN_MAX);
    uint16_t *turns = realloc(b->turns, (len + 1) * sizeof(*turns));
    if (turns) {
        b->turns = turns;
        b->n_turns = order(w, b->n, turns) ? len : 0;
    }
    free(w);
}

static void order_by_turns(struct balancer *b)
{
    make_turns(b, order_smooth);
}

static void order_by_map(struct balancer *b)
{
    make_turns(b, order_static);
}

static void order_by_ring(struct balancer *b)
{
    uint32_t *w = calloc(2 * (size_t)b->n + 1, sizeof(*w));
    if (!w)
        return;
    uint32_t *ids = w + b->n, len = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        ids[i] = b->servers[i]->id;
        w[i] = b->weight_sum <= ORDER_RING_MAX
                   ? b->weights[i]
                   : (uint32_t)(b->weights[i] * (uint64_t)ORDER_RING_MAX / b->weight_sum) + 1;
        len += w[i];
    }
    struct order_point *ring = realloc(b->ring, (len + 1) * sizeof(*ring));
    if (ring) {
        b->ring = ring;
        b->n_ring = len;
        order_ring(w, ids, b->n, ring);
    }
    free(w);
}

static void order_by_hash(struct balancer *b)
{
    if (b->pool->balance.consistent)
        order_by_ring(b);
    else
        order_by_map(b);
}

static int by_id(const void *a, const void *b)
{
    const struct server *x = *(struct server *const *)a, *y = *(struct server *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

static void order_by_id(struct balancer *b)
{
    if (b->n)
        qsort(b->servers, b->n, sizeof(struct server *), by_id);
}

static void order_as_is(struct balancer *b)
{
}

/* ---- picking ---- */

static bool excluded(const struct balance_exclude *x, const struct server *s)
{
    for (unsigned i = 0; x && i < x->n; i++) {
        if (x->servers[i] == s)
            return true;
    }
    return false;
}

/* Not excluded, and with room. */
static bool fits(struct pick *p, uint32_t i)
{
    const struct server *s = p->b->servers[i];
    if (excluded(p->exclude, s))
        return false;
    bool room = server_has_room(s);
    p->full |= !room;
    return room;
}

static uint64_t next_turn(struct balancer *b, uint64_t by)
{
    return atomic_fetch_add_explicit(&b->pool->turn, by, memory_order_relaxed);
}

/* The round: the turns, or the points of the ring, or one turn each. */
static uint32_t round_len(const struct balancer *b)
{
    if (b->n_turns)
        return b->n_turns;
    return b->n_ring ? b->n_ring : b->n;
}

static uint32_t round_at(const struct balancer *b, uint64_t turn)
{
    if (b->n_turns)
        return b->turns[turn % b->n_turns];
    return b->n_ring ? b->ring[turn % b->n_ring].index : (uint32_t)(turn % b->n);
}

/* The next in the round who fits. The turns passed over are used up, so that the next request does
 * not fall to the same substitute. */
static uint32_t pick_by_turns(struct pick *p)
{
    struct balancer *b = p->b;
    uint32_t len = round_len(b), unfit = 0;
    uint64_t turn = next_turn(b, 1);
    b->mark++;
    for (uint32_t step = 0; step < len && unfit < b->n; step++) {
        uint32_t i = round_at(b, turn + step);
        if (b->marks[i] == b->mark)
            continue;
        if (fits(p, i)) {
            if (step)
                next_turn(b, step);
            return i;
        }
        b->marks[i] = b->mark;
        unfit++;
    }
    return NOBODY;
}

/* Served and waiting, against the weight; an idle server is an idle server whatever its weight. */
static uint64_t load_of(const struct balancer *b, uint32_t i)
{
    const struct server *s = b->servers[i];
    uint64_t load = server_slots(s) + atomic_load_explicit(&s->queued, memory_order_relaxed);
    return load ? (load + 1) * SERVER_WEIGHT_MAX * SERVER_WEIGHT_SCALE / b->weights[i] : 0;
}

static bool beyond_queue(const struct server *s)
{
    uint32_t limit = server_limit(s);
    uint64_t load = server_slots(s) + atomic_load_explicit(&s->queued, memory_order_relaxed);
    return limit && load >= (uint64_t)limit + s->maxqueue;
}

static uint32_t pick_least(struct pick *p)
{
    struct balancer *b = p->b;
    uint32_t best = NOBODY;
    uint64_t best_load = 0, best_stamp = 0;
    for (uint32_t i = 0; i < b->n; i++) {
        const struct server *s = b->servers[i];
        if (excluded(p->exclude, s))
            continue;
        if (beyond_queue(s)) {
            p->full = true;
            continue;
        }
        uint64_t load = load_of(b, i);
        uint64_t stamp = atomic_load_explicit(&s->stamp, memory_order_relaxed);
        if (best == NOBODY || load < best_load || (load == best_load && stamp < best_stamp)) {
            best = i;
            best_load = load;
            best_stamp = stamp;
        }
    }
    return best;
}

static uint32_t pick_first(struct pick *p)
{
    for (uint32_t i = 0; i < p->b->n; i++) {
        if (fits(p, i))
            return i;
    }
    return NOBODY;
}

/* By weight. */
static uint32_t draw(struct balancer *b)
{
    uint64_t at = rng_below(&b->rng, b->weight_sum);
    uint32_t i = 0;
    while (i + 1 < b->n && at >= b->weights[i])
        at -= b->weights[i++];
    return i;
}

static uint32_t pick_random(struct pick *p)
{
    struct balancer *b = p->b;
    unsigned draws = b->pool->balance.draws ? b->pool->balance.draws : DRAWS_DEFAULT;
    uint32_t best = NOBODY;
    for (unsigned k = 0; k < draws; k++) {
        uint32_t i = draw(b);
        if (fits(p, i) && (best == NOBODY || load_of(b, i) < load_of(b, best)))
            best = i;
    }
    /* All drawn were unfit: the first who fits from a random place on. */
    uint32_t from = (uint32_t)rng_below(&b->rng, b->n);
    for (uint32_t k = 0; k < b->n && best == NOBODY; k++) {
        if (fits(p, (from + k) % b->n))
            best = (from + k) % b->n;
    }
    return best;
}

/* The server at that place, or the next one on that is not excluded. Fullness does not move a
 * client away from its server: it queues there. */
static uint32_t pick_by_hash(struct pick *p, uint32_t hash)
{
    struct balancer *b = p->b;
    if (!b->n_ring && !b->n_turns)
        return pick_by_turns(p);
    if (b->pool->balance.avalanche)
        hash = hash_avalanche(hash);
    uint32_t at = b->n_ring ? order_ring_find(b->ring, b->n_ring, hash) : hash % b->n_turns;
    for (uint32_t step = 0; step < round_len(b); step++) {
        uint32_t i = round_at(b, (uint64_t)at + step);
        if (!excluded(p->exclude, b->servers[i]))
            return i;
    }
    return NOBODY;
}

static uint32_t pick_by_source(struct pick *p)
{
    return pick_by_hash(p, hash_address(&p->key->source));
}

/* Without the thing to hash the request goes round. */
static uint32_t pick_by_text(struct pick *p, struct hash_text t)
{
    if (!t.data)
        return pick_by_turns(p);
    return pick_by_hash(p, hash_bytes(p->b->pool->balance.function, t.data, t.len));
}

static uint32_t pick_by_uri(struct pick *p)
{
    return pick_by_text(p, hash_uri_part(&p->b->pool->balance.uri, p->key->target));
}

static uint32_t pick_by_param(struct pick *p)
{
    const char *name = p->b->pool->balance.name;
    struct hash_text t = hash_url_param(name, p->key->target);
    if (!t.data && p->key->body.data)
        t = hash_form_param(name, p->key->body);
    return pick_by_text(p, t);
}

static uint32_t pick_by_header(struct pick *p)
{
    struct hash_text t = p->key->header;
    return pick_by_text(p, p->b->pool->balance.domain_only ? hash_domain_part(t) : t);
}

static const struct algorithm {
    void (*order)(struct balancer *b);
    uint32_t (*pick)(struct pick *p);
} algorithms[BALANCE_ALGORITHMS] = {
    [BALANCE_ROUNDROBIN] = {order_by_turns, pick_by_turns},
    [BALANCE_STATIC_RR] = {order_by_map, pick_by_turns},
    [BALANCE_LEASTCONN] = {order_as_is, pick_least},
    [BALANCE_FIRST] = {order_by_id, pick_first},
    [BALANCE_SOURCE] = {order_by_hash, pick_by_source},
    [BALANCE_URI] = {order_by_hash, pick_by_uri},
    [BALANCE_URL_PARAM] = {order_by_hash, pick_by_param},
    [BALANCE_HDR] = {order_by_hash, pick_by_header},
    [BALANCE_RANDOM] = {order_as_is, pick_random},
};

const struct balance_name balance_names[BALANCE_ALGORITHMS] = {
    [BALANCE_ROUNDROBIN] = {"roundrobin", false}, [BALANCE_STATIC_RR] = {"static-rr", false},
    [BALANCE_LEASTCONN] = {"leastconn", false},   [BALANCE_FIRST] = {"first", false},
    [BALANCE_SOURCE] = {"source", true},          [BALANCE_URI] = {"uri", true},
    [BALANCE_URL_PARAM] = {"url_param", true},    [BALANCE_HDR] = {"hdr", true},
    [BALANCE_RANDOM] = {"random", false},
};

/* ---- the view ---- */

static void collect(struct balancer *b, bool backup, bool only_first)
{
    for (uint32_t i = 0; i < b->members->n; i++) {
        struct server *s = b->members->servers[i];
        struct server_view v = server_view(s);
        if (s->backup != backup || !server_usable_new(&v))
            continue;
        b->servers[b->n] = s;
        b->weights[b->n++] = v.weight;
        b->weight_sum += v.weight;
        if (only_first)
            return;
    }
}

static void refresh(struct balancer *b)
{
    uint32_t epoch = atomic_load_explicit(&b->pool->epoch, memory_order_acquire);
    if (epoch == b->epoch && !b->fresh)
        return;
    b->epoch = epoch;
    b->fresh = false;
    b->n = 0;
    b->weight_sum = 0;
    b->n_turns = b->n_ring = 0;
    if (b->servers)
        collect(b, false, false);
    if (b->servers && !b->n)
        collect(b, true, !b->pool->balance.all_backups);
    algorithms[b->pool->balance.algorithm].order(b);
}

static bool make_room(struct balancer *b, uint32_t n)
{
    free(b->servers);
    b->servers = calloc((size_t)n + 1, sizeof(*b->servers) + 2 * sizeof(*b->weights));
    if (!b->servers)
        return false;
    b->weights = (uint32_t *)(b->servers + n + 1);
    b->marks = b->weights + n;
    b->mark = 0;
    return true;
}

struct balancer *balancer_new(struct pool *p, struct pool_members *m, unsigned worker,
                              uint64_t seed)
{
    struct balancer *b = calloc(1, sizeof(*b));
    if (!b) {
        pool_members_unref(m);
        return NULL;
    }
    b->pool = pool_ref(p);
    b->worker = worker;
    b->rng = (struct rng){seed};
    balancer_adopt(b, m);
    if (!b->servers) {
        balancer_free(b);
        return NULL;
    }
    return b;
}

void balancer_free(struct balancer *b)
{
    if (!b)
        return;
    free(b->servers);
    free(b->turns);
    free(b->ring);
    pool_members_unref(b->members);
    pool_unref(b->pool);
    free(b);
}

void balancer_adopt(struct balancer *b, struct pool_members *m)
{
    pool_members_unref(b->members);
    b->members = m;
    b->fresh = true;
    b->n = 0;
    make_room(b, m->n);
}

const struct pool_members *balancer_members(const struct balancer *b)
{
    return b->members;
}

/* ---- the verdict ---- */

void balance_exclude(struct balance_exclude *x, const struct server *s)
{
    if (excluded(x, s))
        return;
    if (x->n == BALANCE_EXCLUDE_MAX)
        memmove(&x->servers[0], &x->servers[1], --x->n * sizeof(x->servers[0]));
    x->servers[x->n++] = s;
}

static uint32_t pick_one(struct balancer *b, const struct balance_key *key,
                         const struct balance_exclude *exclude)
{
    struct pick p = {.b = b, .key = key, .exclude = exclude};
    uint32_t (*pick)(struct pick *) = algorithms[b->pool->balance.algorithm].pick;
    uint32_t i = pick(&p);
    if (i != NOBODY || p.full || !exclude || !exclude->n)
        return i;
    p.exclude = NULL; /* only servers that failed before are left */
    return pick(&p);
}

/* Serve at once, or wait for this very server. */
static struct balance_choice settle_on(struct server *s)
{
    if (server_has_room(s) && server_take(s))
        return (struct balance_choice){BALANCE_SERVED, s};
    if (s->maxqueue && atomic_load_explicit(&s->queued, memory_order_relaxed) >= s->maxqueue)
        return (struct balance_choice){BALANCE_FULL, s};
    return (struct balance_choice){BALANCE_QUEUE_SERVER, s};
}

static void count_picked(const struct balancer *b, struct server *s)
{
    count_add(&s->lanes[b->worker].count, COUNT_PICKED, 1);
    count_add(&b->pool->lanes[b->worker].count, COUNT_PICKED, 1);
}

struct balance_choice balance_pick(struct balancer *b, const struct balance_key *key,
                                   const struct balance_exclude *exclude)
{
    refresh(b);
    if (!b->n)
        return (struct balance_choice){BALANCE_NONE, NULL};
    enum balance_algorithm a = b->pool->balance.algorithm;
    /* Those who wait for any server were here before. */
    if (!balance_names[a].hashes && atomic_load_explicit(&b->pool->queued, memory_order_relaxed))
        return (struct balance_choice){BALANCE_QUEUE_POOL, NULL};
    for (int tries = 0; tries < TAKE_TRIES; tries++) {
        uint32_t i = pick_one(b, key, exclude);
        if (i == NOBODY)
            break;
        struct balance_choice c = settle_on(b->servers[i]);
        if (c.verdict == BALANCE_SERVED || balance_names[a].hashes || a == BALANCE_LEASTCONN) {
            count_picked(b, c.server);
            return c;
        }
    }
    return (struct balance_choice){BALANCE_QUEUE_POOL, NULL};
}

struct balance_choice balance_persist(struct balancer *b, struct server *s, bool even_down)
{
    struct server_view v = server_view(s);
    if (!server_usable_persistent(&v) && !even_down)
        return (struct balance_choice){BALANCE_NONE, NULL};
    return settle_on(s);
}
