/*
 * Pools and servers of a new configuration: made, kept, changed or taken out.
 */
#include "lb/reload_pool.h"

#include "common/rt/log.h"
#include "lb/core/server_log.h"
#include "lb/server_addr.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- pools ---- */

static struct balance_conf balance_of(const struct config_balance *c)
{
    return (struct balance_conf){
        .algorithm = (enum balance_algorithm)c->algorithm,
        .consistent = c->consistent,
        .function = (enum hash_function)c->function,
        .avalanche = c->avalanche,
        .uri = {.whole = c->whole,
                .path_only = c->path_only,
                .len = (unsigned)c->length,
                .depth = (unsigned)c->depth},
        .name = c->name,
        .domain_only = c->domain_only,
        .draws = (unsigned)c->draws,
        .all_backups = c->all_backups,
    };
}

/* The pool goes on if it is balanced as before; its servers may change. */
static bool same_pool(const struct plan_pool *old, const struct config_pool *c)
{
    const struct conf_key *keys = config_pool_table.keys;

    for (size_t i = 0; i < config_pool_table.key_count; i++)
        if (strcmp(keys[i].name, "balance") == 0 || strcmp(keys[i].name, "id") == 0)
            if (!conf_key_equal(&keys[i], old->conf, c))
                return false;
    return true;
}

static int find_slot(struct engine *e, struct pool *p)
{
    struct pool **v;
    int slot = engine_slot(e, p);

    if (slot >= 0)
        return slot;
    slot = engine_slot(e, NULL);
    if (slot < 0) {
        v = reallocarray(e->slots, e->n_slots + 1, sizeof(struct pool *));
        if (!v)
            return -ENOMEM;
        e->slots = v;
        slot = (int)e->n_slots++;
    }
    e->slots[slot] = p;
    return slot;
}

static void log_event(struct engine *e, int level, const struct buf *text)
{
    if (!text->len)
        return;
    if (!e->event_sinks)
        log_at(LOG_LEVEL_NOTICE, "%s", buf_cstr(text));
    log_sinks_add(e->sinks, e->event_sinks, level, buf_cstr(text), text->len);
    log_sinks_flush(e->sinks);
}

static void log_change(struct engine *e, const struct server_event *ev)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(4096);
    int level = (int)server_log(&text, ev, 0);

    log_event(e, level, &text);
    buf_clear(&text);
    if (server_log_pool(&text, ev))
        log_event(e, SERVER_LOG_EMERG, &text);
}

/* on-marked-up shutdown-backup-sessions */
static void cut_backups(struct engine *e, unsigned slot, const struct pool *p)
{
    for (uint32_t i = 0; p->members && i < p->members->n; i++)
        if (p->members->servers[i]->backup)
            workers_server(e->workers, slot, p->members->servers[i], false, true);
}

/* The one door: what follows from a change of a server. */
static void on_event(const struct server_event *ev, void *user)
{
    struct engine *e = user;
    struct server *s = ev->server;
    bool down = ev->after.oper == SERVER_STOPPED;
    bool cut = ev->kind == SERVER_WENT_DOWN &&
               s->check.conf.on_marked_down == HEALTH_MARKED_SHUTDOWN_SESSIONS;
    int slot = engine_slot(e, s->pool);

    if (!e->quiet)
        log_change(e, ev);
    if (slot >= 0 && e->workers) {
        workers_server(e->workers, (unsigned)slot, s, down, cut);
        if (ev->kind == SERVER_WENT_UP && !s->backup &&
            s->check.conf.on_marked_up == HEALTH_MARKED_SHUTDOWN_SESSIONS)
            cut_backups(e, (unsigned)slot, s->pool);
    }
    engine_watch(e, s);
}

int reload_pool_open(struct engine *e, struct plan_pool *p, struct err *err)
{
    struct plan_pool *old = e->plan ? plan_pool(e->plan, p->conf->obj.name) : NULL;
    struct pool_conf conf = {
        .name = p->conf->obj.name,
        .id = (uint32_t)p->conf->id,
        .balance = balance_of(&p->conf->balance),
        .fullconn = (uint32_t)p->conf->fullconn,
    };

    if (old && same_pool(old, p->conf)) {
        p->pool = pool_ref(old->pool);
        p->slot = old->slot;
        return 0;
    }
    struct pool *pool = pool_new(&conf, e->n_workers, err);
    if (!pool)
        return err_prefix(err, -EINVAL, "pool %s", conf.name);
    pool_on_event(pool, on_event, e);
    p->pool = pool_ref(pool);
    int slot = find_slot(e, pool);
    p->slot = (unsigned)slot;
    return slot < 0 ? err_set(err, slot, "out of memory") : 0;
}

