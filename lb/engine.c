#include "lb/engine.h"

#include "common/rt/log.h"
#include "common/rt/process.h"
#include "lb/access_log.h"
#include "lb/commands.h"
#include "lb/reload.h"
#include "lb/reload_pool.h"
#include "lb/runtime.h"

#include <errno.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LANE_BYTES   ((size_t)512 << 10) /* of access lines a worker */
#define LOG_GATHER   span_ms(20)         /* lines that come together are written together */
#define STOP_TIME    span_s(60)          /* for requests and sessions that go on */
#define STOP_LOOK    span_ms(20)
#define CHILDREN_MAX 256
#define FDS_OWN      1024 /* descriptors for all but connections */

/* ---- the access log ---- */

static void drain_lane(struct engine *e, struct access_lane *lane)
{
    const char *line;
    size_t len = 0;
    uint64_t sinks;

    while ((line = access_lane_next(lane, &len, &sinks)))
        log_sinks_add(e->sinks, sinks, LOG_LEVEL_INFO, line, len);
}

static void drain_lanes(struct engine *e)
{
    for (unsigned i = 0; i < e->n_workers; i++)
        drain_lane(e, e->lanes[i]);
    log_sinks_flush(e->sinks);
}

static void on_log_timer(struct timer *t, struct mono now)
{
    drain_lanes(container_of(t, struct engine, log_timer));
}

struct lane_wake {
    struct loop_msg msg;
    struct engine *engine;
};

static void on_lane(struct loop_msg *msg)
{
    struct engine *e = container_of(msg, struct lane_wake, msg)->engine;

    if (!e->log_timer.armed)
        loop_timer_after(e->loop, &e->log_timer, LOG_GATHER);
}

static int make_lanes(struct engine *e)
{
    e->lanes = calloc(e->n_workers, sizeof(struct access_lane *));
    e->lane_wakes = calloc(e->n_workers, sizeof(*e->lane_wakes));
    for (unsigned i = 0; e->lanes && e->lane_wakes && i < e->n_workers; i++) {
        e->lanes[i] = access_lane_new(LANE_BYTES);
        if (!e->lanes[i])
            return -ENOMEM;
        e->lane_wakes[i] = (struct lane_wake){{.fn = on_lane}, e};
        access_lane_on_wake(e->lanes[i], &e->lane_wakes[i].msg);
    }
    return e->lanes && e->lane_wakes ? 0 : -ENOMEM;
}

/* ---- looking things up ---- */

int engine_slot(const struct engine *e, const struct pool *p)
{
    for (unsigned i = 0; i < e->n_slots; i++)
        if (e->slots[i] == p)
            return (int)i;
    return -1;
}

/* ---- servers that start slowly ---- */

static struct mono ramp_pool(struct engine *e, const struct plan_pool *p, struct mono now)
{
    const struct pool_members *m = p->pool->members;
    struct mono next = MONO_NEVER;

    for (uint32_t i = 0; m && i < m->n; i++) {
        struct server *s = m->servers[i];
        if (mono_is_never(s->ramp_since))
            continue;
        next = mono_min(next, server_ramp(s, now));
        workers_server(e->workers, p->slot, s, false, false);
    }
    return next;
}

static void on_ramp(struct timer *t, struct mono now)
{
    struct engine *e = container_of(t, struct engine, ramp_timer);
    struct mono next = MONO_NEVER;

    for (size_t i = 0; e->plan && i < e->plan->n_pools; i++)
        next = mono_min(next, ramp_pool(e, &e->plan->pools[i], now));
    loop_timer_arm(e->loop, t, next);
}

void engine_watch(struct engine *e, struct server *s)
{
    for (size_t i = 0; i < e->n_checks; i++)
        if (e->checks[i] && e->checks[i]->server == s)
            check_schedule(e->checks[i]);
    if (!mono_is_never(s->ramp_since) && !e->ramp_timer.armed)
        loop_timer_after(e->loop, &e->ramp_timer, span_ms(100));
}

uint32_t engine_maxconn(const struct engine *e, const struct config *c)
{
    uint64_t most = e->fd_limit > 2 * FDS_OWN ? (e->fd_limit - FDS_OWN) / 2 : e->fd_limit / 4;

    return (uint32_t)MIN(c->maxconn ? (uint64_t)c->maxconn : most, UINT32_MAX);
}

