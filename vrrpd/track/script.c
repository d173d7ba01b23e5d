/*
 * A program whose exit status says it.
 *
 * Due times lie on a grid of `every`, so runs do not drift, and a run that outlasts its turn skips
 * it. The first run is at once; the second comes up to half an interval early, by an amount that
 * the tracker's name decides, so that a hundred trackers do not fork in the same millisecond for
 * ever after.
 *
 * The deadline is kept twice. The child's own kills its process group; the one here reports the
 * failure at that moment, even if what hangs in the kernel does not go away for minutes. As long as
 * it is there, no second run is started, and each turn counts as one more failure.
 */
#include "vrrpd/track/kind.h"

#include "common/base/parse.h"
#include "common/rt/child.h"
#include "common/rt/pidwatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { OUTPUT_MAX = 2048, RETRY_MS = 20 };

struct script {
    struct tracker t;
    struct program program;
    const char **argv;
    struct span every, timeout;
    struct timer due, overdue;
    struct mono next;    /* the grid */
    struct mono refused; /* since when too many children run; MONO_NEVER */
    struct child *child;
    bool late; /* the run has been reported as timed out */

    struct pidwatch stuck; /* a run that SIGKILL did not end */
    bool is_stuck;
};

static struct script *of(struct tracker *t)
{
    return container_of(t, struct script, t);
}

static struct loop *loop_of(const struct script *s)
{
    return s->t.set->loop;
}

static void report_late(struct script *s)
{
    char span[PARSE_SPAN_MAX];
    s->late = true;
    s->t.timeouts++;
    s->t.took = s->timeout;
    track_result(&s->t, false, "timed out after %s and was killed", span_format(s->timeout, span));
}

static void unstuck(struct pidwatch *w)
{
    container_of(w, struct script, stuck)->is_stuck = false;
}

static bool busy(const struct script *s)
{
    return s->child || s->is_stuck;
}

static void overdue(struct timer *timer, struct mono now)
{
    report_late(container_of(timer, struct script, overdue));
}

static void ended(void *ctx, const struct child_result *r)
{
    struct script *s = ctx;
    char text[CHILD_TEXT_MAX];
    s->child = NULL;
    loop_timer_disarm(loop_of(s), &s->overdue);
    s->is_stuck = r->stuck && pidwatch_start(&s->stuck, loop_of(s), r->pid, unstuck, NULL) == 0;
    if (s->late)
        return;
    if (r->end == CHILD_TIMED_OUT) {
        report_late(s);
        return;
    }
    s->t.took = r->took;
    bool ok = r->end == CHILD_EXITED && r->code == 0;
    track_result(&s->t, ok, "%s", child_result_text(r, text));
}

/* Too many children run: tries again shortly, and fails when that has lasted as long as a run may.
 */
static void refused(struct script *s)
{
    struct mono now = loop_now(loop_of(s));
    s->t.set->script_refused++;
    if (mono_is_never(s->refused))
        s->refused = now;
    if (mono_diff(now, s->refused).us < s->timeout.us) {
        loop_timer_after(loop_of(s), &s->due, span_ms(RETRY_MS));
        return;
    }
    s->refused = MONO_NEVER;
    track_result(&s->t, false, "not run: %zu commands are running already",
                 children_stats(s->t.set->children).running);
}

static void run(struct script *s)
{
    struct err e;
    if (!s->program.allow_unsafe && program_unsafe(&s->program, &e)) {
        track_result(&s->t, false, "refused: %s", e.text);
        return;
    }
    struct child_spec spec = program_spec(&s->program, s->t.name);
    spec.deadline = s->timeout;
    spec.grace = span_s(1);
    spec.output_max = OUTPUT_MAX;
    spec.kill_group = true;
    s->late = false;
    int rc = child_start(s->t.set->children, &spec, ended, s, &s->child, &e);
    if (rc == CHILD_LIMIT) {
        refused(s);
        return;
    }
    s->refused = MONO_NEVER;
    if (rc < 0)
        track_result(&s->t, false, "%s", e.text);
    else
        loop_timer_after(loop_of(s), &s->overdue, s->timeout);
}

static void due(struct timer *timer, struct mono now)
{
    struct script *s = container_of(timer, struct script, due);
    char span[PARSE_SPAN_MAX];
    if (mono_is_never(s->refused)) { /* not a second attempt at the same turn */
        int64_t missed = MAX(mono_diff(now, s->next).us, 0) / s->every.us;
        s->next = mono_add(s->next, span_us((missed + 1) * s->every.us));
    }
    loop_timer_arm(loop_of(s), &s->due, s->next);
    if (!busy(s))
        run(s);
    else if (s->late)
        track_result(&s->t, false, "timed out after %s, was killed and is still there",
                     span_format(s->timeout, span));
}

/* 0 .. every / 2, from the name. */
static struct span phase(const struct script *s)
{
    uint32_t hash = 2166136261u;
    for (const char *c = s->t.name; *c; c++)
        hash = (hash ^ (uint8_t)*c) * 16777619u;
    return span_us(s->every.us / 2 * (hash % 1024) / 1024);
}

static int start(struct tracker *t, const struct track_spec *spec, struct err *e)
{
    struct script *s = of(t);
    if (!spec->script.argv || !spec->script.argv[0])
        return err_set(e, -EINVAL, "the command is empty");
    s->argv = program_words(spec->script.argv, 0, NULL);
    if (!s->argv)
        return err_set(e, -ENOMEM, "out of memory");
    s->program = spec->script;
    s->program.argv = s->argv;
    s->every = spec->every.us > 0 ? spec->every : span_s(1);
    s->timeout = spec->timeout.us > 0 ? spec->timeout : s->every;
    s->due = TIMER_INIT(due);
    s->overdue = TIMER_INIT(overdue);
    s->refused = MONO_NEVER;
    struct mono now = loop_now(loop_of(s));
    s->next = mono_add(now, span_us(-phase(s).us));
    loop_timer_arm(loop_of(s), &s->due, now);
    return 0;
}

static void stop(struct tracker *t)
{
    struct script *s = of(t);
    loop_timer_disarm(loop_of(s), &s->due);
    loop_timer_disarm(loop_of(s), &s->overdue);
    if (s->child)
        child_abandon(s->child);
    pidwatch_stop(&s->stuck);
    free(s->argv);
}

static void check(struct tracker *t)
{
    struct script *s = of(t);
    if (!busy(s))
        run(s);
}

static void what(const struct tracker *t, char *text, size_t size)
{
    program_text(container_of(t, const struct script, t)->argv, text, size);
}

static bool running(const struct tracker *t)
{
    return busy(container_of(t, const struct script, t));
}

const struct track_kind track_script = {
    .name = "script",
    .type = TRACK_SCRIPT,
    .size = sizeof(struct script),
    .start = start,
    .stop = stop,
    .check = check,
    .what = what,
    .running = running,
};
