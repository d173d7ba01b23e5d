/*
 * Interfaces as the kernel tells about them: there or not, up or not, their addresses.
 *
 * One socket listens to the kernel's link and address messages. When the kernel had to drop some
 * (the socket's buffer was full), everything is asked for again and what is gone is told as gone,
 * so that observers see the present state however many messages were lost.
 *
 * Our own virtual addresses (recognised by their mark, addr.h) never count as an interface's
 * primary address.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/list.h"
#include "common/rt/loop.h"

#include <linux/netlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>

struct links;

struct link {
    int index; /* 0: there is no such interface now */
    char name[IFNAMSIZ];
    bool enabled;  /* set up by the administrator */
    bool up;       /* enabled, and with carrier */
    bool ethernet; /* has a MAC, speaks ARP */
    bool loopback;
    unsigned mtu;
    uint8_t mac[6];
    struct addr primary;    /* first IPv4 address that is not one of ours; family 0: none */
    struct addr link_local; /* the same for IPv6: a usable link-local address */
};

/* Something about this interface or its addresses has changed: compare with what you knew. Told
 * after all messages of a batch have been read. */
typedef void link_changed_fn(void *ctx, const struct link *link);

/* An address appeared or disappeared on interface `index`; `mark` is its IFA_PROTO. */
typedef void link_address_fn(void *ctx, int index, const struct addr_prefix *address, uint8_t mark,
                             bool there);

/* After a loss of messages: what was not told as `there` since is gone. */
typedef void link_resync_fn(void *ctx, bool begin);

/* Embedded in its owner; any function may be NULL. */
struct link_observer {
    link_changed_fn *changed;
    link_address_fn *address;
    link_resync_fn *resync;
    void *ctx;
    struct list node; /* private */
};

/* Opens the socket and reads the present state, synchronously (tens of milliseconds at most). */
int links_new(struct links **out, struct loop *loop, struct err *e);
void links_free(struct links *ls);

void links_observe(struct links *ls, struct link_observer *o);
void links_forget(struct links *ls, struct link_observer *o);

/* Never NULL: the pointer stays valid for the life of `ls`, whether the interface is there or not.
 * NULL only without memory. */
const struct link *links_named(struct links *ls, const char *name);

/* Does any interface that is up have this address, ready for use? */
bool links_has_address(const struct links *ls, const struct addr *a);

/* NULL if there is none. */
const struct link *links_index(const struct links *ls, int index);

/* What an RTM_NEWADDR or RTM_DELADDR message says. */
struct link_told {
    int index;
    struct addr_prefix address;
    unsigned flags;
    uint8_t mark; /* IFA_PROTO */
};

/* False if it is about no IPv4 or IPv6 address. */
bool link_read_address(struct nlmsghdr *h, struct link_told *out);

struct links_stats {
    uint64_t messages, resyncs;
};

const struct links_stats *links_stats(const struct links *ls);
