/*
 * How a server's state comes about. Three inputs that know nothing of each other - what the
 * administrator wants, what the checks found, the weight - make the view; settle() is the only door
 * through which a new view gets out: it publishes, keeps the books, tells of it, and goes on to the
 * servers that track this one.
 */
#include "lb/core/pool.h"
#include "lb/core/server.h"
#include "lb/core/server_own.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TRACK_DEPTH_MAX 16

static const struct server *tracked_root(const struct server *s)
{
    while (s->tracked)
        s = s->tracked;
    return s;
}

enum server_admin server_admin(const struct server *s)
{
    return s->admin_override >= 0 ? (enum server_admin)s->admin_override : s->admin_conf;
}

int server_weight(const struct server *s)
{
    if (s->weight_override >= 0)
        return s->weight_override;
    if (s->agent_percent < 0)
        return s->weight_conf;
    return MIN((s->weight_conf * s->agent_percent + 99) / 100, SERVER_WEIGHT_MAX);
}

/* Sixteenths; on the ramp never 0 unless the weight is. */
static uint16_t effective_weight(const struct server *s)
{
    unsigned full = (unsigned)server_weight(s) * SERVER_WEIGHT_SCALE;
    unsigned ramp = atomic_load_explicit(&s->ramp_percent, memory_order_relaxed);
    return (uint16_t)(full && ramp < 100 ? MAX(1u, full * ramp / 100) : full);
}

/* Its own wish, or the tracked server's if that is stronger. */
static void view_admin(struct server_view *v, const struct server *s)
{
    enum server_admin own = server_admin(s);
    v->admin = (uint8_t)own;
    if (!s->tracked)
        return;
    struct server_view of = server_view(s->tracked);
    if (of.admin > own) {
        v->admin = of.admin;
        v->flags |= of.admin == SERVER_MAINT ? SERVER_VIEW_INHERITED : 0;
    }
}

static void view_health(struct server_view *v, const struct server *s)
{
    const struct server *root = tracked_root(s);
    enum server_oper oper = root->oper;
    v->health = (uint16_t)MIN(root->check.value, UINT16_MAX);
    v->flags |= root->checked ? SERVER_VIEW_CHECKED : 0;
    v->flags |= s->agent_checked ? SERVER_VIEW_AGENT : 0;
    if (s->agent_checked && !health_is_up(&s->agent)) {
        v->flags |= SERVER_VIEW_AGENT_DOWN;
        oper = SERVER_STOPPED;
    }
    if (v->admin == SERVER_MAINT || s->unresolved || root->unresolved)
        oper = SERVER_STOPPED;
    else if (oper == SERVER_RUNNING && !mono_is_never(s->ramp_since))
        oper = SERVER_STARTING;
    v->oper = (uint8_t)oper;
}

static struct server_view make_view(const struct server *s)
{
    struct server_view v = {0};
    view_admin(&v, s);
    view_health(&v, s);
    v.weight = v.admin == SERVER_READY ? effective_weight(s) : 0;
    return v;
}

static void store_view(struct server *s, const struct server_view *v)
{
    uint64_t word;
    memcpy(&word, v, sizeof(word));
    atomic_store_explicit(&s->view, word, memory_order_release);
}

bool server_publish(struct server *s)
{
    struct server_view before = server_view(s), v = make_view(s);
    if (memcmp(&before, &v, sizeof(v)) == 0)
        return false;
    store_view(s, &v);
    return true;
}

static enum server_event_kind kind_of(const struct server_view *was, const struct server_view *is)
{
    if (was->admin != SERVER_MAINT && is->admin == SERVER_MAINT)
        return SERVER_ENTERS_MAINT;
    if (was->admin == SERVER_MAINT && is->admin != SERVER_MAINT)
        return SERVER_LEAVES_MAINT;
    if (was->oper != SERVER_STOPPED && is->oper == SERVER_STOPPED)
        return SERVER_WENT_DOWN;
    if (was->oper == SERVER_STOPPED && is->oper != SERVER_STOPPED)
        return SERVER_WENT_UP;
    if (was->admin == SERVER_READY && is->admin == SERVER_DRAIN)
        return SERVER_ENTERS_DRAIN;
    if (was->admin == SERVER_DRAIN && is->admin == SERVER_READY)
        return SERVER_LEAVES_DRAIN;
    if (was->oper != SERVER_STOPPING && is->oper == SERVER_STOPPING)
        return SERVER_WENT_STOPPING;
    if (was->oper == SERVER_STOPPING && is->oper != SERVER_STOPPING)
        return SERVER_WENT_UP;
    return SERVER_SAME;
}

static void begin_ramp(struct server *s, struct mono now)
{
    bool ramps = s->slowstart.us > 0;
    s->ramp_since = ramps ? now : MONO_NEVER;
    atomic_store_explicit(&s->ramp_percent, ramps ? 0 : 100, memory_order_relaxed);
}

