#include "lb/status.h"

#include "lb/access_log.h"
#include "lb/core/balance.h"

#include <stdlib.h>
#include <unistd.h>

static void take_server(struct status_server *out, const struct server *s, struct mono now)
{
    out->name = s->name;
    out->id = s->id;
    server_status_text(s, out->state);
    out->address = server_address(s);
    out->backup = s->backup;
    out->weight = server_weight(s);
    out->slots = server_slots(s);
    out->slots_max = atomic_load(&s->slots_max);
    out->queued = atomic_load(&s->queued);
    out->queued_max = atomic_load(&s->queued_max);
    out->maxconn = atomic_load(&s->maxconn);
    out->checks_failed = s->check.failures;
    out->downs = s->downs;
    out->since = mono_diff(now, s->changed);
    out->downtime = server_downtime(s, now);
    out->last_check = s->check.last;
    out->checked = s->checked;
    for (int i = 0; i < COUNT_N; i++)
        out->counts.v[i] = server_count(s, (enum count_id)i);
}

static int take_pool(struct status_pool *out, const struct plan_pool *p, struct mono now)
{
    const struct pool_members *m = p->pool->members;
    struct pool_usable usable = pool_usable(p->pool);

    out->name = p->conf->obj.name;
    out->mode = conf_word_name(config_mode_words, (int)p->mode);
    out->algorithm = balance_names[p->pool->balance.algorithm].name;
    out->slots = atomic_load(&p->pool->slots);
    out->slots_max = atomic_load(&p->pool->slots_max);
    out->queued = atomic_load(&p->pool->queued_all);
    out->queued_max = atomic_load(&p->pool->queued_max);
    out->active = usable.active;
    out->backup = usable.backup;
    for (int i = 0; i < COUNT_N; i++)
        out->counts.v[i] = pool_count(p->pool, (enum count_id)i);
    out->servers = calloc(m->n + 1, sizeof(*out->servers));
    if (!out->servers)
        return -1;
    for (uint32_t i = 0; i < m->n; i++)
        take_server(&out->servers[out->n_servers++], m->servers[i], now);
    return 0;
}

static int take_listener(struct status_listener *out, const struct plan_listener *l)
{
    out->name = l->conf->obj.name;
    out->mode = conf_word_name(config_mode_words, (int)l->mode);
    out->pool = l->conf->pool;
    out->conns = atomic_load(&l->listener->conns);
    out->conns_max = atomic_load(&l->listener->conns_max);
    out->limit = atomic_load(&l->listener->limit);
    out->stopped = atomic_load(&l->listener->stopped);
    for (int i = 0; i < COUNT_N; i++)
        out->counts.v[i] = listener_count(l->listener, (enum count_id)i);
    out->binds = calloc(l->n_bindings + 1, sizeof(char *));
    if (!out->binds)
        return -1;
    for (size_t i = 0; i < l->n_bindings; i++)
        out->binds[out->n_binds++] = l->bindings[i]->text;
    return 0;
}

static int take_parts(struct status *s, const struct plan *p, struct mono now)
{
    int err = 0;

    s->listeners = calloc(p->n_listeners + 1, sizeof(*s->listeners));
    s->pools = calloc(p->n_pools + 1, sizeof(*s->pools));
    if (!s->listeners || !s->pools)
        return -1;
    for (size_t i = 0; i < p->n_listeners && err == 0; i++)
        err = take_listener(&s->listeners[s->n_listeners++], &p->listeners[i]);
    for (size_t i = 0; i < p->n_pools && err == 0; i++)
        err = take_pool(&s->pools[s->n_pools++], &p->pools[i], now);
    return err;
}

struct status *status_take(const struct engine *e)
{
    struct status *s = calloc(1, sizeof(*s));
    struct mono now = loop_clock();

    if (!s)
        return NULL;
    s->version = LB_VERSION;
    s->pid = (int)getpid();
    s->threads = e->n_workers;
    s->uptime = mono_diff(now, e->started);
    s->conns = atomic_load(&e->workers->conns);
    s->conns_max = atomic_load(&e->workers->conns_max);
    s->reloads = e->reloads;
    s->reloads_failed = e->reloads_failed;
    s->stopping = e->stopping;
    s->logs_dropped = log_sinks_dropped(e->sinks);
    for (unsigned i = 0; i < e->n_workers; i++)
        s->logs_dropped += access_lane_dropped(e->lanes[i]);
    if (take_parts(s, e->plan, now) == 0)
        return s;
    status_free(s);
    return NULL;
}

void status_free(struct status *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n_listeners; i++)
        free(s->listeners[i].binds);
    for (size_t i = 0; i < s->n_pools; i++)
        free(s->pools[i].servers);
    free(s->listeners);
    free(s->pools);
    free(s);
}
