#include "vrrpd/net/socket.h"

#include "common/base/macro.h"

#include <errno.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    BATCH = 16,
    MESSAGE_MAX = PACKET_MAX + 60, /* and the longest IPv4 header */
    CONTROL_MAX = 128,
    DRAIN_BATCHES = 64,
};

struct vsocket {
    struct loop *loop;
    struct loop_io io;
    uint8_t family;
    const struct link *link;
    int index;
    vsocket_fn *fn;
    void *ctx;
    bool *closed; /* set while fn runs: tells the reading loop that `s` is gone */
    struct vsocket_stats stats;
};

/* ---- opening ---- */

struct option {
    int level, name;
    const void *value;
    socklen_t size;
    const char *what;
};

static int set_options(int fd, const struct option *rows, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (setsockopt(fd, rows[i].level, rows[i].name, rows[i].value, rows[i].size) < 0)
            return err_set(e, -errno, "%s: %s", rows[i].what, strerror(errno));
    return 0;
}

static int setup_v4(int fd, const struct link *link, struct err *e)
{
    static const int on = 1, off = 0, ttl = PACKET_TTL;
    static const int precedence = IPTOS_PREC_INTERNETCONTROL;
    struct addr group = packet_group(AF_INET);
    struct ip_mreqn join = {.imr_ifindex = link->index};
    struct ip_mreqn via = {.imr_ifindex = link->index};

    memcpy(&join.imr_multiaddr, group.bytes, 4);
    const struct option rows[] = {
        {IPPROTO_IP, IP_PKTINFO, &on, sizeof(on), "IP_PKTINFO"},
        {IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl), "IP_TTL"},
        {IPPROTO_IP, IP_TOS, &precedence, sizeof(precedence), "IP_TOS"},
        {IPPROTO_IP, IP_MULTICAST_TTL, &ttl, sizeof(ttl), "IP_MULTICAST_TTL"},
        {IPPROTO_IP, IP_MULTICAST_LOOP, &off, sizeof(off), "IP_MULTICAST_LOOP"},
        {IPPROTO_IP, IP_MULTICAST_ALL, &off, sizeof(off), "IP_MULTICAST_ALL"},
        {IPPROTO_IP, IP_MULTICAST_IF, &via, sizeof(via), "IP_MULTICAST_IF"},
        {IPPROTO_IP, IP_ADD_MEMBERSHIP, &join, sizeof(join), "joining 224.0.0.18"},
    };
    return set_options(fd, rows, ARRAY_LEN(rows), e);
}

static int setup_v6(int fd, const struct link *link, struct err *e)
{
    static const int on = 1, off = 0, hops = PACKET_TTL, class = IPTOS_PREC_INTERNETCONTROL;
    struct addr group = packet_group(AF_INET6);
    struct ipv6_mreq join = {.ipv6mr_interface = (unsigned)link->index};

    memcpy(&join.ipv6mr_multiaddr, group.bytes, 16);
    const struct option rows[] = {
        {IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on), "IPV6_RECVPKTINFO"},
        {IPPROTO_IPV6, IPV6_RECVHOPLIMIT, &on, sizeof(on), "IPV6_RECVHOPLIMIT"},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof(hops), "IPV6_UNICAST_HOPS"},
        {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops, sizeof(hops), "IPV6_MULTICAST_HOPS"},
        {IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof(class), "IPV6_TCLASS"},
        {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, &off, sizeof(off), "IPV6_MULTICAST_LOOP"},
        {IPPROTO_IPV6, IPV6_MULTICAST_ALL, &off, sizeof(off), "IPV6_MULTICAST_ALL"},
        {IPPROTO_IPV6, IPV6_MULTICAST_IF, &link->index, sizeof(link->index), "IPV6_MULTICAST_IF"},
        {IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &join, sizeof(join), "joining ff02::12"},
    };
    return set_options(fd, rows, ARRAY_LEN(rows), e);
}

