#include "vrrpd/core/step.h"

/* P7: a peer that knows only one form would otherwise be deaf to us. */
static void follow_form(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    if (v->conf.checksum != VRRP_CHECKSUM_AUTO || p->version != 3 || p->family != AF_INET ||
        p->form == v->form)
        return;
    v->form = p->form;
    step_note(s, VRRP_NOTE_CHECKSUM_FORM, span_us(0));
}

void hear_advert(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    v->counters.adverts_heard++;
    if (p->priority == PACKET_PRIORITY_LEAVING)
        v->counters.leaving_heard++;
    v->peer = (struct vrrp_peer){
        .addr = s->ev->src,
        .priority = p->priority,
        .interval = p->interval,
        .heard = s->now,
    };
    follow_form(s);
}

/* The same whatever the order, and never 0; a cheap stand-in for comparing two sets. */
static uint64_t set_hash(const struct addr *addrs, size_t n)
{
    uint64_t sum = n;

    for (size_t i = 0; i < n; i++) {
        uint64_t h = 0xcbf29ce484222325u;
        for (size_t k = 0; k < addr_size(&addrs[i]); k++)
            h = (h ^ addrs[i].bytes[k]) * 0x100000001b3u;
        sum += h ^ (h >> 29);
    }
    return sum ? sum : 1;
}

static void compare_intervals(struct step *s)
{
    struct vrrp *v = s->v;
    struct span theirs = s->ev->packet->interval;
    int64_t differs = theirs.us == v->conf.interval.us ? 0 : theirs.us;

    if (differs && differs != v->noted_interval_us)
        step_note(s, VRRP_NOTE_INTERVAL_DIFFERS, theirs);
    v->noted_interval_us = differs;
}

static void compare_addresses(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;
    uint64_t theirs = set_hash(p->addrs, p->addr_count);

    if (theirs == set_hash(v->conf.addrs, v->conf.addr_count))
        theirs = 0;
    if (theirs && theirs != v->noted_addrs)
        step_note(s, VRRP_NOTE_ADDRESSES_DIFFER, span_us(0));
    v->noted_addrs = theirs;
}

void hear_differences(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    compare_intervals(s); /* V11 */
    compare_addresses(s); /* V11 */
    if (p->not_link_local && !v->noted_link_local)
        step_note(s, VRRP_NOTE_NOT_LINK_LOCAL, span_us(0)); /* V9 */
    v->noted_link_local = p->not_link_local;
    if (step_is_owner(v))
        step_note(s, VRRP_NOTE_OWNER_HEARD, span_us(0)); /* V7 */
}

/* With version 2 it is our own: another one has been rejected (W4). */
void hear_interval(struct step *s)
{
    struct vrrp *v = s->v;

    v->active_interval = s->ev->packet->interval;
    v->ready = v->graced = false;
    v->down_reason = VRRP_REASON_SILENCE;
    step_arm_down_timer(s);
}
