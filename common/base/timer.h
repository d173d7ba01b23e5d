/*
 * Timers: an intrusive pairing heap ordered by instant.
 *
 * The owner embeds a `struct timer` and finds itself with container_of. Nothing is allocated, so
 * arming cannot fail. Arming and re-arming cost O(1), disarming and firing O(log n) amortised.
 * Timers with the same instant fire in the order in which they were armed.
 */
#pragma once

#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer;

/* `now` is the instant of the loop's turn, not the instant for which the timer was armed. The timer
 * is disarmed before the call, so the callback may re-arm it or free its owner. */
typedef void timer_fn(struct timer *t, struct mono now);

struct timer {
    timer_fn *fn;
    struct mono at; /* when it fires, while armed */
    uint64_t seq;   /* order of arming, breaks ties */
    struct timer *child, *next, *prev;
    bool armed;
};

/* All zero is an empty set. */
struct timers {
    struct timer *root;
    uint64_t seq;
    size_t count;
};

#define TIMER_INIT(FN) ((struct timer){.fn = (FN)})

/* Arms `t` for `at`, moving it if it was armed. MONO_NEVER disarms it. */
void timers_arm(struct timers *ts, struct timer *t, struct mono at);

/* Does nothing if `t` is not armed. */
void timers_disarm(struct timers *ts, struct timer *t);

/* When the first timer fires; MONO_NEVER if none is armed. */
struct mono timers_next(const struct timers *ts);

/* Fires each timer that was due at `now` when the call began, including any that a callback arms
 * for an instant at or before `now`, up to `limit` calls (a timer that re-arms itself for the past
 * must not stop the loop). Returns how many fired. */
size_t timers_run(struct timers *ts, struct mono now, size_t limit);
