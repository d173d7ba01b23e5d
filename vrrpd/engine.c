#include "vrrpd/engine.h"

#include "common/rt/log.h"
#include "common/rt/process.h"
#include "vrrpd/commands.h"
#include "vrrpd/guardian.h"
#include "vrrpd/instance.h"
#include "vrrpd/metrics.h"
#include "vrrpd/metrics_http.h"
#include "vrrpd/net/nft.h"
#include "vrrpd/status.h"
#include "vrrpd/sync_group.h"
#include "vrrpd/wire.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long a stop waits for hooks. */
#define STOP_HOOKS_S 20

/* ---- links ---- */

static void on_link(void *ctx, const struct link *link)
{
    struct engine *e = ctx;

    for (size_t i = 0; i < e->instance_count; i++)
        if (e->instances[i]->link == link)
            instance_link_changed(e->instances[i]);
}

/* ---- stop ---- */

static void on_drained(void *ctx)
{
    struct engine *e = ctx;

    e->stopped = true;
    loop_stop(e->loop);
}

static bool all_settled(const struct engine *e)
{
    for (size_t i = 0; i < e->instance_count; i++)
        if (!instance_settled(e->instances[i]))
            return false;
    return true;
}

static void free_leaving(struct engine *e)
{
    size_t kept = 0;

    for (size_t i = 0; i < e->leaving_count; i++) {
        if (instance_settled(e->leaving[i]))
            instance_free(e->leaving[i]);
        else
            e->leaving[kept++] = e->leaving[i];
    }
    e->leaving_count = kept;
}

static void on_settled(struct loop_work *work)
{
    struct engine *e = container_of(work, struct engine, settled);

    free_leaving(e);
    if (!e->stopping || e->draining || !all_settled(e))
        return;
    e->draining = true;
    notifier_drain(e->notifier, mono_add(loop_now(e->loop), span_s(STOP_HOOKS_S)), on_drained, e);
}

void engine_settled(struct engine *e)
{
    loop_work_add(e->loop, &e->settled);
}

void engine_stop(struct engine *e, const char *why)
{
    struct history_record r = {.kind = HISTORY_DAEMON};

    if (e->stopping && mono_diff(loop_now(e->loop), e->stop_began).us < span_s(1).us)
        return;
    if (e->stopping) {
        log_warning("%s again: stopping at once", why);
        loop_stop(e->loop);
        return;
    }
    e->stopping = true;
    e->stop_began = loop_now(e->loop);
    snprintf(r.text, sizeof(r.text), "stopping: %s", why);
    history_add(e->history, LOG_LEVEL_NOTICE, &r);
    for (size_t i = 0; i < e->instance_count; i++)
        instance_shutdown(e->instances[i]);
    list_for_each (it, &e->groups)
        sync_group_stop(list_entry(it, struct sync_group, node));
    engine_settled(e);
}

/* ---- start ---- */

/* Whom scripts and hooks run as that do not say so themselves. */
static int set_script_user(struct engine *e, struct err *err)
{
    struct process_user user;

    if (!e->config->script_user)
        return 0;
    int r = process_user(e->config->script_user, NULL, &user, err);
    e->tracking.switch_user = true;
    e->tracking.script_uid = user.uid;
    e->tracking.script_gid = user.gid;
    return r;
}

/* ---- the supervisor ---- */

static void on_watchdog(struct timer *t, struct mono now)
{
    struct engine *e = container_of(t, struct engine, watchdog);

    process_notify("WATCHDOG=1");
    loop_timer_after(e->loop, t, span_us(process_watchdog().us / 2));
}

/* One line for `systemctl status`. */
static void on_state_line(struct loop_work *work)
{
    struct engine *e = container_of(work, struct engine, state_line);
    struct buf line cleanup(buf_fini) = BUF_INIT(512);

    for (size_t i = 0; i < e->instance_count; i++)
        buf_printf(&line, "%s%s %s", i ? ", " : "", e->instances[i]->name,
                   e->instances[i]->shown_state);
    process_notify("STATUS=%s", buf_cstr(&line));
}

void engine_state_changed(struct engine *e)
{
    loop_work_add(e->loop, &e->state_line);
}

static int start_rooms(struct engine *e, struct err *err)
{
    int r = history_new(&e->history);

    if (r)
        return err_set(err, r, "out of memory");
    r = netlink_new(&e->netlink, err);
    r = r ? r : links_new(&e->links, e->loop, err);
    r = r ? r : vips_new(&e->vips, e->loop, e->links, e->netlink, err);
    r = r ? r : garp_new(&e->garp, err);
    r = r ? r : children_new(&e->children, e->loop, ENGINE_CHILDREN_MAX, err);
    r = r ? r : trackers_new(&e->trackers, e->loop, e->children, err);
    r = r ? r
          : notifier_new(&e->notifier, e->loop, e->children,
                         &(struct notifier_spec){.node = e->config->node}, err);
    if (r)
        return r;
    tracking_init(&e->tracking, e->trackers, e->links);
    r = set_script_user(e, err);
    if (r)
        return r;
    links_observe(e->links, &e->observer);
    return 0;
}

static int start_control(struct engine *e, struct err *err)
{
    struct control_options options = commands_options(e);
    struct control_unix at = {.path = e->config->control, .level = CONTROL_ADMIN};
    int r = control_new(&e->control, e->loop, &options, err);

    if (r)
        return r;
    return control_listen_unix(e->control, &at, NULL, err);
}

