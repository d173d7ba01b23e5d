/*
 * Checks across the whole configuration. Each function looks at one kind of thing and reports all
 * that is wrong with it.
 */
#include "lb/config_check.h"

#include "common/base/parse.h"
#include "lb/bind.h"
#include "lb/check/expect.h"
#include "lb/core/balance_conf.h"
#include "lb/server_addr.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void fault(struct conf_report *r, const void *obj, const char *key, const char *hint,
                  const char *what, const char *value)
{
    conf_say(r, CONF_ERROR, conf_at(obj, key), hint, "%s \"%s\"", what, value);
}

/* `name` must be one of the named entries of `list`. */
static bool known(struct conf_report *r, const void *obj, const char *key, const char *what,
                  const struct conf_list *list, const char *name)
{
    const char *words[256];
    size_t n = 0;
    char hint[200] = "";

    if (!name || conf_named(list, name))
        return true;
    for (; n < list->n && n < ARRAY_LEN(words); n++)
        words[n] = ((const struct conf_obj *)list->v[n])->name;
    const char *near = parse_nearest(name, words, n, sizeof(*words));
    if (near)
        snprintf(hint, sizeof(hint), "did you mean \"%s\"?", near);
    fault(r, obj, key, hint, what, name);
    return false;
}

/* ---- listeners ---- */

static void check_binds(const struct config_listener *l, struct conf_report *r)
{
    struct bind_addr at;

    for (size_t i = 0; i < l->bind.n; i++)
        if (!bind_parse(l->bind.v[i], &at))
            fault(r, l, "bind",
                  "write \"192.0.2.10:80\", \":80\", \"[::]:80\", \":8000-8010\", "
                  "\"unix@/path\" or \"fd@3\"",
                  "not an address to listen on:", l->bind.v[i]);
}

static bool same_place(const struct bind_addr *a, const struct bind_addr *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == BIND_INET)
        return addr_equal(&a->at.addr, &b->at.addr) && a->at.port <= b->last &&
               b->at.port <= a->last;
    return a->kind == BIND_FD ? a->fd == b->fd : strcmp(a->path, b->path) == 0;
}

static const char *bound_by(const struct config_listener *l, const struct bind_addr *at)
{
    struct bind_addr own;

    for (size_t i = 0; i < l->bind.n; i++)
        if (bind_parse(l->bind.v[i], &own) && same_place(&own, at))
            return l->bind.v[i];
    return NULL;
}

/* The same address twice: only one of the two would be served. */
static void check_doubles(const struct config *c, size_t index, struct conf_report *r)
{
    const struct config_listener *l = c->listeners.v[index];
    struct bind_addr at;

    for (size_t i = 0; i < l->bind.n; i++) {
        if (!bind_parse(l->bind.v[i], &at))
            continue;
        for (size_t k = 0; k < index; k++) {
            const struct config_listener *other = c->listeners.v[k];
            if (bound_by(other, &at))
                conf_say(r, CONF_ERROR, conf_at(l, "bind"),
                         "give one of them another address or port",
                         "listeners \"%s\" and \"%s\" both listen on %s", other->obj.name,
                         l->obj.name, l->bind.v[i]);
        }
    }
}

static void check_pool_of(const struct config *c, const struct config_listener *l, const void *obj,
                          const char *name, struct conf_report *r)
{
    if (!name || strstr(name, "%[") || !known(r, obj, "pool", "no such pool:", &c->pools, name))
        return;
    const struct config_pool *p = conf_named(&c->pools, name);
    if (l->mode == CONFIG_MODE_HTTP && p->mode != l->mode)
        conf_say(r, CONF_ERROR, conf_at(obj, "pool"), "give both the same \"mode\"",
                 "listener \"%s\" is in http mode, pool \"%s\" is not", l->obj.name, name);
}

static void check_networks(const struct config_forwarded_for *f, struct conf_report *r)
{
    struct addr_prefix prefix;

    for (size_t i = 0; i < f->except.n; i++)
        if (!addr_prefix_parse(f->except.v[i], &prefix))
            fault(r, f, "except", "write \"192.0.2.0/24\"", "not a network:", f->except.v[i]);
}

