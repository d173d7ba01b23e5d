/*
 * The health value walks from 0 (down for long) to rise + fall - 1 (up for long). A pass climbs one
 * step and, from `rise` on, jumps to the top; a failure descends one step and, below `rise`, drops
 * to 0. So `rise` passes in a row bring it up and `fall` failures in a row take it down.
 */
#include "lb/core/health.h"

#include "common/base/parse.h"

#include <stdio.h>
#include <string.h>

#define DEFAULT_INTER       span_s(2)
#define DEFAULT_RISE        2
#define DEFAULT_FALL        3
#define DEFAULT_ERROR_LIMIT 10
#define RAMP_STEPS          20 /* a slowstart changes the weight that often */
#define RAMP_STEP_MIN       span_ms(100)

const struct health_result_words health_results[HEALTH_RESULTS] = {
    [HEALTH_UNKNOWN] = {"UNK", "Unknown", false, false},
    [HEALTH_INI] = {"INI", "Initializing", false, false},
    [HEALTH_HANA] = {"HANA", "Health analyze", false, false},
    [HEALTH_SOCKERR] = {"SOCKERR", "Socket error", false, false},
    [HEALTH_L4TOUT] = {"L4TOUT", "Layer4 timeout", false, false},
    [HEALTH_L4CON] = {"L4CON", "Layer4 connection problem", false, false},
    [HEALTH_L6TOUT] = {"L6TOUT", "Layer6 timeout", false, false},
    [HEALTH_L6RSP] = {"L6RSP", "Layer6 invalid response", false, false},
    [HEALTH_L7TOUT] = {"L7TOUT", "Layer7 timeout", false, false},
    [HEALTH_L7RSP] = {"L7RSP", "Layer7 invalid response", false, false},
    [HEALTH_L7STS] = {"L7STS", "Layer7 wrong status", false, true},
    [HEALTH_PROCERR] = {"PROCERR", "External check error", false, true},
    [HEALTH_PROCTOUT] = {"PROCTOUT", "External check timeout", false, true},
    [HEALTH_L4OK] = {"L4OK", "Layer4 check passed", true, false},
    [HEALTH_L6OK] = {"L6OK", "Layer6 check passed", true, false},
    [HEALTH_L7OK] = {"L7OK", "Layer7 check passed", true, true},
    [HEALTH_L7OKC] = {"L7OKC", "Layer7 check conditionally passed", true, true},
    [HEALTH_PROCOK] = {"PROCOK", "External check passed", true, true},
};

void health_init(struct health *h, const struct health_conf *conf, bool enabled)
{
    *h = (struct health){.conf = *conf, .enabled = enabled, .next = MONO_NEVER};
    struct health_conf *c = &h->conf;
    if (!c->rise)
        c->rise = DEFAULT_RISE;
    if (!c->fall)
        c->fall = DEFAULT_FALL;
    if (c->inter.us <= 0)
        c->inter = DEFAULT_INTER;
    if (c->fastinter.us <= 0)
        c->fastinter = c->inter;
    if (c->downinter.us <= 0)
        c->downinter = c->inter;
    if (!c->error_limit)
        c->error_limit = DEFAULT_ERROR_LIMIT;
    h->value = c->rise;
    h->last.id = enabled ? HEALTH_INI : HEALTH_UNKNOWN;
}

static uint32_t top(const struct health *h)
{
    return (uint32_t)h->conf.rise + h->conf.fall - 1;
}

struct span health_interval(const struct health *h)
{
    if (h->value == top(h))
        return h->conf.inter;
    return h->value == 0 ? h->conf.downinter : h->conf.fastinter;
}

struct mono health_first(struct health *h, unsigned index, unsigned count, struct mono now)
{
    if (!h->enabled)
        return h->next = MONO_NEVER;
    int64_t offset = count ? h->conf.inter.us / count * index : 0;
    return h->next = mono_add(now, span_us(offset));
}

struct mono health_begin(struct health *h, struct mono now)
{
    h->next = MONO_NEVER;
    h->running = true;
    return mono_add(now, h->conf.timeout.us > 0 ? h->conf.timeout : h->conf.inter);
}

static enum health_change pass(struct health *h, bool stopping)
{
    bool was_up = health_is_up(h), was_stopping = h->stopping;
    uint32_t before = h->value;
    h->value = before + 1 >= h->conf.rise ? top(h) : before + 1;
    if (!health_is_up(h))
        return HEALTH_STEP;
    h->stopping = stopping;
    if (!was_up)
        return HEALTH_UP;
    if (stopping != was_stopping)
        return stopping ? HEALTH_STOPPING : HEALTH_RESUMED;
    return h->value == before ? HEALTH_SAME : HEALTH_STEP;
}