/* ---- signals ---- */

static void on_stop_timer(struct timer *t, struct mono now)
{
    struct engine *e = container_of(t, struct engine, stop_timer);

    if (!atomic_load(&e->workers->conns) || !mono_before(now, e->stop_until))
        loop_stop(e->loop);
    else
        loop_timer_after(e->loop, &e->stop_timer, STOP_LOOK);
}

void engine_stop(struct engine *e)
{
    if (e->stopping) {
        loop_stop(e->loop);
        return;
    }
    log_notice("stopping");
    process_notify("STOPPING=1");
    e->stopping = true;
    e->stop_until = mono_add(loop_now(e->loop), STOP_TIME);
    workers_stop(e->workers);
    loop_timer_after(e->loop, &e->stop_timer, STOP_LOOK);
}

static void on_term(void *ctx, const struct signalfd_siginfo *info)
{
    engine_stop(ctx);
}

/* SIGINT: at once. */
static void on_int(void *ctx, const struct signalfd_siginfo *info)
{
    struct engine *e = ctx;

    log_notice("stopping at once");
    loop_stop(e->loop);
}

static void on_hup(void *ctx, const struct signalfd_siginfo *info)
{
    engine_reload(ctx, NULL, NULL);
}

static void on_usr1(void *ctx, const struct signalfd_siginfo *info)
{
    struct engine *e = ctx;

    log_sinks_reopen(e->sinks);
}

static int take_signals(struct engine *e, struct err *err)
{
    static const struct {
        int signo;
        loop_signal_fn *fn;
    } rows[] = {{SIGTERM, on_term}, {SIGINT, on_int}, {SIGHUP, on_hup}, {SIGUSR1, on_usr1}};
    int result = 0;

    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < ARRAY_LEN(rows) && result == 0; i++)
        result = loop_signal(e->loop, rows[i].signo, rows[i].fn, e, err);
    return result;
}

/* ---- reload ---- */

static void on_adopted(void *ctx)
{
    struct engine *e = ctx;

    if (e->reloading)
        log_notice("reloaded %s", e->options.name);
    e->reloading = false;
    process_notify("READY=1");
    while (!list_empty(&e->waiters)) {
        struct engine_waiter *w = list_first(&e->waiters, struct engine_waiter, node);
        list_del(&w->node);
        w->fn(w);
    }
}

int engine_reload(struct engine *e, struct buf *text, struct engine_waiter *waiter)
{
    struct conf_report report = {0};
    struct buf own cleanup(buf_fini) = BUF_INIT(65536);
    struct err err = {""};
    struct config *c;
    int result = -EINVAL;

    text = text ? text : &own;
    process_notify("RELOADING=1");
    c = e->options.load(e->options.load_ctx, &report, &err);
    conf_report_render(&report, text);
    if (!c || report.errors) {
        config_free(c);
        buf_str(text, err.text);
    } else if ((result = reload_apply(e, c, &err)) < 0) {
        buf_str(text, err.text);
    }
    if (result < 0) {
        process_notify("READY=1");
        e->reloads_failed++;
        log_err("reload failed, the running configuration stays in force: %s", buf_cstr(text));
        return result;
    }
    e->reloads++;
    e->reloading = true;
    if (waiter)
        list_push_back(&e->waiters, &waiter->node);
    return 0;
}

/* ---- life ---- */

static unsigned usable_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) < 0)
        return 1;
    return (unsigned)MAX(CPU_COUNT(&set), 1);
}

static int listen_control(struct engine *e, const struct config *c, struct err *err)
{
    const char *path = e->options.control ? e->options.control : c->control;
    struct control_unix at = {.path = path, .level = CONTROL_ADMIN};
    int result = commands_new(e, &e->control, c->socket_timeout, err);

    if (result == 0 && path[0])
        result = control_listen_unix(e->control, &at, &e->control_listener, err);
    if (result == 0)
        result = runtime_open(e, c, err);
    return result;
}