/* Slots of pools that the plan in force does not have: main's hold ends. */
void reload_pools_retire(struct engine *e)
{
    for (unsigned i = 0; i < e->n_slots; i++) {
        bool used = false;
        for (size_t k = 0; e->plan && k < e->plan->n_pools; k++)
            used |= e->plan->pools[k].pool == e->slots[i];
        if (used || !e->slots[i])
            continue;
        pool_retire(e->slots[i]);
        e->slots[i] = NULL;
    }
}

/* ---- servers ---- */

static struct health_conf health_of(const struct config_check *c)
{
    return (struct health_conf){
        .rise = (uint16_t)c->rise,
        .fall = (uint16_t)c->fall,
        .inter = c->inter,
        .fastinter = c->fastinter,
        .downinter = c->downinter,
        .timeout = c->timeout,
        .observe = (enum health_observe)c->observe,
        .on_error = (enum health_on_error)c->on_error,
        .error_limit = (uint16_t)c->error_limit,
        .on_marked_down = (enum health_on_marked)c->on_marked_down,
        .on_marked_up = (enum health_on_marked)c->on_marked_up,
    };
}

/* A name is looked up once, here; one that cannot be found starts the server down. */
static struct addr_port resolve(const char *written, char host[SERVER_ADDR_HOST_MAX])
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    struct server_addr at;
    struct addr_port out = {0};

    if (!server_addr_parse(written, &at))
        return out;
    out.addr = at.addr;
    memcpy(host, at.host, SERVER_ADDR_HOST_MAX);
    if (at.host[0] && getaddrinfo(at.host, NULL, &hints, &list) == 0)
        addr_from_sockaddr(list->ai_addr, &out);
    if (list)
        freeaddrinfo(list);
    out.port = at.port_relative ? 0 : (uint16_t)at.port;
    return out;
}

static const char *cookie_of(const struct config_pool *p, const struct config_server *s)
{
    if (s->cookie)
        return s->cookie[0] ? s->cookie : NULL;
    return p->sticky.cookie.cookie_name ? s->obj.name : NULL;
}

static struct server *add_server(struct plan_pool *p, const struct config_server *s)
{
    struct config_check check = config_check_of(p->conf, s);
    char host[SERVER_ADDR_HOST_MAX] = "";
    struct addr_port at = resolve(s->address, host);
    struct server_conf conf = {
        .name = s->obj.name,
        .id = (uint32_t)s->id,
        .address = at,
        .fqdn = host[0] ? host : NULL,
        .weight = (int)s->weight,
        .maxconn = (uint32_t)s->maxconn,
        .minconn = (uint32_t)s->minconn,
        .maxqueue = (uint32_t)s->maxqueue,
        .cookie = cookie_of(p->conf, s),
        .backup = s->backup,
        .disabled = s->disabled,
        .down = !at.addr.family,
        .checked = check.type != CONFIG_CHECK_NONE && !s->track,
        .slowstart = s->slowstart,
        .check = health_of(&check),
        .agent_checked = s->agent.port != 0,
        .agent = {.inter = s->agent.inter, .rise = 1, .fall = 1},
    };
    struct server *out = NULL;
    struct err e;

    if (!at.addr.family)
        log_warning("server %s/%s: \"%s\" cannot be resolved; it is down", p->conf->obj.name,
                    s->obj.name, s->address);
    if (pool_add(p->pool, &conf, loop_clock(), &out, &e) < 0) {
        log_err("server %s/%s: %s", p->conf->obj.name, s->obj.name, e.text);
        return NULL;
    }
    return out;
}

/* Nothing that a running server could not take up has changed. */
static bool same_server(const struct plan_pool *old, const struct plan_pool *p,
                        const struct config_server *a, const struct config_server *b)
{
    struct config_check ca = config_check_of(old->conf, a), cb = config_check_of(p->conf, b);
    const char *x = cookie_of(old->conf, a), *y = cookie_of(p->conf, b);

    return conf_table_equal(&config_server_table, a, b) &&
           conf_table_equal(&config_check_table, &ca, &cb) && ca.type == cb.type &&
           (x && y ? strcmp(x, y) == 0 : x == y);
}

/* What an administrator has changed outlives a reload. */
struct overrides {
    int admin, weight;
};

static struct overrides take_out(struct plan_pool *p, struct server *s)
{
    struct overrides o = {s->admin_override, s->weight_override};
    struct err e;

    while (!list_empty(&s->trackers))
        list_del(s->trackers.next);
    if (pool_del(p->pool, s, &e) < 0)
        log_err("server %s/%s: %s", p->conf->obj.name, s->name, e.text);
    return o;
}

static void put_back(struct server *s, struct overrides o)
{
    if (!s)
        return;
    if (o.admin >= 0)
        server_set_admin(s, (enum server_admin)o.admin, loop_clock());
    if (o.weight >= 0)
        server_set_weight(s, o.weight, loop_clock(), NULL);
}

