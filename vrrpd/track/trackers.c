/* What trackers share: one inotify descriptor, one pass over /proc for all, one subscription to the
 * kernel's process events. */
#include "vrrpd/track/kind.h"

#include "common/rt/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void on_process(void *ctx, pid_t pid)
{
    struct trackers *ts = ctx;
    char comm[PROCSCAN_COMM_MAX] = "";
    if (pid != 0 && !procscan_comm(pid, comm))
        return; /* gone already */
    if (pid == 0 && procev_state(ts->procev) == PROCEV_OFF)
        snprintf(ts->procev_reason, sizeof(ts->procev_reason), "%s", procev_reason(ts->procev));
    list_for_each (it, &ts->all) {
        struct tracker *t = list_entry(it, struct tracker, node);
        if (!t->kind->exec)
            continue;
        if (pid != 0)
            t->kind->exec(t, pid, comm);
        else
            track_check(t);
    }
}

int trackers_new(struct trackers **out, struct loop *loop, struct children *children, struct err *e)
{
    struct trackers *ts = calloc(1, sizeof(*ts));
    if (!ts)
        return err_set(e, -ENOMEM, "out of memory");
    ts->loop = loop;
    ts->children = children;
    list_init(&ts->all);
    pathwatches_init(&ts->paths, loop);
    procscan_init(&ts->scan, loop);
    *out = ts;
    return 0;
}

void trackers_want_procev(struct trackers *ts)
{
    struct err why;
    if (ts->procev || ts->procev_reason[0])
        return;
    if (procev_new(&ts->procev, ts->loop, on_process, ts, &why) < 0) {
        snprintf(ts->procev_reason, sizeof(ts->procev_reason), "%s", why.text);
        log_info("no process events (%s): the start of a tracked process is seen by looking",
                 why.text);
    }
}

void trackers_free(struct trackers *ts)
{
    if (!ts)
        return;
    procev_free(ts->procev);
    procscan_fini(&ts->scan);
    pathwatches_fini(&ts->paths);
    free(ts);
}

static size_t count(const struct trackers *ts)
{
    size_t n = 0;
    list_for_each (it, &ts->all)
        n++;
    return n;
}

struct trackers_stats trackers_stats(const struct trackers *ts)
{
    struct procev_stats ev = ts->procev ? procev_stats(ts->procev) : (struct procev_stats){0};
    return (struct trackers_stats){
        .trackers = count(ts),
        .procev = ts->procev && procev_state(ts->procev) == PROCEV_ON,
        .procev_reason = ts->procev_reason,
        .procev_events = ev.events,
        .procev_overflows = ev.overflows,
        .scans = ts->scan.passes,
        .script_refused = ts->script_refused,
        .inotify_overflows = ts->paths.overflows,
    };
}
