/*
 * A queue is not a list of states but one state and, for each hook, what it still owes to it. A new
 * state overwrites all of that, which is how stale states vanish. A command that runs when the
 * state changes is let run to its end or its deadline, and its outcome then counts for nothing.
 */
#include "vrrpd/notify.h"

#include "common/base/macro.h"
#include "common/base/parse.h"
#include "common/base/rng.h"
#include "common/base/timer.h"
#include "common/rt/child.h"
#include "common/rt/log.h"
#include "common/rt/loop.h"
#include "vrrpd/notify_plan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    OUTPUT_MAX = 2048,
    ENV_BYTES = 4096,
    LIMIT_MS = 20, /* until a start that was refused by the limit of children is tried again */
};

struct notifier {
    struct loop *loop;
    struct children *children;
    char node[64];
    struct rng rng;
    struct list queues, fifos;
    bool draining;
    struct timer drain_timer;
    struct loop_work drained;
    notifier_drained_fn *drained_fn;
    void *drained_ctx;
};

struct notify {
    struct notifier *nr;
    struct list node;
    char *name;
    bool group;
    struct plan plan;

    bool told;
    enum notify_state state, old_state;
    bool has_old;
    int priority;
    char reason[NOTIFY_TEXT_MAX];
    struct mono since;
    uint64_t generation; /* of the state */

    struct child *child;
    char running[64]; /* name of its hook */
    struct mono running_since;
    enum notify_state running_state;
    uint64_t running_generation;

    struct loop_work go;
    struct timer timer; /* the next retry */
    char last_error[NOTIFY_TEXT_MAX];
    struct counts {
        uint64_t started, succeeded, failed, timed_out, dropped, fifo_lines, fifo_dropped;
    } counts;
};

const char *notify_state_name(enum notify_state state)
{
    switch (state) {
    case NOTIFY_MASTER:
        return "MASTER";
    case NOTIFY_BACKUP:
        return "BACKUP";
    case NOTIFY_FAULT:
        return "FAULT";
    case NOTIFY_STOP:
        return "STOP";
    case NOTIFY_DELETED:
        return "DELETED";
    case NOTIFY_RX_LOWER_PRI:
        return "MASTER_RX_LOWER_PRI";
    }
    return "?";
}

static const char *type_name(const struct notify *n)
{
    return n->group ? "GROUP" : "INSTANCE";
}

static const char *what(const struct notify *n)
{
    return n->group ? "group" : "instance";
}

/* --- running --- */

static bool idle(const struct notify *n)
{
    if (n->child)
        return false;
    for (size_t i = 0; i < n->plan.hook_count; i++)
        if (n->plan.hooks[i].due || n->plan.hooks[i].extra)
            return false;
    return true;
}

static void maybe_drained(struct notifier *nr)
{
    if (!nr->draining)
        return;
    list_for_each (it, &nr->queues)
        if (!idle(list_entry(it, struct notify, node)))
            return;
    loop_work_add(nr->loop, &nr->drained);
}

/* Doubles with each attempt, then takes up to a quarter away: a cluster's nodes do not knock at the
 * cloud's door in step. */
static struct span backoff(struct notify *n, unsigned attempts)
{
    int64_t us = n->plan.retry_min.us;
    for (unsigned i = 1; i < attempts && us < n->plan.retry_max.us; i++)
        us *= 2;
    us = MIN(us, n->plan.retry_max.us);
    return span_us(us - (int64_t)rng_below(&n->nr->rng, (uint64_t)us / 4 + 1));
}

/* One line for each failed command. */
static void failed(struct notify *n, struct hook *h, enum notify_state state, const char *text)
{
    char span[PARSE_SPAN_MAX], more[96] = "";
    n->counts.failed++;
    snprintf(n->last_error, sizeof(n->last_error), "%s: %s", n->running, text);
    if (h) {
        snprintf(h->error, sizeof(h->error), "%s", text);
        h->again = h->retry && !n->nr->draining;
        h->again_state = state;
    }
    if (h && h->again) {
        struct span in = span_ms(span_to_ms(backoff(n, h->attempts)));
        h->next = mono_add(loop_now(n->nr->loop), in);
        snprintf(more, sizeof(more), "; attempt %u follows in %s", h->attempts + 1,
                 span_format(in, span));
    }
    log_warning("%s %s: %s for %s: %s%s", what(n), n->name, n->running, notify_state_name(state),
                text, more);
}

static void succeeded(struct notify *n, struct hook *h)
{
    n->counts.succeeded++;
    if (h && h->attempts > 1)
        log_notice("%s %s: %s has succeeded at attempt %u", what(n), n->name, h->name, h->attempts);
}

