/*
 * Carries out what the state machine wants, in its order: adverts, addresses, announcements, and
 * the one log line and notification of a transition.
 */
#pragma once

#include "vrrpd/instance.h"

void perform(struct instance *in, const struct vrrp_actions *actions);

/* Its parts, for a reload: puts all addresses in place, with or without the filter that drops
 * packets for them; and that filter alone. */
void perform_addresses(struct instance *in, bool accept);
void perform_filter(struct instance *in, bool drop);
