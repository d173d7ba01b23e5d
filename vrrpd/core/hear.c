#include "vrrpd/core/step.h"

/* P7: a peer that knows only one form would otherwise be deaf to us. */
static void follow_form(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    if (v->conf.checksum != VRRP_CHECKSUM_AUTO || p->version != 3 || p->family != AF_INET)
        return;
    v->form_known = true;
    if (p->form == v->form)
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

/* Tells that this sender differs from us, once until it differs in another way. `what` says in
 * which way; 0: not at all. Senders that take turns must not fill the log. */
static void tell_once(struct step *s, struct vrrp_noted *noted, uint64_t what, enum vrrp_note n,
                      struct span span)
{
    bool same_sender = addr_equal(&noted->from, &s->ev->src);

    if (!what) {
        if (same_sender)
            noted->what = 0;
        return;
    }
    if (noted->what && same_sender && noted->what == what)
        return;
    if (noted->what && !same_sender && mono_diff(s->now, noted->at).us < span_s(VRRP_NOTE_GAP_S).us)
        return;
    *noted = (struct vrrp_noted){.what = what, .from = s->ev->src, .at = s->now};
    step_note(s, n, span);
}

void hear_differences(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;
    bool interval = p->interval.us != v->conf.interval.us;
    uint64_t addrs = set_hash(p->addrs, p->addr_count);

    if (addrs == set_hash(v->conf.addrs, v->conf.addr_count))
        addrs = 0;
    /* V11, V11, V9, V7 */
    tell_once(s, &v->noted_interval, interval ? (uint64_t)p->interval.us : 0,
              VRRP_NOTE_INTERVAL_DIFFERS, p->interval);
    tell_once(s, &v->noted_addrs, addrs, VRRP_NOTE_ADDRESSES_DIFFER, span_us(0));
    tell_once(s, &v->noted_link_local, p->not_link_local, VRRP_NOTE_NOT_LINK_LOCAL, span_us(0));
    tell_once(s, &v->noted_owner, step_is_owner(v), VRRP_NOTE_OWNER_HEARD, span_us(0));
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
