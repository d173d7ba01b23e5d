/*
 * What surrounds the state machine: its configuration, its names, and its way to the wire.
 */
#include "vrrpd/core/vrrp.h"

#include "common/base/macro.h"
#include "vrrpd/core/name.h"

#include <string.h>

const char *vrrp_checksum_name(enum vrrp_checksum c)
{
    static const char *const names[VRRP_CHECKSUMS] = {
        [VRRP_CHECKSUM_AUTO] = "auto",
        [VRRP_CHECKSUM_RFC9568] = "rfc9568",
        [VRRP_CHECKSUM_PSEUDO] = "pseudo-header",
    };
    return name_of(names, VRRP_CHECKSUMS, c);
}

const char *vrrp_fault_name(enum vrrp_fault f)
{
    static const char *const names[VRRP_FAULTS] = {
        [VRRP_FAULT_LINK] = "link",       [VRRP_FAULT_SOURCE] = "source",
        [VRRP_FAULT_TRACKER] = "tracker", [VRRP_FAULT_MAINTENANCE] = "maintenance",
        [VRRP_FAULT_ADDRESS] = "address", [VRRP_FAULT_GROUP] = "group",
    };
    return name_of(names, VRRP_FAULTS, f);
}

const char *vrrp_fault_sentence(enum vrrp_fault f)
{
    static const char *const sentences[VRRP_FAULTS] = {
        [VRRP_FAULT_LINK] = "the interface is missing, down or without carrier",
        [VRRP_FAULT_SOURCE] = "the interface has no address to send from",
        [VRRP_FAULT_TRACKER] = "a tracker reports a failure",
        [VRRP_FAULT_MAINTENANCE] = "maintenance was asked for",
        [VRRP_FAULT_ADDRESS] = "an address could not be put in place",
        [VRRP_FAULT_GROUP] = "another member of the sync group has a fault",
    };
    return name_of(sentences, VRRP_FAULTS, f);
}

const char *vrrp_event_name(enum vrrp_event_kind k)
{
    static const char *const names[VRRP_EVENTS] = {
        [VRRP_EV_STARTUP] = "startup",
        [VRRP_EV_SHUTDOWN] = "shutdown",
        [VRRP_EV_ADVERT] = "advert",
        [VRRP_EV_TIMER] = "timer",
        [VRRP_EV_PRIORITY] = "priority",
        [VRRP_EV_FAULT_SET] = "fault-set",
        [VRRP_EV_FAULT_CLEAR] = "fault-clear",
        [VRRP_EV_CONF] = "conf",
        [VRRP_EV_SOURCE] = "source",
        [VRRP_EV_YIELD] = "yield",
        [VRRP_EV_ADDRESSES_READY] = "addresses-ready",
        [VRRP_EV_GROUP_ACTIVE] = "group-active",
        [VRRP_EV_GROUP_BACKUP] = "group-backup",
        [VRRP_EV_GROUP_LEFT] = "group-left",
    };
    return name_of(names, VRRP_EVENTS, k);
}

struct vrrp_conf vrrp_conf_default(void)
{
    return (struct vrrp_conf){
        .version = 3,
        .family = AF_INET,
        .priority = VRRP_PRIORITY_DEFAULT,
        .interval = span_s(1),
        .ttl_min = PACKET_TTL,
        .preempt = true,
        .accept = true,
        .announce = {.repeat = 2, .gap = span_ms(5), .delay = span_s(5), .refresh_repeat = 1},
        .resend = span_ms(5),
        .prompt = true,
        .tell_winner = true,
    };
}

static const char *check_addrs(const struct addr *addrs, size_t n, uint8_t family,
                               const char *complaint)
{
    for (size_t i = 0; i < n; i++)
        if (addrs[i].family != family)
            return complaint;
    return NULL;
}

static const char *check_version_2(const struct vrrp_conf *c)
{
    if (c->family != AF_INET)
        return "VRRP version 2 knows IPv4 only";
    if (c->interval.us < span_s(1).us || c->interval.us > span_s(255).us ||
        c->interval.us % span_s(1).us != 0)
        return "with VRRP version 2 the interval must be whole seconds, 1s to 255s";
    return NULL;
}

static const char *check_version_3(const struct vrrp_conf *c)
{
    if (c->interval.us < span_ms(10).us || c->interval.us > span_ms(40950).us ||
        c->interval.us % span_ms(10).us != 0)
        return "the interval must be a multiple of 10ms, 10ms to 40950ms";
    if (c->auth != PACKET_AUTH_NONE)
        return "only VRRP version 2 has authentication";
    return NULL;
}

const char *vrrp_conf_check(const struct vrrp_conf *c)
{
    if (c->version != 2 && c->version != 3)
        return "the version must be 2 or 3";
    if (c->family != AF_INET && c->family != AF_INET6)
        return "the addresses must be IPv4 or IPv6";
    if (!c->vrid)
        return "the VRID must be 1 to 255";
    if (!c->priority)
        return "the priority must be 1 to 255";
    if (!c->addr_count)
        return "at least one address is needed";
    if (c->addr_count > PACKET_ADDRS_MAX)
        return "an advertisement carries at most 255 addresses";
    const char *wrong = c->version == 2 ? check_version_2(c) : check_version_3(c);
    if (!wrong)
        wrong = check_addrs(c->addrs, c->addr_count, c->family,
                            "all addresses of an instance must be of one family");
    if (!wrong)
        wrong = check_addrs(c->peers, c->peer_count, c->family,
                            "unicast peers must be of the addresses' family");
    return wrong;
}

struct packet_expect vrrp_expect(const struct vrrp *v)
{
    const struct vrrp_conf *c = &v->conf;
    struct packet_expect e = {
        .version = c->version,
        .family = c->family,
        .vrid = c->vrid,
        .ttl_min = c->ttl_min,
        .strict = c->strict,
        .auth = c->auth,
        .interval = c->interval,
        .own = v->src,
        .peers = c->peers,
        .peer_count = c->peer_count,
    };
    memcpy(e.password, c->password, sizeof(e.password));
    return e;
}

size_t vrrp_advert(const struct vrrp *v, uint8_t priority, const struct addr *dst, void *buf,
                   size_t size)
{
    const struct vrrp_conf *c = &v->conf;
    struct packet p = {
        .version = c->version,
        .family = c->family,
        .vrid = c->vrid,
        .priority = priority,
        .interval = c->interval,
        .form = v->form,
        .auth = c->auth,
        .addr_count = (uint8_t)MIN(c->addr_count, (size_t)PACKET_ADDRS_MAX),
    };
    if (p.addr_count)
        memcpy(p.addrs, c->addrs, p.addr_count * sizeof(*c->addrs));
    memcpy(p.password, c->password, sizeof(p.password));
    return packet_encode(&p, &v->src, dst, buf, size);
}
