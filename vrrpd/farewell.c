#include "vrrpd/farewell.h"

#include "common/base/macro.h"
#include "vrrpd/net/socket.h"

#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct farewell *farewell_take(struct farewell *list, size_t n)
{
    for (size_t i = 0; list && i < n; i++) {
        if (list[i].used)
            continue;
        list[i].used = true;
        return &list[i];
    }
    return NULL;
}

void farewell_release(struct farewell *f)
{
    if (!f)
        return;
    atomic_store(&f->active, false);
    f->used = false;
}

bool farewell_differs(const struct farewell *f, const struct vrrp *v, enum vrrp_event_kind kind)
{
    if (kind == VRRP_EV_CONF || kind == VRRP_EV_SOURCE)
        return true;
    return atomic_load(&f->active) != (v->state == VRRP_ACTIVE) || f->form != v->form;
}

void farewell_update(struct farewell *f, const struct vrrp *v, int ifindex)
{
    const struct vrrp_conf *c = &v->conf;

    if (!f)
        return;
    atomic_store(&f->active, false);
    if (v->state != VRRP_ACTIVE || !v->src.family)
        return;
    f->version = c->version;
    f->family = c->family;
    f->vrid = c->vrid;
    f->form = v->form;
    f->auth = c->auth;
    memcpy(f->password, c->password, sizeof(f->password));
    f->interval = c->interval;
    f->ifindex = ifindex;
    f->src = v->src;
    f->addr_count = (uint8_t)MIN(c->addr_count, (size_t)FAREWELL_ADDRS_MAX);
    f->peer_count = (uint8_t)MIN(c->peer_count, (size_t)FAREWELL_PEERS_MAX);
    memcpy(f->addrs, c->addrs, f->addr_count * sizeof(f->addrs[0]));
    memcpy(f->peers, c->peers, f->peer_count * sizeof(f->peers[0]));
    atomic_store(&f->active, true);
}

static void say_to(const struct farewell *f, int fd, const struct addr *dst)
{
    uint8_t message[PACKET_MAX];
    struct packet p = {.version = f->version,
                       .family = f->family,
                       .vrid = f->vrid,
                       .priority = PACKET_PRIORITY_LEAVING,
                       .interval = f->interval,
                       .form = f->form,
                       .auth = f->auth,
                       .addr_count = f->addr_count};

    memcpy(p.password, f->password, sizeof(p.password));
    memcpy(p.addrs, f->addrs, f->addr_count * sizeof(p.addrs[0]));
    size_t len = packet_encode(&p, &f->src, dst, message, sizeof(message));
    if (len)
        vsocket_send_fd(fd, f->ifindex, &f->src, dst, message, len);
}

static bool say_one(const struct farewell *f)
{
    struct addr group = packet_group(f->family);
    struct link link = {.index = f->ifindex};

    if (!if_indextoname((unsigned)f->ifindex, link.name))
        return false;
    int fd = vsocket_open_fd(f->family, &link, NULL);
    if (fd < 0)
        return false;
    if (!f->peer_count)
        say_to(f, fd, &group);
    for (size_t i = 0; i < f->peer_count; i++)
        say_to(f, fd, &f->peers[i]);
    close(fd);
    return true;
}

size_t farewell_say(const struct farewell *list, size_t n)
{
    size_t said = 0;

    for (size_t i = 0; i < n; i++)
        if (list[i].used && atomic_load(&list[i].active))
            said += say_one(&list[i]);
    return said;
}
