/*
 * A node for each interface name that was ever heard of or asked for; the kernel's index comes and
 * goes. Messages only mark nodes; observers are told at the end of the batch, so that an interface
 * that goes down and up again in one breath is seen once, as it is.
 */
#include "vrrpd/net/link.h"

#include "vrrpd/net/addr.h"
#include "vrrpd/net/netlink.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    ANSWER = 32768,
    EVENTS_BUFFER = 4 << 20,
    BATCH_READS = 64,    /* of one turn; the rest waits for the next */
    ADDRESSES_MAX = 256, /* foreign ones that are remembered of one interface */
};

struct owned {
    struct addr addr;
    unsigned flags;
    bool seen;
};

struct node {
    struct link link;
    struct list list;
    struct owned *addrs; /* without our own virtual ones */
    size_t addr_count;
    bool changed, seen;
};

struct links {
    struct loop *loop;
    struct loop_io io;
    struct list nodes, observers;
    struct links_stats stats;
};

/* ---- nodes ---- */

static struct node *node_named(struct links *ls, const char *name)
{
    list_for_each (it, &ls->nodes) {
        struct node *n = list_entry(it, struct node, list);
        if (strcmp(n->link.name, name) == 0)
            return n;
    }
    struct node *n = calloc(1, sizeof(*n));
    if (!n)
        return NULL;
    memcpy(n->link.name, name, strnlen(name, IFNAMSIZ - 1));
    list_push_back(&ls->nodes, &n->list);
    return n;
}

static struct node *node_index(const struct links *ls, int index)
{
    list_for_each (it, &ls->nodes) {
        struct node *n = list_entry(it, struct node, list);
        if (index && n->link.index == index)
            return n;
    }
    return NULL;
}

const struct link *links_named(struct links *ls, const char *name)
{
    struct node *n = node_named(ls, name);
    return n ? &n->link : NULL;
}

const struct link *links_index(const struct links *ls, int index)
{
    struct node *n = node_index(ls, index);
    return n ? &n->link : NULL;
}

static bool usable(const struct owned *o)
{
    return !(o->flags & (IFA_F_TENTATIVE | IFA_F_DADFAILED)) || o->flags & IFA_F_OPTIMISTIC;
}

bool links_has_address(const struct links *ls, const struct addr *a)
{
    list_for_each (it, &ls->nodes) {
        const struct node *n = list_entry(it, struct node, list);
        for (size_t i = 0; n->link.up && i < n->addr_count; i++)
            if (addr_equal(&n->addrs[i].addr, a))
                return usable(&n->addrs[i]);
    }
    return false;
}

static void node_gone(struct node *n)
{
    char name[IFNAMSIZ];

    memcpy(name, n->link.name, sizeof(name));
    n->link = (struct link){0};
    memcpy(n->link.name, name, sizeof(name));
    n->addr_count = 0;
    n->changed = true;
}

/* ---- messages about links ---- */

static void new_link(struct links *ls, struct nlmsghdr *h)
{
    struct nlattr *a[IFLA_MAX + 1];
    const struct ifinfomsg *info = NLMSG_DATA(h);

    if (nlmsg_parse(h, sizeof(*info), a, IFLA_MAX, NULL) < 0 || !a[IFLA_IFNAME] ||
        info->ifi_family == AF_BRIDGE)
        return;
    struct node *old = node_index(ls, info->ifi_index);
    struct node *n = node_named(ls, nla_get_string(a[IFLA_IFNAME]));
    if (!n)
        return;
    if (old && old != n) { /* renamed: its addresses move along */
        free(n->addrs);
        n->addrs = old->addrs;
        n->addr_count = old->addr_count;
        old->addrs = NULL;
        node_gone(old);
    } else if (n->link.index != info->ifi_index) {
        node_gone(n);
    }
    struct link now = n->link;
    now.index = info->ifi_index;
    now.enabled = (info->ifi_flags & IFF_UP) != 0;
    now.up = (info->ifi_flags & IFF_UP) && (info->ifi_flags & IFF_RUNNING);
    now.ethernet = info->ifi_type == ARPHRD_ETHER;
    now.loopback = (info->ifi_flags & IFF_LOOPBACK) != 0;
    now.mtu = a[IFLA_MTU] ? nla_get_u32(a[IFLA_MTU]) : 1500;
    if (a[IFLA_ADDRESS] && nla_len(a[IFLA_ADDRESS]) == 6)
        memcpy(now.mac, nla_data(a[IFLA_ADDRESS]), 6);
    n->changed |= old != n || memcmp(&now, &n->link, sizeof(now)) != 0;
    n->link = now;
    n->seen = true;
}

