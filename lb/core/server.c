/*
 * What a request reads of a server is one 64-bit word, published by main after each change: workers
 * see either the old state or the new one, never half of each. Holds and slots share another word,
 * so that taking a slot and holding the server is one atomic addition.
 */
#include "lb/core/server.h"

#include "lb/core/pool.h"
#include "lb/core/queue.h"
#include "lb/core/server_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLD ((uint64_t)1 << 32)
#define SLOT ((uint64_t)1)

_Static_assert(sizeof(struct server_view) == sizeof(uint64_t), "a view is one atomic word");

const char *const server_admin_names[3] = {"ready", "drain", "maint"};

void *server_zalloc(size_t size)
{
    size_t whole = (size + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    void *p = aligned_alloc(CACHE_LINE, whole);
    return p ? memset(p, 0, whole) : NULL;
}

struct lane *server_lanes(unsigned workers)
{
    struct lane *lanes = server_zalloc(workers * sizeof(*lanes));
    for (unsigned i = 0; lanes && i < workers; i++) {
        list_init(&lanes[i].waiting);
        list_init(&lanes[i].idle);
        list_init(&lanes[i].busy);
        atomic_init(&lanes[i].head, QUEUE_NONE);
    }
    return lanes;
}

static void server_free(struct server *s)
{
    struct pool *p = s->pool;
    server_unref(s->tracked);
    free(s->lanes);
    free(s->name);
    free(s->cookie);
    free(s->fqdn);
    free(s);
    pool_unref(p);
}

static bool copy_texts(struct server *s, const struct server_conf *c)
{
    s->name = strdup(c->name);
    s->cookie = c->cookie ? strdup(c->cookie) : NULL;
    s->fqdn = c->fqdn ? strdup(c->fqdn) : NULL;
    return s->name && (s->cookie || !c->cookie) && (s->fqdn || !c->fqdn);
}

static void init_state(struct server *s, const struct server_conf *c, struct mono now)
{
    s->weight_conf = c->weight < 0 ? 1 : c->weight;
    s->weight_override = s->admin_override = s->agent_percent = -1;
    s->admin_conf = c->disabled ? SERVER_MAINT : SERVER_READY;
    s->unresolved = c->down;
    s->oper = SERVER_RUNNING;
    s->ramp_since = MONO_NEVER;
    s->changed = now;
    s->slowstart = c->slowstart;
    health_init(&s->check, &c->check, c->checked && !c->disabled);
    health_init(&s->agent, &c->agent, c->agent_checked);
    list_init(&s->trackers);
    list_init(&s->track_node);
}

struct server *server_new(struct pool *p, const struct server_conf *c, uint32_t id, struct mono now)
{
    struct server *s = server_zalloc(sizeof(*s));
    if (!s)
        return NULL;
    s->pool = pool_ref(p);
    s->id = id;
    s->backup = c->backup;
    s->checked = c->checked;
    s->agent_checked = c->agent_checked;
    s->minconn = c->minconn;
    s->maxqueue = c->maxqueue;
    s->maxconn_conf = c->maxconn;
    s->address_conf = c->address;
    atomic_init(&s->use, HOLD);
    atomic_init(&s->maxconn, c->maxconn);
    atomic_init(&s->ramp_percent, 100);
    s->lanes = server_lanes(p->workers);
    init_state(s, c, now);
    if (!s->lanes || !copy_texts(s, c)) {
        server_free(s);
        return NULL;
    }
    server_set_address(s, &c->address);
    server_publish(s);
    return s;
}

struct server *server_ref(struct server *s)
{
    atomic_fetch_add_explicit(&s->use, HOLD, memory_order_relaxed);
    return s;
}

static void drop(struct server *s, uint64_t what)
{
    uint64_t before = atomic_fetch_sub_explicit(&s->use, what, memory_order_acq_rel);
    if (before - what < HOLD)
        server_free(s);
}

void server_unref(struct server *s)
{
    if (s)
        drop(s, HOLD);
}

struct server_view server_view(const struct server *s)
{
    uint64_t word = atomic_load_explicit(&s->view, memory_order_acquire);
    struct server_view v;
    memcpy(&v, &word, sizeof(v));
    return v;
}

/* Sequence lock with one writer. The words are atomics with release and acquire, so that no fence
 * is needed: a reader that saw a new word sees the odd number that came before it. */
void server_set_address(struct server *s, const struct addr_port *a)
{
    struct server_address_cell *c = &s->address;
    uint64_t w[3] = {0};
    memcpy(w, a->addr.bytes, sizeof(a->addr.bytes));
    w[2] = (uint64_t)a->addr.family << 16 | a->port;
    uint32_t seq = atomic_load_explicit(&c->seq, memory_order_relaxed);
    atomic_store_explicit(&c->seq, seq + 1, memory_order_relaxed);
    for (int i = 0; i < 3; i++)
        atomic_store_explicit(&c->words[i], w[i], memory_order_release);
    atomic_store_explicit(&c->seq, seq + 2, memory_order_release);
}

struct addr_port server_address(const struct server *s)
{
    const struct server_address_cell *c = &s->address;
    uint64_t w[3];
    uint32_t before, after;
    do {
        before = atomic_load_explicit(&c->seq, memory_order_acquire);
        for (int i = 0; i < 3; i++)
            w[i] = atomic_load_explicit(&c->words[i], memory_order_acquire);
        after = atomic_load_explicit(&c->seq, memory_order_relaxed);
    } while (before != after || (before & 1));
    struct addr_port out = {.port = (uint16_t)w[2]};
    out.addr.family = (uint8_t)(w[2] >> 16);
    memcpy(out.addr.bytes, w, sizeof(out.addr.bytes));
    return out;
}

bool server_usable_new(const struct server_view *v)
{
    return v->admin == SERVER_READY && v->weight > 0 &&
           (v->oper == SERVER_RUNNING || v->oper == SERVER_STARTING);
}

bool server_usable_persistent(const struct server_view *v)
{
    return v->oper != SERVER_STOPPED; /* which maintenance is, too */
}

uint32_t server_slots(const struct server *s)
{
    return (uint32_t)atomic_load(&s->use);
}

uint32_t server_limit(const struct server *s)
{
    uint32_t max = atomic_load_explicit(&s->maxconn, memory_order_relaxed);
    if (!max)
        return 0;
    uint32_t full = atomic_load_explicit(&s->pool->fullconn, memory_order_relaxed);
    if (s->minconn && s->minconn < max && full) {
        uint64_t load = atomic_load_explicit(&s->pool->slots, memory_order_relaxed);
        load += atomic_load_explicit(&s->pool->queued_all, memory_order_relaxed);
        if (load < full)
            max = MAX(s->minconn, (uint32_t)(load * max / full));
    }
    uint32_t ramp = atomic_load_explicit(&s->ramp_percent, memory_order_relaxed);
    return ramp >= 100 ? max : MAX(1u, (uint32_t)((uint64_t)max * ramp / 100));
}

bool server_has_room(const struct server *s)
{
    uint32_t limit = server_limit(s);
    return !limit || (!atomic_load(&s->queued) && server_slots(s) < limit);
}

static void count_taken(struct server *s, uint32_t slots)
{
    struct pool *p = s->pool;
    count_peak(&s->slots_max, slots);
    count_peak(&p->slots_max, atomic_fetch_add_explicit(&p->slots, 1, memory_order_relaxed) + 1);
    if (p->balance.algorithm == BALANCE_LEASTCONN)
        atomic_store_explicit(&s->stamp, atomic_fetch_add(&p->turn, 1) + 1, memory_order_relaxed);
}

bool server_take(struct server *s)
{
    uint64_t use = atomic_load(&s->use);
    do {
        uint32_t limit = server_limit(s);
        if (limit && (uint32_t)use >= limit)
            return false;
    } while (!atomic_compare_exchange_weak(&s->use, &use, use + HOLD + SLOT));
    count_taken(s, (uint32_t)use + 1);
    return true;
}

void server_take_always(struct server *s)
{
    uint64_t use = atomic_fetch_add(&s->use, HOLD + SLOT);
    count_taken(s, (uint32_t)use + 1);
}

void server_release(struct server *s)
{
    struct pool *p = s->pool;
    atomic_fetch_sub_explicit(&p->slots, 1, memory_order_relaxed);
    if (p->balance.algorithm == BALANCE_LEASTCONN)
        atomic_store_explicit(&s->stamp, atomic_fetch_add(&p->turn, 1) + 1, memory_order_relaxed);
    /* Sequentially consistent against queue_join(): either it sees the free slot, or whoever frees
     * it sees the waiting request. */
    atomic_fetch_sub(&s->use, SLOT);
}

bool server_idle(const struct server *s)
{
    return server_slots(s) == 0 && atomic_load(&s->queued) == 0;
}

uint64_t server_lanes_count(const struct lane *lanes, unsigned workers, const struct count *cleared,
                            enum count_id id)
{
    return count_read(&lanes->count, sizeof(*lanes), workers, cleared, id);
}

uint64_t server_count(const struct server *s, enum count_id id)
{
    return server_lanes_count(s->lanes, s->pool->workers, &s->cleared, id);
}

void server_clear_peaks(struct server *s)
{
    atomic_store(&s->slots_max, server_slots(s));
    atomic_store(&s->queued_max, atomic_load(&s->queued));
    count_clear_peaks(&s->lanes->count, sizeof(*s->lanes), s->pool->workers);
    meter_clear_peaks(&s->meter);
}

void server_clear_counts(struct server *s)
{
    count_clear(&s->lanes->count, sizeof(*s->lanes), s->pool->workers, &s->cleared);
    meter_clear(&s->meter);
    server_clear_peaks(s);
    s->check.failures = s->check.downs = s->check.observed_failures = 0;
    s->agent.failures = s->agent.downs = 0;
    s->downs = 0;
    s->downtime = span_us(0);
}