static void check_errors(const struct conf_list *errors, struct conf_report *r)
{
    int64_t status;

    for (size_t i = 0; i < errors->n; i++) {
        const struct config_error_file *f = errors->v[i];
        if (!parse_int(f->obj.name, 200, 599, &status))
            conf_say(r, CONF_ERROR, f->obj.node->key_at, "write \"503\"",
                     "\"%s\" is not a status code", f->obj.name);
    }
}

static void check_listener(const struct config *c, size_t index, struct conf_report *r)
{
    const struct config_listener *l = c->listeners.v[index];

    check_binds(l, r);
    check_doubles(c, index, r);
    check_pool_of(c, l, l, l->pool, r);
    for (size_t i = 0; i < l->routes.n; i++) {
        const struct config_route *route = l->routes.v[i];
        check_pool_of(c, l, route, route->pool, r);
    }
    check_networks(&l->forwarded_for, r);
    check_errors(&l->errors, r);
    if (!l->pool && !l->routes.n && !l->stats.enabled && !l->rules.request.n && !l->disabled)
        conf_say(r, CONF_WARNING, l->obj.node->key_at, "add \"pool\": \"NAME\"",
                 "listener \"%s\" sends nothing anywhere: all its answers are 503", l->obj.name);
}

/* ---- pools ---- */

static void check_track(const struct config *c, const struct config_pool *p,
                        const struct config_server *s, struct conf_report *r)
{
    const char *slash = s->track ? strchr(s->track, '/') : NULL;
    const struct config_pool *of = p;
    char name[256];

    if (!s->track)
        return;
    if (slash) {
        snprintf(name, sizeof(name), "%.*s", (int)(slash - s->track), s->track);
        if (!known(r, s, "track", "no such pool:", &c->pools, name))
            return;
        of = conf_named(&c->pools, name);
    }
    const char *server = slash ? slash + 1 : s->track;
    if (!known(r, s, "track", "no such server:", &of->servers, server))
        return;
    if (conf_named(&of->servers, server) == s)
        fault(r, s, "track", "name another one", "a server cannot follow itself:", s->track);
}

/* Lists of words that are read when a check is made. */
static void check_texts(const void *where, const struct config_check *c, struct conf_report *r)
{
    struct expect expect;
    struct step step;
    struct err e;

    for (size_t i = 0; i < c->expect.n; i++) {
        if (expect_parse(&expect, c->expect.v[i], &e) < 0)
            conf_say(r, CONF_ERROR, conf_at(where, "expect"), NULL, "%s", e.text);
        else
            expect_fini(&expect);
    }
    for (size_t i = 0; i < c->steps.n; i++) {
        if (step_parse(&step, c->steps.v[i], &e) < 0)
            conf_say(r, CONF_ERROR, conf_at(where, "steps"), NULL, "%s", e.text);
        else
            step_fini(&step);
    }
}

static void check_server_check(const struct config_pool *p, const struct config_server *s,
                               struct conf_report *r)
{
    struct config_check check = config_check_of(p, s);
    const void *where = s->check.obj.node ? (const void *)&s->check : &p->check;

    if (check.type == CONFIG_CHECK_SCRIPT && !check.command)
        conf_say(r, CONF_ERROR, conf_at(where, "type"), "add \"command\"",
                 "a script check needs a command");
    if (check.type == CONFIG_CHECK_HTTP && check.request && !strchr(check.request, ' '))
        fault(r, where, "request", "write \"OPTIONS /\" or \"tcp\"",
              "a check is a method and a path, not", check.request);
}

static void check_server(const struct config *c, const struct config_pool *p, size_t index,
                         struct conf_report *r)
{
    const struct config_server *s = p->servers.v[index];
    struct server_addr at;

