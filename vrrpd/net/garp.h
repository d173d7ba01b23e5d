/*
 * Announcing addresses: gratuitous ARP and unsolicited neighbour advertisements, as Ethernet frames
 * through one packet socket.
 *
 * RFC 9568, 6.4.1 with erratum 7947: an ARP request whose sender and target protocol address are
 * both the virtual address, broadcast. IPv6: R=1, S=0, O=1 with the target link-layer address, to
 * ff02::1.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "vrrpd/net/link.h"

#include <stddef.h>
#include <stdint.h>

struct garp;

int garp_new(struct garp **out, struct err *e);
void garp_free(struct garp *g);

/* One address to be announced on one link. */
struct garp_item {
    const struct addr *addr;
    const struct link *link;
    const uint8_t *mac;
};

/* Sends one frame each; those whose link is missing or not Ethernet are passed over. Returns how
 * many could not be sent (counted; an error is in `e`). */
size_t garp_send(struct garp *g, const struct garp_item *items, size_t n, struct err *e);

/* Sends a VRRP message to the group from the virtual MAC `mac` (RFC 9568, 7.2). 0 or a negative
 * errno. */
int garp_send_advert(struct garp *g, const struct link *link, const uint8_t mac[6],
                     const struct addr *src, const struct addr *dst, const void *message,
                     size_t len);

struct garp_stats {
    uint64_t sent, failed;
};

const struct garp_stats *garp_stats(const struct garp *g);