static void write_metrics(void *ctx, struct buf *out)
{
    struct status *s = status_take(ctx, NULL);

    if (s)
        metrics_render(s, out);
    status_free(s);
}

int engine_serve_metrics(struct engine *e, const struct config *before, struct err *err)
{
    const struct addr_port *at = &e->config->metrics;

    if (before && at->port == before->metrics.port && addr_equal(&at->addr, &before->metrics.addr))
        return 0;
    metrics_http_free(e->metrics);
    e->metrics = NULL;
    return at->port ? metrics_http_new(&e->metrics, e->loop, at, write_metrics, e, err) : 0;
}

static int start_instances(struct engine *e, struct err *err)
{
    const struct conf_list *list = &e->config->instances;

    e->instances = calloc(list->n + 1, sizeof(struct instance *));
    if (!e->instances)
        return err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < list->n; i++) {
        int r = instance_new(&e->instances[i], e, list->v[i], err);
        if (r)
            return r;
        e->instance_count++;
    }
    return 0;
}

static void tell_restart(struct engine *e)
{
    struct history_record r = {.kind = HISTORY_DAEMON};

    if (!e->guardian || !e->guardian->last[0])
        return;
    snprintf(r.text, sizeof(r.text), "started again by the guardian: %s", e->guardian->last);
    history_add(e->history, LOG_LEVEL_WARNING, &r);
}

static void reap(struct engine *e)
{
    struct history_record r = {.kind = HISTORY_ADDRESS};
    size_t n = vips_reap(e->vips) + routes_flush(e->netlink);

    if (!n)
        return;
    snprintf(r.text, sizeof(r.text), "removed %zu %s that an earlier vrrpd left behind", n,
             n == 1 ? "address or route" : "addresses and routes");
    history_add(e->history, LOG_LEVEL_NOTICE, &r);
}

int engine_new(struct engine **out, struct loop *loop, const char *config_path,
               struct config *config, struct guardian *guardian, struct err *err)
{
    struct engine *e = calloc(1, sizeof(*e));

    if (!e) {
        config_free(config);
        return err_set(err, -ENOMEM, "out of memory");
    }
    *e = (struct engine){
        .loop = loop,
        .config_path = config_path,
        .config = config,
        .guardian = guardian,
        .started = loop_clock(),
        .observer = {.changed = on_link, .ctx = e},
        .settled = {.fn = on_settled},
        .state_line = {.fn = on_state_line},
        .watchdog = TIMER_INIT(on_watchdog),
    };
    list_init(&e->wires);
    list_init(&e->groups);
    e->sysctls =
        (struct sysctls){guardian ? guardian->sysctls : e->own_slots, GUARDIAN_SYSCTLS_MAX};
    int r = start_rooms(e, err);
    r = r ? r : start_control(e, err);
    r = r ? r : engine_serve_metrics(e, NULL, err);
    if (!r) {
        if (guardian)
            guardian->in_charge = true;
        tell_restart(e);
        reap(e);
    }
    r = r ? r : engine_apply_static(e, err);
    r = r ? r : start_instances(e, err);
    r = r ? r : sync_groups_apply(e, err);
    if (r) {
        engine_free(e);
        return r;
    }
    if (process_watchdog().us)
        on_watchdog(&e->watchdog, loop_clock());
    *out = e;
    return 0;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    control_free(e->control);
    metrics_http_free(e->metrics);
    for (size_t i = 0; i < e->leaving_count; i++)
        instance_free(e->leaving[i]);
    for (size_t i = 0; i < e->instance_count; i++)
        instance_free(e->instances[i]);
    list_for_each_safe (it, &e->groups)
        sync_group_free(list_entry(it, struct sync_group, node));
    routing_fini(&e->fixed_routing);
    if (e->fixed.v)
        vips_remove(e->vips, &e->fixed);
    vips_unregister(e->vips, &e->fixed);
    free(e->fixed.v);
    sysctl_restore(e->sysctls.slots, e->sysctls.n);
    free(e->leaving);
    free(e->instances);
    if (e->links)
        links_forget(e->links, &e->observer);
    tracking_fini(&e->tracking);
    notifier_free(e->notifier);
    trackers_free(e->trackers);
    children_free(e->children);
    nft_free(e->nft);
    garp_free(e->garp);
    vips_free(e->vips);
    links_free(e->links);
    netlink_free(e->netlink);
    history_free(e->history);
    config_free(e->config);
    free(e);
}

struct instance *engine_instance(const struct engine *e, const char *name)
{
    for (size_t i = 0; i < e->instance_count; i++)
        if (strcmp(e->instances[i]->name, name) == 0)
            return e->instances[i];
    return NULL;
}

void engine_maintenance(struct engine *e, bool on)
{
    struct history_record r = {.kind = HISTORY_DAEMON};

    if (e->maintenance == on)
        return;
    e->maintenance = on;
    snprintf(r.text, sizeof(r.text), "maintenance %s", on ? "begins" : "ends");
    history_add(e->history, LOG_LEVEL_NOTICE, &r);
    for (size_t i = 0; i < e->instance_count; i++) {
        struct instance *in = e->instances[i];
        if (on)
            instance_describe_fault(in, "maintenance was asked for");
        instance_fault(in, VRRP_FAULT_MAINTENANCE, on);
    }
}
