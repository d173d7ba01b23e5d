/*
 * What the rules of a plan need: who has any, and whom they name.
 */
#include "lb/plan.h"
#include "lb/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int make_named(struct plan *p)
{
    const struct program_names *names = p->config->ruleset->program->names;
    struct plan_named *r = &p->named;

    r->pools = calloc(names[PROGRAM_POOL].n + 1, sizeof(*r->pools));
    r->listeners = calloc(names[PROGRAM_LISTENER].n + 1, sizeof(*r->listeners));
    r->servers = calloc(names[PROGRAM_SERVER].n + 1, sizeof(*r->servers));
    r->tables = calloc(names[PROGRAM_TABLE].n + 1, sizeof(*r->tables));
    if (!r->pools || !r->listeners || !r->servers || !r->tables)
        return -ENOMEM;
    for (size_t i = 0; i < names[PROGRAM_POOL].n; i++)
        r->pools[i] = plan_pool(p, names[PROGRAM_POOL].v[i].at);
    for (size_t i = 0; i < names[PROGRAM_LISTENER].n; i++)
        r->listeners[i] = plan_listener(p, names[PROGRAM_LISTENER].v[i].at);
    for (size_t i = 0; i < names[PROGRAM_SERVER].n; i++) {
        struct text full = names[PROGRAM_SERVER].v[i];
        size_t slash = text_find(full, '/');
        for (size_t k = 0; k < p->n_pools; k++)
            if (text_eq(text_head(full, slash), text_of(p->pools[k].conf->obj.name)))
                r->servers[i] = (struct plan_server){&p->pools[k], full.at + slash + 1};
    }
    return 0;
}

static bool looks_at_requests(const struct config_listener *c)
{
    return c->routes.n || c->monitor_fail || c->unique_id_format || c->captures.n;
}

static void add_rules(struct plan *p)
{
    const struct ruleset *s = p->config->ruleset;

    for (size_t i = 0; i < p->n_listeners; i++) {
        struct plan_listener *l = &p->listeners[i];
        l->rules = &s->listeners[i];
        l->ruled = l->rules->rules.any || looks_at_requests(l->conf);
    }
    for (size_t i = 0; i < p->n_pools; i++) {
        struct plan_pool *pool = &p->pools[i];
        pool->rules = &s->pools[i];
        pool->stick_source = true;
        for (size_t k = 0; k < pool->conf->sticky.rules.n; k++) {
            const struct config_stick *c = pool->conf->sticky.rules.v[k];
            pool->stick_source &= strcmp(c->key, "src") == 0 && !c->condition;
        }
        pool->ruled = pool->rules->rules.any || !pool->stick_source;
    }
}

int plan_rules_make(struct plan *p)
{
    add_rules(p);
    return make_named(p);
}

void plan_rules_fini(struct plan *p)
{
    struct plan_named *r = &p->named;
    size_t tables = r->tables ? p->config->ruleset->program->names[PROGRAM_TABLE].n : 0;

    for (size_t i = 0; i < tables; i++)
        table_unref(r->tables[i]);
    free(r->pools);
    free(r->listeners);
    free(r->servers);
    free(r->tables);
}
