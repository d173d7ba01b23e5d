#include "vrrpd/net/garp.h"

#include "common/base/macro.h"
#include "vrrpd/net/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64 };

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

/* ---- sending ---- */

struct batch {
    size_t n;
    uint8_t frames[BATCH][FRAME_ANNOUNCE_MAX];
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
        if (errno != ENETDOWN) /* its link goes down, and with it the reason to announce */
            err_set(e, -errno, "cannot announce an address: %s", strerror(errno));
        failed += errno != ENETDOWN; /* this one; the others may still go, on another link */
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
    size_t len = frame_announce(item->addr, item->mac, b->frames[i]);

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
        if (!l->index || !l->ethernet)
            continue;
        fill(&b, &items[i]);
        if (b.n == BATCH)
            failed += flush(g, &b, e);
    }
    return failed + flush(g, &b, e);
}

int garp_send_advert(struct garp *g, const struct link *link, const uint8_t mac[6],
                     const struct addr *src, const struct addr *dst, const void *message,
                     size_t len)
{
    uint8_t head[FRAME_IP_MAX];
    struct iovec iov[] = {
        {.iov_base = head, .iov_len = frame_advert(src, dst, mac, len, head)},
        {.iov_base = (void *)(uintptr_t)message, .iov_len = len},
    };
    struct sockaddr_ll to = {
        .sll_family = AF_PACKET,
        .sll_protocol = htons(dst->family == AF_INET6 ? ETH_P_IPV6 : ETH_P_IP),
        .sll_ifindex = link->index,
        .sll_halen = 6,
    };
    struct msghdr m = {
        .msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = iov, .msg_iovlen = ARRAY_LEN(iov)};
    ssize_t n;

    memcpy(to.sll_addr, head, 6);
    do
        n = sendmsg(g->fd, &m, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

const struct garp_stats *garp_stats(const struct garp *g)
{
    return &g->stats;
}