/* Between up and down: times, sums, and the ramp of a server that comes up. */
static void keep_books(struct server *s, enum server_oper was, enum server_oper is, struct mono now)
{
    if ((was == SERVER_STOPPED) == (is == SERVER_STOPPED))
        return;
    if (is == SERVER_STOPPED) {
        s->downs++;
        s->ramp_since = MONO_NEVER;
        atomic_store_explicit(&s->ramp_percent, 100, memory_order_relaxed);
    } else {
        s->downtime.us += mono_diff(now, s->changed).us;
        begin_ramp(s, now);
    }
    s->changed = now;
}

static enum server_event_kind settle(struct server *s, enum server_cause cause, struct mono now);

static void settle_trackers(struct server *s, struct mono now)
{
    list_for_each_safe (it, &s->trackers) {
        settle(list_entry(it, struct server, track_node), SERVER_BY_TRACKED, now);
    }
}

static enum server_event_kind settle(struct server *s, enum server_cause cause, struct mono now)
{
    struct server_view before = server_view(s), wanted = make_view(s);
    keep_books(s, (enum server_oper)before.oper, (enum server_oper)wanted.oper, now);
    if (!server_publish(s))
        return SERVER_SAME;
    pool_touch(s->pool);
    pool_settle(s->pool, now);
    struct server_event ev = {.server = s, .cause = cause, .before = before};
    ev.after = server_view(s);
    ev.kind = kind_of(&before, &ev.after);
    if (ev.kind != SERVER_SAME && s->pool->on_event)
        s->pool->on_event(&ev, s->pool->user);
    settle_trackers(s, now);
    return ev.kind;
}

/* ---- the administrator ---- */

/* Maintenance stops the check; what comes out of it is up at once, and checked at once. The agent is
 * asked on: it may be the one to say "ready". */
static void switch_checks(struct server *s, bool was_maint, bool is_maint, struct mono now)
{
    if (was_maint == is_maint)
        return;
    if (is_maint) {
        health_stop(&s->check);
        return;
    }
    s->oper = SERVER_RUNNING;
    if (s->checked)
        health_resume(&s->check, now);
    if (s->agent_checked)
        health_force_up(&s->agent, false);
}

static void change_admin(struct server *s, int override, struct mono now)
{
    bool was = server_admin(s) == SERVER_MAINT;
    s->admin_override = override;
    switch_checks(s, was, server_admin(s) == SERVER_MAINT, now);
    settle(s, SERVER_BY_ADMIN, now);
}

void server_set_admin(struct server *s, enum server_admin admin, struct mono now)
{
    change_admin(s, (int)admin, now);
}

void server_reset_admin(struct server *s, struct mono now)
{
    change_admin(s, -1, now);
}

int server_set_weight(struct server *s, int weight, struct mono now, struct err *e)
{
    if (weight < 0 || weight > SERVER_WEIGHT_MAX)
        return err_set(e, -EINVAL, "weight %d is not in 0..%d", weight, SERVER_WEIGHT_MAX);
    s->weight_override = weight;
    settle(s, SERVER_BY_ADMIN, now);
    return 0;
}

int server_set_weight_percent(struct server *s, int percent, struct mono now, struct err *e)
{
    if (percent < 0 || percent > 100 * SERVER_WEIGHT_MAX)
        return err_set(e, -EINVAL, "weight %d%% is not in 0..%d%%", percent,
                       100 * SERVER_WEIGHT_MAX);
    int weight = (s->weight_conf * percent + 99) / 100;
    return server_set_weight(s, MIN(weight, SERVER_WEIGHT_MAX), now, e);
}

void server_reset_weight(struct server *s, struct mono now)
{
    s->weight_override = -1;
    settle(s, SERVER_BY_ADMIN, now);
}

void server_set_maxconn(struct server *s, uint32_t maxconn)
{
    atomic_store_explicit(&s->maxconn, maxconn, memory_order_relaxed);
    pool_touch(s->pool);
}

void server_set_resolved(struct server *s, bool resolved, struct mono now)
{
    s->unresolved = !resolved;
    settle(s, SERVER_BY_RESOLVER, now);
}

/* ---- tracking ---- */

static unsigned track_depth(const struct server *s)
{
    unsigned n = 0;
    for (; s->tracked; s = s->tracked)
        n++;
    return n;
}

int server_track(struct server *s, struct server *of, struct mono now, struct err *e)
{
    if (s->checked && of)
        return err_set(e, -EINVAL, "server %s/%s has a check of its own", s->pool->name, s->name);
    for (const struct server *up = of; up; up = up->tracked) {
        if (up == s)
            return err_set(e, -ELOOP, "server %s/%s would track itself", s->pool->name, s->name);
    }
    if (of && track_depth(of) + 1 >= TRACK_DEPTH_MAX)
        return err_set(e, -ELOOP, "server %s/%s: more than %d servers track one another in a row",
                       s->pool->name, s->name, TRACK_DEPTH_MAX);
    struct server *before = s->tracked;
    s->tracked = of ? server_ref(of) : NULL;
    list_del(&s->track_node);
    if (of)
        list_push_back(&of->trackers, &s->track_node);
    server_unref(before);
    settle(s, SERVER_BY_TRACKED, now);
    return 0;
}