/* The capabilities that later reloads need, as far as they are there. */
static size_t kept_caps(const struct config *c, int caps[3])
{
    bool transparent = false, interface = false;
    size_t n = 0;

    for (size_t i = 0; i < c->listeners.n; i++) {
        const struct config_listener *l = c->listeners.v[i];
        transparent |= l->transparent;
        interface |= l->interface != NULL;
    }
    if (process_can(CAP_NET_BIND_SERVICE))
        caps[n++] = CAP_NET_BIND_SERVICE;
    if (transparent && process_can(CAP_NET_ADMIN))
        caps[n++] = CAP_NET_ADMIN;
    if (interface && process_can(CAP_NET_RAW))
        caps[n++] = CAP_NET_RAW;
    return n;
}

/* The ports are open: from here on another user is enough. */
static int drop_privileges(const struct config *c, struct err *err)
{
    struct process_user user;
    char self[16];
    int caps[3], result;

    if (!c->user && !c->group)
        return 0;
    snprintf(self, sizeof(self), "%u", (unsigned)geteuid());
    result = process_user(c->user ? c->user : self, c->group, &user, err);
    return result < 0 ? result : process_drop(&user, caps, kept_caps(c, caps), false, err);
}

static int set_up(struct engine *e, const struct config *c, struct err *err)
{
    int result = loop_new(&e->loop, err);

    e->started = loop_clock();
    list_init(&e->waiters);
    tables_init(&e->tables, e->loop);
    e->log_timer = TIMER_INIT(on_log_timer);
    e->stop_timer = TIMER_INIT(on_stop_timer);
    e->ramp_timer = TIMER_INIT(on_ramp);
    e->n_workers = c->threads ? (unsigned)c->threads : MIN(usable_cores(), CONFIG_THREADS_MAX);
    e->sinks = log_sinks_new();
    if (!e->sinks || make_lanes(e) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    e->fd_limit = process_limit_fds(c->maxconn ? (uint64_t)c->maxconn * 2 + FDS_OWN : 1 << 20);
    if (result == 0)
        result = take_signals(e, err); /* before the threads, which inherit the mask */
    if (result == 0)
        result = children_new(&e->children, e->loop, CHILDREN_MAX, err);
    return result;
}

/* Sockets first, then the change of user, then the threads that serve. */
static int start(struct engine *e, struct plan *p, struct err *err)
{
    const struct config *c = p->config;
    int result = listen_control(e, c, err);

    if (result == 0)
        result = drop_privileges(c, err);
    if (result == 0)
        result =
            workers_start(&e->workers, e->n_workers, (uint32_t)c->buffer, e->loop, e->lanes, err);
    if (result < 0) {
        reload_discard(e, p);
        return result;
    }
    e->workers->on_adopted = on_adopted;
    e->workers->ctx = e;
    reload_commit(e, p);
    return 0;
}

static int begin(struct engine *e, struct config *c, struct err *err)
{
    struct plan *p;
    int result = set_up(e, c, err);

    if (result < 0) {
        config_free(c);
        return result;
    }
    p = reload_prepare(e, c, err);
    return p ? start(e, p, err) : -EINVAL;
}

int engine_new(struct engine **out, struct config *c, const struct engine_options *options,
               struct err *err)
{
    struct engine *e = calloc(1, sizeof(*e));
    int result;

    if (!e) {
        config_free(c);
        return err_set(err, -ENOMEM, "out of memory");
    }
    e->options = *options;
    result = begin(e, c, err);
    if (result < 0) {
        engine_free(e);
        return result;
    }
    *out = e;
    return 0;
}

int engine_run(struct engine *e, struct err *err)
{
    return loop_run(e->loop, err);
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    control_free(e->runtime);
    control_free(e->control);
    reload_checks_drop(e);
    workers_free(e->workers);
    e->workers = NULL;
    if (e->lanes && e->sinks)
        drain_lanes(e);
    for (unsigned i = 0; e->lanes && i < e->n_workers; i++)
        access_lane_free(e->lanes[i]);
    plan_unref(e->plan);
    e->plan = NULL;
    reload_pools_retire(e);
    tables_fini(&e->tables);
    children_free(e->children);
    log_sinks_free(e->sinks);
    loop_free(e->loop);
    free(e->lane_wakes);
    free(e->lanes);
    free(e->slots);
    free(e);
}
