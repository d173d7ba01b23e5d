/*
 * The part of a reload that deals with pools, servers and checks.
 */
#pragma once

#include "lb/engine.h"

/* Gives the plan's pool its runtime object: that of before, or a new one without servers. */
int reload_pool_open(struct engine *e, struct plan_pool *p, struct err *err);

/* Makes the servers of each pool what the plan says. Cannot fail as a whole: a server that cannot
 * be made is logged. `old` may be NULL. */
void reload_pools(struct engine *e, struct plan *plan, const struct plan *old);

/* Drops pools that e->plan does not have. */
void reload_pools_retire(struct engine *e);

void reload_checks_drop(struct engine *e);
