/*
 * What rules work on while they are run for one connection or one request: the evaluation with all
 * it may look at, and what has come of it so far.
 *
 * There is one only where rules (or conditions) exist. What a client's connection keeps between its
 * requests is in a `struct rule_keep`.
 */
#pragma once

#include "lb/core/rule.h"
#include "lb/session/attempt.h"
#include "lb/session/sticky.h"

struct worker;

/* One a worker: memory for evaluating. */
struct rule_kit {
    struct regex_scratch *regex;
    struct rng rng;
    struct arena tmp;
    struct rule_context *free;
    unsigned n_free;
    char first[65536]; /* of tmp */
};

struct rule_kit *rule_kit_new(uint64_t seed);
void rule_kit_free(struct rule_kit *k); /* NULL-safe */

/* Keys that are tracked, and variables, for as long as a connection lives. */
struct rule_keep {
    struct eval_track tracks[EVAL_TRACKS];
    struct vars vars;
};

/* Fields are for rule_context.c and the http_ files. */
struct rule_context {
    struct worker *w;
    struct client *client;
    const struct plan *plan;
    const struct plan_listener *front;
    const struct plan_pool *back; /* NULL: not known yet */
    const struct attempt *to;     /* NULL: none */
    struct text line;             /* the request line as it came */
    struct text unique_id;
    struct addr_port local;
    bool has_local;
    uint16_t tarpit; /* the status that follows */

    struct eval ev;
    struct vars vars;
    struct eval_track tracks[EVAL_TRACKS];
    struct rule_effects effects;
    struct arena keep;

    struct text head; /* the request's head as the rules have made it; at NULL: as it came */
    struct sticky_keys stick; /* of `back` */
    struct message message;   /* that of the moment */
    struct rule_context *next_free;
    char first[1024]; /* of keep */
};

/* For a client of `front`; the rules of its connection may have begun to track already. NULL
 * without memory. */
struct rule_context *rule_context_new(struct client *c, const struct plan *plan,
                                      const struct plan_listener *front);

/* Lets go of what was tracked, after counting it. NULL-safe. */
void rule_context_free(struct rule_context *rc, unsigned status, uint64_t in, uint64_t out);

/* Runs a list; results in `out` are valid until the next call. */
enum rule_result rule_context_run(struct rule_context *rc, const struct rules *rules,
                                  struct rule_outcome *out);
bool rule_context_holds(struct rule_context *rc, const struct cond *cond);

/* The pool that the routes choose; NULL: none, with `*wrong` where one was named that does not
 * exist. */
const struct plan_pool *rule_context_route(struct rule_context *rc);

/* Works out the keys of the stick rules of `back` that are due in a request, or in a response. */
void rule_context_stick(struct rule_context *rc, bool response);

/* The client as rules see it. */
const struct addr_port *rule_context_client(const struct rule_context *rc);

/* In tcp mode, once the connection is there: content rules and routes; rc->back is then where it
 * goes. RULES_DONE, or it is to be closed. */
enum rule_result rule_content(struct rule_context *rc, struct rule_outcome *out);

/* The rules for connections of `front`; false: close it. */
bool rule_connection(struct client *c, const struct plan *plan, const struct plan_listener *front);

/* The connection ends. */
void rule_keep_free(struct client *c);