static int setup(int fd, uint8_t family, const struct link *link, struct err *e)
{
    static const int priority = 6; /* TC_PRIO_INTERACTIVE, as routing daemons use */
    const struct option rows[] = {
        {SOL_SOCKET, SO_BINDTODEVICE, link->name, (socklen_t)strlen(link->name),
         "binding to the interface"},
        {SOL_SOCKET, SO_PRIORITY, &priority, sizeof(priority), "SO_PRIORITY"},
    };
    int err = set_options(fd, rows, ARRAY_LEN(rows), e);

    if (err)
        return err;
    return family == AF_INET6 ? setup_v6(fd, link, e) : setup_v4(fd, link, e);
}

int vsocket_open_fd(uint8_t family, const struct link *link, struct err *e)
{
    int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, PACKET_PROTOCOL);
    int err = fd < 0 ? err_set(e, -errno, "%s", strerror(errno)) : setup(fd, family, link, e);

    if (!err)
        return fd;
    if (fd >= 0)
        close(fd);
    return err_prefix(e, err, "cannot open a socket for VRRP on %s", link->name);
}

static void on_readable(struct loop_io *io, uint32_t events);

int vsocket_open(struct vsocket **out, struct loop *loop, uint8_t family, const struct link *link,
                 vsocket_fn *fn, void *ctx, struct err *e)
{
    if (!link->index)
        return err_set(e, -ENODEV, "there is no interface %s", link->name);
    int fd = vsocket_open_fd(family, link, e);
    if (fd < 0)
        return fd;
    struct vsocket *s = calloc(1, sizeof(*s));
    if (!s) {
        close(fd);
        return err_set(e, -ENOMEM, "out of memory");
    }
    *s = (struct vsocket){.loop = loop,
                          .family = family,
                          .link = link,
                          .index = link->index,
                          .fn = fn,
                          .ctx = ctx,
                          .io = {.fd = fd, .fn = on_readable, .events = EPOLLIN}};
    int err = loop_io_add(loop, &s->io, e);
    if (err) {
        close(fd);
        free(s);
        return err;
    }
    *out = s;
    return 0;
}

void vsocket_close(struct vsocket *s)
{
    if (!s)
        return;
    if (s->closed)
        *s->closed = true;
    loop_io_del(s->loop, &s->io);
    close(s->io.fd);
    free(s);
}

/* ---- receiving ---- */

struct inbox {
    struct mmsghdr m[BATCH];
    struct iovec iov[BATCH];
    struct sockaddr_storage from[BATCH];
    _Alignas(struct cmsghdr) char control[BATCH][CONTROL_MAX];
    char bytes[BATCH][MESSAGE_MAX];
};

static void inbox_prepare(struct inbox *in)
{
    for (size_t i = 0; i < BATCH; i++) {
        in->iov[i] = (struct iovec){.iov_base = in->bytes[i], .iov_len = MESSAGE_MAX};
        in->m[i].msg_hdr = (struct msghdr){.msg_name = &in->from[i],
                                           .msg_namelen = sizeof(in->from[i]),
                                           .msg_iov = &in->iov[i],
                                           .msg_iovlen = 1,
                                           .msg_control = in->control[i],
                                           .msg_controllen = CONTROL_MAX};
    }
}

static void meta_v6(struct msghdr *m, struct packet_meta *meta)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != IPPROTO_IPV6)
            continue;
        if (c->cmsg_type == IPV6_PKTINFO)
            meta->dst = addr_from_bytes(
                AF_INET6, &((const struct in6_pktinfo *)(void *)CMSG_DATA(c))->ipi6_addr);
        else if (c->cmsg_type == IPV6_HOPLIMIT)
            memcpy(&meta->ttl, CMSG_DATA(c), sizeof(meta->ttl));
    }
}

