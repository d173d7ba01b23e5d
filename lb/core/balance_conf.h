/*
 * How a pool balances, as configured. Apart from balance.h so that pool.h can embed it.
 */
#pragma once

#include "lb/core/hash.h"

#include <stdbool.h>

enum balance_algorithm {
    BALANCE_ROUNDROBIN,
    BALANCE_STATIC_RR,
    BALANCE_LEASTCONN,
    BALANCE_FIRST,
    BALANCE_SOURCE,
    BALANCE_URI,
    BALANCE_URL_PARAM,
    BALANCE_HDR,
    BALANCE_RANDOM,
    BALANCE_ALGORITHMS
};

struct balance_conf {
    enum balance_algorithm algorithm;
    bool consistent; /* hash-type consistent; else map-based */
    enum hash_function function;
    bool avalanche;
    struct hash_uri_conf uri;
    const char *name; /* of the header or parameter; owned by the configuration, copied by a pool */
    bool domain_only; /* hdr(host) use_domain_only */
    unsigned draws;   /* random; 0 means 2 */
    bool all_backups; /* option allbackups: all of them, else the first usable one */
};