static void ended(void *ctx, const struct child_result *r)
{
    struct notify *n = ctx;
    char text[CHILD_TEXT_MAX];
    /* What was run for another state counts for nothing now. */
    struct hook *h =
        n->running_generation == n->generation ? plan_hook(&n->plan, n->running) : NULL;
    n->child = NULL;
    n->counts.timed_out += r->end == CHILD_TIMED_OUT;
    if (r->end == CHILD_EXITED && r->code == 0)
        succeeded(n, h);
    else
        failed(n, h, n->running_state, child_result_text(r, text));
    n->running[0] = '\0';
    loop_work_add(n->nr->loop, &n->go);
}

struct environment {
    const char *words[NOTIFY_ENV_MAX];
    char bytes[ENV_BYTES];
};

static void make_env(const struct notify *n, const struct hook *h, enum notify_state state,
                     struct environment *env)
{
    const char *old = state == NOTIFY_RX_LOWER_PRI ? notify_state_name(n->state)
                      : n->has_old                 ? notify_state_name(n->old_state)
                                                   : "";
    char numbers[2][16];
    snprintf(numbers[0], sizeof(numbers[0]), "%d", n->priority);
    snprintf(numbers[1], sizeof(numbers[1]), "%u", h->attempts);
    const char *const rows[NOTIFY_ENV_OWN][2] = {
        {"NODE", n->nr->node}, {"TYPE", type_name(n)},
        {"NAME", n->name},     {"STATE", notify_state_name(state)},
        {"OLD_STATE", old},    {"PRIORITY", numbers[0]},
        {"REASON", n->reason}, {"ATTEMPT", numbers[1]},
    };
    size_t used = 0, count = 0;
    for (; count < NOTIFY_ENV_OWN && used < sizeof(env->bytes); count++) {
        env->words[count] = env->bytes + used;
        used += (size_t)snprintf(env->bytes + used, sizeof(env->bytes) - used, "VRRPD_%s=%s",
                                 rows[count][0], rows[count][1]) +
                1;
    }
    for (const char **word = n->plan.env; *word; word++)
        env->words[count++] = *word;
    env->words[count] = NULL;
}

/* keepalived's four. */
static void add_args(const struct notify *n, struct hook *h, enum notify_state state,
                     char priority[16])
{
    snprintf(priority, 16, "%d", n->group ? 0 : n->priority);
    const char *const args[NOTIFY_ARGS] = {type_name(n), n->name, notify_state_name(state),
                                           priority};
    for (size_t i = 0; i < NOTIFY_ARGS; i++)
        h->argv[h->argc + i] = h->args ? args[i] : NULL;
}

static int start(struct notify *n, struct hook *h, enum notify_state state, struct err *e)
{
    struct environment env;
    char priority[16];
    if (!h->program.allow_unsafe && program_unsafe(&h->program, e))
        return err_prefix(e, -EACCES, "refused");
    make_env(n, h, state, &env);
    add_args(n, h, state, priority);
    struct child_spec spec = program_spec(&h->program, h->name);
    spec.env = env.words;
    spec.deadline = h->deadline;
    spec.grace = span_s(2);
    spec.output_max = OUTPUT_MAX;
    return child_start(n->nr->children, &spec, ended, n, &n->child, e);
}

/* False: it could not be started for want of room, and is still due. */
static bool run(struct notify *n, struct hook *h)
{
    struct err e;
    enum notify_state state = h->due ? n->state : h->extra ? NOTIFY_RX_LOWER_PRI : h->again_state;
    h->attempts++;
    int rc = start(n, h, state, &e);
    if (rc == CHILD_LIMIT) {
        h->attempts--;
        return false;
    }
    if (h->due || !h->extra)
        h->due = h->again = false;
    else
        h->extra = false;
    snprintf(n->running, sizeof(n->running), "%s", h->name);
    n->running_since = loop_now(n->nr->loop);
    n->running_state = state;
    n->running_generation = n->generation;
    n->counts.started++;
    if (rc == 0)
        return true;
    failed(n, h, state, e.text);
    n->running[0] = '\0';
    loop_work_add(n->nr->loop, &n->go);
    return true;
}

/* What to run now: what is due, in order; then what is extra; then what has waited long enough.
 * Otherwise NULL, and `next` is when to ask again. */
static struct hook *choose(struct notify *n, struct mono *next)
{
    struct hook *extra = NULL, *again = NULL;
    struct mono now = loop_now(n->nr->loop);
    *next = MONO_NEVER;
    for (size_t i = 0; i < n->plan.hook_count; i++) {
        struct hook *h = &n->plan.hooks[i];
        if (h->due)
            return h;
        if (h->extra && !extra)
            extra = h;
        if (!h->again)
            continue;
        if (mono_before(now, h->next))
            *next = mono_min(*next, h->next);
        else if (!again || mono_before(h->next, again->next))
            again = h;
    }
    return extra ? extra : again;
}

