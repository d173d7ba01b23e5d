/*
 * How often per period: the count of the present period, plus that of the one before, faded by how
 * much of the present one is over.
 */
#pragma once

#include "common/base/mono.h"

#include <stdint.h>

struct stick_rate_slot {
    struct mono start; /* of the present period */
    uint32_t curr, prev;
};

/* Moves on to the period of `now`. */
static inline void stick_rate_roll(struct stick_rate_slot *r, struct span period, struct mono now)
{
    int64_t past = mono_diff(now, r->start).us;
    if (past < period.us)
        return;
    r->prev = past < 2 * period.us ? r->curr : 0;
    r->curr = 0;
    r->start = past < 2 * period.us ? mono_add(r->start, period) : now;
}

static inline uint64_t stick_rate_get(const struct stick_rate_slot *r, struct span period,
                                      struct mono now)
{
    struct stick_rate_slot s = *r;
    stick_rate_roll(&s, period, now);
    if (s.prev <= 1 && !s.curr)
        return s.prev; /* a rate of one a period does not flap */
    int64_t left = period.us - mono_diff(now, s.start).us;
    return s.curr + (uint64_t)((double)s.prev * (double)left / (double)period.us);
}
