#include "vrrpd/core/step.h"

#include "common/base/macro.h"

/* ---- actions ---- */

static void emit(struct step *s, struct vrrp_action a)
{
    vrrp_actions_add(s->out, a);
}

void step_note(struct step *s, enum vrrp_note n, struct span span)
{
    emit(s, (struct vrrp_action){
                .kind = VRRP_ACTION_NOTE,
                .note = n,
                .span = span,
                .peer = s->v->peer.addr,
                .priority = s->v->peer.priority,
            });
}

void step_send_advert(struct step *s, uint8_t priority)
{
    s->v->counters.adverts_sent++;
    if (priority == PACKET_PRIORITY_LEAVING)
        s->v->counters.leaving_sent++;
    emit(s, (struct vrrp_action){.kind = VRRP_ACTION_ADVERT, .priority = priority});
}

void step_send_leaving(struct step *s)
{
    step_send_advert(s, PACKET_PRIORITY_LEAVING);
    s->v->leave_at = s->v->conf.resend.us > 0 ? step_after(s, s->v->conf.resend) : MONO_NEVER;
}

void step_resend_leaving(struct step *s)
{
    if (!step_due(s, s->v->leave_at))
        return;
    s->v->leave_at = MONO_NEVER;
    step_send_advert(s, PACKET_PRIORITY_LEAVING);
}

void step_add_addresses(struct step *s)
{
    emit(s, (struct vrrp_action){
                .kind = VRRP_ACTION_ADDRESSES_ADD,
                .accept = s->v->conf.accept || step_is_owner(s->v), /* A6 */
            });
}

void step_remove_addresses(struct step *s)
{
    emit(s, (struct vrrp_action){.kind = VRRP_ACTION_ADDRESSES_REMOVE});
}

/* ---- announcing ---- */

struct mono step_next_announcement(const struct step *s)
{
    const struct vrrp *v = s->v;
    struct span refresh = v->conf.announce.refresh;

    if (v->announce_left)
        return step_after(s, v->conf.announce.gap);
    return mono_min(v->second_at, refresh.us > 0 ? step_after(s, refresh) : MONO_NEVER);
}

static void announce_round(struct step *s)
{
    s->v->counters.announced++;
    emit(s, (struct vrrp_action){.kind = VRRP_ACTION_ANNOUNCE});
    s->v->announce_at = step_next_announcement(s);
}

void step_announce(struct step *s, uint8_t rounds)
{
    s->v->announce_left = (uint8_t)(MAX(rounds, 1) - 1);
    announce_round(s);
}

void step_announce_timer(struct step *s)
{
    struct vrrp *v = s->v;

    if (!step_due(s, v->announce_at))
        return;
    if (v->announce_left) {
        v->announce_left--;
        announce_round(s);
    } else if (step_due(s, v->second_at)) {
        v->second_at = MONO_NEVER;
        step_announce(s, v->conf.announce.repeat);
    } else {
        step_announce(s, v->conf.announce.refresh_repeat);
    }
}

/* ---- transitions ---- */

void step_disarm(struct vrrp *v)
{
    v->down_at = v->adver_at = v->announce_at = v->second_at = MONO_NEVER;
    v->quiet_at = v->start_at = v->preempt_at = MONO_NEVER;
    v->ready = v->graced = v->conflict = v->conflict_noted = false;
    v->announce_left = v->answers = 0;
    v->down_reason = VRRP_REASON_SILENCE;
}

void step_enter(struct step *s, enum vrrp_state to, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    emit(s, (struct vrrp_action){
                .kind = VRRP_ACTION_STATE,
                .from = v->state,
                .to = to,
                .reason = reason,
                .fault = to == VRRP_INITIALIZE && v->started && v->faults,
                .peer = v->peer.addr,
                .priority = v->peer.priority,
            });
    step_disarm(v);
    v->counters.transitions++;
    v->state = to;
    v->reason = reason;
    v->since = s->now;
}

/* I1, B2: the advert tells other Backups at once; the announcement follows the addresses (G3). */
void step_become_active(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;
    const struct vrrp_announce *a = &v->conf.announce;

    step_send_advert(s, v->priority);
    step_add_addresses(s);
    step_enter(s, VRRP_ACTIVE, reason);
    v->counters.became_active++;
    v->holding = false;
    v->leave_at = MONO_NEVER;
    v->second_at = a->delay.us > 0 ? step_after(s, a->delay) : MONO_NEVER;
    step_arm_adver_timer(s);
    step_announce(s, a->repeat);
}

/* I2, and the Backup end of A3 before the peer's interval is learned. */
void step_become_backup(struct step *s, enum vrrp_reason reason)
{
    step_enter(s, VRRP_BACKUP, reason);
    s->v->active_interval = s->v->conf.interval;
    step_arm_down_timer(s);
}

/* In a sync group the owner has to wait for the other members. */
void step_begin(struct step *s, enum vrrp_reason reason)
{
    struct vrrp *v = s->v;

    if (step_is_owner(v) && !v->conf.grouped) {
        step_become_active(s, VRRP_REASON_OWNER);
        return;
    }
    step_become_backup(s, reason);
    if (step_is_owner(v)) {
        v->ready = true;
        v->down_at = MONO_NEVER;
        v->down_reason = VRRP_REASON_OWNER;
    }
}

void step_arm_down_timer(struct step *s)
{
    s->v->down_at = step_after(s, vrrp_active_down_interval(s->v));
}

void step_arm_adver_timer(struct step *s)
{
    s->v->adver_at = step_after(s, s->v->conf.interval);
}

/* ---- what all states do alike ---- */

uint32_t step_fault_bit(const struct step *s)
{
    return 1u << s->ev->fault;
}

void step_ignore(struct step *s)
{
}

void step_set_source(struct step *s)
{
    s->v->src = s->ev->src;
}

void step_set_priority(struct step *s)
{
    s->v->priority = s->ev->priority ? s->ev->priority : s->v->conf.priority;
}

void step_set_conf(struct step *s)
{
    struct vrrp *v = s->v;
    enum vrrp_checksum before = v->conf.checksum;

    v->conf = *s->ev->conf;
    if (v->conf.checksum != before)
        v->form =
            v->conf.checksum == VRRP_CHECKSUM_PSEUDO ? PACKET_FORM_PSEUDO : PACKET_FORM_RFC9568;
    v->noted_interval = v->noted_addrs = (struct vrrp_noted){0};
    step_set_priority(s);
}
