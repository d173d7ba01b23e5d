/*
 * A running sync group: its members are Active together or not at all (core/group.h says how).
 *
 * Trackers of every member count for every member, and so do those of the group itself. The group's
 * own hooks are told what the group is: MASTER when all members are Active, FAULT when any has a
 * fault, else BACKUP.
 */
#pragma once

#include "common/base/err.h"
#include "common/base/list.h"
#include "vrrpd/config.h"
#include "vrrpd/core/group.h"
#include "vrrpd/history.h"
#include "vrrpd/notify.h"
#include "vrrpd/tracking.h"

#include <stdbool.h>

struct engine;
struct instance;

struct sync_group {
    struct engine *engine;
    char name[HISTORY_NAME_MAX];
    const struct config_group *conf;
    struct group core;
    struct instance *members[GROUP_MEMBERS_MAX];
    struct tracking_user tracking;
    struct notify *notify;
    bool running; /* sync_group_run() is at work: members' steps must not start it again */
    int told;     /* enum notify_state, or -1 */
    struct list node;
};

/* Makes the running groups those of the engine's configuration, after its instances are what they
 * shall be. Groups that stay keep their hooks' history. */
int sync_groups_apply(struct engine *e, struct err *err);

/* The group in the configuration that an instance belongs to; NULL if there is none. */
const struct config_group *sync_group_of(const struct config *c, const char *instance);

/* Carries out what follows for the other members from a step of one. */
void sync_group_run(struct sync_group *g);

/* Takes an instance out of its group for good; does nothing if it has none. */
void sync_group_leave(struct instance *in);

/* vrrpd stops: tells the hooks. */
void sync_group_stop(struct sync_group *g);

/* NULL-safe. */
void sync_group_free(struct sync_group *g);