static void del_link(struct links *ls, struct nlmsghdr *h)
{
    const struct ifinfomsg *info = NLMSG_DATA(h);
    struct node *n = node_index(ls, info->ifi_index);

    if (n && info->ifi_family != AF_BRIDGE)
        node_gone(n);
}

/* ---- messages about addresses ---- */

static void choose_primary(struct node *n)
{
    struct addr primary = {0}, secondary = {0}, link_local = {0};

    for (size_t i = 0; i < n->addr_count; i++) {
        const struct owned *o = &n->addrs[i];
        if (o->addr.family == AF_INET) {
            struct addr *slot = o->flags & IFA_F_SECONDARY ? &secondary : &primary;
            if (!slot->family)
                *slot = o->addr;
        } else if (addr_is_link_local(&o->addr) && !link_local.family && usable(o)) {
            link_local = o->addr;
        }
    }
    if (!primary.family)
        primary = secondary;
    n->changed = true;
    n->link.primary = primary;
    n->link.link_local = link_local;
}

static void remember(struct node *n, const struct addr *a, unsigned flags)
{
    for (size_t i = 0; i < n->addr_count; i++) {
        if (addr_equal(&n->addrs[i].addr, a)) {
            n->addrs[i].flags = flags;
            n->addrs[i].seen = true;
            return;
        }
    }
    if (n->addr_count == ADDRESSES_MAX)
        return;
    struct owned *v = reallocarray(n->addrs, n->addr_count + 1, sizeof(*v));
    if (!v)
        return;
    n->addrs = v;
    v[n->addr_count++] = (struct owned){.addr = *a, .flags = flags, .seen = true};
}

static void forget(struct node *n, const struct addr *a)
{
    for (size_t i = 0; i < n->addr_count; i++) {
        if (!addr_equal(&n->addrs[i].addr, a))
            continue;
        memmove(&n->addrs[i], &n->addrs[i + 1], (n->addr_count - i - 1) * sizeof(n->addrs[0]));
        n->addr_count--;
        return;
    }
}

bool link_read_address(struct nlmsghdr *h, struct link_told *out)
{
    struct nlattr *a[IFA_MAX + 1];
    const struct ifaddrmsg *msg = NLMSG_DATA(h);

    if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*msg)) ||
        nlmsg_parse(h, sizeof(*msg), a, IFA_MAX, NULL) < 0)
        return false;
    const struct nlattr *address = a[IFA_LOCAL] ? a[IFA_LOCAL] : a[IFA_ADDRESS];
    size_t size = msg->ifa_family == AF_INET ? 4 : msg->ifa_family == AF_INET6 ? 16 : 0;
    if (!address || !size || (size_t)nla_len(address) != size)
        return false;
    *out = (struct link_told){
        .index = (int)msg->ifa_index,
        .address = {addr_from_bytes(msg->ifa_family, nla_data(address)), msg->ifa_prefixlen},
        .flags = a[IFA_FLAGS] ? nla_get_u32(a[IFA_FLAGS]) : msg->ifa_flags,
        .mark = a[IFA_PROTO] ? nla_get_u8(a[IFA_PROTO]) : 0,
    };
    return true;
}

static void address_message(struct links *ls, struct nlmsghdr *h)
{
    bool there = h->nlmsg_type == RTM_NEWADDR;
    struct link_told t;

    if (!link_read_address(h, &t))
        return;
    struct node *n = node_index(ls, t.index);
    if (n && t.mark != VIP_MARK) {
        if (there)
            remember(n, &t.address.addr, t.flags);
        else
            forget(n, &t.address.addr);
        choose_primary(n);
    }
    list_for_each_safe (it, &ls->observers) {
        const struct link_observer *o = list_entry(it, struct link_observer, node);
        if (o->address)
            o->address(o->ctx, t.index, &t.address, t.mark, there);
    }
}

static void message(struct links *ls, struct nlmsghdr *h)
{
    ls->stats.messages++;
    if (h->nlmsg_type == RTM_NEWLINK && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        new_link(ls, h);
    else if (h->nlmsg_type == RTM_DELLINK && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifinfomsg)))
        del_link(ls, h);
    else if ((h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR) &&
             h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct ifaddrmsg)))
        address_message(ls, h);
}

static void tell_changes(struct links *ls)
{
    list_for_each (it, &ls->nodes) {
        struct node *n = list_entry(it, struct node, list);
        if (!n->changed)
            continue;
        n->changed = false;
        list_for_each_safe (ot, &ls->observers) {
            const struct link_observer *o = list_entry(ot, struct link_observer, node);
            if (o->changed)
                o->changed(o->ctx, &n->link);
        }
    }
}

