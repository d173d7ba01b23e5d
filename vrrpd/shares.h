/*
 * What trackers mean for an instance: priority shares and faults, composed by core/priority.h.
 *
 * The trackers of an instance are its own, those of its sync group, and those of the other members
 * of the group, each counted once. A fault counts for the instance only when it is its own or the
 * group's; the group itself carries faults of other members over.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/core/priority.h"
#include "vrrpd/tracking.h"

#include <stdbool.h>
#include <stddef.h>

struct instance;

/* In the order of `priority.shares`. Valid until trackers are attached or detached anywhere in the
 * group; shares_take() makes it anew. */
struct shares {
    struct priority priority;
    struct tracking_use *uses[PRIORITY_SHARES_MAX];
    bool pending[PRIORITY_SHARES_MAX]; /* its first result is waited for */
};

/* Asks all trackers. What is not known yet leaves a running instance as it is. Without any tracker
 * `in->shares` is NULL afterwards, which all functions here take. */
void shares_take(struct instance *in);

/* What they come to. */
struct priority_result shares_result(const struct instance *in);

/* A first result is waited for. */
bool shares_pending(const struct shares *s);

/* "script proxy failed: exit status 1" */
void shares_describe(const struct tracking_use *use, struct buf *out);

/* Those in fault, or those that move the priority, in one sentence; empty if there are none. */
void shares_faults(const struct shares *s, struct buf *out);
void shares_deltas(const struct shares *s, struct buf *out);
