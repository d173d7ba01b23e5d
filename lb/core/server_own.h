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

/* Works out the view and stores it; true if it has changed. */
bool server_publish(struct server *s);
