#include "vrrpd/reload.h"

#include "common/rt/log.h"
#include "common/rt/process.h"
#include "vrrpd/instance.h"
#include "vrrpd/sync_group.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct outcome {
    size_t same, changed, started, removed, failed;
};

/* What cannot change while an instance runs: then it is another one. */
static bool same_router(const struct config_instance *a, const struct config_instance *b)
{
    return a->vrid == b->vrid && a->family == b->family && a->version == b->version &&
           a->virtual_mac == b->virtual_mac && strcmp(a->interface, b->interface) == 0;
}

/* Trackers that are shared stand outside of the instance. */
static bool same_shared(const struct config *before, const struct config *now)
{
    if (before->track.n != now->track.n)
        return false;
    for (size_t i = 0; i < now->track.n; i++)
        if (!conf_table_equal(&config_track_table, before->track.v[i], now->track.v[i]))
            return false;
    return true;
}

static struct instance *take(struct instance **list, size_t n, const struct config_instance *conf)
{
    for (size_t i = 0; i < n; i++) {
        struct instance *in = list[i];
        if (!in || strcmp(in->name, conf->obj.name) != 0 || !same_router(in->conf, conf))
            continue;
        list[i] = NULL;
        return in;
    }
    return NULL;
}

static void leave(struct engine *e, struct instance *in)
{
    instance_shutdown(in);
    struct instance **v = reallocarray(e->leaving, e->leaving_count + 1, sizeof(struct instance *));
    if (!v) { /* its second farewell is lost, no more */
        instance_free(in);
        return;
    }
    e->leaving = v;
    v[e->leaving_count++] = in;
    engine_settled(e);
}

static void complain(struct buf *out, const struct err *e, struct outcome *o)
{
    log_err("reload: %s", e->text);
    buf_printf(out, "%s\n", e->text);
    o->failed++;
}

/* Instances that stay come first, then those that go, then new ones: one whose vrid moved from one
 * name to another frees it before it is taken. */
static void apply(struct engine *e, const struct config *before, struct buf *out, struct outcome *o)
{
    const struct conf_list *list = &e->config->instances;
    struct instance **old = e->instances;
    size_t old_count = e->instance_count;
    bool shared = same_shared(before, e->config);
    struct instance **now = calloc(list->n + 1, sizeof(struct instance *));

    if (!now)
        return;
    for (size_t i = 0; i < list->n; i++) {
        struct err err = {0};
        const struct config_instance *conf = list->v[i];
        now[i] = take(old, old_count, conf);
        if (!now[i])
            continue;
        bool same =
            shared && conf_table_equal(&config_instance_table, now[i]->conf, conf) &&
            !sync_group_of(before, conf->obj.name) == !sync_group_of(e->config, conf->obj.name);
        *(same ? &o->same : &o->changed) += 1;
        if ((same ? instance_rebase(now[i], conf, &err) : instance_change(now[i], conf, &err)) < 0)
            complain(out, &err, o);
    }
    e->instance_count = 0;
    for (size_t i = 0; i < old_count; i++) {
        if (!old[i])
            continue;
        o->removed++;
        leave(e, old[i]);
    }
    for (size_t i = 0; i < list->n; i++) {
        struct err err = {0};
        if (!now[i]) {
            o->started++;
            if (instance_new(&now[i], e, list->v[i], &err) < 0)
                complain(out, &err, o);
        }
        if (now[i])
            now[e->instance_count++] = now[i];
    }
    e->instances = now;
    free(old);
    struct err err = {0};
    if (sync_groups_apply(e, &err) < 0)
        complain(out, &err, o);
}

static void apply_daemon(struct engine *e, const struct config *before, struct buf *out,
                         struct outcome *o)
{
    struct err err = {0};

    if (engine_apply_static(e, &err) < 0)
        complain(out, &err, o);
    if (engine_serve_metrics(e, before, &err) < 0)
        complain(out, &err, o);
    if (strcmp(e->config->control, before->control) != 0 || e->config->guardian != before->guardian)
        buf_str(out, "notice: \"control\" and \"guardian\" take effect at the next start\n");
}

static void tell(struct engine *e, const struct outcome *o, struct buf *out)
{
    struct history_record r = {.kind = HISTORY_DAEMON};

    snprintf(r.text, sizeof(r.text),
             "reloaded %s: %zu unchanged, %zu changed, %zu started, %zu removed%s", e->config_path,
             o->same, o->changed, o->started, o->removed, o->failed ? ", with errors" : "");
    history_add(e->history, o->failed ? LOG_LEVEL_ERR : LOG_LEVEL_NOTICE, &r);
    buf_printf(out, "%s\n", r.text);
}

static void refuse(struct engine *e, const struct conf_report *report)
{
    const struct conf_diag *first = NULL;
    struct history_record r = {.kind = HISTORY_DAEMON};

    for (size_t i = 0; i < report->count && !first; i++)
        if (report->diags[i].severity == CONF_ERROR)
            first = &report->diags[i];
    e->reloads_failed++;
    if (first && first->at.file)
        snprintf(r.text, sizeof(r.text), "not reloaded: %s:%u:%u: %s", first->at.file->name,
                 first->at.line, first->at.col, first->text);
    else
        snprintf(r.text, sizeof(r.text), "not reloaded: %s", first ? first->text : "out of memory");
    history_add(e->history, LOG_LEVEL_ERR, &r);
}

int reload(struct engine *e, struct buf *out)
{
    struct conf_report report = {0};
    struct config *fresh, *before = e->config;
    struct outcome o = {0};

    if (e->stopping) {
        buf_str(out, "vrrpd is stopping\n");
        return -ESHUTDOWN;
    }
    process_notify("RELOADING=1");
    int err = config_load(e->config_path, &fresh, &report);
    conf_report_render(&report, out);
    if (err < 0) {
        refuse(e, &report);
        config_free(fresh);
        process_notify("READY=1");
        return err;
    }
    config_forget_text(fresh);
    e->config = fresh;
    e->reloads++;
    log_set_level((enum log_level)fresh->log);
    apply(e, before, out, &o);
    apply_daemon(e, before, out, &o);
    config_free(before);
    tell(e, &o, out);
    process_notify("READY=1");
    return o.failed ? -EIO : 0;
}