/* ---- dumps ---- */

static void apply(void *ctx, struct nlmsghdr *h)
{
    message(ctx, h);
}

static void drop_unseen_addresses(struct node *n)
{
    size_t kept = 0;

    for (size_t i = 0; i < n->addr_count; i++)
        if (n->addrs[i].seen)
            n->addrs[kept++] = n->addrs[i];
    n->addr_count = kept;
    choose_primary(n);
}

static void tell_resync(struct links *ls, bool begin)
{
    list_for_each_safe (it, &ls->observers) {
        const struct link_observer *o = list_entry(it, struct link_observer, node);
        if (o->resync)
            o->resync(o->ctx, begin);
    }
}

static int read_all(struct links *ls)
{
    list_for_each (it, &ls->nodes) {
        struct node *n = list_entry(it, struct node, list);
        n->seen = false;
        for (size_t i = 0; i < n->addr_count; i++)
            n->addrs[i].seen = false;
    }
    tell_resync(ls, true);
    int err = netlink_dump(RTM_GETLINK, apply, ls);
    if (!err)
        err = netlink_dump(RTM_GETADDR, apply, ls);
    if (err)
        return err;
    list_for_each (it, &ls->nodes) {
        struct node *n = list_entry(it, struct node, list);
        if (!n->seen && n->link.index)
            node_gone(n);
        drop_unseen_addresses(n);
    }
    tell_resync(ls, false);
    return 0;
}

/* ---- events ---- */

static void resync(struct links *ls, char *scratch)
{
    ls->stats.resyncs++;
    /* What is queued is older than the dump that follows. */
    while (recv(ls->io.fd, scratch, ANSWER, MSG_DONTWAIT) > 0 || errno == ENOBUFS)
        ;
    read_all(ls);
}

static void on_events(struct loop_io *io, uint32_t events)
{
    struct links *ls = container_of(io, struct links, io);
    static _Alignas(struct nlmsghdr) char answer[ANSWER];

    for (int i = 0; i < BATCH_READS; i++) {
        ssize_t n = recv(io->fd, answer, sizeof(answer), MSG_DONTWAIT);
        if (n < 0 && errno == ENOBUFS) {
            resync(ls, answer);
            break;
        }
        if (n <= 0)
            break;
        int left = (int)n;
        for (struct nlmsghdr *h = (struct nlmsghdr *)answer; nlmsg_ok(h, left);
             h = nlmsg_next(h, &left))
            message(ls, h);
    }
    tell_changes(ls);
}

static int open_events(struct links *ls, struct err *e)
{
    struct sockaddr_nl sa = {.nl_family = AF_NETLINK,
                             .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR};
    int size = EVENTS_BUFFER;

    ls->io = (struct loop_io){.events = EPOLLIN, .fn = on_events};
    ls->io.fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (ls->io.fd < 0 || bind(ls->io.fd, (struct sockaddr *)&sa, sizeof(sa)) < 0)
        return err_set(e, -errno, "cannot follow interfaces: %s", strerror(errno));
    if (setsockopt(ls->io.fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        setsockopt(ls->io.fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    return loop_io_add(ls->loop, &ls->io, e);
}

int links_new(struct links **out, struct loop *loop, struct err *e)
{
    struct links *ls = calloc(1, sizeof(*ls));

    if (!ls)
        return err_set(e, -ENOMEM, "out of memory");
    ls->loop = loop;
    ls->io.fd = -1;
    list_init(&ls->nodes);
    list_init(&ls->observers);
    int err = open_events(ls, e);
    if (!err) {
        err = read_all(ls);
        if (err)
            err_set(e, err, "cannot list interfaces: %s", strerror(-err));
    }
    if (err) {
        links_free(ls);
        return err;
    }
    tell_changes(ls);
    *out = ls;
    return 0;
}

void links_free(struct links *ls)
{
    if (!ls)
        return;
    if (ls->io.fd >= 0) {
        loop_io_del(ls->loop, &ls->io);
        close(ls->io.fd);
    }
    list_for_each_safe (it, &ls->nodes) {
        struct node *n = list_entry(it, struct node, list);
        free(n->addrs);
        free(n);
    }
    free(ls);
}

void links_observe(struct links *ls, struct link_observer *o)
{
    list_push_back(&ls->observers, &o->node);
}

void links_forget(struct links *ls, struct link_observer *o)
{
    if (o->node.next)
        list_del(&o->node);
}

const struct links_stats *links_stats(const struct links *ls)
{
    return &ls->stats;
}
