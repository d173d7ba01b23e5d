/*
 * Stick rules: the server that a table remembers for a client.
 */
#pragma once

#include "lb/core/stick.h"
#include "lb/net/client.h"
#include "lb/plan.h"

/* What the rules look at, where that is more than the client's address. */
struct sticky_keys {
    struct stick_key *v; /* by rule; NULL: the address, for all */
    bool *given;         /* the rule's condition held, and there was a key */
};

/* `keys` may be NULL. Member of the pool whom the first matching rule names; NULL if none does. */
struct server *sticky_find(const struct plan_pool *p, const struct pool_members *m,
                           const struct client *c, const struct sticky_keys *keys, struct mono now);

/* `s` has got the client: `store-request` rules, or with `response` `store-response` rules. */
void sticky_store(const struct plan_pool *p, const struct server *s, const struct client *c,
                  const struct sticky_keys *keys, struct mono now, bool response);
