/*
 * What lbctl shows: a copy of the numbers of one moment, which the renderers only format.
 */
#pragma once

#include "lb/core/server.h"
#include "lb/engine.h"

#include <stddef.h>
#include <stdint.h>

struct status_counts {
    uint64_t v[COUNT_N]; /* by enum count_id */
};

struct status_server {
    const char *name;
    uint32_t id;
    char state[SERVER_STATUS_MAX]; /* "UP", "DOWN 1/2", ... */
    struct addr_port address;
    bool backup;
    int weight;
    uint32_t slots, slots_max, queued, queued_max, maxconn;
    uint64_t checks_failed, downs;
    struct span since, downtime; /* the last change, ago */
    struct health_result last_check;
    bool checked;
    struct status_counts counts;
};

struct status_pool {
    const char *name;
    const char *algorithm, *mode;
    uint32_t slots, slots_max, queued, queued_max;
    unsigned active, backup;
    struct status_counts counts;
    struct status_server *servers;
    size_t n_servers;
};

struct status_listener {
    const char *name;
    const char *mode, *pool;
    const char **binds;
    size_t n_binds;
    uint32_t conns, conns_max, limit;
    bool stopped;
    struct status_counts counts;
};

struct status {
    const char *version;
    int pid;
    unsigned threads;
    struct span uptime;
    uint32_t conns, conns_max;
    uint64_t logs_dropped, reloads, reloads_failed;
    bool stopping;
    struct status_listener *listeners;
    size_t n_listeners;
    struct status_pool *pools;
    size_t n_pools;
};

/* Names point into what is running: use it before the next event. NULL without memory. */
struct status *status_take(const struct engine *e);
void status_free(struct status *s); /* NULL-safe */
