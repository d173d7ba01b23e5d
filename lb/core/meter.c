#include "lb/core/meter.h"

#include "common/base/macro.h"

#define SECOND 1000000
#define WINDOW 512 /* half of what an average goes back */

static uint64_t since_base(const struct meter_rate *r, uint64_t count)
{
    return count > r->base ? count - r->base : 0;
}

uint32_t meter_rate(const struct meter *m, const struct meter_rate *r, uint64_t count,
                    struct mono now)
{
    uint64_t present = since_base(r, count);
    int64_t us = m->since.us ? mono_diff(now, m->since).us : 0;

    if (us > SECOND) /* main was late */
        present = present * SECOND / (uint64_t)us;
    else
        present += ((uint64_t)r->before * (uint64_t)(SECOND - us) + SECOND / 2) / SECOND;
    return (uint32_t)MIN(present, UINT32_MAX);
}

uint32_t meter_rate_max(const struct meter *m, const struct meter_rate *r, uint64_t count,
                        struct mono now)
{
    return MAX(r->max, meter_rate(m, r, count, now));
}

static void tick_rate(struct meter *m, struct meter_rate *r, uint64_t count, struct mono now)
{
    uint64_t present = since_base(r, count);
    int64_t us = mono_diff(now, m->since).us;

    if (m->since.us && us > SECOND)
        present = present * SECOND / (uint64_t)us;
    r->max = meter_rate_max(m, r, count, now);
    r->before = (uint32_t)MIN(present, UINT32_MAX);
    r->base = count;
}

void meter_tick(struct meter *m, const struct meter_sample *s, struct mono now)
{
    tick_rate(m, &m->sessions, s->sessions, now);
    tick_rate(m, &m->requests, s->requests, now);
    m->since = now;
    if (s->requests < m->window[1].requests + WINDOW)
        return;
    m->window[0] = m->window[1];
    m->window[1] = *s;
}

struct span meter_average(const struct meter *m, const struct meter_sample *s, enum meter_time t)
{
    const struct meter_sample *from = &m->window[0];

    if (s->requests <= from->requests)
        return span_us(0);
    return span_us((int64_t)((s->us[t] - from->us[t]) / (s->requests - from->requests)));
}

void meter_clear(struct meter *m)
{
    *m = (struct meter){.since = m->since};
}

void meter_clear_peaks(struct meter *m)
{
    m->sessions.max = m->requests.max = 0;
}
