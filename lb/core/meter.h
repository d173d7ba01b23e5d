/*
 * How fast counters move, and how long requests take lately.
 *
 * Main looks at the counters of a listener, pool or server once a second and remembers enough to
 * tell a rate and an average at any time; the workers only count. A rate is that of the second that
 * has just passed: of the present second as far as it has come, of the one before for the rest. An
 * average is over the last 1024 requests (or over those since main last looked, if they are more).
 */
#pragma once

#include "common/base/mono.h"

#include <stdint.h>

enum meter_time { METER_QUEUE, METER_CONNECT, METER_RESPONSE, METER_TOTAL, METER_TIMES };

/* The counters as they are now. */
struct meter_sample {
    uint64_t sessions, requests;
    uint64_t us[METER_TIMES]; /* sums over `requests` */
};

struct meter_rate {
    uint64_t base; /* the counter when this second began */
    uint32_t before, max;
};

struct meter {
    struct mono since; /* this second began; 0: the first one */
    struct meter_rate sessions, requests;
    struct meter_sample window[2]; /* averages count from [0]; [1] will follow it */
};

/* Once a second, or later. */
void meter_tick(struct meter *m, const struct meter_sample *s, struct mono now);

/* A second. `count` is the counter now, `r` one of the meter's two. */
uint32_t meter_rate(const struct meter *m, const struct meter_rate *r, uint64_t count,
                    struct mono now);
uint32_t meter_rate_max(const struct meter *m, const struct meter_rate *r, uint64_t count,
                        struct mono now);

/* 0 without requests. */
struct span meter_average(const struct meter *m, const struct meter_sample *s, enum meter_time t);

/* The counters begin anew; only the peaks do. */
void meter_clear(struct meter *m);
void meter_clear_peaks(struct meter *m);
