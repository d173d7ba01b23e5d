#include "lb/reload.h"

#include "lb/reload_pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- listeners ---- */

static struct binding *find_binding(const struct plan *p, const char *text)
{
    for (size_t i = 0; p && i < p->n_listeners; i++)
        for (size_t k = 0; k < p->listeners[i].n_bindings; k++)
            if (strcmp(p->listeners[i].bindings[k]->text, text) == 0)
                return p->listeners[i].bindings[k];
    return NULL;
}

static int add_binding(struct engine *e, struct plan_listener *l, struct bind_addr at,
                       uint16_t port, struct err *err)
{
    struct binding **v = reallocarray(l->bindings, l->n_bindings + 1, sizeof(struct binding *));
    struct binding *b;
    char text[ADDR_TEXT_MAX];

    if (!v)
        return err_set(err, -ENOMEM, "out of memory");
    l->bindings = v;
    at.at.port = port;
    b = find_binding(e->plan, bind_format(&at, text));
    b = b ? binding_ref(b) : binding_open(&at, port, l->conf, e->n_workers, err);
    if (!b)
        return -EADDRINUSE;
    v[l->n_bindings++] = b;
    return 0;
}

static int open_listener(struct engine *e, struct plan_listener *l, struct err *err)
{
    const struct config_listener *c = l->conf;
    struct plan_listener *old = e->plan ? plan_listener(e->plan, c->obj.name) : NULL;
    struct bind_addr at;
    int result = 0;

    if (old && old->listener->id == (c->id ? (uint32_t)c->id : old->listener->id))
        l->listener = listener_ref(old->listener);
    else
        l->listener = listener_new(c->obj.name, (uint32_t)c->id, e->n_workers);
    if (!l->listener)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < c->bind.n && !c->disabled && result == 0; i++) {
        if (!bind_parse(c->bind.v[i], &at))
            continue; /* config_check has refused it */
        unsigned port = at.at.port;
        do
            result = add_binding(e, l, at, (uint16_t)port, err);
        while (at.kind == BIND_INET && ++port <= at.last && result == 0);
    }
    return result;
}

static int open_logs(struct engine *e, struct plan *p, struct err *err)
{
    uint64_t all, own;

    if (log_sinks_open_all(e->sinks, &p->config->logs, &all, err) < 0)
        return -EIO;
    for (size_t i = 0; i < p->n_listeners; i++) {
        struct plan_listener *l = &p->listeners[i];
        if (log_sinks_open_all(e->sinks, &l->conf->access.logs, &own, err) < 0)
            return -EIO;
        l->sinks = !l->conf->access.enabled ? 0 : l->conf->access.logs.n ? own : all;
    }
    return 0;
}

/* ---- all of it ---- */

/* Everything that can fail. */
static int prepare(struct engine *e, struct plan *p, struct err *err)
{
    int result = open_logs(e, p, err);

    if (result == 0)
        result = tables_open(&e->tables, p, err);
    for (size_t i = 0; i < p->n_pools && result == 0; i++)
        result = reload_pool_open(e, &p->pools[i], err);
    for (size_t i = 0; i < p->n_listeners && result == 0; i++)
        result = open_listener(e, &p->listeners[i], err);
    return result;
}

/* Listeners without a number of their own get the lowest free ones, in order. */
static void number_listeners(struct plan *p)
{
    for (size_t i = 0; i < p->n_listeners; i++) {
        uint32_t id = 1;
        for (size_t k = 0; !p->listeners[i].listener->id && k < p->n_listeners; k++)
            if (p->listeners[k].listener->id == id) {
                id++;
                k = (size_t)-1;
            }
        if (!p->listeners[i].listener->id)
            p->listeners[i].listener->id = id;
    }
}

void reload_commit(struct engine *e, struct plan *p)
{
    struct plan *old = e->plan;
    const struct config *c = p->config;

    number_listeners(p);
    for (size_t i = 0; i < p->n_listeners; i++)
        atomic_store(&p->listeners[i].listener->limit, (uint32_t)p->listeners[i].conf->maxconn);
    atomic_store(&e->workers->conns_limit, engine_maxconn(e, c));
    log_sinks_open_all(e->sinks, &c->logs, &e->event_sinks, NULL);
    reload_pools(e, p, old);
    e->plan = p;
    workers_publish(e->workers, p);
    reload_pools_retire(e);
    tables_commit(&e->tables, p);
    plan_unref(old);
}

void reload_discard(struct engine *e, struct plan *p)
{
    plan_unref(p);
    reload_pools_retire(e);
    tables_discard(&e->tables);
}

struct plan *reload_prepare(struct engine *e, struct config *c, struct err *err)
{
    struct plan *p = plan_new(c, e->n_workers, err);

    if (!p || prepare(e, p, err) == 0)
        return p;
    reload_discard(e, p);
    return NULL;
}

int reload_apply(struct engine *e, struct config *c, struct err *err)
{
    struct plan *p = reload_prepare(e, c, err);

    if (!p)
        return -EINVAL;
    reload_commit(e, p);
    return 0;
}
