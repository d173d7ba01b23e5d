/*
 * The plan: one configuration in force, as the workers see it. Immutable once published.
 *
 * Main makes a plan of each configuration that it loads and sends it to each worker, which uses it
 * for all requests from then on; requests that have begun keep the plan they began with. What lives
 * longer than one configuration (pools with their servers and queues, listeners with their
 * counters, sockets) is only pointed to, and held.
 *
 * Lives: main holds the newest plan; each worker holds one as long as it is its newest or a request
 * uses it (counted in its own lane, so no line is shared). The last one to let go frees it.
 */
#pragma once

#include "lb/config.h"
#include "lb/core/cookie.h"
#include "lb/core/pool.h"
#include "lb/net/listener.h"
#include "lb/ruleset.h"

#include <stdatomic.h>
#include <stdbool.h>

struct plan;

/* X-Forwarded-For */
struct plan_forward {
    bool enabled, if_none;
    const char *header;
    size_t header_len;
    struct addr_prefix *except;
    size_t n_except;
};

/* An answer made here: a whole HTTP response. */
struct plan_answer {
    uint16_t status;
    char *data; /* NULL: the built-in one */
    size_t len;
};

struct plan_answers {
    struct plan_answer *v;
    size_t n;
};

struct table;

struct plan_stick {
    enum config_stick_what what;
    struct table *table; /* held */
    const struct ruleset_stick *rule;
};

struct plan_pool {
    const struct config_pool *conf;
    struct pool *pool; /* held */
    unsigned slot;     /* of each worker's upstreams */
    enum config_mode mode;
    enum config_connection connection;
    enum config_reuse reuse;
    struct config_timeouts t;
    struct plan_forward forward;
    struct plan_answers answers;
    struct table *table; /* its own stick table, held; NULL: none */
    struct plan_stick *sticks;
    size_t n_sticks;
    bool stick_source; /* all of them look at the client's address alone, always */
    const struct ruleset_pool *rules;
    bool ruled;   /* they have something to say */
    bool special; /* a server has a source, a PROXY header, or no port of its own */
    bool has_cookie;
    struct cookie_conf cookie;
    char *cookie_domain, *cookie_attr; /* what it points to */
};

struct plan_listener {
    const struct plan *plan;
    const struct config_listener *conf;
    struct listener *listener; /* held */
    struct binding **bindings; /* held */
    size_t n_bindings;
    enum config_mode mode;
    enum config_connection connection;
    struct config_timeouts t;
    struct plan_forward forward;
    struct plan_answers answers;
    const struct plan_pool *pool; /* NULL: none */
    struct table *table;          /* its own stick table, held; NULL: none */
    const struct ruleset_listener *rules;
    bool ruled;     /* they have something to say */
    uint64_t sinks; /* where access lines go: bits of log_sinks.h; 0: nowhere */
};

/* What the rules name by number (program.h). */
struct plan_named {
    const struct plan_pool **pools;
    const struct plan_listener **listeners;
    struct plan_server {
        const struct plan_pool *pool;
        const char *name;
    } * servers;
    struct table **tables; /* held */
};

struct plan_lane {
    _Alignas(CACHE_LINE) uint32_t users; /* requests of the worker that began with it */
};

struct plan {
    _Atomic unsigned refs;
    struct config *config; /* owned */
    unsigned workers;
    struct plan_listener *listeners;
    size_t n_listeners;
    struct plan_pool *pools;
    size_t n_pools;
    struct plan_named named;
    struct plan_lane *lanes; /* [workers] */
};

/* What the configuration says, with the runtime objects still NULL: reload.h puts them in. Takes
 * the configuration over in each case. NULL with `e` set: a file cannot be read, no memory. */
struct plan *plan_new(struct config *c, unsigned workers, struct err *e);

struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan *p); /* any thread; NULL-safe */

/* NULL if there is none. */
struct plan_pool *plan_pool(const struct plan *p, const char *name);
struct plan_listener *plan_listener(const struct plan *p, const char *name);

/* For plan.c: looks at the rules. -ENOMEM. */
int plan_rules_make(struct plan *p);
void plan_rules_fini(struct plan *p);
