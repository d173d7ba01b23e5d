/*
 * Stick rules: the server that a table remembers for a client.
 */
#pragma once

#include "lb/net/client.h"
#include "lb/plan.h"

/* Member of the pool whom the first matching rule names; NULL if none does. */
struct server *sticky_find(const struct plan_pool *p, const struct pool_members *m,
                           const struct client *c, struct mono now);

/* `s` has got the client: `store-request` rules, or with `response` `store-response` rules. */
void sticky_store(const struct plan_pool *p, const struct server *s, const struct client *c,
                  struct mono now, bool response);
