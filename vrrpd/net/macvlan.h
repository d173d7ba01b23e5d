/*
 * The interface that carries a virtual MAC (RFC 9568, 7.3): a macvlan on the instance's interface,
 * up while the instance is Active.
 *
 * So that ARP requests for the virtual address are answered with the virtual MAC and never with the
 * physical one (8.1.2), arp_ignore is 1 on both interfaces; on the lower one it is put back at the
 * end.
 */
#pragma once

#include "common/base/err.h"
#include "vrrpd/net/link.h"
#include "vrrpd/net/netlink.h"
#include "vrrpd/net/sysctl.h"

#include <stdbool.h>
#include <stdint.h>

struct macvlan;

/* Makes it, if the interface below is there; else macvlan_refresh() will. */
int macvlan_new(struct macvlan **out, struct links *links, struct netlink *nl,
                struct sysctls *sysctls, const struct link *base, uint8_t family, uint8_t vrid,
                struct err *e);

/* Deletes the interface. NULL-safe. */
void macvlan_free(struct macvlan *m);

/* The interface below has changed: makes the macvlan anew if need be. */
int macvlan_refresh(struct macvlan *m, struct err *e);

/* Up or down; nothing happens when it is as it should be. */
int macvlan_set(struct macvlan *m, bool up, struct err *e);

/* Where the addresses go. */
const struct link *macvlan_link(const struct macvlan *m);
const uint8_t *macvlan_mac(const struct macvlan *m);
