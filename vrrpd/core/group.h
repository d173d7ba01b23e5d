/*
 * Sync groups: the members are Active together or not at all, and a fault of one is a fault of all.
 *
 * Level-triggered: group_next() looks at the members as they are and says the one step that brings
 * them nearer to agreement. The caller runs it after every vrrp_step() of a member:
 *
 *     while (group_next(&g, &order))
 *         vrrp_step(g.members[order.member], &order.event, now, &actions), perform(...);
 *
 * This ends by itself within GROUP_ORDERS_MAX steps for each outer event, whatever the members do.
 * To stop a whole group, step VRRP_EV_SHUTDOWN into each member before group_next() is asked.
 *
 * Rules, first match first:
 *  1. a member has a fault of its own -> every other member gets VRRP_FAULT_GROUP;
 *  2. none has one -> VRRP_FAULT_GROUP is cleared;
 *  3. each member is Active or ready -> the ready ones become Active;
 *  4. some are Active, others not -> the Active ones become Backup;
 *  5. a member heard priority 0 -> the others take one missing advert for silence, not three (an
 *     Active that leaves, leaves with its whole group, though a cut link may not let it say so
 *     everywhere; one that is still there is heard within its interval and nothing happens).
 *
 * Members have `grouped` set: they do not take over by themselves but become `ready`, so that a
 * router that one member still hears is not fought over by the others. They should share priority,
 * preempt and trackers; the configuration check sees to that.
 */
#pragma once

#include "vrrpd/core/vrrp.h"

enum {
    GROUP_MEMBERS_MAX = 64,
    GROUP_ORDERS_MAX = 4 * GROUP_MEMBERS_MAX,
};

struct group {
    size_t count;
    struct vrrp *members[GROUP_MEMBERS_MAX]; /* borrowed */
    uint32_t left_seen[GROUP_MEMBERS_MAX];   /* rule 5 has acted up to here */
    uint64_t left_pending;                   /* rule 5: a bit for each member to be told */
};

struct group_order {
    size_t member;
    struct vrrp_event event;
};

void group_init(struct group *g);

/* 0, or -ENOSPC. */
int group_add(struct group *g, struct vrrp *member);

/* Takes a member out (it is being stopped for good); unknown ones are ignored. */
void group_remove(struct group *g, const struct vrrp *member);

/* True and the next step, or false if the members agree. */
bool group_next(struct group *g, struct group_order *out);
