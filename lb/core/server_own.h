/*
 * What the files about servers and pools share among themselves; nobody else includes this.
 */
#pragma once

#include "lb/core/server.h"

/* All zero, aligned to a cache line; NULL without memory. */
void *server_zalloc(size_t size);

/* One lane a worker, empty. */
struct lane *server_lanes(unsigned workers);

/* Made by pool_add(), which checks the values. Held once, for the caller. */
struct server *server_new(struct pool *p, const struct server_conf *conf, uint32_t id,
                          struct mono now);

/* What the lanes have counted beyond `cleared`. */
uint64_t server_lanes_count(const struct lane *lanes, unsigned workers, const struct count *cleared,
                            enum count_id id);

/* One of its servers has changed: is the pool up? */
void pool_settle(struct pool *p, struct mono now);

/* Works out the view and stores it; true if it has changed. */
bool server_publish(struct server *s);
