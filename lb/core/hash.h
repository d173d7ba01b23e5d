/*
 * Hashes for balancing, the same numbers as HAProxy's, so that a pair of which one node still runs
 * it sends a client to the same server from both; and the part of a request that is hashed.
 */
#pragma once

#include "common/base/addr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hash_function { HASH_SDBM, HASH_DJB2, HASH_WT6, HASH_CRC32, HASH_FUNCTIONS };
extern const char *const hash_function_names[HASH_FUNCTIONS];

uint32_t hash_bytes(enum hash_function f, const void *data, size_t len);

/* Spreads a number over all 32 bits (Jenkins' full avalanche, times a prime); the `avalanche`
 * modifier. */
uint32_t hash_avalanche(uint32_t a);

/* The address as a number: its 32-bit words, exclusive or. */
uint32_t hash_address(const struct addr *a);

/* A piece of somebody else's text. */
struct hash_text {
    const char *data; /* NULL: not there */
    size_t len;
};

/* What `balance uri` looks at. */
struct hash_uri_conf {
    bool whole;     /* with the query */
    bool path_only; /* without scheme and authority */
    unsigned len;   /* only so many bytes; 0: all */
    unsigned depth; /* only so many directories; 0: all */
};

struct hash_text hash_uri_part(const struct hash_uri_conf *conf, struct hash_text target);

/* The value of parameter `name` in a query ("a=1&b=2") or in a target with one. */
struct hash_text hash_url_param(const char *name, struct hash_text target);
struct hash_text hash_form_param(const char *name, struct hash_text form);

/* `use_domain_only`: "www.example.com:80" becomes "example". */
struct hash_text hash_domain_part(struct hash_text host);
