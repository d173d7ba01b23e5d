/*
 * Backup (RFC 9568, 6.4.2). B1 is what is not here: without the addresses the kernel answers no ARP
 * or ND request for them and takes no packet to them.
 */
#include "vrrpd/core/step.h"

void backup_shutdown(struct step *s) /* B6 */
{
    s->v->started = false;
    step_enter(s, VRRP_INITIALIZE, VRRP_REASON_SHUTDOWN);
}

void backup_fault_set(struct step *s)
{
    s->v->faults |= step_fault_bit(s);
    step_enter(s, VRRP_INITIALIZE, VRRP_REASON_FAULT);
}

/* ---- the timer ---- */

/* B2, except that a sync group has a say. */
static void take_over(struct step *s)
{
    struct vrrp *v = s->v;

    if (!v->conf.grouped) {
        step_become_active(s, v->down_reason);
        return;
    }
    v->ready = true;
    v->down_at = MONO_NEVER;
}

/* So late that adverts may have been missed while nobody listened: listen once more. */
static bool wait_out_late_timer(struct step *s)
{
    struct vrrp *v = s->v;
    struct span late = mono_diff(s->now, v->down_at);

    if (late.us <= v->active_interval.us || v->graced)
        return false;
    v->graced = true;
    v->counters.late_timers++;
    step_note(s, VRRP_NOTE_LATE_TIMER, late);
    v->down_at = step_after(s, span_us(v->active_interval.us + vrrp_skew_time(v).us));
    return true;
}

void backup_timer(struct step *s)
{
    step_resend_leaving(s);
    if (step_due(s, s->v->down_at) && !wait_out_late_timer(s))
        take_over(s);
}

/* ---- adverts ---- */

bool vrrp_may_preempt(const struct vrrp *v, struct mono now)
{
    if (v->holding && now.us < v->hold_until.us)
        return false;
    if (!v->conf.preempt && !step_is_owner(v)) /* 6.1: the owner always does */
        return false;
    if (v->conf.preempt_delay.us <= 0)
        return true;
    return !mono_is_never(v->preempt_at) && now.us >= v->preempt_at.us;
}

/* preempt_delay runs from the first advert of a lower Active. */
static void start_preempt_delay(struct step *s)
{
    struct vrrp *v = s->v;
    bool wanted = v->conf.preempt || step_is_owner(v);

    if (!wanted || v->conf.preempt_delay.us <= 0 || !mono_is_never(v->preempt_at))
        return;
    v->preempt_at = step_after(s, v->conf.preempt_delay);
    step_note(s, VRRP_NOTE_PREEMPT_DELAYED, v->conf.preempt_delay);
}

/* B3; a second priority-0 advert does not put off what the first began. With two nodes there is
 * nobody to race, and Skew_Time would be spent for nothing. */
static void active_leaves(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    if (v->ready)
        return;
    v->down_reason = reason;
    if (v->conf.fast_takeover)
        take_over(s);
    else
        v->down_at = mono_min(v->down_at, step_after(s, vrrp_skew_time(v)));
}

/* B3, if it is the Active that we follow. Another one's last words, or the second half of them, do
 * not concern a router whose successor has spoken already. */
static void hear_leaving(struct step *s, const struct vrrp_peer *before)
{
    struct vrrp *v = s->v;
    bool follows_another = before->addr.family && before->priority != PACKET_PRIORITY_LEAVING &&
                           before->heard.us >= v->since.us &&
                           !addr_equal(&before->addr, &s->ev->src);

    if (follows_another) {
        v->peer = *before;
        return;
    }
    v->left_count++;
    active_leaves(s, VRRP_REASON_PEER_LEFT);
}

/* The Active itself came down to below us. It would be preempted anyway, after an interval or three
 * in which its service may be gone. */
static bool fell_below(const struct step *s, const struct vrrp_peer *before)
{
    const struct vrrp *v = s->v;

    return v->conf.prompt && before->priority >= v->priority &&
           addr_equal(&before->addr, &s->ev->src) && before->heard.us >= v->since.us;
}

/* B5: discarded, and the timer is left to run down. */
static void hear_lower(struct step *s, const struct vrrp_peer *before)
{
    if (fell_below(s, before))
        active_leaves(s, VRRP_REASON_PREEMPT);
    else
        s->v->down_reason = VRRP_REASON_PREEMPT;
}

void backup_advert(struct step *s)
{
    struct vrrp *v = s->v;
    const struct packet *p = s->ev->packet;
    struct vrrp_peer before = v->peer;

    hear_advert(s);
    if (p->priority == PACKET_PRIORITY_LEAVING) {
        hear_leaving(s, &before);
        return;
    }
    v->leave_at = MONO_NEVER; /* somebody has taken over: it is known that we left */
    hear_differences(s);
    if (p->priority >= v->priority) { /* B4 */
        v->preempt_at = MONO_NEVER;
        hear_interval(s);
        return;
    }
    start_preempt_delay(s);
    if (vrrp_may_preempt(v, s->now))
        hear_lower(s, &before); /* B5 */
    else
        hear_interval(s); /* B4 */
}

/* ---- changes from inside ---- */

/* A running timer keeps its start and gets the new length. */
static void shift_down_timer(struct step *s, struct span before, struct span now)
{
    struct vrrp *v = s->v;

    if (!mono_is_never(v->down_at))
        v->down_at.us += now.us - before.us;
}

void backup_priority(struct step *s)
{
    struct span before = vrrp_skew_time(s->v);

    step_set_priority(s);
    shift_down_timer(s, before, vrrp_skew_time(s->v));
}

/* A learned interval stays: the next advert tells a new one (6.1). */
void backup_conf(struct step *s)
{
    struct vrrp *v = s->v;
    struct span before = vrrp_active_down_interval(v);

    step_set_conf(s);
    if (v->conf.version == 2)
        v->active_interval = v->conf.interval;
    shift_down_timer(s, before, vrrp_active_down_interval(v));
    if (v->ready && !v->conf.grouped) { /* left its group: nobody to wait for */
        v->ready = false;
        step_arm_down_timer(s);
    }
}

/* ---- the sync group ---- */

void backup_group_active(struct step *s)
{
    if (s->v->ready)
        step_become_active(s, s->v->down_reason);
}

/* Another member's Active left, so ours leaves with it. If it did not, its next advert is at most
 * an interval away: one missing advert is enough. */
void backup_group_left(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->ready || !v->peer.addr.family)
        return;
    struct mono expected = mono_add(v->peer.heard, v->active_interval);
    if (mono_before(expected, s->now))
        expected = s->now;
    struct mono at = mono_add(expected, vrrp_skew_time(v));
    if (!mono_before(at, v->down_at))
        return;
    v->down_at = at;
    v->down_reason = VRRP_REASON_PEER_LEFT;
}