static enum health_change fail(struct health *h)
{
    if (!health_is_up(h)) {
        bool same = h->value == 0;
        h->value = 0;
        return same ? HEALTH_SAME : HEALTH_STEP;
    }
    h->failures++;
    if (--h->value >= h->conf.rise)
        return HEALTH_STEP;
    h->value = h->conf.rise; /* so that it counts as a fall from up */
    return health_force_down(h);
}

enum health_change health_report(struct health *h, const struct health_result *r, struct mono now)
{
    h->running = false;
    if (!h->enabled)
        return HEALTH_SAME; /* maintenance began while it ran */
    h->last = *r;
    h->errors = 0;
    enum health_change change =
        health_results[r->id].pass ? pass(h, r->id == HEALTH_L7OKC) : fail(h);
    h->next = mono_add(now, health_interval(h));
    return change;
}

enum health_change health_force_up(struct health *h, bool stopping)
{
    bool was_up = health_is_up(h), was_stopping = h->stopping;
    h->value = top(h);
    h->stopping = stopping;
    if (!was_up)
        return HEALTH_UP;
    if (stopping == was_stopping)
        return HEALTH_SAME;
    return stopping ? HEALTH_STOPPING : HEALTH_RESUMED;
}

enum health_change health_force_down(struct health *h)
{
    bool was_up = health_is_up(h);
    h->stopping = false;
    h->errors = 0;
    h->value = 0;
    h->downs += was_up;
    return was_up ? HEALTH_DOWN : HEALTH_SAME;
}

void health_stop(struct health *h)
{
    h->enabled = false;
    h->next = MONO_NEVER;
}

void health_resume(struct health *h, struct mono now)
{
    h->enabled = true;
    h->value = h->conf.rise;
    h->stopping = false;
    h->errors = 0;
    h->next = now;
}

/* Too many errors in a row: the names are those of `on-error`. */
static enum health_change punish(struct health *h, struct mono now)
{
    if (h->conf.on_error == HEALTH_ON_ERROR_FASTINTER)
        return HEALTH_SAME;
    if (h->conf.on_error == HEALTH_ON_ERROR_SUDDEN_DEATH)
        h->value = MIN(h->value, (uint32_t)h->conf.rise + 1);
    if (h->conf.on_error == HEALTH_ON_ERROR_MARK_DOWN)
        h->value = h->conf.rise;
    h->last = (struct health_result){.id = HEALTH_HANA, .duration = span_us(-1)};
    snprintf(h->last.info, sizeof(h->last.info), "Detected %u consecutive errors", h->errors);
    h->observed_failures++;
    return fail(h);
}

enum health_change health_observed(struct health *h, bool ok, unsigned n, struct mono now)
{
    if (h->conf.observe == HEALTH_OBSERVE_NONE || !h->enabled || !health_is_up(h) || !n)
        return HEALTH_SAME;
    if (ok) {
        h->errors = 0;
        return HEALTH_SAME;
    }
    h->errors += n;
    if (h->errors < h->conf.error_limit)
        return HEALTH_SAME;
    enum health_change change = punish(h, now);
    h->errors = 0;
    /* A running check decides by itself; a waiting one comes sooner. */
    if (!h->running)
        h->next = mono_min(h->next, mono_add(now, h->conf.fastinter));
    return change;
}

unsigned health_ramp_percent(struct span slowstart, struct mono since, struct mono now)
{
    if (slowstart.us <= 0 || mono_is_never(since))
        return 100;
    int64_t past = mono_diff(now, since).us;
    if (past >= slowstart.us)
        return 100;
    return past <= 0 ? 0 : (unsigned)(past * 100 / slowstart.us);
}

struct mono health_ramp_next(struct span slowstart, struct mono since, struct mono now)
{
    if (slowstart.us <= 0 || mono_is_never(since))
        return MONO_NEVER;
    struct mono end = mono_add(since, slowstart);
    if (!mono_before(now, end))
        return MONO_NEVER;
    struct span step = span_us(MAX(slowstart.us / RAMP_STEPS, RAMP_STEP_MIN.us));
    return mono_min(end, mono_add(now, step));
}

void health_reason(struct buf *out, const struct health_result *r)
{
    const struct health_result_words *w = &health_results[r->id];
    buf_printf(out, "reason: %s", w->words);
    if (w->has_code && r->code)
        buf_printf(out, ", code: %u", r->code);
    if (r->info[0])
        buf_printf(out, ", info: \"%s\"", r->info);
    if (r->duration.us >= 0)
        buf_printf(out, ", check duration: %lldms", (long long)(r->duration.us / 1000));
}
