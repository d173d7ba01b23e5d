/*
 * The routes and rules of one owner (an instance, or the static part), from configuration to
 * kernel. While they are wanted they are looked after: one that somebody else removed, or that went
 * with a link, is put back within ROUTING_LOOK_S seconds.
 */
#pragma once

#include "common/base/err.h"
#include "common/rt/loop.h"
#include "vrrpd/config.h"
#include "vrrpd/net/link.h"
#include "vrrpd/net/netlink.h"
#include "vrrpd/net/route.h"

#include <stdbool.h>
#include <stddef.h>

enum { ROUTING_LOOK_S = 5 };

/* `n` routes or rules were found missing and have been put back. */
typedef void routing_fn(void *ctx, size_t n);

/* Embedded in its owner. All zero has nothing. */
struct routing {
    struct loop *loop;
    struct netlink *nl;
    struct route *routes;
    struct rule *rules;
    size_t route_count, rule_count;
    bool wanted;
    struct timer timer;
    routing_fn *fn;
    void *ctx;
};

/* `family` is for rules that do not tell theirs. `routes` and `rules` hold struct config_route and
 * config_rule. */
int routing_init(struct routing *r, struct loop *loop, struct netlink *nl, struct links *links,
                 const struct conf_list *routes, const struct conf_list *rules, uint8_t family,
                 struct err *e);

/* Removes what is held. */
void routing_fini(struct routing *r);

/* Puts them in place. What cannot be is logged once with `owner` and tried again. */
void routing_add(struct routing *r, const char *owner);
void routing_remove(struct routing *r);

/* How many are configured and not in place. */
size_t routing_missing(const struct routing *r);
