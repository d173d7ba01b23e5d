#include "vrrpd/status.h"

#include "common/rt/log.h"
#include "vrrpd/engine.h"
#include "vrrpd/explain.h"
#include "vrrpd/instance.h"
#include "vrrpd/sync_group.h"
#include "vrrpd/version.h"
#include "vrrpd/wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct span until(struct mono at, struct mono now)
{
    return mono_is_never(at) ? span_us(-1) : span_us(MAX(mono_diff(at, now).us, 0));
}

static bool take_addresses(struct status_instance *s, const struct instance *in)
{
    s->addresses = calloc(in->vips.n + 1, sizeof(*s->addresses));
    if (!s->addresses)
        return false;
    s->address_count = in->vips.n;
    for (size_t i = 0; i < in->vips.n; i++) {
        const struct vip *v = &in->vips.v[i];
        s->addresses[i] =
            (struct status_address){.address = v->address, .held = v->held, .error = v->error};
        snprintf(s->addresses[i].device, sizeof(s->addresses[i].device), "%s", v->link->name);
    }
    return true;
}

static void take_tracker(struct status_tracker *t, const struct tracking_use *use,
                         const struct priority_share *share, bool pending, struct mono now)
{
    track_snapshot(tracking_of(use), &t->snapshot);
    t->since = t->snapshot.state == TRACK_UNKNOWN ? span_us(-1) : mono_diff(now, t->snapshot.since);
    t->share = share->delta;
    t->fault = share->fault;
    t->pending = pending;
    t->swing = use->fx.on_fail.priority - use->fx.on_ok.priority;
    t->fault_if_failed = use->fx.on_fail.fault;
}

static bool take_trackers(struct status_instance *s, const struct instance *in, struct mono now)
{
    const struct shares *from = in->shares;

    if (!from || !in->conf) /* when it is being stopped, they are gone */
        return true;
    s->trackers = calloc(from->priority.count + 1, sizeof(*s->trackers));
    if (!s->trackers)
        return false;
    s->tracker_count = from->priority.count;
    for (size_t i = 0; i < s->tracker_count; i++)
        take_tracker(&s->trackers[i], from->uses[i], &from->priority.shares[i], from->pending[i],
                     now);
    return true;
}

static void take_router(struct status_instance *s, const struct instance *in, struct mono now)
{
    const struct vrrp *v = &in->vrrp;

    s->vrid = v->conf.vrid;
    s->version = v->conf.version;
    s->family = v->conf.family;
    s->priority = v->priority;
    s->base_priority = v->conf.priority;
    s->interval = v->conf.interval;
    s->active_interval = v->active_interval;
    s->down_interval = vrrp_active_down_interval(v);
    s->next_advert = until(v->adver_at, now);
    s->takeover_in = until(v->down_at, now);
    s->source = v->src;
    s->unicast = v->conf.peer_count > 0;
    s->preempt = v->conf.preempt;
    s->held_back = v->holding && now.us < v->hold_until.us;
    s->peer = v->peer;
    s->peer_ago = v->peer.addr.family ? mono_diff(now, v->peer.heard) : span_us(-1);
    s->peer_addresses_differ = v->noted_addrs.what != 0;
    s->faults = v->faults;
    s->checksum =
        v->conf.version == 3 && v->conf.family == AF_INET ? packet_form_name(v->form) : "";
    s->counters = v->counters;
    s->since = v->reason == VRRP_REASON_NONE ? mono_diff(now, in->engine->started)
                                             : mono_diff(now, v->since);
}

static bool take_instance(struct status_instance *s, const struct instance *in, struct mono now)
{
    snprintf(s->name, sizeof(s->name), "%s", in->name);
    snprintf(s->interface, sizeof(s->interface), "%s", in->link->name);
    snprintf(s->why, sizeof(s->why), "%s", in->why ? in->why : "");
    if (in->vrrp.faults && in->fault_text)
        snprintf(s->fault_text, sizeof(s->fault_text), "%s", in->fault_text);
    s->state = in->shown_state;
    s->reason = vrrp_reason_name(in->vrrp.reason);
    s->starting = in->starting;
    take_router(s, in, now);
    memcpy(s->rejects, in->rejects, sizeof(s->rejects));
    s->rival = in->rival;
    memcpy(s->rival_mac, in->rival_mac, sizeof(s->rival_mac));
    s->send_errors = in->send_errors;
    s->addresses_lost = in->addresses_lost;
    s->addresses_restored = in->addresses_restored;
    if (in->group)
        snprintf(s->group, sizeof(s->group), "%s", in->group->name);
    if (in->notify)
        notify_snapshot(in->notify, &s->notify);
    return take_addresses(s, in) && take_trackers(s, in, now);
}

static bool take_wires(struct status *s, const struct engine *e)
{
    size_t n = 0;

    list_for_each (it, &e->wires)
        n++;
    s->wires = calloc(n + 1, sizeof(*s->wires));
    if (!s->wires)
        return false;
    list_for_each (it, &e->wires) {
        const struct wire *w = list_entry(it, struct wire, node);
        struct status_wire *out = &s->wires[s->wire_count++];
        snprintf(out->interface, sizeof(out->interface), "%s", w->link->name);
        out->family = w->family;
        out->open = w->socket != NULL;
        memcpy(out->rejects, w->rejects, sizeof(out->rejects));
        if (!w->socket)
            continue;
        const struct vsocket_stats *stats = vsocket_stats(w->socket);
        out->received = stats->received;
        out->sent = stats->sent;
        out->send_errors = stats->send_errors;
        out->truncated = stats->truncated;
    }
    return true;
}

static void take_daemon(struct status *s, const struct engine *e, struct mono now)
{
    const struct netlink_stats *nl = netlink_stats(e->netlink);

    if (e->config->node)
        snprintf(s->node, sizeof(s->node), "%s", e->config->node);
    else if (gethostname(s->node, sizeof(s->node) - 1) < 0)
        snprintf(s->node, sizeof(s->node), "?");
    s->version = VRRPD_VERSION;
    s->pid = getpid();
    s->uptime = mono_diff(now, e->started);
    s->maintenance = e->maintenance;
    s->stopping = e->stopping;
    s->reloads = e->reloads;
    s->reloads_failed = e->reloads_failed;
    s->netlink_requests = nl->requests;
    s->netlink_failed = nl->failed;
    s->netlink_overruns = nl->overruns;
    s->link_resyncs = links_stats(e->links)->resyncs;
    s->garp_sent = garp_stats(e->garp)->sent;
    s->garp_failed = garp_stats(e->garp)->failed;
    s->log_dropped = log_dropped();
    s->late_max = loop_stats(e->loop)->late_max;
}

struct status *status_take(const struct engine *e, const char *only)
{
    struct mono now = loop_now(e->loop);
    struct status *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->instances = calloc(e->instance_count + 1, sizeof(*s->instances));
    bool whole = s->instances && take_wires(s, e);
    take_daemon(s, e, now);
    for (size_t i = 0; whole && i < e->instance_count; i++)
        if (!only || strcmp(only, e->instances[i]->name) == 0)
            whole = take_instance(&s->instances[s->instance_count++], e->instances[i], now);
    if (whole)
        return s;
    status_free(s);
    return NULL;
}

void status_free(struct status *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->instance_count; i++) {
        free(s->instances[i].addresses);
        free(s->instances[i].trackers);
    }
    free(s->instances);
    free(s->wires);
    free(s);
}
