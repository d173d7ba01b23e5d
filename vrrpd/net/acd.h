/*
 * Who else answers for an address? ARP probes (RFC 5227, 2.1.1) for addresses that this node holds,
 * and a second to listen for answers from other hosts.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/rt/loop.h"
#include "vrrpd/net/link.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ACD_ADDRESSES_MAX = 256, ACD_LISTEN_MS = 1000 };

/* Another host answered for `a`; `mac` NULL: the probe is over (and found nothing more). */
typedef void acd_fn(void *ctx, const struct addr *a, const uint8_t *mac);

/* Embedded in its owner; all zero is idle. */
struct acd {
    struct loop *loop;
    struct loop_io io;
    struct timer timer;
    bool running;
    uint8_t mac[6]; /* ours */
    struct addr *addrs;
    size_t n;
    acd_fn *fn;
    void *ctx;
};

/* Asks for the IPv4 ones among `addrs` (at most ACD_ADDRESSES_MAX). A probe that runs is ended
 * first. 0, also when there is nothing to ask; or a negative errno. */
int acd_start(struct acd *a, struct loop *loop, const struct link *link, const struct addr *addrs,
              size_t n, acd_fn *fn, void *ctx, struct err *e);

/* Ends it; fn is not called. */
void acd_stop(struct acd *a);
