/*
 * Members are never changed in place: main builds the next snapshot beside the old one and puts it
 * in its place, and whoever still looks at the old one holds it until it is done.
 */
#include "lb/core/pool.h"

#include "common/base/parse.h"
#include "lb/core/server_own.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct pool *pool_new(const struct pool_conf *conf, unsigned workers, struct err *e)
{
    if (!conf->name || !conf->name[0] || !workers || workers > SERVER_WORKERS_MAX) {
        err_set(e, -EINVAL, "a pool needs a name and 1..%d workers", SERVER_WORKERS_MAX);
        return NULL;
    }
    struct pool *p = server_zalloc(sizeof(*p));
    if (!p)
        return NULL;
    atomic_init(&p->refs, 1);
    p->id = conf->id;
    p->workers = workers;
    p->balance = conf->balance;
    atomic_init(&p->fullconn, conf->fullconn);
    p->name = strdup(conf->name);
    p->balance.name = conf->balance.name ? strdup(conf->balance.name) : NULL;
    p->lanes = server_lanes(workers);
    p->members = server_zalloc(sizeof(*p->members));
    if (p->members)
        atomic_init(&p->members->refs, 1);
    if (!p->name || (conf->balance.name && !p->balance.name) || !p->lanes || !p->members) {
        err_set(e, -ENOMEM, "no memory for pool %s", conf->name);
        pool_retire(p);
        return NULL;
    }
    return p;
}

static void pool_free(struct pool *p)
{
    free(p->lanes);
    free((char *)p->balance.name);
    free(p->name);
    free(p);
}

struct pool *pool_ref(struct pool *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void pool_unref(struct pool *p)
{
    if (p && atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
        pool_free(p);
}

static void end_tracking(struct server *s)
{
    list_del(&s->track_node); /* it keeps the state that it has, and the hold, until it goes */
}

void pool_retire(struct pool *p)
{
    if (!p)
        return;
    for (uint32_t i = 0; p->members && i < p->members->n; i++)
        end_tracking(p->members->servers[i]);
    pool_members_unref(p->members);
    p->members = NULL;
    p->on_event = NULL;
    pool_unref(p);
}

void pool_on_event(struct pool *p, server_event_fn *fn, void *user)
{
    p->on_event = fn;
    p->user = user;
}

void pool_touch(struct pool *p)
{
    atomic_fetch_add_explicit(&p->epoch, 1, memory_order_release);
}

/* ---- snapshots ---- */

static int cmp_id(const void *a, const void *b)
{
    const struct server *x = *(struct server *const *)a, *y = *(struct server *const *)b;
    return (x->id > y->id) - (x->id < y->id);
}

static int cmp_name(const void *a, const void *b)
{
    const struct server *x = *(struct server *const *)a, *y = *(struct server *const *)b;
    return strcmp(x->name, y->name);
}

/* Among servers with the same cookie the one with the lowest id is found. */
static int cmp_cookie(const void *a, const void *b)
{
    const struct server *x = *(struct server *const *)a, *y = *(struct server *const *)b;
    int c = strcmp(x->cookie, y->cookie);
    return c ? c : cmp_id(a, b);
}

static void sort(struct server **v, uint32_t n, int (*cmp)(const void *, const void *))
{
    if (n)
        qsort(v, n, sizeof(struct server *), cmp);
}

/* One block: the header, then four arrays of n. Each server is held. */
static struct pool_members *members_new(struct server *const *servers, uint32_t n)
{
    struct pool_members *m = server_zalloc(sizeof(*m) + 4 * (size_t)n * sizeof(struct server *));
    if (!m)
        return NULL;
    atomic_init(&m->refs, 1);
    m->n = n;
    m->servers = (struct server **)(m + 1);
    m->by_id = m->servers + n;
    m->by_name = m->by_id + n;
    m->by_cookie = m->by_name + n;
    for (uint32_t i = 0; i < n; i++) {
        m->servers[i] = m->by_id[i] = m->by_name[i] = server_ref(servers[i]);
        if (servers[i]->cookie)
            m->by_cookie[m->n_cookies++] = servers[i];
    }
    sort(m->by_id, n, cmp_id);
    sort(m->by_name, n, cmp_name);
    sort(m->by_cookie, m->n_cookies, cmp_cookie);
    return m;
}

struct pool_members *pool_members(struct pool *p)
{
    atomic_fetch_add_explicit(&p->members->refs, 1, memory_order_relaxed);
    return p->members;
}

void pool_members_unref(struct pool_members *m)
{
    if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < m->n; i++)
        server_unref(m->servers[i]);
    free(m);
}

static void replace_members(struct pool *p, struct pool_members *m)
{
    m->generation = p->members->generation + 1;
    pool_members_unref(p->members);
    p->members = m;
    pool_touch(p);
}

/* ---- membership ---- */

static uint32_t lowest_free_id(const struct pool_members *m)
{
    uint32_t id = 1;
    for (uint32_t i = 0; i < m->n && m->by_id[i]->id <= id; i++)
        id = m->by_id[i]->id + 1;
    return id;
}

static int check_conf(const struct pool *p, const struct server_conf *c, struct err *e)
{
    if (!c->name || !c->name[0] || strlen(c->name) > SERVER_NAME_MAX)
        return err_set(e, -EINVAL, "a server needs a name of at most %d bytes", SERVER_NAME_MAX);
    if (c->weight < -1 || c->weight > SERVER_WEIGHT_MAX)
        return err_set(e, -EINVAL, "server %s/%s: weight %d is not in 0..%d", p->name, c->name,
                       c->weight, SERVER_WEIGHT_MAX);
    if (p->members->n >= POOL_SERVERS_MAX)
        return err_set(e, -ENOSPC, "pool %s has %d servers, which is the limit", p->name,
                       POOL_SERVERS_MAX);
    if (pool_by_name(p->members, c->name))
        return err_set(e, -EEXIST, "pool %s has a server %s already", p->name, c->name);
    const struct server *same = c->id ? pool_by_id(p->members, c->id) : NULL;
    if (same)
        return err_set(e, -EEXIST, "server %s/%s: id %u is taken by %s", p->name, c->name, c->id,
                       same->name);
    return 0;
}

int pool_add(struct pool *p, const struct server_conf *conf, struct mono now, struct server **out,
             struct err *e)
{
    int r = check_conf(p, conf, e);
    if (r < 0)
        return r;
    const struct pool_members *old = p->members;
    uint32_t id = conf->id ? conf->id : lowest_free_id(old);
    struct server *s = server_new(p, conf, id, now);
    struct server **all = calloc(old->n + 1, sizeof(*all));
    struct pool_members *m = NULL;
    if (s && all) {
        if (old->n)
            memcpy(all, old->servers, old->n * sizeof(*all));
        all[old->n] = s;
        m = members_new(all, old->n + 1);
    }
    free(all);
    server_unref(s); /* the members hold it */
    if (!m)
        return err_set(e, -ENOMEM, "no memory for server %s/%s", p->name, conf->name);
    replace_members(p, m);
    if (!p->changed.us)
        p->changed = now;
    if (out)
        *out = s;
    return 0;
}

int pool_del(struct pool *p, struct server *s, struct err *e)
{
    const struct pool_members *old = p->members;
    if (!list_empty(&s->trackers))
        return err_set(e, -EBUSY, "server %s/%s is tracked by %s", p->name, s->name,
                       list_first(&s->trackers, struct server, track_node)->name);
    struct server **rest = calloc(old->n + 1, sizeof(*rest));
    if (!rest)
        return err_set(e, -ENOMEM, "no memory to delete server %s/%s", p->name, s->name);
    uint32_t n = 0;
    for (uint32_t i = 0; i < old->n; i++) {
        if (old->servers[i] != s)
            rest[n++] = old->servers[i];
    }
    struct pool_members *m = n < old->n ? members_new(rest, n) : NULL;
    free(rest);
    if (!m)
        return err_set(e, n < old->n ? -ENOMEM : -ENOENT, "cannot delete server %s/%s", p->name,
                       s->name);
    end_tracking(s);
    replace_members(p, m);
    return 0;
}

/* ---- look-ups ---- */

struct server *pool_by_cookie(const struct pool_members *m, const char *value, size_t len)
{
    uint32_t lo = 0, hi = m->n_cookies;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        const char *cookie = m->by_cookie[mid]->cookie;
        int c = strncmp(cookie, value, len);
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == m->n_cookies)
        return NULL;
    const char *cookie = m->by_cookie[lo]->cookie;
    return strlen(cookie) == len && memcmp(cookie, value, len) == 0 ? m->by_cookie[lo] : NULL;
}

