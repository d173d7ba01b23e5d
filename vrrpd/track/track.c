/*
 * Results become states here, the same way for each kind:
 *
 *   - the first result decides alone;
 *   - after that it takes `rise` (`fall`) results in a row against the present state, and then
 *     `rise_delay` (`fall_delay`) during which none says otherwise;
 *   - the subscriber is told at the end of the loop's turn, so that it may do what it likes, and
 *     what goes and comes back within a turn is no change.
 */
#include "vrrpd/track/track.h"

#include "common/rt/log.h"
#include "vrrpd/track/kind.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct track_kind *const kinds[] = {
    &track_script, &track_process, &track_link, &track_file, &track_watch,
};

const struct track_kind *track_kind_of(enum track_type type)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (kinds[i]->type == type)
            return kinds[i];
    return NULL;
}

const char *track_type_name(enum track_type type)
{
    const struct track_kind *k = track_kind_of(type);
    return k ? k->name : "?";
}

const char *track_state_name(enum track_state state)
{
    switch (state) {
    case TRACK_UNKNOWN:
        return "unknown";
    case TRACK_OK:
        return "ok";
    case TRACK_FAILED:
        return "failed";
    }
    return "?";
}

static void tell(struct loop_work *work)
{
    struct tracker *t = container_of(work, struct tracker, tell);
    if (t->state == t->told_state && t->number == t->told_number)
        return;
    t->told_state = t->state;
    t->told_number = t->number;
    t->fn(t->ctx, t);
}

/* The one door through which a state changes. */
static void enter(struct tracker *t, enum track_state state)
{
    loop_timer_disarm(t->set->loop, &t->delay);
    t->streak = 0;
    t->provisional = false;
    if (state == t->state)
        return;
    log_notice("tracker %s: %s -> %s: %s", t->name, track_state_name(t->state),
               track_state_name(state), t->reason);
    t->state = state;
    t->since = loop_now(t->set->loop);
    t->changes++;
    loop_work_add(t->set->loop, &t->tell);
}

static void delay_over(struct timer *timer, struct mono now)
{
    struct tracker *t = container_of(timer, struct tracker, delay);
    enter(t, t->latest);
}

static void against(struct tracker *t)
{
    bool ok = t->latest == TRACK_OK;
    if (t->streak < UINT32_MAX)
        t->streak++;
    if (t->streak < (ok ? t->rise : t->fall))
        return;
    struct span delay = ok ? t->rise_delay : t->fall_delay;
    if (delay.us <= 0)
        enter(t, t->latest);
    else if (!t->delay.armed)
        loop_timer_after(t->set->loop, &t->delay, delay);
}

void track_result(struct tracker *t, bool ok, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(t->reason, sizeof(t->reason), fmt, ap);
    va_end(ap);
    t->checks++;
    t->failures += !ok;
    t->checked = loop_now(t->set->loop);
    if (t->latest != (ok ? TRACK_OK : TRACK_FAILED)) {
        t->latest = ok ? TRACK_OK : TRACK_FAILED;
        t->streak = 0;
        loop_timer_disarm(t->set->loop, &t->delay);
    }
    if (t->state == TRACK_UNKNOWN || t->provisional || t->latest == t->state)
        enter(t, t->latest);
    else
        against(t);
}

void track_number(struct tracker *t, int64_t number)
{
    if (t->number == number)
        return;
    t->number = number;
    loop_work_add(t->set->loop, &t->tell);
}

