/*
 * All rules of one configuration, compiled: what its texts become once it is loaded. Immutable, and
 * shared by all workers as part of the configuration.
 */
#pragma once

#include "lb/config.h"
#include "lb/core/rule.h"

/* Those of a listener or of a pool; NULL: none. */
struct ruleset_rules {
    const struct rules *connection, *content, *request, *response, *after;
    const struct cond *stats_admin; /* meaningless unless stats.admin is written */
    bool any;                       /* there are content, request, response or after rules */
};

struct ruleset_route {
    const struct cond *when;
    const struct format *pool; /* its name has holes; NULL: it has none */
};

struct ruleset_listener {
    struct ruleset_rules rules;
    struct ruleset_route *routes; /* as conf->routes */
    const struct cond *monitor_fail;
    const struct format *unique_id; /* NULL: none */
    unsigned captures;              /* slots of requests, declared ones first */
};

struct ruleset_stick {
    const struct expr *key;
    const struct cond *when;
};

struct ruleset_pool {
    struct ruleset_rules rules;
    struct ruleset_stick *sticks; /* as conf->sticky.rules */
};

struct ruleset {
    struct program *program;
    struct ruleset_listener *listeners; /* as config.listeners */
    struct ruleset_pool *pools;         /* as config.pools */
    bool has_sess;                      /* some variable lives as long as its connection */
};

/* Compiles the rules of `c` into c->ruleset. All faults are reported; -EINVAL if there are any,
 * -ENOMEM. Reads the files that rules name. */
int ruleset_compile(struct config *c, struct conf_report *r);

void ruleset_free(struct ruleset *s); /* NULL-safe */

/* A variable of this program is of the whole connection. */
bool ruleset_is_sess(struct text name);
