/*
 * Ethernet frames that the kernel does not send for us: announcements of addresses, and adverts
 * from a virtual MAC. Pure.
 */
#pragma once

#include "common/base/addr.h"

#include <stddef.h>
#include <stdint.h>

enum {
    FRAME_ANNOUNCE_MAX = 86,
    FRAME_IP_MAX = 14 + 40, /* in front of a message */
};

/* Gratuitous ARP or unsolicited neighbour advertisement for `a` (see garp.h); its length. */
size_t frame_announce(const struct addr *a, const uint8_t mac[6],
                      uint8_t frame[FRAME_ANNOUNCE_MAX]);

/* Ethernet and IP header for a VRRP message of `len` bytes from `src` to the multicast group `dst`
 * (RFC 9568, 5.1); its length. */
size_t frame_advert(const struct addr *src, const struct addr *dst, const uint8_t mac[6],
                    size_t len, uint8_t head[FRAME_IP_MAX]);
