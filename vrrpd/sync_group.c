#include "vrrpd/sync_group.h"

#include "common/rt/log.h"
#include "vrrpd/engine.h"
#include "vrrpd/hooks.h"
#include "vrrpd/instance.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct config_group *sync_group_of(const struct config *c, const char *instance)
{
    for (size_t i = 0; i < c->groups.n; i++) {
        const struct config_group *g = c->groups.v[i];
        for (size_t k = 0; k < g->members.n; k++)
            if (strcmp(g->members.v[k], instance) == 0)
                return g;
    }
    return NULL;
}

/* ---- what follows ---- */

static enum notify_state state_of(const struct sync_group *g)
{
    bool active = true;

    for (size_t i = 0; i < g->core.count; i++) {
        if (vrrp_in_fault(g->core.members[i]))
            return NOTIFY_FAULT;
        active = active && g->core.members[i]->state == VRRP_ACTIVE;
    }
    return active ? NOTIFY_MASTER : NOTIFY_BACKUP;
}

/* Members that have not started yet are waited for. */
static bool all_started(const struct sync_group *g)
{
    for (size_t i = 0; i < g->core.count; i++)
        if (!g->core.members[i]->started)
            return false;
    return true;
}

static void tell(struct sync_group *g, enum notify_state state)
{
    struct history_record r = {.kind = HISTORY_TRANSITION};

    if (g->told == (int)state)
        return;
    g->told = (int)state;
    snprintf(r.text, sizeof(r.text), "group %s is %s", g->name, notify_state_name(state));
    history_add(g->engine->history, LOG_LEVEL_NOTICE, &r);
    if (g->notify)
        notify_send(g->notify, state, 0, r.text);
}

/* The member that drags the others along is named in their log lines. */
static void describe_fault(struct sync_group *g, struct instance *in)
{
    for (size_t i = 0; i < g->core.count; i++) {
        const struct instance *other = g->members[i];
        if (other == in || !(other->vrrp.faults & ~(1u << VRRP_FAULT_GROUP)))
            continue;
        instance_describe_fault(in, "%s, of the same group: %.300s", other->name,
                                other->fault_text ? other->fault_text : "");
        return;
    }
}

void sync_group_run(struct sync_group *g)
{
    struct group_order order;

    if (g->running)
        return;
    g->running = true;
    while (group_next(&g->core, &order)) {
        if (order.event.kind == VRRP_EV_FAULT_SET)
            describe_fault(g, g->members[order.member]);
        instance_step(g->members[order.member], &order.event);
    }
    g->running = false;
    if (all_started(g))
        tell(g, state_of(g));
}

void sync_group_leave(struct instance *in)
{
    struct sync_group *g = in->group;
    size_t kept = 0;

    if (!g)
        return;
    in->group = NULL;
    for (size_t i = 0; i < g->core.count; i++)
        if (g->members[i] != in)
            g->members[kept++] = g->members[i];
    group_remove(&g->core, &in->vrrp);
}

void sync_group_stop(struct sync_group *g)
{
    tell(g, NOTIFY_STOP);
}

static void on_track(void *ctx, const struct tracking_use *use)
{
    struct sync_group *g = ctx;

    for (size_t i = 0; i < g->core.count; i++)
        instance_tracks_changed(g->members[i]);
}

/* ---- life ---- */

static void part(struct sync_group *g)
{
    for (size_t i = 0; i < g->core.count; i++)
        if (g->members[i]->group == g)
            g->members[i]->group = NULL;
    group_init(&g->core);
}

void sync_group_free(struct sync_group *g)
{
    if (!g)
        return;
    part(g);
    tracking_detach(&g->engine->tracking, &g->tracking);
    notify_free(g->notify);
    list_del(&g->node);
    free(g);
}

static struct sync_group *find(struct engine *e, const char *name)
{
    list_for_each (it, &e->groups) {
        struct sync_group *g = list_entry(it, struct sync_group, node);
        if (strcmp(g->name, name) == 0)
            return g;
    }
    return NULL;
}

static struct sync_group *obtain(struct engine *e, const char *name)
{
    struct sync_group *g = find(e, name);

    if (g)
        return g;
    g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    g->engine = e;
    g->told = -1;
    snprintf(g->name, sizeof(g->name), "%s", name);
    list_push_back(&e->groups, &g->node);
    return g;
}

static int assemble(struct engine *e, struct sync_group *g, const struct config_group *conf,
                    struct err *err)
{
    struct tracking_user old = g->tracking;

    part(g);
    g->conf = conf;
    g->tracking = (struct tracking_user){.fn = on_track, .ctx = g};
    int r = tracking_attach(&e->tracking, &g->tracking, e->config, &conf->track, g->name, err);
    tracking_detach(&e->tracking, &old);
    r = r ? r
          : hooks_apply(&g->notify, e->notifier, &e->tracking, g->name, true, &conf->notify, NULL,
                        err);
    if (r)
        return err_prefix(err, r, "group %s", g->name);
    for (size_t i = 0; i < conf->members.n; i++) {
        struct instance *in = engine_instance(e, conf->members.v[i]);
        if (!in || group_add(&g->core, &in->vrrp) < 0)
            continue;
        g->members[g->core.count - 1] = in;
        in->group = g;
    }
    return 0;
}

static void drop_gone(struct engine *e)
{
    list_for_each_safe (it, &e->groups) {
        struct sync_group *g = list_entry(it, struct sync_group, node);
        if (!conf_named(&e->config->groups, g->name))
            sync_group_free(g);
    }
}

int sync_groups_apply(struct engine *e, struct err *err)
{
    int result = 0;

    drop_gone(e);
    for (size_t i = 0; i < e->config->groups.n; i++) {
        const struct config_group *conf = e->config->groups.v[i];
        struct sync_group *g = obtain(e, conf->obj.name);
        int r = g ? assemble(e, g, conf, err) : err_set(err, -ENOMEM, "out of memory");
        result = r ? r : result;
    }
    for (size_t i = 0; i < e->instance_count; i++)
        instance_tracks_changed(e->instances[i]);
    list_for_each (it, &e->groups)
        sync_group_run(list_entry(it, struct sync_group, node));
    return result;
}
