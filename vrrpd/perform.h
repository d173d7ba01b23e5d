/*
 * Carries out what the state machine wants, in its order: adverts, addresses, announcements, and
 * the one log line and notification of a transition.
 */
#pragma once

#include "vrrpd/instance.h"

void perform(struct instance *in, const struct vrrp_actions *actions);
