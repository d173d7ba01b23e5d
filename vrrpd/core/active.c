/*
 * Active (RFC 9568, 6.4.3).
 */
#include "vrrpd/core/step.h"

#include "common/base/macro.h"

static void leave(struct step *s)
{
    step_remove_addresses(s);
    step_send_leaving(s);
}

void active_shutdown(struct step *s) /* A5 */
{
    s->v->started = false;
    leave(s);
    step_enter(s, VRRP_INITIALIZE, VRRP_REASON_SHUTDOWN);
}

void active_fault_set(struct step *s)
{
    s->v->faults |= step_fault_bit(s);
    leave(s);
    step_enter(s, VRRP_INITIALIZE, VRRP_REASON_FAULT);
}

void active_yield(struct step *s)
{
    leave(s);
    step_become_backup(s, VRRP_REASON_YIELD);
    s->v->holding = true;
    s->v->hold_until = s->ev->span.us > 0 ? step_after(s, s->ev->span) : MONO_NEVER;
}

void active_group_backup(struct step *s)
{
    leave(s);
    step_become_backup(s, VRRP_REASON_GROUP);
}

/* ---- timers ---- */

/* As long as nobody was heard, it is not known which form of checksum they take (P7), and a
 * keepalived that is Active, too, puts its own advert off for each one that it receives, even for
 * one that it throws away: two that send in step would never hear of each other. So now and then
 * one of ours comes a little late, and lets it speak. */
static struct span let_others_speak(const struct vrrp *v)
{
    bool unknown = v->conf.checksum == VRRP_CHECKSUM_AUTO && !v->form_known &&
                   v->conf.version == 3 && v->conf.family == AF_INET;

    if (!unknown || v->counters.adverts_sent % VRRP_PAUSE_EVERY != 0)
        return span_us(0);
    return span_us(v->conf.interval.us / VRRP_PAUSE_PART);
}

/* An interval after this one was due, not after it was done, so that a busy machine does not
 * stretch the rhythm; but adverts that were missed are not made up for. */
static struct mono next_advert(const struct step *s, struct span late)
{
    const struct vrrp *v = s->v;
    struct mono next = late.us < v->conf.interval.us ? mono_add(v->adver_at, v->conf.interval)
                                                     : step_after(s, v->conf.interval);

    return mono_add(next, let_others_speak(v));
}

/* A1 */
static void adver_timer(struct step *s)
{
    struct vrrp *v = s->v;

    if (!step_due(s, v->adver_at))
        return;
    struct span late = mono_diff(s->now, v->adver_at);
    if (late.us > v->conf.interval.us) {
        v->counters.late_timers++;
        step_note(s, VRRP_NOTE_LATE_TIMER, late);
    }
    v->answers = 0;
    step_send_advert(s, v->priority);
    v->adver_at = next_advert(s, late);
}

static void quiet_timer(struct step *s)
{
    struct vrrp *v = s->v;

    if (!step_due(s, v->quiet_at))
        return;
    if (v->conflict_noted)
        step_note(s, VRRP_NOTE_CONFLICT_OVER, span_us(0));
    v->conflict = v->conflict_noted = false;
    v->quiet_at = MONO_NEVER;
    step_announce(s, v->conf.announce.repeat);
}

void active_timer(struct step *s)
{
    adver_timer(s);
    step_announce_timer(s);
    quiet_timer(s);
}

/* ---- adverts ---- */

/* Two routers that both think they win would answer each other at wire speed. */
static bool may_answer(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->answers < VRRP_ANSWERS_MAX) {
        v->answers++;
        return true;
    }
    if (v->answers == VRRP_ANSWERS_MAX) {
        v->answers++;
        step_note(s, VRRP_NOTE_ANSWERS_LIMITED, span_us(0));
    }
    v->counters.answers_limited++;
    return false;
}

/* In the first interval another Active is one that we preempted, its last words still under way. */
static bool settled(const struct step *s)
{
    return mono_diff(s->now, s->v->since).us >= s->v->conf.interval.us;
}

/* Another Active is there, and hosts may have its MAC address. They are told ours at once, and
 * again when it has gone quiet. */
static void hear_rival(struct step *s)
{
    struct vrrp *v = s->v;
    int64_t interval_us = MAX(v->conf.interval.us, s->ev->packet->interval.us);

    if (settled(s) && !v->conflict_noted) {
        v->conflict_noted = true;
        v->counters.conflicts++;
        step_note(s, VRRP_NOTE_TWO_ACTIVES, span_us(0));
    }
    if (!v->conflict)
        step_announce(s, v->conf.announce.repeat);
    v->conflict = true;
    v->quiet_at = step_after(s, span_us(interval_us + interval_us / 2));
}

static void hear_leaving(struct step *s) /* A2 */
{
    if (!may_answer(s))
        return;
    step_send_advert(s, s->v->priority);
    step_arm_adver_timer(s);
    if (settled(s))
        hear_rival(s);
}

/* A3. The winner may never have heard us; one last advert lets it know that there were two, and it
 * announces the addresses again to hosts that have our MAC address. */
static void hear_higher(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    v->counters.yields++;
    step_remove_addresses(s);
    if (v->conf.tell_winner)
        step_send_advert(s, v->priority);
    step_become_backup(s, reason);
    hear_interval(s);
}

static void hear_lower(struct step *s) /* A4 */
{
    if (may_answer(s))
        step_send_advert(s, s->v->priority);
    hear_rival(s);
}

void active_advert(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;

    hear_advert(s);
    if (p->priority == PACKET_PRIORITY_LEAVING) {
        hear_leaving(s);
        return;
    }
    hear_differences(s);
    if (p->priority > v->priority)
        hear_higher(s, VRRP_REASON_HIGHER_PRIORITY);
    else if (p->priority == v->priority && addr_cmp(&s->ev->src, &v->src) > 0)
        hear_higher(s, VRRP_REASON_HIGHER_ADDRESS);
    else
        hear_lower(s);
}

/* ---- changes from inside ---- */

static void advertise_now(struct step *s)
{
    step_send_advert(s, s->v->priority);
    step_arm_adver_timer(s);
}

/* Backups that would preempt learn of a lower priority at once. */
void active_priority(struct step *s)
{
    uint8_t before = s->v->priority;

    step_set_priority(s);
    if (s->v->priority < before)
        advertise_now(s);
}

static bool same_addrs(const struct vrrp_conf *a, const struct vrrp_conf *b)
{
    if (a->addr_count != b->addr_count)
        return false;
    for (size_t i = 0; i < a->addr_count; i++)
        if (!addr_equal(&a->addrs[i], &b->addrs[i]))
            return false;
    return true;
}

static bool accepts(const struct vrrp *v)
{
    return v->conf.accept || step_is_owner(v);
}

/* A reload touches what changed, and nothing else. */
void active_conf(struct step *s)
{
    struct vrrp *v = s->v;
    bool moved = !same_addrs(&v->conf, s->ev->conf);
    bool accepted = accepts(v);
    uint8_t before = v->priority;

    step_set_conf(s);
    v->adver_at = mono_min(v->adver_at, step_after(s, v->conf.interval));
    if (moved || accepted != accepts(v))
        step_add_addresses(s);
    if (moved)
        step_announce(s, v->conf.announce.repeat);
    else if (!v->announce_left)
        v->announce_at = step_next_announcement(s);
    if (moved || v->priority < before)
        advertise_now(s);
}

void active_addresses_ready(struct step *s)
{
    step_announce(s, s->v->conf.announce.repeat);
}