/* What the IP layer says, and where the message begins. False if there is no message. */
static bool parse(const struct vsocket *s, struct mmsghdr *m, struct packet_meta *meta,
                  const char **bytes, size_t *len)
{
    const struct sockaddr *from = m->msg_hdr.msg_name;
    struct addr_port src;

    *meta = (struct packet_meta){.ttl = -1};
    *bytes = m->msg_hdr.msg_iov->iov_base;
    *len = m->msg_len;
    if (s->family == AF_INET6) {
        if (!addr_from_sockaddr(from, &src))
            return false;
        meta->src = src.addr;
        meta_v6(&m->msg_hdr, meta);
        return true;
    }
    const struct iphdr *ip = (const void *)*bytes;
    if (*len < sizeof(*ip) || *len < ip->ihl * 4u)
        return false;
    meta->src = addr_from_bytes(AF_INET, &ip->saddr);
    meta->dst = addr_from_bytes(AF_INET, &ip->daddr);
    meta->ttl = ip->ttl;
    *bytes += ip->ihl * 4u;
    *len -= ip->ihl * 4u;
    return true;
}

/* Returns how many were read; 0 also when the socket was closed meanwhile. */
static int read_batch(struct vsocket *s)
{
    static struct inbox in;
    bool closed = false;

    inbox_prepare(&in);
    int n = recvmmsg(s->io.fd, in.m, BATCH, MSG_DONTWAIT, NULL);
    if (n <= 0)
        return 0;
    s->closed = &closed;
    s->stats.received += (unsigned)n;
    for (int i = 0; i < n; i++) {
        struct packet_meta meta;
        const char *bytes;
        size_t len;
        if (in.m[i].msg_hdr.msg_flags & MSG_TRUNC)
            s->stats.truncated++;
        else if (parse(s, &in.m[i], &meta, &bytes, &len))
            s->fn(s->ctx, &meta, bytes, len);
        if (closed)
            return 0;
    }
    s->closed = NULL;
    return n;
}

static void on_readable(struct loop_io *io, uint32_t events)
{
    struct vsocket *s = container_of(io, struct vsocket, io);

    /* What does not fit in is left for the next turn: a flood must not stop the timers. */
    for (int i = 0; i < DRAIN_BATCHES; i++)
        if (read_batch(s) < BATCH)
            return;
}

/* ---- sending ---- */

static size_t put_source(uint8_t family, int ifindex, const struct addr *src, struct msghdr *m)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(m);

    if (family == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_ifindex = (unsigned)ifindex};
        memcpy(&info.ipi6_addr, src->bytes, 16);
        *c = (struct cmsghdr){.cmsg_level = IPPROTO_IPV6,
                              .cmsg_type = IPV6_PKTINFO,
                              .cmsg_len = CMSG_LEN(sizeof(info))};
        memcpy(CMSG_DATA(c), &info, sizeof(info));
        return CMSG_SPACE(sizeof(info));
    }
    struct in_pktinfo info = {.ipi_ifindex = ifindex};
    memcpy(&info.ipi_spec_dst, src->bytes, 4);
    *c = (struct cmsghdr){
        .cmsg_level = IPPROTO_IP, .cmsg_type = IP_PKTINFO, .cmsg_len = CMSG_LEN(sizeof(info))};
    memcpy(CMSG_DATA(c), &info, sizeof(info));
    return CMSG_SPACE(sizeof(info));
}

int vsocket_send_fd(int fd, int ifindex, const struct addr *src, const struct addr *dst,
                    const void *bytes, size_t len)
{
    _Alignas(struct cmsghdr) char control[CONTROL_MAX] = {0};
    struct sockaddr_storage to;
    struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
    struct msghdr m = {.msg_name = &to,
                       .msg_namelen = addr_to_sockaddr(dst, 0, &to),
                       .msg_iov = &iov,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    ssize_t n;

    if (dst->family == AF_INET6 && (addr_is_link_local(dst) || addr_is_multicast(dst)))
        ((struct sockaddr_in6 *)&to)->sin6_scope_id = (uint32_t)ifindex;
    m.msg_controllen = put_source(dst->family, ifindex, src, &m);
    do
        n = sendmsg(fd, &m, MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

int vsocket_send(struct vsocket *s, const struct addr *src, const struct addr *dst,
                 const void *bytes, size_t len)
{
    int err = vsocket_send_fd(s->io.fd, s->index, src, dst, bytes, len);

    if (err)
        s->stats.send_errors++;
    else
        s->stats.sent++;
    return err;
}

const struct vsocket_stats *vsocket_stats(const struct vsocket *s)
{
    return &s->stats;
}