int track_new(struct tracker **out, struct trackers *ts, const struct track_spec *spec,
              track_fn *fn, void *ctx, struct err *e)
{
    const struct track_kind *kind = track_kind_of(spec->type);
    if (!kind || !spec->name)
        return err_set(e, -EINVAL, "a tracker needs a name and a type");
    struct tracker *t = calloc(1, kind->size);
    if (!t || !(t->name = strdup(spec->name))) {
        free(t);
        return err_set(e, -ENOMEM, "out of memory");
    }
    bool counts = spec->type == TRACK_SCRIPT; /* the others report changes, not looks */
    t->kind = kind;
    t->set = ts;
    t->fn = fn;
    t->ctx = ctx;
    t->tell.fn = tell;
    list_init(&t->tell.node);
    t->delay = TIMER_INIT(delay_over);
    t->start = spec->start;
    t->rise = counts ? MAX(spec->rise, 1) : 1;
    t->fall = counts ? MAX(spec->fall, 1) : 1;
    t->rise_delay = spec->rise_delay;
    t->fall_delay = spec->fall_delay;
    t->since = loop_now(ts->loop);
    t->checked = MONO_NEVER;
    list_push_back(&ts->all, &t->node);
    int rc = kind->start(t, spec, e);
    if (rc < 0) {
        err_prefix(e, rc, "tracker %s", t->name);
        track_free(t);
        return rc;
    }
    *out = t;
    return 0;
}

void track_free(struct tracker *t)
{
    if (!t)
        return;
    t->kind->stop(t);
    loop_timer_disarm(t->set->loop, &t->delay);
    loop_work_cancel(t->set->loop, &t->tell);
    list_del(&t->node);
    free(t->name);
    free(t);
}

void track_inherit(struct tracker *t, const struct tracker *from)
{
    if (t->state != TRACK_UNKNOWN || from->state == TRACK_UNKNOWN)
        return;
    t->state = t->told_state = from->state;
    t->number = t->told_number = from->number;
    t->since = from->since;
    t->provisional = true;
    snprintf(t->reason, sizeof(t->reason), "%s", from->reason);
}

void track_check(struct tracker *t)
{
    if (t->kind->check)
        t->kind->check(t);
}

enum track_state track_state(const struct tracker *t)
{
    return t->state;
}

const char *track_name(const struct tracker *t)
{
    return t->name;
}

/* What a file's number comes to. With weight 0, keepalived's rule: any number but 0 is a failure.
 */
static struct track_share with_number(const struct tracker *t, const struct track_effects *fx)
{
    if (fx->weight == 0 && t->number != 0)
        return (struct track_share){.fault = fx->on_fail.fault, .delta = fx->on_fail.priority};
    int64_t sum = t->number * fx->weight + fx->on_ok.priority;
    return (struct track_share){
        .fault = fx->on_ok.fault || t->number * fx->weight <= -TRACK_SHARE_MAX - 1,
        .delta = (int)MAX(-TRACK_SHARE_MAX, MIN(sum, TRACK_SHARE_MAX)),
    };
}

struct track_share track_share(const struct tracker *t, const struct track_effects *fx)
{
    static const enum track_state assumed[] = {
        [TRACK_START_WAIT] = TRACK_UNKNOWN,
        [TRACK_START_OK] = TRACK_OK,
        [TRACK_START_FAILED] = TRACK_FAILED,
    };
    enum track_state state = t->state == TRACK_UNKNOWN ? assumed[t->start] : t->state;
    bool fault = fx->on_fail.fault || fx->on_ok.fault;
    switch (state) {
    case TRACK_UNKNOWN:
        return (struct track_share){.fault = fault, .pending = fault};
    case TRACK_FAILED:
        return (struct track_share){.fault = fx->on_fail.fault, .delta = fx->on_fail.priority};
    case TRACK_OK:
        break;
    }
    return with_number(t, fx);
}

void track_snapshot(const struct tracker *t, struct track_snapshot *out)
{
    *out = (struct track_snapshot){
        .type = t->kind->type,
        .state = t->state,
        .since = t->since,
        .number = t->number,
        .streak = t->streak,
        .needed = t->latest == TRACK_OK ? t->rise : t->fall,
        .delayed = t->delay.armed,
        .running = t->kind->running && t->kind->running(t),
        .checked = t->checked,
        .took = t->took,
        .checks = t->checks,
        .failures = t->failures,
        .timeouts = t->timeouts,
        .changes = t->changes,
    };
    snprintf(out->name, sizeof(out->name), "%s", t->name);
    snprintf(out->reason, sizeof(out->reason), "%s", t->reason);
    int n = snprintf(out->what, sizeof(out->what), "%s ", t->kind->name);
    t->kind->what(t, out->what + n, sizeof(out->what) - (size_t)n);
}
