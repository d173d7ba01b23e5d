#include "vrrpd/net/garp.h"

#include "common/base/macro.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, NA_PAYLOAD = 32 };

struct garp {
    int fd;
    struct garp_stats stats;
};

int garp_new(struct garp **out, struct err *e)
{
    struct garp *g = calloc(1, sizeof(*g));
    int size = 1 << 20;

    if (!g)
        return err_set(e, -ENOMEM, "out of memory");
    /* Protocol 0: sends only, nothing is received. */
    g->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (g->fd < 0) {
        int error = -errno;
        free(g);
        return err_set(e, error, "cannot open a packet socket for ARP: %s", strerror(-error));
    }
    if (setsockopt(g->fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(g->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    *out = g;
    return 0;
}

void garp_free(struct garp *g)
{
    if (!g)
        return;
    close(g->fd);
    free(g);
}

/* ---- frames ---- */

static size_t ethernet(uint8_t *frame, const uint8_t dst[6], const uint8_t src[6], uint16_t type)
{
    memcpy(frame, dst, 6);
    memcpy(frame + 6, src, 6);
    frame[12] = (uint8_t)(type >> 8);
    frame[13] = (uint8_t)type;
    return ETH_HLEN;
}

static size_t arp_frame(const struct addr *a, const uint8_t mac[6], uint8_t *frame)
{
    static const uint8_t broadcast[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    static const uint8_t head[8] = {0, 1, 8, 0, 6, 4, 0, 1}; /* Ethernet, IPv4, request */
    uint8_t *p = frame + ethernet(frame, broadcast, mac, ETH_P_ARP);

    memcpy(p, head, 8);
    memcpy(p + 8, mac, 6);
    memcpy(p + 14, a->bytes, 4);
    memset(p + 18, 0, 6);
    memcpy(p + 24, a->bytes, 4);
    memset(p + 28, 0, 18); /* up to the least length of a frame */
    return ETH_ZLEN;
}

static uint16_t icmp6_checksum(const uint8_t *ip6, const uint8_t *payload, size_t len)
{
    uint32_t sum = (uint32_t)len + IPPROTO_ICMPV6;

    for (size_t i = 8; i < 40; i += 2)
        sum += (uint32_t)ip6[i] << 8 | ip6[i + 1];
    for (size_t i = 0; i < len; i += 2)
        sum += (uint32_t)payload[i] << 8 | payload[i + 1];
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static size_t na_frame(const struct addr *a, const uint8_t mac[6], uint8_t *frame)
{
    static const uint8_t all_nodes_mac[6] = {0x33, 0x33, 0, 0, 0, 1};
    static const uint8_t all_nodes[16] = {0xff, 0x02, [15] = 1};
    uint8_t *ip6 = frame + ethernet(frame, all_nodes_mac, mac, ETH_P_IPV6);
    uint8_t *na = ip6 + 40;

    memset(ip6, 0, 40 + NA_PAYLOAD);
    ip6[0] = 0x60;
    ip6[5] = NA_PAYLOAD;
    ip6[6] = IPPROTO_ICMPV6;
    ip6[7] = 255;
    memcpy(ip6 + 8, a->bytes, 16);
    memcpy(ip6 + 24, all_nodes, 16);
    na[0] = 136;  /* Neighbor Advertisement */
    na[4] = 0xa0; /* R=1 S=0 O=1 (RFC 9568, 6.4.1) */
    memcpy(na + 8, a->bytes, 16);
    na[24] = 2; /* target link-layer address */
    na[25] = 1;
    memcpy(na + 26, mac, 6);
    uint16_t sum = icmp6_checksum(ip6, na, NA_PAYLOAD);
    na[2] = (uint8_t)(sum >> 8);
    na[3] = (uint8_t)sum;
    return ETH_HLEN + 40 + NA_PAYLOAD;
}

size_t garp_frame(const struct addr *a, const uint8_t mac[6], uint8_t frame[GARP_FRAME_MAX])
{
    return a->family == AF_INET6 ? na_frame(a, mac, frame) : arp_frame(a, mac, frame);
}

/* ---- sending ---- */

struct batch {
    size_t n;
    uint8_t frames[BATCH][GARP_FRAME_MAX];
    struct iovec iov[BATCH];
    struct sockaddr_ll to[BATCH];
    struct mmsghdr m[BATCH];
};

static size_t flush(struct garp *g, struct batch *b, struct err *e)
{
    size_t failed = 0, i = 0;

    while (i < b->n) {
        int sent = sendmmsg(g->fd, b->m + i, (unsigned)(b->n - i), MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent > 0) {
            i += (size_t)sent;
            continue;
        }
        err_set(e, -errno, "cannot announce an address: %s", strerror(errno));
        failed++; /* this one; the others may still go, on another link */
        i++;
    }
    g->stats.sent += b->n - failed;
    g->stats.failed += failed;
    b->n = 0;
    return failed;
}

static void fill(struct batch *b, const struct garp_item *item)
{
    size_t i = b->n++;
    size_t len = garp_frame(item->addr, item->mac, b->frames[i]);

    b->iov[i] = (struct iovec){.iov_base = b->frames[i], .iov_len = len};
    b->to[i] = (struct sockaddr_ll){
        .sll_family = AF_PACKET,
        .sll_protocol = htons(item->addr->family == AF_INET6 ? ETH_P_IPV6 : ETH_P_ARP),
        .sll_ifindex = item->link->index,
        .sll_halen = 6,
    };
    memcpy(b->to[i].sll_addr, b->frames[i], 6);
    b->m[i] = (struct mmsghdr){.msg_hdr = {.msg_name = &b->to[i],
                                           .msg_namelen = sizeof(b->to[i]),
                                           .msg_iov = &b->iov[i],
                                           .msg_iovlen = 1}};
}

size_t garp_send(struct garp *g, const struct garp_item *items, size_t n, struct err *e)
{
    struct batch b;
    size_t failed = 0;

    b.n = 0;
    for (size_t i = 0; i < n; i++) {
        const struct link *l = items[i].link;
        if (!l->index || !l->up || !l->ethernet)
            continue;
        fill(&b, &items[i]);
        if (b.n == BATCH)
            failed += flush(g, &b, e);
    }
    return failed + flush(g, &b, e);
}

const struct garp_stats *garp_stats(const struct garp *g)
{
    return &g->stats;
}
