#include "lb/tables.h"

#include "common/base/parse.h"
#include "lb/plan.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPIRE_LIMIT 4096 /* entries a turn */
#define EXPIRE_EVERY span_s(1)

struct table *table_ref(struct table *t)
{
    atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
    return t;
}

void table_unref(struct table *t)
{
    if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
        return;
    stick_free(t->stick);
    free(t);
}

/* ---- expiry ---- */

static void on_expiry(struct timer *timer, struct mono now)
{
    struct tables *ts = container_of(timer, struct tables, expiry);
    struct mono next = mono_add(now, EXPIRE_EVERY);

    map_for_each (it, &ts->by_name) {
        struct table *t = it->value;
        next = mono_min(next, stick_expire(t->stick, now, EXPIRE_LIMIT));
    }
    loop_timer_arm(ts->loop, &ts->expiry, next);
}

void tables_init(struct tables *ts, struct loop *loop)
{
    *ts = (struct tables){.loop = loop, .expiry = TIMER_INIT(on_expiry)};
}

void tables_fini(struct tables *ts)
{
    if (ts->loop)
        loop_timer_disarm(ts->loop, &ts->expiry);
    tables_discard(ts);
    map_for_each (it, &ts->by_name)
        table_unref(it->value);
    map_fini(&ts->by_name);
}

/* ---- making ---- */

/* "http_req_rate(10s)": which, and its period. */
static bool parse_store(const char *text, enum stick_data *data, struct span *period)
{
    size_t len = strcspn(text, "(");
    char inner[32] = "";

    if (text[len])
        snprintf(inner, sizeof(inner), "%.*s", (int)strcspn(text + len + 1, ")"), text + len + 1);
    for (int i = 0; i < STICK_DATA_N; i++) {
        const char *name = stick_data_rows[i].name;
        if (!name || strlen(name) != len || strncmp(name, text, len) != 0)
            continue;
        *data = (enum stick_data)i;
        *period = span_us(0);
        return !inner[0] || parse_span(inner, 1000, period);
    }
    return false;
}

static int make_conf(struct stick_conf *out, const char *name, const struct config_stick_table *c,
                     struct err *e)
{
    *out = (struct stick_conf){
        .name = name,
        .type = (enum stick_type)c->type,
        .key_len = (uint32_t)c->length,
        .size = (uint32_t)c->size,
        .nopurge = c->nopurge,
        .expire = c->expire,
    };
    for (size_t i = 0; i < c->store.n; i++) {
        enum stick_data data;
        struct span period;
        if (!parse_store(c->store.v[i], &data, &period))
            return err_set(e, -EINVAL, "stick table %s: cannot store \"%s\"", name, c->store.v[i]);
        out->store |= 1u << data;
        out->period[data] = period;
    }
    return 0;
}

/* Whether the content of a table can be kept for another configuration of it. */
static bool same_kind(const struct stick_conf *a, const struct stick_conf *b)
{
    return a->type == b->type && a->key_len == (b->key_len ? b->key_len : a->key_len) &&
           a->size == b->size && a->nopurge == b->nopurge && a->expire.us == b->expire.us &&
           (a->store & b->store) == b->store;
}

static struct table *make_table(struct tables *ts, const char *name, const struct stick_conf *conf,
                                struct err *e)
{
    struct table *t = calloc(1, sizeof(*t));

    if (!t || !(t->stick = stick_new(conf, e))) {
        free(t);
        return NULL;
    }
    atomic_init(&t->refs, 1);
    t->name = stick_conf(t->stick)->name;
    if (map_put(&ts->staged, name, t) == 0)
        return table_ref(t);
    err_set(e, -ENOMEM, "out of memory");
    table_unref(t);
    return NULL;
}

/* Held for the caller. */
static struct table *get_table(struct tables *ts, const char *name,
                               const struct config_stick_table *c, struct err *e)
{
    struct table *t = map_get(&ts->staged, name);
    struct stick_conf conf;

    if (make_conf(&conf, name, c, e) < 0)
        return NULL;
    t = t ? t : map_get(&ts->by_name, name);
    if (t && same_kind(stick_conf(t->stick), &conf))
        return table_ref(t);
    return make_table(ts, name, &conf, e);
}

struct table *tables_find(const struct tables *ts, const char *name)
{
    return map_get(&ts->by_name, name);
}

/* ---- plans ---- */

