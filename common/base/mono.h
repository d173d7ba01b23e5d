/*
 * Time as types, so that units cannot mix.
 *
 * A `struct mono` is an instant of some monotonic clock, a `struct span` is a length of time; both
 * count microseconds. Nothing here reads a clock: rt/loop.h does, and hands the instant down.
 * Wall-clock time appears only in logs and status, as `struct timespec`, never in a decision.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct mono {
    int64_t us;
};

struct span {
    int64_t us;
};

/* An instant that never comes; what a deadline is when there is none. */
#define MONO_NEVER ((struct mono){INT64_MAX})

static inline struct span span_us(int64_t us)
{
    return (struct span){us};
}

static inline struct span span_ms(int64_t ms)
{
    return (struct span){ms * 1000};
}

static inline struct span span_s(int64_t s)
{
    return (struct span){s * 1000000};
}

/* Whole milliseconds, rounded up: a wait made of it never ends early. */
static inline int64_t span_to_ms(struct span s)
{
    return s.us > 0 ? (s.us + 999) / 1000 : 0;
}

/* `at` + `by`; MONO_NEVER stays what it is. */
static inline struct mono mono_add(struct mono at, struct span by)
{
    return at.us == INT64_MAX ? at : (struct mono){at.us + by.us};
}

/* The time from `from` to `to`; negative if `to` came first. */
static inline struct span mono_diff(struct mono to, struct mono from)
{
    return (struct span){to.us - from.us};
}

static inline bool mono_before(struct mono a, struct mono b)
{
    return a.us < b.us;
}

static inline struct mono mono_min(struct mono a, struct mono b)
{
    return a.us < b.us ? a : b;
}

static inline bool mono_is_never(struct mono at)
{
    return at.us == INT64_MAX;
}
