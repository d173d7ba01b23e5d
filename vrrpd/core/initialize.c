/*
 * Initialize (RFC 9568, 6.4.1), which is also where faults and the start-up delay are waited out.
 */
#include "vrrpd/core/step.h"

void initialize_startup(struct step *s)
{
    struct vrrp *v = s->v;

    if (v->started)
        return;
    v->started = true;
    v->holding = false;
    v->leave_at = MONO_NEVER;
    step_set_priority(s);
    if (v->faults)
        step_enter(s, VRRP_INITIALIZE, VRRP_REASON_FAULT);
    else if (s->ev->resume)
        step_become_active(s, VRRP_REASON_RESUMED);
    else if (v->conf.start_delay.us <= 0)
        step_begin(s, VRRP_REASON_STARTUP);
    if (v->state == VRRP_INITIALIZE && v->conf.start_delay.us > 0)
        v->start_at = step_after(s, v->conf.start_delay);
}

void initialize_shutdown(struct step *s)
{
    if (!s->v->started)
        return;
    s->v->started = false;
    step_enter(s, VRRP_INITIALIZE, VRRP_REASON_SHUTDOWN);
}

void initialize_timer(struct step *s)
{
    struct vrrp *v = s->v;

    step_resend_leaving(s);
    if (!step_due(s, v->start_at))
        return;
    v->start_at = MONO_NEVER;
    if (!vrrp_in_fault(v))
        step_begin(s, VRRP_REASON_STARTUP);
}

/* A fault comes or goes while the start-up delay goes on: it is there for links that flap at boot.
 */
static void stay(struct step *s, enum vrrp_reason reason)
{
    struct mono start_at = s->v->start_at;

    step_enter(s, VRRP_INITIALIZE, reason);
    s->v->start_at = start_at;
}

void initialize_fault_set(struct step *s)
{
    struct vrrp *v = s->v;
    bool before = vrrp_in_fault(v);

    v->faults |= step_fault_bit(s);
    if (v->started && !before)
        stay(s, VRRP_REASON_FAULT);
}

void initialize_fault_clear(struct step *s)
{
    struct vrrp *v = s->v;
    bool before = vrrp_in_fault(v);

    v->faults &= ~step_fault_bit(s);
    if (!v->started || !before || vrrp_in_fault(v))
        return;
    if (mono_is_never(v->start_at))
        step_begin(s, VRRP_REASON_FAULT_CLEARED);
    else
        stay(s, VRRP_REASON_FAULT_CLEARED);
}

/* Nothing follows from it here, but status shows who is there. */
void initialize_advert(struct step *s)
{
    hear_advert(s);
}