    if (!server_addr_parse(s->address, &at))
        fault(r, s, "address", "write \"192.0.2.101:80\" or \"web.example.org:80\"",
              "not a server's address:", s->address);
    else if (at.port_relative && p->mode == CONFIG_MODE_HTTP && p->reuse == CONFIG_REUSE_ALWAYS)
        conf_say(r, CONF_NOTICE, conf_at(s, "address"), NULL,
                 "server \"%s\" takes its port from the client's connection: its connections are "
                 "not shared",
                 s->obj.name);
    check_track(c, p, s, r);
    check_texts(&s->check, &s->check, r);
    check_server_check(p, s, r);
    for (size_t i = 0; s->id && i < index; i++) {
        const struct config_server *other = p->servers.v[i];
        if (other->id == s->id)
            conf_say(r, CONF_ERROR, conf_at(s, "id"), NULL,
                     "servers \"%s\" and \"%s\" have the same id", other->obj.name, s->obj.name);
    }
}

static void check_balance(const struct config_pool *p, struct conf_report *r)
{
    bool needs_name =
        p->balance.algorithm == BALANCE_HDR || p->balance.algorithm == BALANCE_URL_PARAM;

    if (needs_name && !p->balance.name)
        conf_say(r, CONF_ERROR, conf_at(&p->balance, "algorithm"), "add \"name\"",
                 "this algorithm needs the name of a header or parameter");
}

static void check_sticky(const struct config *c, const struct config_pool *p, struct conf_report *r)
{
    for (size_t i = 0; i < p->sticky.rules.n; i++) {
        const struct config_stick *rule = p->sticky.rules.v[i];
        bool own = p->sticky.table.type != 0;
        if (!rule->table && !own)
            conf_say(r, CONF_ERROR, rule->obj.node->at, "add \"table\" to \"sticky\"",
                     "pool \"%s\" has no stick table for this rule", p->obj.name);
        if (rule->table && !strchr(rule->table, '/'))
            known(r, rule, "table", "no such pool:", &c->pools, rule->table);
    }
}

static void check_pool(const struct config *c, size_t index, struct conf_report *r)
{
    const struct config_pool *p = c->pools.v[index];

    check_texts(&p->check, &p->check, r);
    check_balance(p, r);
    check_sticky(c, p, r);
    check_networks(&p->forwarded_for, r);
    check_errors(&p->errors, r);
    for (size_t i = 0; i < p->servers.n; i++)
        check_server(c, p, i, r);
    if (!p->servers.n && !p->stats.enabled)
        conf_say(r, CONF_WARNING, p->obj.node->key_at, NULL, "pool \"%s\" has no server",
                 p->obj.name);
}

/* Ids of one kind must differ. */
static void check_ids(const struct conf_list *list, size_t offset, const char *kind,
                      struct conf_report *r)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct conf_obj *a = list->v[i];
        int64_t id = *(const int64_t *)((const char *)a + offset);
        for (size_t k = 0; id && k < i; k++) {
            const struct conf_obj *b = list->v[k];
            if (*(const int64_t *)((const char *)b + offset) == id)
                conf_say(r, CONF_ERROR, conf_at(a, "id"), NULL,
                         "%s \"%s\" and \"%s\" have the same id", kind, b->name, a->name);
        }
    }
}

int config_check(const struct config *c, struct conf_report *r)
{
    size_t before = r->errors;

    check_ids(&c->listeners, offsetof(struct config_listener, id), "listeners", r);
    check_ids(&c->pools, offsetof(struct config_pool, id), "pools", r);
    for (size_t i = 0; i < c->listeners.n; i++)
        check_listener(c, i, r);
    for (size_t i = 0; i < c->pools.n; i++)
        check_pool(c, i, r);
    if (!c->listeners.n && c->doc.root)
        conf_say(r, CONF_WARNING, c->doc.root->at,
                 "add \"listeners\": { \"http-in\": { \"bind\": \":80\", \"pool\": \"web\" } }",
                 "there is no listener");
    return r->errors > before ? -EINVAL : 0;
}
