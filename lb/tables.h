/*
 * Stick tables by name, as configurations name them: "web" for the table of pool web, "peers/T" for
 * one that a peers section holds. A table outlives a reload if the new configuration has it with
 * the same type; what it holds is then still there.
 *
 * Main only, but for the tables themselves (stick.h).
 */
#pragma once

#include "common/base/map.h"
#include "common/rt/loop.h"
#include "lb/config.h"
#include "lb/core/stick.h"

struct plan;

/* One table; counted, because a request may use it while main takes it out. */
struct table {
    _Atomic unsigned refs;
    struct stick_table *stick;
    const char *name; /* its own */
};

struct table *table_ref(struct table *t);
void table_unref(struct table *t); /* any thread; NULL-safe */

struct tables {
    struct map by_name; /* struct table, held */
    struct map staged;  /* made for a plan that is not in force yet */
    struct loop *loop;
    struct timer expiry;
};

void tables_init(struct tables *ts, struct loop *loop);
void tables_fini(struct tables *ts);

/* The table of that name; NULL if there is none. */
struct table *tables_find(const struct tables *ts, const char *name);

/* Gives each pool of `p` its table and those that its rules name: the one in force if it is of the
 * same kind, else a new one. */
int tables_open(struct tables *ts, struct plan *p, struct err *e);

/* `p` is in force: what it brought is found by name, what it does not have is forgotten. */
void tables_commit(struct tables *ts, const struct plan *p);

/* It will not be in force. */
void tables_discard(struct tables *ts);