/* ---- checks ---- */

enum server_event_kind server_apply_check(struct server *s, struct mono now)
{
    if (!health_is_up(&s->check))
        s->oper = SERVER_STOPPED;
    else
        s->oper = s->check.stopping ? SERVER_STOPPING : SERVER_RUNNING;
    return settle(s, SERVER_BY_CHECK, now);
}

enum server_event_kind server_apply_agent(struct server *s, const struct health_agent *a,
                                          struct mono now)
{
    static const enum server_admin wish[] = {
        [HEALTH_AGENT_READY] = SERVER_READY,
        [HEALTH_AGENT_DRAIN] = SERVER_DRAIN,
        [HEALTH_AGENT_MAINT] = SERVER_MAINT,
    };
    if (a->has_weight)
        s->agent_percent = (int)a->weight_percent;
    if (a->has_maxconn)
        server_set_maxconn(s, a->maxconn);
    if (a->has_oper && a->up)
        health_force_up(&s->agent, false);
    else if (a->has_oper)
        health_force_down(&s->agent);
    struct server_view before = server_view(s);
    if (a->has_admin) {
        bool was = server_admin(s) == SERVER_MAINT;
        s->admin_override = (int)wish[a->admin];
        switch_checks(s, was, wish[a->admin] == SERVER_MAINT, now);
    }
    settle(s, SERVER_BY_AGENT, now);
    struct server_view after = server_view(s);
    return kind_of(&before, &after);
}

enum server_event_kind server_force_health(struct server *s, enum server_oper oper, struct mono now)
{
    if (oper == SERVER_STOPPED)
        health_force_down(&s->check);
    else
        health_force_up(&s->check, oper == SERVER_STOPPING);
    s->oper = oper == SERVER_STARTING ? SERVER_RUNNING : oper;
    return settle(s, SERVER_BY_ADMIN, now);
}

struct mono server_ramp(struct server *s, struct mono now)
{
    unsigned percent = health_ramp_percent(s->slowstart, s->ramp_since, now);
    atomic_store_explicit(&s->ramp_percent, percent, memory_order_relaxed);
    if (percent >= 100)
        s->ramp_since = MONO_NEVER;
    settle(s, SERVER_BY_CHECK, now);
    return health_ramp_next(s->slowstart, s->ramp_since, now);
}

struct span server_downtime(const struct server *s, struct mono now)
{
    struct server_view v = server_view(s);
    int64_t us = s->downtime.us;
    if (v.oper == SERVER_STOPPED)
        us += mono_diff(now, s->changed).us;
    return span_us(us);
}

/* ---- words ---- */

/* " 1/3", while the check is between two states. */
static void add_steps(char *text, size_t size, const struct server *s, const struct server_view *v)
{
    const struct health_conf *c = &tracked_root(s)->check.conf;
    size_t len = strlen(text);
    bool up = v->oper != SERVER_STOPPED;
    if (up && v->health >= c->rise && v->health < c->rise + c->fall - 1)
        snprintf(text + len, size - len, " %d/%d", v->health - c->rise + 1, c->fall);
    else if (!up && v->health && v->health < c->rise)
        snprintf(text + len, size - len, " %d/%d", v->health, c->rise);
}

static const char *state_word(const struct server_view *v)
{
    if (v->oper == SERVER_STOPPED)
        return v->flags & SERVER_VIEW_AGENT_DOWN ? "DOWN (agent)" : "DOWN";
    if (v->admin == SERVER_DRAIN)
        return v->flags & SERVER_VIEW_AGENT ? "DRAIN (agent)" : "DRAIN";
    if (v->oper == SERVER_STOPPING)
        return "NOLB";
    return v->flags & SERVER_VIEW_CHECKED ? "UP" : "no check";
}

const char *server_status_text(const struct server *s, char text[SERVER_STATUS_MAX])
{
    struct server_view v = server_view(s);
    if (v.admin == SERVER_MAINT) {
        if (v.flags & SERVER_VIEW_INHERITED)
            snprintf(text, SERVER_STATUS_MAX, "MAINT (via %s/%s)", s->tracked->pool->name,
                     s->tracked->name);
        else
            snprintf(text, SERVER_STATUS_MAX, "MAINT");
        return text;
    }
    const char *word = state_word(&v);
    snprintf(text, SERVER_STATUS_MAX, "%s", word);
    if ((v.flags & SERVER_VIEW_CHECKED) && !strchr(word, '('))
        add_steps(text, SERVER_STATUS_MAX, s, &v);
    return text;
}