struct server *pool_by_id(const struct pool_members *m, uint32_t id)
{
    uint32_t lo = 0, hi = m->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (m->by_id[mid]->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->n && m->by_id[lo]->id == id ? m->by_id[lo] : NULL;
}

struct server *pool_by_name(const struct pool_members *m, const char *name)
{
    uint32_t lo = 0, hi = m->n;
    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (strcmp(m->by_name[mid]->name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < m->n && strcmp(m->by_name[lo]->name, name) == 0 ? m->by_name[lo] : NULL;
}

struct server *pool_find(const struct pool *p, const char *name)
{
    int64_t id;
    if (name[0] == '#' && parse_int(name + 1, 1, UINT32_MAX, &id))
        return pool_by_id(p->members, (uint32_t)id);
    return pool_by_name(p->members, name);
}

struct pool_usable pool_usable(const struct pool *p)
{
    struct pool_usable n = {0};
    for (uint32_t i = 0; i < p->members->n; i++) {
        struct server_view v = server_view(p->members->servers[i]);
        if (server_usable_new(&v))
            ++*(p->members->servers[i]->backup ? &n.backup : &n.active);
    }
    return n;
}

void pool_settle(struct pool *p, struct mono now)
{
    struct pool_usable n = pool_usable(p);
    bool down = p->members->n && !n.active && !n.backup;

    if (down == p->down)
        return;
    if (down)
        p->downs++;
    else
        p->downtime.us += mono_diff(now, p->changed).us;
    p->down = down;
    p->changed = now;
}

struct span pool_downtime(const struct pool *p, struct mono now)
{
    return span_us(p->downtime.us + (p->down ? mono_diff(now, p->changed).us : 0));
}

uint64_t pool_count(const struct pool *p, enum count_id id)
{
    return server_lanes_count(p->lanes, p->workers, &p->cleared, id);
}

void pool_clear_peaks(struct pool *p)
{
    atomic_store(&p->slots_max, atomic_load(&p->slots));
    atomic_store(&p->queued_max, atomic_load(&p->queued));
    count_clear_peaks(&p->lanes->count, sizeof(*p->lanes), p->workers);
    meter_clear_peaks(&p->meter);
}

void pool_clear_counts(struct pool *p)
{
    count_clear(&p->lanes->count, sizeof(*p->lanes), p->workers, &p->cleared);
    meter_clear(&p->meter);
    pool_clear_peaks(p);
    p->downs = 0;
    p->downtime = span_us(0);
}
