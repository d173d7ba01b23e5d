/*
 * Where adverts come in and go out: one raw socket for each family and interface.
 *
 * The socket is bound to its interface, a member of the VRRP group there (P1, P2), and shared by
 * all instances on it. Instances with unicast peers use it too.
 */
#pragma once

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/rt/loop.h"
#include "vrrpd/core/packet.h"
#include "vrrpd/net/link.h"

#include <stddef.h>
#include <stdint.h>

struct vsocket;

/* A message has arrived: `bytes` without the IP header. */
typedef void vsocket_fn(void *ctx, const struct packet_meta *meta, const void *bytes, size_t len);

/* -ENODEV if the link is not there. */
int vsocket_open(struct vsocket **out, struct loop *loop, uint8_t family, const struct link *link,
                 vsocket_fn *fn, void *ctx, struct err *e);

/* May be called from fn. NULL-safe. */
void vsocket_close(struct vsocket *s);

/* Sends one message from `src` to `dst` with TTL / hop limit 255. 0 or a negative errno; a full
 * socket buffer is -EAGAIN. */
int vsocket_send(struct vsocket *s, const struct addr *src, const struct addr *dst,
                 const void *bytes, size_t len);

/* The parts, for one who has no loop: the descriptor, or a negative errno; and one message. */
int vsocket_open_fd(uint8_t family, const struct link *link, struct err *e);
int vsocket_send_fd(int fd, int ifindex, const struct addr *src, const struct addr *dst,
                    const void *bytes, size_t len);

struct vsocket_stats {
    uint64_t received, sent, send_errors, truncated;
};

const struct vsocket_stats *vsocket_stats(const struct vsocket *s);
