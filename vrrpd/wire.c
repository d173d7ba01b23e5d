#include "vrrpd/wire.h"

#include "common/rt/log.h"
#include "vrrpd/engine.h"
#include "vrrpd/instance.h"

#include <stdlib.h>
#include <string.h>

static void reject(struct wire *w, struct instance *in, enum packet_outcome outcome,
                   const struct packet_meta *meta, int vrid)
{
    static struct log_limit limit = LOG_LIMIT(5, 60);
    char src[ADDR_TEXT_MAX];

    if (in)
        in->rejects[outcome]++;
    else
        w->rejects[outcome]++;
    if (outcome == PACKET_OWN)
        return;
    log_limited(&limit, loop_now(w->engine->loop), in ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO,
                "%s: discarded an advert from %s for vrid %d: %s", w->link->name,
                addr_format(&meta->src, src), vrid, packet_outcome_name(outcome));
}

static void on_message(void *ctx, const struct packet_meta *meta, const void *bytes, size_t len)
{
    struct wire *w = ctx;
    struct packet packet;
    int vrid = packet_vrid(bytes, len);
    struct instance *in = vrid > 0 ? w->by_vrid[vrid] : NULL;
    struct packet_expect expect = in ? vrrp_expect(&in->vrrp) : (struct packet_expect){0};
    enum packet_outcome outcome = packet_decode(bytes, len, meta, in ? &expect : NULL, &packet);

    if (outcome == PACKET_OK && !in)
        outcome = PACKET_VRID_UNKNOWN;
    if (outcome != PACKET_OK) {
        reject(w, in, outcome, meta, vrid);
        return;
    }
    instance_step(
        in, &(struct vrrp_event){.kind = VRRP_EV_ADVERT, .src = meta->src, .packet = &packet});
}

void wire_refresh(struct wire *w)
{
    struct err e = {0};

    if (w->socket && w->index == w->link->index)
        return;
    vsocket_close(w->socket);
    w->socket = NULL;
    w->index = w->link->index;
    if (w->index &&
        vsocket_open(&w->socket, w->engine->loop, w->family, w->link, on_message, w, &e) < 0) {
        w->index = 0;
        log_err("%s", e.text);
    }
}

static struct wire *find(struct engine *e, uint8_t family, const struct link *link)
{
    list_for_each (it, &e->wires) {
        struct wire *w = list_entry(it, struct wire, node);
        if (w->family == family && w->link == link)
            return w;
    }
    return NULL;
}

struct wire *wire_join(struct engine *e, uint8_t family, const struct link *link, uint8_t vrid,
                       struct instance *in)
{
    struct wire *w = find(e, family, link);

    if (!w) {
        w = calloc(1, sizeof(*w));
        if (!w)
            return NULL;
        w->engine = e;
        w->family = family;
        w->link = link;
        list_push_back(&e->wires, &w->node);
        wire_refresh(w);
    }
    w->by_vrid[vrid] = in;
    w->users++;
    return w;
}

void wire_leave(struct wire *w, uint8_t vrid)
{
    if (!w)
        return;
    w->by_vrid[vrid] = NULL;
    if (--w->users)
        return;
    vsocket_close(w->socket);
    list_del(&w->node);
    free(w);
}
