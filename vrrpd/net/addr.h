/*
 * The virtual addresses that this daemon puts on interfaces.
 *
 * Each carries the mark VIP_MARK (IFA_PROTO), by which a later start finds and removes what a
 * predecessor left behind, and by which they are told from an interface's own addresses. `ip addr`
 * shows it as "proto 112".
 *
 * An address that somebody else removes is put back at the end of the turn in which the kernel told
 * it, at most VIP_LOSSES_PER_S times a second; one that could not be put in place is tried again
 * each second.
 *
 * A set may have a lease: its addresses are added with that lifetime, which the loop renews three
 * times as often. So the kernel takes them away from a daemon that is stopped or hangs. Not more
 * than VIP_RENEWALS_PER_S addresses are renewed each second; the lease of many is longer.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/list.h"
#include "vrrpd/net/link.h"
#include "vrrpd/net/netlink.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    VIP_MARK = 112, /* VRRP's own protocol number; the kernel itself uses 1 to 3 */
    VIP_LOSSES_PER_S = 5,
    VIP_RENEWALS_PER_S = 200,
};

struct vips; /* all of them, one a daemon */

struct vip {
    struct addr_prefix address;
    const struct link *link; /* where it goes */
    const char *label;       /* borrowed; may be NULL */
    uint8_t scope;

    /* Read-only for the owner. */
    bool wanted; /* it shall be there */
    bool held;   /* it is there, as far as is known */
    int error;   /* errno of the last attempt to add it; 0: none */

    /* Private. */
    bool lost, late, seen;
    unsigned losses;    /* within the last second */
    unsigned deletions; /* of ours that the kernel has not told yet */
    struct vip_set *set;
    struct vip *next;
};

/* What happened to a set's addresses without its doing, in one turn. */
struct vip_news {
    size_t lost;           /* removed by somebody else */
    bool expired;          /* in fact by the kernel, because the lease was not renewed in time */
    size_t back;           /* of these and of those that failed before: in place again */
    const struct vip *one; /* an example, for the log */
};

typedef void vip_news_fn(void *ctx, const struct vip_news *news);

/* The addresses of one owner, who embeds it. */
struct vip_set {
    struct vip *v;
    size_t n;
    vip_news_fn *fn;
    void *ctx;
    struct span lease; /* as configured; 0: addresses stay until they are removed */

    /* Private. */
    struct mono renewed; /* when the kernel was last told */
    struct mono renew_at;
    bool expired;
    struct list node;
};

/* What the kernel is told: whole seconds, long enough for the number of addresses. 0: for ever. */
struct span vips_lease(const struct vip_set *set);

int vips_new(struct vips **out, struct loop *loop, struct links *links, struct netlink *nl,
             struct err *e);

/* Removes no address. NULL-safe. */
void vips_free(struct vips *vs);

/* The array must stay where it is until it is unregistered; unregistering removes no address. */
void vips_register(struct vips *vs, struct vip_set *set);
void vips_unregister(struct vips *vs, struct vip_set *set);

/* Puts the addresses in place, all in a few system calls. Those whose interface is not there stay
 * wanted. Returns how many are not in place now; each has its `error`. */
size_t vips_add(struct vips *vs, struct vip_set *set);

/* Takes them away, the last ones first, so that a subnet's first address, on which the others
 * depend, goes last. Never fails: what is not there is gone. */
void vips_remove(struct vips *vs, struct vip_set *set);

/* Makes `set` what `fresh` is and takes `fresh->v` over. Those that both have stay in place and
 * keep what is known about them, the others of `set` are removed; `set->v` is freed. */
void vips_replace(struct vips *vs, struct vip_set *set, const struct vip_set *fresh);

/* How many are not in place. */
size_t vips_missing(const struct vip_set *set);

/* Removes each address that carries our mark and that no set wants; how many there were. */
size_t vips_reap(struct vips *vs);

/* Removes every address that carries our mark. Needs no set: for the guardian. */
size_t vips_flush(struct netlink *nl);