static void sync_server(struct plan_pool *p, const struct plan_pool *old,
                        const struct config_server *c)
{
    struct server *s = pool_find(p->pool, c->obj.name);
    const struct config_server *was = old ? conf_named(&old->conf->servers, c->obj.name) : NULL;
    struct overrides o = {-1, -1};

    if (s && was && same_server(old, p, was, c))
        return;
    if (s)
        o = take_out(p, s);
    put_back(add_server(p, c), o);
}

static void remove_gone(struct plan_pool *p, const struct plan_pool *old)
{
    for (size_t i = 0; i < old->conf->servers.n; i++) {
        const struct config_server *was = old->conf->servers.v[i];
        struct server *s = pool_find(p->pool, was->obj.name);
        if (s && !conf_named(&p->conf->servers, was->obj.name))
            take_out(p, s);
    }
}

static void track(const struct plan *plan, struct plan_pool *p, const struct config_server *c)
{
    const char *slash = strchr(c->track, '/');
    struct server *s = pool_find(p->pool, c->obj.name), *of;
    struct pool *pool = p->pool;
    char name[256];
    struct err e;

    if (slash) {
        snprintf(name, sizeof(name), "%.*s", (int)(slash - c->track), c->track);
        pool = plan_pool(plan, name)->pool;
    }
    of = pool_find(pool, slash ? slash + 1 : c->track);
    if (!s || !of || s->tracked == of)
        return;
    if (server_track(s, of, loop_clock(), &e) < 0)
        log_err("server %s/%s: %s", p->conf->obj.name, s->name, e.text);
}

static void sync_pool(struct plan_pool *p, const struct plan_pool *old)
{
    if (old && old->pool != p->pool)
        old = NULL;
    if (old)
        remove_gone(p, old);
    for (size_t i = 0; i < p->conf->servers.n; i++)
        sync_server(p, old, p->conf->servers.v[i]);
}

/* ---- checks ---- */

struct check_list {
    struct check **v;
    size_t n;
};

/* The check of before, if the server is the same: taken out of the engine's list. */
static struct check *keep_check(struct engine *e, const struct health *h)
{
    for (size_t i = 0; i < e->n_checks; i++) {
        struct check *c = e->checks[i];
        if (!c || c->health != h)
            continue;
        e->checks[i] = NULL;
        return c;
    }
    return NULL;
}

static void add_check(struct engine *e, struct check_list *list, struct server *s,
                      const struct config_check *conf, unsigned index, unsigned count)
{
    struct check *c = keep_check(e, &s->check);

    if (c)
        check_update(c, conf);
    else
        c = check_new(e->loop, e->children, s, conf, index, count);
    if (c)
        list->v[list->n++] = c;
}

static void add_agent(struct engine *e, struct check_list *list, struct server *s,
                      const struct config_agent *conf, unsigned index, unsigned count)
{
    struct check *c = keep_check(e, &s->agent);

    if (c)
        check_agent_update(c, conf);
    else
        c = check_agent_new(e->loop, s, conf, index, count);
    if (c)
        list->v[list->n++] = c;
}

static void add_checks(struct engine *e, struct check_list *list, const struct plan_pool *p)
{
    unsigned count = (unsigned)p->conf->servers.n;

    for (unsigned i = 0; i < count; i++) {
        const struct config_server *c = p->conf->servers.v[i];
        struct config_check check = config_check_of(p->conf, c);
        struct server *s = pool_find(p->pool, c->obj.name);
        if (s && s->checked)
            add_check(e, list, s, &check, i, count);
        if (s && s->agent_checked)
            add_agent(e, list, s, &c->agent, i, count);
    }
}

static void sync_checks(struct engine *e, const struct plan *plan)
{
    struct check_list list = {0};
    size_t max = 1;

    for (size_t i = 0; i < plan->n_pools; i++)
        max += 2 * plan->pools[i].conf->servers.n;
    list.v = calloc(max, sizeof(struct check *));
    if (!list.v)
        abort();
    for (size_t i = 0; i < plan->n_pools; i++)
        add_checks(e, &list, &plan->pools[i]);
    reload_checks_drop(e);
    e->checks = list.v;
    e->n_checks = list.n;
}

void reload_checks_drop(struct engine *e)
{
    for (size_t i = 0; i < e->n_checks; i++)
        check_free(e->checks[i]);
    free(e->checks);
    e->checks = NULL;
    e->n_checks = 0;
}

void reload_pools(struct engine *e, struct plan *plan, const struct plan *old)
{
    e->quiet = true;
    for (size_t i = 0; i < plan->n_pools; i++)
        sync_pool(&plan->pools[i], old ? plan_pool(old, plan->pools[i].conf->obj.name) : NULL);
    for (size_t i = 0; i < plan->n_pools; i++) {
        const struct conf_list *servers = &plan->pools[i].conf->servers;
        for (size_t k = 0; k < servers->n; k++) {
            const struct config_server *c = servers->v[k];
            if (c->track)
                track(plan, &plan->pools[i], c);
        }
    }
    e->quiet = false;
    sync_checks(e, plan);
}
