#include "vrrpd/net/macvlan.h"

#include "vrrpd/core/packet.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE = 512, KEY_MAX = 96 };

struct macvlan {
    struct netlink *nl;
    struct sysctls *sysctls;
    const struct link *base, *link;
    int base_index; /* when it was made; 0: it is not there */
    bool up;
    uint8_t family, vrid;
    uint8_t mac[6];
    char name[IFNAMSIZ];
    char base_key[KEY_MAX]; /* arp_ignore of the interface below, held; "" not */
};

/* ---- messages ---- */

static struct nl_msg *begin(int type, int flags, const struct macvlan *m, unsigned ifi_flags,
                            unsigned change)
{
    struct nl_msg *msg = nlmsg_alloc_size(MESSAGE);
    struct ifinfomsg body = {.ifi_flags = ifi_flags, .ifi_change = change};

    if (msg && nlmsg_put(msg, 0, 0, type, 0, flags) &&
        nlmsg_append(msg, &body, sizeof(body), 4) == 0 &&
        nla_put_string(msg, IFLA_IFNAME, m->name) == 0)
        return msg;
    nlmsg_free(msg);
    return NULL;
}

/* Bridge mode: adverts of a peer come from the very same MAC, and only in this mode the interface
 * below still sees them. */
static int put_kind(struct nl_msg *msg)
{
    struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);

    if (!info || nla_put_string(msg, IFLA_INFO_KIND, "macvlan") < 0)
        return -ENOMEM;
    struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);
    if (!data || nla_put_u32(msg, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE) < 0)
        return -ENOMEM;
    nla_nest_end(msg, data);
    nla_nest_end(msg, info);
    return 0;
}

static struct nl_msg *make_message(const struct macvlan *m)
{
    struct nl_msg *msg = begin(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, m, 0, 0);

    if (msg && nla_put_u32(msg, IFLA_LINK, (uint32_t)m->base->index) == 0 &&
        nla_put(msg, IFLA_ADDRESS, sizeof(m->mac), m->mac) == 0 && put_kind(msg) == 0)
        return msg;
    nlmsg_free(msg);
    return NULL;
}

/* Without a link-local address of its own it says nothing while it is Backup. */
static struct nl_msg *quiet_message(const struct macvlan *m)
{
    struct nl_msg *msg = begin(RTM_SETLINK, 0, m, 0, 0);
    struct nlattr *spec = msg ? nla_nest_start(msg, IFLA_AF_SPEC) : NULL;
    struct nlattr *v6 = spec ? nla_nest_start(msg, AF_INET6) : NULL;

    if (v6 && nla_put_u8(msg, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE) == 0) {
        nla_nest_end(msg, v6);
        nla_nest_end(msg, spec);
        return msg;
    }
    nlmsg_free(msg);
    return NULL;
}

/* ---- making and deleting ---- */

static void set_own_sysctls(const struct macvlan *m)
{
    static const char *const keys[][2] = {
        {"arp_ignore", "1"}, /* not for addresses of the interface below */
        {"rp_filter", "2"},  /* answers leave by the interface below */
    };
    char key[KEY_MAX];

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        snprintf(key, sizeof(key), "net/ipv4/conf/%s/%s", m->name, keys[i][0]);
        sysctl_write(key, keys[i][1], NULL);
    }
}

static int hold_base(struct macvlan *m, struct err *e)
{
    snprintf(m->base_key, sizeof(m->base_key), "net/ipv4/conf/%s/arp_ignore", m->base->name);
    int err = sysctl_hold(m->sysctls, m->base_key, "1", e);
    if (err)
        m->base_key[0] = '\0';
    return err;
}

static void unmake(struct macvlan *m)
{
    if (m->base_index)
        netlink_one(m->nl, begin(RTM_DELLINK, 0, m, 0, 0), NULL);
    if (m->base_key[0])
        sysctl_release(m->sysctls, m->base_key);
    m->base_key[0] = '\0';
    m->base_index = 0;
    m->up = false;
}

static int make(struct macvlan *m, struct err *e)
{
    netlink_one(m->nl, begin(RTM_DELLINK, 0, m, 0, 0), NULL); /* left behind by a predecessor */
    int err = netlink_one(m->nl, make_message(m), e);
    if (!err)
        err = netlink_one(m->nl, quiet_message(m), e);
    if (!err)
        m->base_index = m->base->index;
    set_own_sysctls(m);
    if (!err && m->family == AF_INET)
        err = hold_base(m, e);
    if (err) {
        unmake(m);
        return err_prefix(e, err, "cannot make %s on %s", m->name, m->base->name);
    }
    return 0;
}

int macvlan_refresh(struct macvlan *m, struct err *e)
{
    if (m->base_index == m->base->index)
        return 0;
    m->base_index = 0; /* it went away together with the interface below */
    unmake(m);
    return m->base->index ? make(m, e) : 0;
}

int macvlan_set(struct macvlan *m, bool up, struct err *e)
{
    if (!m->base_index || m->up == up)
        return 0;
    int err = netlink_one(m->nl, begin(RTM_SETLINK, 0, m, up ? IFF_UP : 0, IFF_UP), e);
    if (err)
        return err_prefix(e, err, "cannot set %s %s", m->name, up ? "up" : "down");
    m->up = up;
    return 0;
}

/* ---- life ---- */

int macvlan_new(struct macvlan **out, struct links *links, struct netlink *nl,
                struct sysctls *sysctls, const struct link *base, uint8_t family, uint8_t vrid,
                struct err *e)
{
    struct macvlan *m = calloc(1, sizeof(*m));

    if (!m)
        return err_set(e, -ENOMEM, "out of memory");
    *m = (struct macvlan){
        .nl = nl, .sysctls = sysctls, .base = base, .family = family, .vrid = vrid};
    packet_virtual_mac(family, vrid, m->mac);
    /* The name of the interface below would not fit beside the rest: a hash of it keeps two of them
     * apart. */
    uint32_t hash = 2166136261u;
    for (const char *p = base->name; *p; p++)
        hash = (hash ^ (uint8_t)*p) * 16777619u;
    snprintf(m->name, sizeof(m->name), "vrrp%c-%02x-%04x", family == AF_INET6 ? '6' : '4', vrid,
             hash & 0xffff);
    m->link = links_named(links, m->name);
    if (!m->link) {
        free(m);
        return err_set(e, -ENOMEM, "out of memory");
    }
    int err = macvlan_refresh(m, e);
    if (err) {
        macvlan_free(m);
        return err;
    }
    *out = m;
    return 0;
}

void macvlan_free(struct macvlan *m)
{
    if (!m)
        return;
    unmake(m);
    free(m);
}

const struct link *macvlan_link(const struct macvlan *m)
{
    return m->link;
}

const uint8_t *macvlan_mac(const struct macvlan *m)
{
    return m->mac;
}