static void go(struct loop_work *work)
{
    struct notify *n = container_of(work, struct notify, go);
    struct mono next;
    if (n->child)
        return;
    struct hook *h = choose(n, &next);
    if (h && !run(n, h))
        next = mono_add(loop_now(n->nr->loop), span_ms(LIMIT_MS));
    loop_timer_arm(n->nr->loop, &n->timer, next);
    maybe_drained(n->nr);
}

static void on_timer(struct timer *timer, struct mono now)
{
    struct notify *n = container_of(timer, struct notify, timer);
    loop_work_add(n->nr->loop, &n->go);
}

/* --- telling --- */

static void to_fifos(struct notify *n, const char *state, int priority)
{
    char line[512];
    int len = snprintf(line, sizeof(line), "%s \"%s\" %s %d\n", type_name(n), n->name, state,
                       n->group ? 0 : priority);
    if (len < 0 || (size_t)len >= sizeof(line))
        return;
    for (size_t i = 0; n->plan.fifos[i]; i++) {
        bool taken = fifo_write(n->plan.fifos[i], line, (size_t)len);
        n->counts.fifo_lines += taken;
        n->counts.fifo_dropped += !taken;
    }
}

static void set_state(struct notify *n, enum notify_state state, int priority, const char *reason)
{
    bool overtaken = false;
    n->has_old = n->told;
    n->old_state = n->state;
    n->told = true;
    n->state = state;
    n->priority = priority;
    n->since = loop_now(n->nr->loop);
    n->generation++;
    snprintf(n->reason, sizeof(n->reason), "%s", reason ? reason : "");
    for (size_t i = 0; i < n->plan.hook_count; i++) {
        struct hook *h = &n->plan.hooks[i];
        overtaken = overtaken || h->due;
        h->due = h->states & NOTIFY_ON(state);
        h->extra = h->again = false;
        h->attempts = 0;
        h->error[0] = '\0';
    }
    n->counts.dropped += overtaken;
}

static void want_extra(struct hook *h)
{
    if (!(h->states & NOTIFY_ON(NOTIFY_RX_LOWER_PRI)))
        return;
    h->extra = true;
    if (!h->due && !h->again)
        h->attempts = 0;
}

void notify_send(struct notify *n, enum notify_state state, int priority, const char *reason)
{
    to_fifos(n, notify_state_name(state), priority);
    if (state != NOTIFY_RX_LOWER_PRI) {
        set_state(n, state, priority, reason);
    } else {
        for (size_t i = 0; i < n->plan.hook_count; i++)
            want_extra(&n->plan.hooks[i]);
    }
    loop_work_add(n->nr->loop, &n->go);
}

void notify_priority(struct notify *n, bool master, int priority)
{
    to_fifos(n, master ? "MASTER_PRIORITY" : "BACKUP_PRIORITY", priority);
}

/* --- life --- */

int notify_new(struct notify **out, struct notifier *nr, const struct notify_spec *spec,
               struct err *e)
{
    struct plan plan;
    int rc = plan_init(&plan, &nr->fifos, spec, e);
    if (rc < 0)
        return rc;
    struct notify *n = calloc(1, sizeof(*n));
    if (!n || !(n->name = strdup(spec->name))) {
        free(n);
        plan_fini(&plan);
        return err_set(e, -ENOMEM, "out of memory");
    }
    n->nr = nr;
    n->group = spec->group;
    n->plan = plan;
    n->go.fn = go;
    n->timer = TIMER_INIT(on_timer);
    list_push_back(&nr->queues, &n->node);
    *out = n;
    return 0;
}

void notify_free(struct notify *n)
{
    if (!n)
        return;
    if (n->child)
        child_abandon(n->child);
    loop_work_cancel(n->nr->loop, &n->go);
    loop_timer_disarm(n->nr->loop, &n->timer);
    list_del(&n->node);
    maybe_drained(n->nr);
    plan_fini(&n->plan);
    free(n->name);
    free(n);
}

int notify_change(struct notify *n, const struct notify_spec *spec, struct err *e)
{
    struct plan plan;
    int rc = plan_init(&plan, &n->nr->fifos, spec, e);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < plan.hook_count; i++) {
        struct hook *h = &plan.hooks[i];
        const struct hook *old = plan_hook(&n->plan, h->name);
        if (!old)
            continue;
        h->due = old->due && (h->states & NOTIFY_ON(n->state));
        h->extra = old->extra && (h->states & NOTIFY_ON(NOTIFY_RX_LOWER_PRI));
        h->again = old->again && h->retry && (h->states & NOTIFY_ON(old->again_state));
        h->attempts = old->attempts;
        h->again_state = old->again_state;
        h->next = old->next;
        snprintf(h->error, sizeof(h->error), "%s", old->error);
    }
    plan_fini(&n->plan);
    n->plan = plan;
    loop_work_add(n->nr->loop, &n->go);
    return 0;
}

