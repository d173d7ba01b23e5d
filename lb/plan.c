#include "lb/plan.h"

#include "common/base/parse.h"
#include "common/rt/file.h"
#include "lb/server_addr.h"
#include "lb/tables.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)64 << 10)

/* ---- parts ---- */

static int make_forward(struct plan_forward *out, const struct config_forwarded_for *c)
{
    out->enabled = c->enabled;
    out->if_none = c->if_none;
    out->header = c->header;
    out->header_len = strlen(c->header);
    out->except = calloc(c->except.n + 1, sizeof(*out->except));
    if (!out->except)
        return -ENOMEM;
    for (size_t i = 0; i < c->except.n; i++)
        if (addr_prefix_parse(c->except.v[i], &out->except[out->n_except]))
            out->n_except++;
    return 0;
}

static int make_answer(struct plan_answer *out, const struct config_error_file *f, struct err *e)
{
    struct buf text cleanup(buf_fini) = BUF_INIT(ANSWER_MAX);
    int64_t status = 0;

    parse_int(f->obj.name, 200, 599, &status);
    out->status = (uint16_t)status;
    if (f->file[0] && strcmp(f->file, "/dev/null") != 0) {
        int err = file_read(f->file, ANSWER_MAX, &text, e);
        if (err < 0)
            return err;
    }
    out->len = text.len;
    out->data = text.len ? buf_take(&text) : strdup("");
    return out->data ? 0 : -ENOMEM;
}

static int make_answers(struct plan_answers *out, const struct conf_list *list, struct err *e)
{
    out->v = calloc(list->n + 1, sizeof(*out->v));
    if (!out->v)
        return -ENOMEM;
    for (size_t i = 0; i < list->n; i++) {
        int err = make_answer(&out->v[out->n++], list->v[i], e);
        if (err < 0)
            return err;
    }
    return 0;
}

/* "; domain=a; domain=b" */
static char *join(const struct conf_strings *list, const char *before)
{
    struct buf b = BUF_INIT(4096);

    for (size_t i = 0; i < list->n; i++)
        buf_printf(&b, "; %s%s", before, list->v[i]);
    return buf_take(&b);
}

static int make_cookie(struct plan_pool *p, const struct config_cookie *c)
{
    static const enum cookie_mode modes[] = {
        [CONFIG_COOKIE_INSERT] = COOKIE_INSERT,
        [CONFIG_COOKIE_REWRITE] = COOKIE_REWRITE,
        [CONFIG_COOKIE_PREFIX] = COOKIE_PREFIX,
    };

    if (!c->cookie_name)
        return 0;
    if (c->domain.n && !(p->cookie_domain = join(&c->domain, "domain=")))
        return -ENOMEM;
    if (c->attributes.n && !(p->cookie_attr = join(&c->attributes, "")))
        return -ENOMEM;
    p->has_cookie = true;
    p->cookie = (struct cookie_conf){
        .name = c->cookie_name,
        .name_len = strlen(c->cookie_name),
        .mode = modes[c->mode],
        .indirect = c->indirect,
        .nocache = c->nocache,
        .postonly = c->postonly,
        .preserve = c->preserve,
        .httponly = c->httponly,
        .secure = c->secure,
        .domain = p->cookie_domain,
        .attr = p->cookie_attr,
        .maxidle_s = c->maxidle.us / 1000000,
        .maxlife_s = c->maxlife.us / 1000000,
    };
    return 0;
}

static bool is_special(const struct config_server *s)
{
    struct server_addr at;

    return s->source.addr.family || s->source_interface || s->tcp_keepalive || s->send_proxy ||
           (server_addr_parse(s->address, &at) && at.port_relative);
}

static int make_pool(struct plan *plan, struct plan_pool *p, const struct config_pool *c,
                     struct err *e)
{
    int err;

