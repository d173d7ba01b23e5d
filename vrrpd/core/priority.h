/*
 * Effective priority: the configured one plus each tracker's share, kept within 1-254; the owner's
 * 255 stays what it is; any tracker in fault puts the router in fault (RFC 9568, 5.2.4 and 6.1).
 *
 * The shares are kept one by one so that `why` can list them. In a sync group the trackers of every
 * member belong to every member: put the same shares into each member's struct priority, otherwise
 * the members' elections could come out differently.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PRIORITY_SHARES_MAX = 64 };

struct priority_share {
    const char *name; /* the tracker's, borrowed */
    int delta;        /* what it adds; 0 while it is content */
    bool fault;
};

struct priority {
    uint8_t base; /* 1-255 */
    size_t count;
    struct priority_share shares[PRIORITY_SHARES_MAX];
};

struct priority_result {
    uint8_t value;        /* 1-254, or 255 for the owner; also valid in fault */
    bool fault;           /* any share is in fault */
    bool clamped;         /* the sum lies outside 1-254 */
    int sum;              /* before it was clamped */
    const char *fault_by; /* the first tracker in fault, or NULL */
};

void priority_init(struct priority *p, uint8_t base);

/* Adds a tracker that contributes nothing yet. Returns its index, or -ENOSPC. */
int priority_add(struct priority *p, const char *name);

/* Sets what tracker `index` says now; an index that does not exist is ignored. Deltas are kept
 * within -255..255: nothing beyond matters. Returns whether that changed the share. */
bool priority_set(struct priority *p, int index, int delta, bool fault);

struct priority_result priority_result(const struct priority *p);
