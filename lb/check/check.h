/*
 * Checks: whether servers live. One `struct check` a server that is checked, and one for its agent,
 * in main's loop; what a result means is lb/core/health.h's business.
 *
 * A kind of check is a row of functions: it begins an attempt and calls check_done() once, at the
 * latest when its time is over.
 */
#pragma once

#include "common/rt/child.h"
#include "common/rt/loop.h"
#include "lb/check/expect.h"
#include "lb/config.h"
#include "lb/core/server.h"

struct check;

struct check_kind {
    const char *name;
    /* Begins one check; `c->deadline` is when it must be over. */
    void (*start)(struct check *c);
    /* The check is taken back; nothing is reported. Also called behind each result. */
    void (*stop)(struct check *c);
    /* The time is over. */
    void (*timeout)(struct check *c);
};

struct check {
    const struct check_kind *kind;
    struct loop *loop;
    struct children *children; /* for scripts */
    struct server *server;     /* held */
    struct health *health;     /* &server->check or &server->agent */
    struct config_check conf;  /* its texts belong to the configuration in force */
    const char *send;          /* what an agent is sent; NULL: nothing */
    struct expect *expects;
    size_t n_expects;
    struct step *steps;
    size_t n_steps;
    struct timer timer; /* the next start, or the deadline */
    struct mono started, connected, deadline;
    bool running;
    void *state; /* of the kind */
};

/* For one server. `conf` is copied, its texts must stay until check_update(). `index` of `count`
 * spreads the first starts. NULL without memory. */
struct check *check_new(struct loop *loop, struct children *children, struct server *s,
                        const struct config_check *conf, unsigned index, unsigned count);

/* For a server's agent. */
struct check *check_agent_new(struct loop *loop, struct server *s, const struct config_agent *conf,
                              unsigned index, unsigned count);

void check_free(struct check *c); /* NULL-safe */

/* The same configuration in other memory. */
void check_update(struct check *c, const struct config_check *conf);
void check_agent_update(struct check *c, const struct config_agent *conf);

/* Looks at health.next again: maintenance has ended, or the interval has changed. */
void check_schedule(struct check *c);

/* ---- for the kinds ---- */

/* The result; `info` may be NULL. The kind's stop is called. */
void check_done(struct check *c, enum health_result_id id, uint16_t code, const char *info);

/* The same for an agent that has spoken. */
void check_agent_said(struct check *c, const struct health_agent *said);

/* Where it connects to. */
struct addr_port check_target(const struct check *c);

extern const struct check_kind check_tcp, check_http, check_script, check_agent;
