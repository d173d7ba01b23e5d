/*
 * Sentences about an instance: why it changed, why it is what it is. Pure: facts in, text out.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/core/vrrp.h"

/* Why a transition happened, with the numbers that decided it: "the Active router fell silent for
 * 3.609s (10.0.0.2 priority 101)". `fault` describes the fault, may be NULL. */
void explain_transition(const struct vrrp *v, const struct vrrp_action *a, struct mono now,
                        const char *fault, struct buf *out);

/* A note of the state machine, with its numbers. */
void explain_note(const struct vrrp *v, const struct vrrp_action *a, struct buf *out);

/* "Active", "Backup", "Fault", "Initialize", "Stopped". */
const char *explain_state(enum vrrp_state state, bool fault, bool stopped);
