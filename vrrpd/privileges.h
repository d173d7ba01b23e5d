/*
 * What the daemon may do, once it has started: nothing but to change the network. Scripts run as
 * another user without even that.
 */
#pragma once

#include "common/base/err.h"
#include "vrrpd/config.h"

/* Becomes the configured user, if there is one, and keeps CAP_NET_ADMIN and CAP_NET_RAW, with what
 * is needed to start scripts as other users where the configuration wants that. Makes the control
 * socket's directory that user's. To be called before anything is opened or started. */
int privileges_drop(const struct config *c, struct err *e);
