#include "vrrpd/config_vrrp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint8_t config_family(const struct config_instance *in)
{
    return in->family == CONFIG_FAMILY_IPV6 ? AF_INET6 : AF_INET;
}

static void fill_addrs(struct config_vrrp *v, const struct config_instance *in, size_t mtu)
{
    size_t fit = packet_addrs_fit(v->conf.version, v->conf.family, mtu);

    for (size_t i = 0; i < in->addresses.n; i++) {
        const struct config_address *a = in->addresses.v[i];
        if (!a->advertise)
            continue;
        if (v->conf.addr_count < fit)
            v->addrs[v->conf.addr_count++] = a->address.addr;
        else
            v->unlisted++;
    }
    v->conf.addrs = v->addrs;
}

static void fill_peers(struct config_vrrp *v, const struct config_instance *in)
{
    for (size_t i = 0; i < in->unicast.peers.n; i++)
        v->peers[i] = ((const struct config_peer *)in->unicast.peers.v[i])->address;
    v->conf.peers = v->peers;
    v->conf.peer_count = in->unicast.peers.n;
}

int config_vrrp_init(struct config_vrrp *out, const struct config_instance *in, size_t mtu,
                     bool grouped)
{
    struct vrrp_conf c = vrrp_conf_default();

    c.version = (uint8_t)in->version;
    c.family = config_family(in);
    c.vrid = (uint8_t)in->vrid;
    c.priority = (uint8_t)in->priority;
    c.interval = in->interval;
    c.ttl_min = (uint8_t)in->unicast.ttl_min;
    c.checksum = (enum vrrp_checksum)in->checksum;
    c.preempt = in->preempt;
    c.preempt_delay = in->preempt_delay;
    c.start_delay = in->start_delay;
    c.accept = in->accept;
    c.strict = in->strict;
    if (in->password) {
        c.auth = PACKET_AUTH_TEXT;
        memcpy(c.password, in->password, strnlen(in->password, PACKET_AUTH_LEN));
    }
    c.fast_takeover = in->two_nodes;
    c.grouped = grouped;
    c.announce = (struct vrrp_announce){
        .repeat = (uint8_t)in->garp.repeat,
        .gap = in->garp.gap,
        .delay = in->garp.delay,
        .refresh = in->garp.refresh,
        .refresh_repeat = (uint8_t)in->garp.refresh_repeat,
    };
    *out = (struct config_vrrp){.conf = c};
    out->addrs = calloc(in->addresses.n + 1, sizeof(*out->addrs));
    out->peers = calloc(in->unicast.peers.n + 1, sizeof(*out->peers));
    if (!out->addrs || !out->peers) {
        config_vrrp_fini(out);
        return -ENOMEM;
    }
    fill_addrs(out, in, mtu);
    fill_peers(out, in);
    return 0;
}

void config_vrrp_fini(struct config_vrrp *v)
{
    if (!v)
        return;
    free(v->addrs);
    free(v->peers);
    *v = (struct config_vrrp){0};
}
