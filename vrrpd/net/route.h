/*
 * Virtual routes and rules: what the Active router adds to the kernel's routing beside addresses.
 *
 * Each carries the mark ROUTE_MARK (its protocol, `ip route` shows "proto 112"), by which a later
 * start finds what a predecessor left behind.
 */
#pragma once

#include "common/base/addr.h"
#include "vrrpd/net/link.h"
#include "vrrpd/net/netlink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ROUTE_MARK = 112 };

struct route {
    uint8_t type; /* RTN_UNICAST, RTN_BLACKHOLE, ... */
    struct addr_prefix to;
    struct addr via;           /* family 0: none */
    const struct link *device; /* NULL: the kernel chooses */
    struct addr source;        /* family 0: none */
    uint32_t table;
    uint8_t scope; /* RT_SCOPE_* */
    uint32_t metric;

    bool held; /* it is there, as far as is known */
    int error; /* errno of the last attempt; 0: none */
};

struct rule {
    struct addr_prefix from, to; /* family 0: any */
    uint8_t family;
    uint32_t table;
    char input[16], output[16]; /* "" any */
    bool has_mark;
    uint32_t mark, mask;
    uint32_t priority; /* never 0: the kernel would choose a new one each time */

    bool held;
    int error;
};

/* Puts them in place; those that are there already stay. Returns how many had been held and were
 * missing: somebody else has removed them. */
size_t routes_add(struct netlink *nl, struct route *routes, size_t n);
size_t rules_add(struct netlink *nl, struct rule *rules, size_t n);

/* Takes them away, last ones first. */
void routes_remove(struct netlink *nl, struct route *routes, size_t n);
void rules_remove(struct netlink *nl, struct rule *rules, size_t n);

/* Removes each route and rule that carries our mark; how many there were. */
size_t routes_flush(struct netlink *nl);