/* "web" is a pool's, "peers/T" a peers section's. */
static const struct config_stick_table *config_of(const struct config *c, const char *name)
{
    const char *slash = strchr(name, '/');
    const struct config_pool *pool = slash ? NULL : conf_named(&c->pools, name);
    const struct config_listener *listener = slash ? NULL : conf_named(&c->listeners, name);
    const struct config_peers *peers;
    char section[256];

    if (!slash && pool && pool->sticky.table.type)
        return &pool->sticky.table;
    if (!slash)
        return listener && listener->table.type ? &listener->table : NULL;
    snprintf(section, sizeof(section), "%.*s", (int)(slash - name), name);
    peers = conf_named(&c->peers, section);
    return peers ? conf_named(&peers->tables, slash + 1) : NULL;
}

static int open_table(struct tables *ts, const struct plan *p, const char *name, struct table **out,
                      struct err *e)
{
    const struct config_stick_table *c = config_of(p->config, name);

    if (!c)
        return err_set(e, -EINVAL, "there is no stick table \"%s\"", name);
    *out = get_table(ts, name, c, e);
    return *out ? 0 : -EINVAL;
}

static int open_rules(struct tables *ts, struct plan *p, struct plan_pool *pool, struct err *e)
{
    const struct conf_list *rules = &pool->conf->sticky.rules;
    int err = 0;

    pool->sticks = calloc(rules->n + 1, sizeof(*pool->sticks));
    if (!pool->sticks)
        return err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; i < rules->n && err == 0; i++) {
        const struct config_stick *c = rules->v[i];
        struct plan_stick *s = &pool->sticks[pool->n_sticks++];
        s->what = (enum config_stick_what)c->what;
        err = open_table(ts, p, c->table ? c->table : pool->conf->obj.name, &s->table, e);
        s->rule = &pool->rules->sticks[i];
    }
    return err;
}

/* Tables that peers sections hold are there also without a rule. */
static int open_shared(struct tables *ts, const struct plan *p, struct err *e)
{
    char name[600];

    for (size_t i = 0; i < p->config->peers.n; i++) {
        const struct config_peers *peers = p->config->peers.v[i];
        for (size_t k = 0; k < peers->tables.n; k++) {
            const struct config_stick_table *c = peers->tables.v[k];
            snprintf(name, sizeof(name), "%s/%s", peers->obj.name, c->obj.name);
            struct table *t = get_table(ts, name, c, e);
            if (!t)
                return -EINVAL;
            table_unref(t);
        }
    }
    return 0;
}

/* Those that rules name by number. */
static int open_named(struct tables *ts, struct plan *p, struct err *e)
{
    const struct program_names *names = &p->config->ruleset->program->names[PROGRAM_TABLE];
    int err = 0;

    for (size_t i = 0; i < names->n && err == 0; i++)
        err = open_table(ts, p, names->v[i].at, &p->named.tables[i], e);
    return err;
}

int tables_open(struct tables *ts, struct plan *p, struct err *e)
{
    int err = open_shared(ts, p, e);

    for (size_t i = 0; i < p->n_pools && err == 0; i++) {
        struct plan_pool *pool = &p->pools[i];
        if (pool->conf->sticky.table.type)
            err = open_table(ts, p, pool->conf->obj.name, &pool->table, e);
        if (err == 0)
            err = open_rules(ts, p, pool, e);
    }
    for (size_t i = 0; i < p->n_listeners && err == 0; i++) {
        struct plan_listener *l = &p->listeners[i];
        const char *name = l->conf->obj.name;
        if (l->conf->table.type && !conf_named(&p->config->pools, name))
            err = open_table(ts, p, name, &l->table, e);
    }
    return err < 0 ? err : open_named(ts, p, e);
}

void tables_discard(struct tables *ts)
{
    map_for_each (it, &ts->staged)
        table_unref(it->value);
    map_fini(&ts->staged);
}

void tables_commit(struct tables *ts, const struct plan *p)
{
    map_for_each (it, &ts->by_name)
        if (map_get(&ts->staged, it->key) || !config_of(p->config, it->key))
            table_unref(map_del(&ts->by_name, it->key));
    map_for_each (it, &ts->staged) {
        struct table *t = map_del(&ts->staged, it->key);
        if (map_put(&ts->by_name, t->name, t) < 0)
            table_unref(t); /* works, but is not found by name */
    }
    if (map_count(&ts->by_name) && !ts->expiry.armed)
        loop_timer_after(ts->loop, &ts->expiry, EXPIRE_EVERY);
}
