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

/* What the lanes have counted beyond `cleared`; and makes `cleared` what they have counted now. */
uint64_t server_lanes_count(const struct lane *lanes, unsigned workers, const struct count *cleared,
                            enum count_id id);
void server_lanes_clear(const struct lane *lanes, unsigned workers, struct count *cleared);

/* Works out the view and stores it; true if it has changed. */
bool server_publish(struct server *s);
