/*
 * Inside the state machine: what its files share. Not for use outside vrrpd/core.
 *
 *     vrrp.c        the table of event and state, init, deadline
 *     step.c        timers, actions, announcing, transitions
 *     hear.c        what an advert tells in any state
 *     initialize.c  RFC 9568, 6.4.1
 *     backup.c      RFC 9568, 6.4.2
 *     active.c      RFC 9568, 6.4.3
 *
 * Row ids in comments (B4, A3, ...) are those of the conformance suite.
 *
 * There is one door for transitions, step_enter(), which also disarms every timer: a state's timers
 * are armed by the function that enters it, so none survives from the state before. The one
 * exception is leave_at (the second priority-0 advert), which belongs to what was left.
 */
#pragma once

#include "vrrpd/core/vrrp.h"

/* One step in the making. */
struct step {
    struct vrrp *v;
    const struct vrrp_event *ev;
    struct mono now;
    struct vrrp_actions *out;
};

typedef void step_handler(struct step *s);

/* ---- step.c ---- */

static inline bool step_due(const struct step *s, struct mono at)
{
    return at.us <= s->now.us;
}

static inline struct mono step_after(const struct step *s, struct span by)
{
    return mono_add(s->now, by);
}

static inline bool step_is_owner(const struct vrrp *v)
{
    return v->priority == PACKET_PRIORITY_OWNER;
}

void step_note(struct step *s, enum vrrp_note n, struct span span);
void step_send_advert(struct step *s, uint8_t priority);

/* Priority 0, and once more after conf.resend. Whoever calls it has removed the addresses: they are
 * gone before a peer is told to take them. */
void step_send_leaving(struct step *s);
void step_resend_leaving(struct step *s); /* if it is due */

void step_add_addresses(struct step *s);
void step_remove_addresses(struct step *s);

/* A burst of `rounds` announcements begins now (G1, G2); 0 counts as 1. */
void step_announce(struct step *s, uint8_t rounds);
void step_announce_timer(struct step *s);
struct mono step_next_announcement(const struct step *s);

void step_disarm(struct vrrp *v);
void step_enter(struct step *s, enum vrrp_state to, enum vrrp_reason reason);
void step_become_active(struct step *s, enum vrrp_reason reason);
void step_become_backup(struct step *s, enum vrrp_reason reason);
void step_begin(struct step *s, enum vrrp_reason reason); /* 6.4.1, I1 or I2 */
void step_arm_down_timer(struct step *s);
void step_arm_adver_timer(struct step *s);

uint32_t step_fault_bit(const struct step *s);
step_handler step_ignore, step_set_source, step_set_priority, step_set_conf;

/* ---- hear.c ---- */

void hear_advert(struct step *s); /* counts it, keeps it for status, follows its checksum form */
void hear_differences(struct step *s); /* V7, V9, V11 */
void hear_interval(struct step *s);    /* B4, A3: learns it and rearms Active_Down_Timer */

/* ---- one file a state ---- */

step_handler initialize_startup, initialize_shutdown, initialize_timer, initialize_advert,
    initialize_fault_set, initialize_fault_clear;

step_handler backup_shutdown, backup_timer, backup_advert, backup_priority, backup_fault_set,
    backup_conf, backup_group_active, backup_group_left;

step_handler active_shutdown, active_timer, active_advert, active_priority, active_fault_set,
    active_conf, active_yield, active_addresses_ready, active_group_backup;
