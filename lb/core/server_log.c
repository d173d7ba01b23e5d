#include "lb/core/server_log.h"

static bool is_up(const struct server_view *v)
{
    return v->oper != SERVER_STOPPED;
}

static void add_who(struct buf *out, const struct server *s)
{
    buf_printf(out, "%sServer %s/%s", s->backup ? "Backup " : "", s->pool->name, s->name);
}

/* " via nodes/s1", ", reason: ..." or ", changed from CLI" */
static void add_why(struct buf *out, const struct server_event *ev)
{
    const struct server *s = ev->server;
    if (ev->cause == SERVER_BY_TRACKED) {
        buf_printf(out, " via %s/%s", s->tracked->pool->name, s->tracked->name);
    } else if (ev->cause == SERVER_BY_ADMIN) {
        buf_str(out, ", changed from CLI");
    } else if (ev->cause == SERVER_BY_RESOLVER) {
        buf_printf(out, ", \"%s\" %s", s->fqdn ? s->fqdn : s->name,
                   s->unresolved ? "cannot be resolved" : "is resolved");
    } else {
        buf_str(out, ", ");
        health_reason(out, ev->cause == SERVER_BY_AGENT ? &s->agent.last : &s->check.last);
    }
}

static void add_via(struct buf *out, const struct server_event *ev)
{
    if (ev->cause == SERVER_BY_TRACKED)
        add_why(out, ev);
}

/* ". 1 active and 0 backup servers left. ..." */
static void add_counts(struct buf *out, const struct server_event *ev, unsigned requeued)
{
    const struct server *s = ev->server;
    struct pool_usable n = pool_usable(s->pool);
    bool left = !is_up(&ev->after);
    unsigned queue = atomic_load_explicit(&s->pool->queued, memory_order_relaxed);
    buf_printf(out, ". %u active and %u backup servers %s.%s", n.active, n.backup,
               left ? "left" : "online", !n.active && n.backup ? " Running on backup." : "");
    if (left)
        buf_printf(out, " %u sessions active, %u requeued, %u remaining in queue.", server_slots(s),
                   requeued, queue);
    else
        buf_printf(out, " %u sessions requeued, %u total in queue.", requeued, queue);
}

static void write_maint(struct buf *out, const struct server_event *ev, unsigned requeued)
{
    if (!is_up(&ev->before)) {
        buf_str(out, " was DOWN and now enters maintenance");
        add_via(out, ev);
        buf_char(out, '.');
        return;
    }
    buf_str(out, " is going DOWN for maintenance");
    add_via(out, ev);
    add_counts(out, ev, requeued);
}

static void write_maint_over(struct buf *out, const struct server_event *ev)
{
    buf_printf(out, " is %s/%s (leaving %smaintenance).", is_up(&ev->after) ? "UP" : "DOWN",
               ev->after.admin == SERVER_DRAIN ? "DRAIN" : "READY",
               ev->cause == SERVER_BY_TRACKED ? "" : "forced ");
}

static enum server_log_level write_change(struct buf *out, const struct server_event *ev,
                                          unsigned requeued)
{
    switch (ev->kind) {
    case SERVER_SAME:
        break;
    case SERVER_WENT_DOWN:
        buf_str(out, " is DOWN");
        add_why(out, ev);
        add_counts(out, ev, requeued);
        return SERVER_LOG_ALERT;
    case SERVER_WENT_UP:
        buf_str(out, " is UP");
        add_why(out, ev);
        add_counts(out, ev, requeued);
        break;
    case SERVER_WENT_STOPPING:
        buf_str(out, " is stopping");
        add_why(out, ev);
        add_counts(out, ev, requeued);
        break;
    case SERVER_ENTERS_MAINT:
        write_maint(out, ev, requeued);
        return is_up(&ev->before) ? SERVER_LOG_ALERT : SERVER_LOG_NOTICE;
    case SERVER_LEAVES_MAINT:
        write_maint_over(out, ev);
        break;
    case SERVER_ENTERS_DRAIN:
        buf_str(out, " enters drain state");
        add_via(out, ev);
        add_counts(out, ev, requeued);
        break;
    case SERVER_LEAVES_DRAIN:
        buf_printf(out, " is %s (leaving forced drain).", is_up(&ev->after) ? "UP" : "DOWN");
        break;
    }
    return SERVER_LOG_NOTICE;
}

enum server_log_level server_log(struct buf *out, const struct server_event *ev, unsigned requeued)
{
    if (ev->kind != SERVER_SAME)
        add_who(out, ev->server);
    return write_change(out, ev, requeued);
}

bool server_log_pool(struct buf *out, const struct server_event *ev)
{
    struct pool_usable n = pool_usable(ev->server->pool);
    if (!server_usable_new(&ev->before) || n.active || n.backup)
        return false;
    buf_printf(out, "backend %s has no server available!", ev->server->pool->name);
    return true;
}