static void drain_over(struct timer *timer, struct mono now)
{
    struct notifier *nr = container_of(timer, struct notifier, drain_timer);
    list_for_each (it, &nr->queues) {
        struct notify *n = list_entry(it, struct notify, node);
        for (size_t i = 0; i < n->plan.hook_count; i++)
            n->plan.hooks[i].due = n->plan.hooks[i].extra = false;
        if (!n->child)
            continue;
        log_warning("%s %s: %s is still running: killed", what(n), n->name, n->running);
        n->counts.timed_out++;
        child_abandon(n->child);
        n->child = NULL;
        n->running[0] = '\0';
    }
    loop_work_add(nr->loop, &nr->drained);
}

static void on_drained(struct loop_work *work)
{
    struct notifier *nr = container_of(work, struct notifier, drained);
    loop_timer_disarm(nr->loop, &nr->drain_timer);
    nr->draining = false;
    nr->drained_fn(nr->drained_ctx);
}

void notifier_drain(struct notifier *nr, struct mono deadline, notifier_drained_fn *fn, void *ctx)
{
    nr->draining = true;
    nr->drained_fn = fn;
    nr->drained_ctx = ctx;
    list_for_each (it, &nr->queues) {
        struct notify *n = list_entry(it, struct notify, node);
        for (size_t i = 0; i < n->plan.hook_count; i++)
            n->plan.hooks[i].again = false;
    }
    loop_timer_arm(nr->loop, &nr->drain_timer, deadline);
    maybe_drained(nr);
}

int notifier_new(struct notifier **out, struct loop *loop, struct children *children,
                 const struct notifier_spec *spec, struct err *e)
{
    struct notifier *nr = calloc(1, sizeof(*nr));
    if (!nr)
        return err_set(e, -ENOMEM, "out of memory");
    nr->loop = loop;
    nr->children = children;
    nr->rng.state = spec->seed ? spec->seed : (uint64_t)loop_clock().us ^ (uint64_t)getpid() << 32;
    nr->drained.fn = on_drained;
    nr->drain_timer = TIMER_INIT(drain_over);
    list_init(&nr->queues);
    list_init(&nr->fifos);
    if (spec->node)
        snprintf(nr->node, sizeof(nr->node), "%s", spec->node);
    else if (gethostname(nr->node, sizeof(nr->node) - 1) < 0)
        nr->node[0] = '\0';
    *out = nr;
    return 0;
}

void notifier_free(struct notifier *nr)
{
    if (!nr)
        return;
    loop_timer_disarm(nr->loop, &nr->drain_timer);
    loop_work_cancel(nr->loop, &nr->drained);
    free(nr);
}

/* --- status --- */

static void show_retry(const struct notify *n, const struct hook *h, struct notify_snapshot *out)
{
    bool running = n->child && n->running_generation == n->generation && h->attempts > 1 &&
                   strcmp(n->running, h->name) == 0;
    if (!h->again && !running)
        return;
    if (out->retrying < NOTIFY_RETRIES_SHOWN) {
        struct notify_retry *r = &out->retries[out->retrying];
        *r = (struct notify_retry){.attempts = h->attempts, .next = running ? MONO_NEVER : h->next};
        snprintf(r->hook, sizeof(r->hook), "%s", h->name);
        snprintf(r->error, sizeof(r->error), "%s", h->error);
    }
    out->retrying++;
}

void notify_snapshot(const struct notify *n, struct notify_snapshot *out)
{
    *out = (struct notify_snapshot){
        .told = n->told,
        .state = n->state,
        .since = n->since,
        .running_since = n->running_since,
        .started = n->counts.started,
        .succeeded = n->counts.succeeded,
        .failed = n->counts.failed,
        .timed_out = n->counts.timed_out,
        .dropped = n->counts.dropped,
        .fifo_lines = n->counts.fifo_lines,
        .fifo_dropped = n->counts.fifo_dropped,
    };
    snprintf(out->running, sizeof(out->running), "%s", n->child ? n->running : "");
    snprintf(out->last_error, sizeof(out->last_error), "%s", n->last_error);
    for (size_t i = 0; i < n->plan.hook_count; i++) {
        out->waiting += n->plan.hooks[i].due;
        show_retry(n, &n->plan.hooks[i], out);
    }
}
