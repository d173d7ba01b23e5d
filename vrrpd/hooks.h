/*
 * From `notify` in the configuration to a queue of hooks (notify.h).
 */
#pragma once

#include "common/base/err.h"
#include "vrrpd/config.h"
#include "vrrpd/notify.h"
#include "vrrpd/tracking.h"

/* Makes the queue `*n` (none, if there is no hook), or changes it when it exists already. `list`
 * holds struct config_notify; `env` may be NULL. */
int hooks_apply(struct notify **n, struct notifier *nr, const struct tracking *defaults,
                const char *name, bool group, const struct conf_list *list, const char *const *env,
                struct err *e);
