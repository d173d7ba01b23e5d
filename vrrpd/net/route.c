#include "vrrpd/net/route.h"

#include "common/base/macro.h"

#include <errno.h>
#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <string.h>

enum { MESSAGE = 256, FLUSH_MAX = 8192 };

/* ---- messages ---- */

static bool put_addr(struct nl_msg *m, int attr, const struct addr *a)
{
    return !a->family || nla_put(m, attr, (int)addr_size(a), a->bytes) == 0;
}

static struct nl_msg *route_message(int type, int flags, const struct route *r)
{
    struct nl_msg *m = nlmsg_alloc_size(MESSAGE);
    struct rtmsg body = {
        .rtm_family = r->to.addr.family,
        .rtm_dst_len = r->to.len,
        .rtm_table = (uint8_t)(r->table < 256 ? r->table : RT_TABLE_UNSPEC),
        .rtm_protocol = ROUTE_MARK,
        .rtm_scope = r->scope,
        .rtm_type = r->type,
    };

    if (m && nlmsg_put(m, 0, 0, type, 0, flags) && nlmsg_append(m, &body, sizeof(body), 4) == 0 &&
        (!r->to.len || put_addr(m, RTA_DST, &r->to.addr)) && put_addr(m, RTA_GATEWAY, &r->via) &&
        put_addr(m, RTA_PREFSRC, &r->source) && nla_put_u32(m, RTA_TABLE, r->table) == 0 &&
        (!r->metric || nla_put_u32(m, RTA_PRIORITY, r->metric) == 0) &&
        (!r->device || nla_put_u32(m, RTA_OIF, (uint32_t)r->device->index) == 0))
        return m;
    nlmsg_free(m);
    return NULL;
}

static struct nl_msg *rule_message(int type, int flags, const struct rule *r)
{
    struct nl_msg *m = nlmsg_alloc_size(MESSAGE);
    struct fib_rule_hdr body = {
        .family = r->family,
        .src_len = r->from.len,
        .dst_len = r->to.len,
        .table = (uint8_t)(r->table < 256 ? r->table : RT_TABLE_UNSPEC),
        .action = FR_ACT_TO_TBL,
    };

    if (m && nlmsg_put(m, 0, 0, type, 0, flags) && nlmsg_append(m, &body, sizeof(body), 4) == 0 &&
        put_addr(m, FRA_SRC, &r->from.addr) && put_addr(m, FRA_DST, &r->to.addr) &&
        nla_put_u32(m, FRA_TABLE, r->table) == 0 && nla_put_u8(m, FRA_PROTOCOL, ROUTE_MARK) == 0 &&
        nla_put_u32(m, FRA_PRIORITY, r->priority) == 0 &&
        (!r->input[0] || nla_put_string(m, FRA_IIFNAME, r->input) == 0) &&
        (!r->output[0] || nla_put_string(m, FRA_OIFNAME, r->output) == 0) &&
        (!r->has_mark ||
         (nla_put_u32(m, FRA_FWMARK, r->mark) == 0 && nla_put_u32(m, FRA_FWMASK, r->mask) == 0)))
        return m;
    nlmsg_free(m);
    return NULL;
}

/* ---- adding and removing ---- */

static void failed(void *ctx, void *cookie, int error, const char *text)
{
    *(int *)cookie = error;
}

/* What an attempt to add has come to; true if it had been held and was missing. */
static bool settle(bool *held, int *error)
{
    bool there = *error == EEXIST;
    bool restored = *held && *error == 0;

    if (there)
        *error = 0;
    *held = *error == 0;
    return restored;
}

size_t routes_add(struct netlink *nl, struct route *routes, size_t n)
{
    size_t restored = 0;

    netlink_begin(nl, failed, NULL);
    for (size_t i = 0; i < n; i++) {
        struct route *r = &routes[i];
        r->error = r->device && !r->device->index ? ENODEV : 0;
        if (!r->error && netlink_add(nl, route_message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, r),
                                     &r->error) < 0)
            r->error = ENOMEM;
    }
    netlink_end(nl);
    for (size_t i = 0; i < n; i++)
        restored += settle(&routes[i].held, &routes[i].error);
    return restored;
}

size_t rules_add(struct netlink *nl, struct rule *rules, size_t n)
{
    size_t restored = 0;

    netlink_begin(nl, failed, NULL);
    for (size_t i = 0; i < n; i++) {
        struct rule *r = &rules[i];
        r->error = 0;
        if (netlink_add(nl, rule_message(RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL, r), &r->error) < 0)
            r->error = ENOMEM;
    }
    netlink_end(nl);
    for (size_t i = 0; i < n; i++)
        restored += settle(&rules[i].held, &rules[i].error);
    return restored;
}

void routes_remove(struct netlink *nl, struct route *routes, size_t n)
{
    netlink_begin(nl, NULL, NULL);
    for (size_t i = n; i-- > 0;) {
        if (routes[i].held)
            netlink_add(nl, route_message(RTM_DELROUTE, 0, &routes[i]), NULL);
        routes[i].held = false;
        routes[i].error = 0;
    }
    netlink_end(nl);
}

void rules_remove(struct netlink *nl, struct rule *rules, size_t n)
{
    netlink_begin(nl, NULL, NULL);
    for (size_t i = n; i-- > 0;) {
        if (rules[i].held)
            netlink_add(nl, rule_message(RTM_DELRULE, 0, &rules[i]), NULL);
        rules[i].held = false;
        rules[i].error = 0;
    }
    netlink_end(nl);
}

/* ---- what a predecessor left behind ---- */

struct flush {
    struct netlink *nl;
    size_t found;
};

/* The same message with another type takes away what it describes. */
static void delete_same(struct flush *f, struct nlmsghdr *h, int type)
{
    struct nl_msg *m = f->found < FLUSH_MAX ? nlmsg_convert(h) : NULL;

    if (!m)
        return;
    f->found++;
    nlmsg_hdr(m)->nlmsg_type = (uint16_t)type;
    nlmsg_hdr(m)->nlmsg_flags = NLM_F_REQUEST;
    netlink_add(f->nl, m, NULL);
}

static void flush_route(void *ctx, struct nlmsghdr *h)
{
    const struct rtmsg *body = NLMSG_DATA(h);

    if (h->nlmsg_type == RTM_NEWROUTE && h->nlmsg_len >= NLMSG_LENGTH(sizeof(*body)) &&
        body->rtm_protocol == ROUTE_MARK && !(body->rtm_flags & RTM_F_CLONED))
        delete_same(ctx, h, RTM_DELROUTE);
}

static void flush_rule(void *ctx, struct nlmsghdr *h)
{
    struct nlattr *a[FRA_MAX + 1];

    if (h->nlmsg_type == RTM_NEWRULE && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct fib_rule_hdr)) &&
        nlmsg_parse(h, sizeof(struct fib_rule_hdr), a, FRA_MAX, NULL) == 0 && a[FRA_PROTOCOL] &&
        nla_get_u8(a[FRA_PROTOCOL]) == ROUTE_MARK)
        delete_same(ctx, h, RTM_DELRULE);
}

size_t routes_flush(struct netlink *nl)
{
    struct flush f = {.nl = nl};

    netlink_begin(nl, NULL, NULL);
    netlink_dump_routes(ROUTE_MARK, flush_route, &f);
    netlink_dump(RTM_GETRULE, flush_rule, &f);
    netlink_end(nl);
    return f.found;
}
