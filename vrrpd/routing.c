#include "vrrpd/routing.h"

#include "common/rt/log.h"
#include "vrrpd/rt_table.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- from configuration ---- */

static int table_of(const char *name, uint32_t *out, struct err *e)
{
    *out = RT_TABLE_MAIN;
    if (!name || rt_table(name, out))
        return 0;
    return err_set(e, -EINVAL, "there is no routing table \"%s\" in /etc/iproute2/rt_tables", name);
}

static int make_route(struct route *out, struct links *links, const struct config_route *c,
                      struct err *e)
{
    *out = (struct route){
        .type = (uint8_t)c->type,
        .via = c->via,
        .source = c->source,
        .metric = (uint32_t)c->metric,
        .to = c->to,
    };
    if (!out->to.addr.family) /* "default" */
        out->to.addr.family = c->via.family ? c->via.family : AF_INET;
    /* As `ip route` does it: without a gateway the destination is on the link. */
    out->scope = c->scope >= 0 ? (uint8_t)c->scope
                 : c->via.family || c->type != RTN_UNICAST || out->to.addr.family == AF_INET6
                     ? RT_SCOPE_UNIVERSE
                     : RT_SCOPE_LINK;
    out->device = c->device ? links_named(links, c->device) : NULL;
    if (c->device && !out->device)
        return err_set(e, -ENOMEM, "out of memory");
    return table_of(c->table, &out->table, e);
}

static int make_rule(struct rule *out, const struct config_rule *c, uint8_t family, struct err *e)
{
    *out = (struct rule){
        .from = c->from,
        .to = c->to,
        .family = c->from.addr.family ? c->from.addr.family
                  : c->to.addr.family ? c->to.addr.family
                                      : family,
        .has_mark = c->mark != NULL,
        .mask = UINT32_MAX,
        .priority = (uint32_t)c->priority,
    };
    snprintf(out->input, sizeof(out->input), "%s", c->input ? c->input : "");
    snprintf(out->output, sizeof(out->output), "%s", c->output ? c->output : "");
    if (c->mark && !config_mark(c->mark, &out->mark, &out->mask))
        return err_set(e, -EINVAL, "\"%s\" is no mark", c->mark);
    return table_of(c->table, &out->table, e);
}

int routing_init(struct routing *r, struct loop *loop, struct netlink *nl, struct links *links,
                 const struct conf_list *routes, const struct conf_list *rules, uint8_t family,
                 struct err *e)
{
    int err = 0;

    r->loop = loop;
    r->nl = nl;
    r->routes = calloc(routes->n + 1, sizeof(*r->routes));
    r->rules = calloc(rules->n + 1, sizeof(*r->rules));
    if (!r->routes || !r->rules)
        err = err_set(e, -ENOMEM, "out of memory");
    for (size_t i = 0; !err && i < routes->n; i++, r->route_count++)
        err = make_route(&r->routes[i], links, routes->v[i], e);
    for (size_t i = 0; !err && i < rules->n; i++, r->rule_count++)
        err = make_rule(&r->rules[i], rules->v[i], family, e);
    if (err)
        routing_fini(r);
    return err;
}

/* ---- keeping them ---- */

size_t routing_missing(const struct routing *r)
{
    size_t missing = 0;

    for (size_t i = 0; i < r->route_count; i++)
        missing += !r->routes[i].held;
    for (size_t i = 0; i < r->rule_count; i++)
        missing += !r->rules[i].held;
    return missing;
}

static size_t put(struct routing *r)
{
    return routes_add(r->nl, r->routes, r->route_count) + rules_add(r->nl, r->rules, r->rule_count);
}

static void look(struct timer *t, struct mono now)
{
    struct routing *r = container_of(t, struct routing, timer);
    size_t restored = put(r);

    loop_timer_after(r->loop, &r->timer, span_s(ROUTING_LOOK_S));
    if (restored && r->fn)
        r->fn(r->ctx, restored);
}

static void complain(const struct routing *r, const char *owner)
{
    char to[ADDR_TEXT_MAX];

    for (size_t i = 0; i < r->route_count; i++)
        if (!r->routes[i].held)
            log_err("%s: cannot add the route to %s: %s", owner,
                    addr_prefix_format(&r->routes[i].to, to), strerror(r->routes[i].error));
    for (size_t i = 0; i < r->rule_count; i++)
        if (!r->rules[i].held)
            log_err("%s: cannot add rule %zu: %s", owner, i + 1, strerror(r->rules[i].error));
}

void routing_add(struct routing *r, const char *owner)
{
    if (!r->route_count && !r->rule_count)
        return;
    put(r);
    if (!r->wanted && routing_missing(r))
        complain(r, owner);
    r->wanted = true;
    r->timer.fn = look;
    loop_timer_after(r->loop, &r->timer, span_s(ROUTING_LOOK_S));
}

void routing_remove(struct routing *r)
{
    if (!r->wanted)
        return;
    r->wanted = false;
    loop_timer_disarm(r->loop, &r->timer);
    rules_remove(r->nl, r->rules, r->rule_count);
    routes_remove(r->nl, r->routes, r->route_count);
}

void routing_fini(struct routing *r)
{
    routing_remove(r);
    free(r->routes);
    free(r->rules);
    r->routes = NULL;
    r->rules = NULL;
    r->route_count = r->rule_count = 0;
}