    p->conf = c;
    p->mode = (enum config_mode)c->mode;
    p->connection = (enum config_connection)c->connection;
    p->reuse = (enum config_reuse)c->reuse;
    p->t = config_timeouts_of(plan->config, &c->timeouts);
    for (size_t i = 0; i < c->servers.n; i++)
        p->special |= is_special(c->servers.v[i]);
    if ((err = make_forward(&p->forward, &c->forwarded_for)) < 0)
        return err;
    if ((err = make_answers(&p->answers, &c->errors, e)) < 0)
        return err;
    return make_cookie(p, &c->sticky.cookie);
}

static int make_listener(struct plan *plan, struct plan_listener *l,
                         const struct config_listener *c, struct err *e)
{
    int err;

    l->plan = plan;
    l->conf = c;
    l->mode = (enum config_mode)c->mode;
    l->connection = (enum config_connection)c->connection;
    l->t = config_timeouts_of(plan->config, &c->timeouts);
    l->pool = c->pool ? plan_pool(plan, c->pool) : NULL;
    if ((err = make_forward(&l->forward, &c->forwarded_for)) < 0)
        return err;
    return make_answers(&l->answers, &c->errors, e);
}

static int make(struct plan *p, struct err *e)
{
    const struct config *c = p->config;
    int err = 0;

    p->pools = calloc(c->pools.n + 1, sizeof(*p->pools));
    p->listeners = calloc(c->listeners.n + 1, sizeof(*p->listeners));
    p->lanes = aligned_alloc(CACHE_LINE, p->workers * sizeof(*p->lanes));
    if (!p->pools || !p->listeners || !p->lanes)
        return -ENOMEM;
    memset(p->lanes, 0, p->workers * sizeof(*p->lanes));
    for (size_t i = 0; i < c->pools.n && err == 0; i++)
        err = make_pool(p, &p->pools[p->n_pools++], c->pools.v[i], e);
    for (size_t i = 0; i < c->listeners.n && err == 0; i++)
        err = make_listener(p, &p->listeners[p->n_listeners++], c->listeners.v[i], e);
    return err < 0 ? err : plan_rules_make(p);
}

struct plan *plan_new(struct config *c, unsigned workers, struct err *e)
{
    struct plan *p = calloc(1, sizeof(*p));

    err_set(e, -ENOMEM, "out of memory");
    if (!p) {
        config_free(c);
        return NULL;
    }
    atomic_init(&p->refs, 1);
    p->config = c;
    p->workers = workers;
    if (make(p, e) < 0) {
        plan_unref(p);
        return NULL;
    }
    return p;
}

/* ---- the end ---- */

static void free_answers(struct plan_answers *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->v[i].data);
    free(a->v);
}

static void free_listener(struct plan_listener *l)
{
    for (size_t i = 0; i < l->n_bindings; i++)
        binding_unref(l->bindings[i]);
    free(l->bindings);
    listener_unref(l->listener);
    table_unref(l->table);
    free(l->forward.except);
    free_answers(&l->answers);
}

static void free_pool(struct plan_pool *p)
{
    for (size_t i = 0; i < p->n_sticks; i++)
        table_unref(p->sticks[i].table);
    free(p->sticks);
    table_unref(p->table);
    pool_unref(p->pool);
    free(p->forward.except);
    free_answers(&p->answers);
    free(p->cookie_domain);
    free(p->cookie_attr);
}

struct plan *plan_ref(struct plan *p)
{
    atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
    return p;
}

void plan_unref(struct plan *p)
{
    if (!p || atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < p->n_listeners; i++)
        free_listener(&p->listeners[i]);
    for (size_t i = 0; i < p->n_pools; i++)
        free_pool(&p->pools[i]);
    plan_rules_fini(p);
    free(p->listeners);
    free(p->pools);
    free(p->lanes);
    config_free(p->config);
    free(p);
}

struct plan_pool *plan_pool(const struct plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_pools; i++)
        if (strcmp(p->pools[i].conf->obj.name, name) == 0)
            return &p->pools[i];
    return NULL;
}

struct plan_listener *plan_listener(const struct plan *p, const char *name)
{
    for (size_t i = 0; i < p->n_listeners; i++)
        if (strcmp(p->listeners[i].conf->obj.name, name) == 0)
            return &p->listeners[i];
    return NULL;
}
