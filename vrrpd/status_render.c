#include "vrrpd/status_render.h"

#include "common/base/parse.h"
#include "vrrpd/advice.h"

#include <json.h>
#include <stdio.h>
#include <string.h>

/* ---- text ---- */

/* "12.3s", "5m 10s", "3h 4m", "2d 5h": as much as people want to read. */
static const char *ago(struct span s, char text[32])
{
    long long sec = s.us / 1000000;

    if (sec < 60)
        snprintf(text, 32, "%lld.%llds", sec, (long long)(s.us % 1000000) / 100000);
    else if (sec < 3600)
        snprintf(text, 32, "%lldm %llds", sec / 60, sec % 60);
    else if (sec < 86400)
        snprintf(text, 32, "%lldh %lldm", sec / 3600, sec % 3600 / 60);
    else
        snprintf(text, 32, "%lldd %lldh", sec / 86400, sec % 86400 / 3600);
    return text;
}

static void text_peer(const struct status_instance *i, struct buf *out)
{
    char addr[ADDR_TEXT_MAX], t[32];

    if (!i->peer.addr.family)
        return;
    buf_printf(out, "  peer       %s priority %u, heard %s ago\n", addr_format(&i->peer.addr, addr),
               i->peer.priority, ago(i->peer_ago, t));
}

static void text_addresses(const struct status_instance *i, struct buf *out)
{
    char addr[ADDR_TEXT_MAX];
    bool wanted = strcmp(i->state, "Active") == 0;

    for (size_t k = 0; k < i->address_count; k++) {
        const struct status_address *a = &i->addresses[k];
        buf_printf(out, "  %-10s %s on %s%s%s\n", k ? "" : "addresses",
                   addr_prefix_format(&a->address, addr), a->device,
                   a->held  ? ": held"
                   : wanted ? ": MISSING: "
                            : "",
                   !a->held && wanted ? strerror(a->error) : "");
    }
}

static void text_trackers(const struct status_instance *i, struct buf *out)
{
    char t[32];

    for (size_t k = 0; k < i->tracker_count; k++) {
        const struct status_tracker *tr = &i->trackers[k];
        const struct track_snapshot *s = &tr->snapshot;
        buf_printf(out, "  %-10s %s (%s) %s", k ? "" : "trackers", s->name, s->what,
                   track_state_name(s->state));
        if (tr->pending)
            buf_str(out, ", its first result is waited for");
        else if (tr->fault)
            buf_str(out, ", fault");
        else if (tr->share)
            buf_printf(out, ", priority %+d", tr->share);
        if (s->state != TRACK_UNKNOWN)
            buf_printf(out, ", for %s", ago(tr->since, t));
        buf_printf(out, "%s%s\n", s->reason[0] ? ": " : "", s->reason);
    }
}

static void text_notify(const struct status_instance *i, struct buf *out)
{
    const struct notify_snapshot *n = &i->notify;

    if (n->running[0])
        buf_printf(out, "  notify     %s runs\n", n->running);
    for (size_t k = 0; k < n->retrying && k < NOTIFY_RETRIES_SHOWN; k++)
        buf_printf(out, "  notify     %s failed %u times, will be tried again: %s\n",
                   n->retries[k].hook, n->retries[k].attempts, n->retries[k].error);
    if (!n->retrying && n->last_error[0])
        buf_printf(out, "  notify     last failure: %s\n", n->last_error);
}

static void text_advice(void *ctx, const char *sentence)
{
    buf_printf(ctx, "  advice     %s\n", sentence);
}

static void text_instance(const struct status_instance *i, struct buf *out)
{
    char t[32], span[PARSE_SPAN_MAX], addr[ADDR_TEXT_MAX];

    buf_printf(out, "%s: %s for %s", i->name, i->state, ago(i->since, t));
    if (i->starting)
        buf_str(out, ", waits for the first result of its trackers");
    buf_printf(out, "%s%s\n", i->why[0] ? ": " : "", i->why);
    if (i->fault_text[0])
        buf_printf(out, "  fault      %s\n", i->fault_text);
    buf_printf(out, "  priority   %u", i->priority);
    if (i->priority != i->base_priority)
        buf_printf(out, " (configured %u)", i->base_priority);
    buf_printf(out, ", %s, vrid %u, version %u, interval %s%s\n", i->interface, i->vrid, i->version,
               span_format(i->interval, span), i->unicast ? ", unicast" : "");
    if (i->group[0])
        buf_printf(out, "  group      %s\n", i->group);
    if (i->source.family)
        buf_printf(out, "  source     %s\n", addr_format(&i->source, addr));
    text_peer(i, out);
    text_addresses(i, out);
    text_trackers(i, out);
    text_notify(i, out);
    advice_each(i, text_advice, out);
}

void status_render_text(const struct status *s, struct buf *out)
{
    char t[32];

    buf_printf(out, "%s: vrrpd %s, pid %d, up %s%s%s\n", s->node, s->version, s->pid,
               ago(s->uptime, t), s->maintenance ? ", in maintenance" : "",
               s->stopping ? ", stopping" : "");
    for (size_t i = 0; i < s->instance_count; i++)
        text_instance(&s->instances[i], out);
}

static void text_rejects(const uint64_t *rejects, struct buf *out)
{
    for (int k = 0; k < PACKET_OUTCOMES; k++)
        if (rejects[k])
            buf_printf(out, "  discarded: %-19s %llu\n", packet_outcome_name(k),
                       (unsigned long long)rejects[k]);
}

struct counter {
    const char *key, *text;
    uint64_t value;
};

enum { COUNTERS = 14, DAEMON_COUNTERS = 9 };

static void counters_of(const struct status_instance *i, struct counter rows[COUNTERS])
{
    const struct vrrp_counters *c = &i->counters;
    const struct counter all[COUNTERS] = {
        {"adverts_sent", "adverts sent", c->adverts_sent},
        {"adverts_heard", "adverts heard", c->adverts_heard},
        {"leaving_sent", "of these priority 0, sent", c->leaving_sent},
        {"leaving_heard", "of these priority 0, heard", c->leaving_heard},
        {"announced", "announcements (GARP, NA)", c->announced},
        {"transitions", "transitions", c->transitions},
        {"became_active", "became Active", c->became_active},
        {"conflicts", "other Active routers heard", c->conflicts},
        {"yields", "gave way to another", c->yields},
        {"late_timers", "late timers", c->late_timers},
        {"answers_limited", "answers suppressed", c->answers_limited},
        {"send_errors", "adverts that could not be sent", i->send_errors},
        {"addresses_lost", "addresses removed by others", i->addresses_lost},
        {"addresses_restored", "addresses put back", i->addresses_restored},
    };
    memcpy(rows, all, sizeof(all));
}

static void daemon_counters(const struct status *s, struct counter rows[DAEMON_COUNTERS])
{
    const struct counter all[DAEMON_COUNTERS] = {
        {"reloads", "reloads", s->reloads},
        {"reloads_failed", "reloads refused", s->reloads_failed},
        {"netlink_requests", "netlink requests", s->netlink_requests},
        {"netlink_failed", "netlink requests that failed", s->netlink_failed},
        {"netlink_overruns", "netlink answers lost", s->netlink_overruns},
        {"link_resyncs", "link messages lost, read anew", s->link_resyncs},
        {"garp_sent", "announcements sent", s->garp_sent},
        {"garp_failed", "announcements that failed", s->garp_failed},
        {"late_max_us", "latest timer, microseconds", (uint64_t)s->late_max.us},
    };
    memcpy(rows, all, sizeof(all));
}

static void text_counters(const struct counter *rows, size_t n, struct buf *out)
{
    for (size_t k = 0; k < n; k++)
        buf_printf(out, "  %-30s %llu\n", rows[k].text, (unsigned long long)rows[k].value);
}

void status_render_stats_text(const struct status *s, struct buf *out)
{
    struct counter daemon[DAEMON_COUNTERS];

    daemon_counters(s, daemon);
    buf_str(out, "vrrpd\n");
    text_counters(daemon, DAEMON_COUNTERS, out);
    for (size_t w = 0; w < s->wire_count; w++) {
        const struct status_wire *wire = &s->wires[w];
        buf_printf(out, "%s %s%s\n  received %llu, sent %llu, send errors %llu, truncated %llu\n",
                   wire->interface, wire->family == AF_INET6 ? "IPv6" : "IPv4",
                   wire->open ? "" : " (closed)", (unsigned long long)wire->received,
                   (unsigned long long)wire->sent, (unsigned long long)wire->send_errors,
                   (unsigned long long)wire->truncated);
        text_rejects(wire->rejects, out);
    }
    for (size_t i = 0; i < s->instance_count; i++) {
        struct counter rows[COUNTERS];
        counters_of(&s->instances[i], rows);
        buf_printf(out, "instance %s\n", s->instances[i].name);
        text_counters(rows, COUNTERS, out);
        text_rejects(s->instances[i].rejects, out);
    }
}

/* ---- JSON ---- */

static void put(struct json_object *o, const char *key, const char *text)
{
    json_object_object_add(o, key, json_object_new_string(text ? text : ""));
}

static void put_bool(struct json_object *o, const char *key, bool value)
{
    json_object_object_add(o, key, json_object_new_boolean(value));
}

static void put_int(struct json_object *o, const char *key, int64_t value)
{
    json_object_object_add(o, key, json_object_new_int64(value));
}

static void put_count(struct json_object *o, const char *key, uint64_t value)
{
    json_object_object_add(o, key, json_object_new_uint64(value));
}

/* Seconds; null when it does not apply. */
static void put_span(struct json_object *o, const char *key, struct span s)
{
    char text[40];

    snprintf(text, sizeof(text), "%lld.%06lld", (long long)(s.us / 1000000),
             (long long)(s.us % 1000000));
    json_object_object_add(o, key,
                           s.us < 0 ? NULL : json_object_new_double_s((double)s.us / 1e6, text));
}

static void put_addr(struct json_object *o, const char *key, const struct addr *a)
{
    char text[ADDR_TEXT_MAX];

    if (a->family)
        put(o, key, addr_format(a, text));
    else
        json_object_object_add(o, key, NULL);
}

static struct json_object *json_rejects(const uint64_t *rejects)
{
    struct json_object *o = json_object_new_object();

    for (int k = PACKET_OK + 1; k < PACKET_OUTCOMES; k++)
        put_count(o, packet_outcome_name(k), rejects[k]);
    return o;
}

static struct json_object *json_addresses(const struct status_instance *i)
{
    struct json_object *list = json_object_new_array();
    char text[ADDR_TEXT_MAX];

    for (size_t k = 0; k < i->address_count; k++) {
        const struct status_address *a = &i->addresses[k];
        struct json_object *o = json_object_new_object();
        put(o, "address", addr_prefix_format(&a->address, text));
        put(o, "device", a->device);
        put_bool(o, "held", a->held);
        if (a->error)
            put(o, "error", strerror(a->error));
        json_object_array_add(list, o);
    }
    return list;
}

static struct json_object *json_trackers(const struct status_instance *i)
{
    struct json_object *list = json_object_new_array();

    for (size_t k = 0; k < i->tracker_count; k++) {
        const struct status_tracker *t = &i->trackers[k];
        const struct track_snapshot *s = &t->snapshot;
        struct json_object *o = json_object_new_object();
        put(o, "name", s->name);
        put(o, "type", track_type_name(s->type));
        put(o, "what", s->what);
        put(o, "state", track_state_name(s->state));
        put(o, "reason", s->reason);
        put_span(o, "since", t->since);
        put_int(o, "share", t->share);
        put_bool(o, "fault", t->fault);
        put_bool(o, "pending", t->pending);
        put_count(o, "checks", s->checks);
        put_count(o, "failures", s->failures);
        put_count(o, "timeouts", s->timeouts);
        put_count(o, "changes", s->changes);
        json_object_array_add(list, o);
    }
    return list;
}

static struct json_object *json_notify(const struct notify_snapshot *n)
{
    struct json_object *o = json_object_new_object(), *retries = json_object_new_array();

    put(o, "told", n->told ? notify_state_name(n->state) : "");
    put(o, "running", n->running);
    put_count(o, "waiting", n->waiting);
    put_count(o, "retrying", n->retrying);
    put_count(o, "succeeded", n->succeeded);
    put_count(o, "failed", n->failed);
    put_count(o, "timed_out", n->timed_out);
    put_count(o, "dropped", n->dropped);
    put(o, "last_error", n->last_error);
    for (size_t k = 0; k < n->retrying && k < NOTIFY_RETRIES_SHOWN; k++) {
        struct json_object *r = json_object_new_object();
        put(r, "hook", n->retries[k].hook);
        put_int(r, "attempts", n->retries[k].attempts);
        put(r, "error", n->retries[k].error);
        json_object_array_add(retries, r);
    }
    json_object_object_add(o, "retries", retries);
    return o;
}

static struct json_object *json_faults(uint32_t faults)
{
    struct json_object *list = json_object_new_array();

    for (int f = 0; f < VRRP_FAULTS; f++)
        if (faults & 1u << f)
            json_object_array_add(list, json_object_new_string(vrrp_fault_name(f)));
    return list;
}

static struct json_object *json_peer(const struct status_instance *i)
{
    if (!i->peer.addr.family)
        return NULL;
    struct json_object *o = json_object_new_object();
    put_addr(o, "address", &i->peer.addr);
    put_int(o, "priority", i->peer.priority);
    put_span(o, "interval", i->peer.interval);
    put_span(o, "heard_ago", i->peer_ago);
    return o;
}

static void put_counters(struct json_object *o, const struct counter *rows, size_t n)
{
    for (size_t k = 0; k < n; k++)
        put_count(o, rows[k].key, rows[k].value);
}

static struct json_object *json_counters(const struct status_instance *i)
{
    struct json_object *o = json_object_new_object();
    struct counter rows[COUNTERS];

    counters_of(i, rows);
    put_counters(o, rows, COUNTERS);
    return o;
}

static void json_advice(void *ctx, const char *sentence)
{
    json_object_array_add(ctx, json_object_new_string(sentence));
}

static struct json_object *json_instance(const struct status_instance *i)
{
    struct json_object *o = json_object_new_object();

    put(o, "name", i->name);
    put(o, "state", i->state);
    put(o, "reason", i->reason);
    put(o, "why", i->why);
    put_span(o, "since", i->since);
    put_bool(o, "starting", i->starting);
    put(o, "group", i->group);
    put(o, "interface", i->interface);
    put_int(o, "vrid", i->vrid);
    put_int(o, "version", i->version);
    put(o, "family", i->family == AF_INET6 ? "ipv6" : "ipv4");
    put_int(o, "priority", i->priority);
    put_int(o, "base_priority", i->base_priority);
    put_span(o, "interval", i->interval);
    put_span(o, "active_interval", i->active_interval);
    put_span(o, "active_down_interval", i->down_interval);
    put_span(o, "next_advert", i->next_advert);
    put_span(o, "takeover_in", i->takeover_in);
    put_addr(o, "source", &i->source);
    put_bool(o, "unicast", i->unicast);
    put_bool(o, "preempt", i->preempt);
    put(o, "checksum", i->checksum);
    json_object_object_add(o, "faults", json_faults(i->faults));
    put(o, "fault", i->fault_text);
    json_object_object_add(o, "peer", json_peer(i));
    json_object_object_add(o, "addresses", json_addresses(i));
    json_object_object_add(o, "trackers", json_trackers(i));
    struct json_object *advice = json_object_new_array();
    advice_each(i, json_advice, advice);
    json_object_object_add(o, "advice", advice);
    json_object_object_add(o, "notify", json_notify(&i->notify));
    json_object_object_add(o, "counters", json_counters(i));
    json_object_object_add(o, "rejects", json_rejects(i->rejects));
    return o;
}

static void print(struct json_object *o, struct buf *out)
{
    buf_str(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_char(out, '\n');
    json_object_put(o);
}

static struct json_object *json_daemon(const struct status *s)
{
    struct json_object *o = json_object_new_object();

    put(o, "node", s->node);
    put(o, "version", s->version);
    put_int(o, "pid", s->pid);
    put_span(o, "uptime", s->uptime);
    put_bool(o, "maintenance", s->maintenance);
    put_bool(o, "stopping", s->stopping);
    return o;
}

void status_render_json(const struct status *s, struct buf *out)
{
    struct json_object *o = json_daemon(s), *list = json_object_new_array();

    for (size_t i = 0; i < s->instance_count; i++)
        json_object_array_add(list, json_instance(&s->instances[i]));
    json_object_object_add(o, "instances", list);
    print(o, out);
}

static struct json_object *json_wires(const struct status *s)
{
    struct json_object *list = json_object_new_array();

    for (size_t w = 0; w < s->wire_count; w++) {
        const struct status_wire *wire = &s->wires[w];
        struct json_object *o = json_object_new_object();
        put(o, "interface", wire->interface);
        put(o, "family", wire->family == AF_INET6 ? "ipv6" : "ipv4");
        put_bool(o, "open", wire->open);
        put_count(o, "received", wire->received);
        put_count(o, "sent", wire->sent);
        put_count(o, "send_errors", wire->send_errors);
        put_count(o, "truncated", wire->truncated);
        json_object_object_add(o, "rejects", json_rejects(wire->rejects));
        json_object_array_add(list, o);
    }
    return list;
}

void status_render_stats_json(const struct status *s, struct buf *out)
{
    struct json_object *o = json_daemon(s), *counters = json_object_new_object();
    struct json_object *list = json_object_new_array();
    struct counter rows[DAEMON_COUNTERS];

    daemon_counters(s, rows);
    put_counters(counters, rows, DAEMON_COUNTERS);
    json_object_object_add(o, "counters", counters);
    json_object_object_add(o, "wires", json_wires(s));
    for (size_t i = 0; i < s->instance_count; i++) {
        struct json_object *in = json_object_new_object();
        put(in, "name", s->instances[i].name);
        json_object_object_add(in, "counters", json_counters(&s->instances[i]));
        json_object_object_add(in, "rejects", json_rejects(s->instances[i].rejects));
        json_object_array_add(list, in);
    }
    json_object_object_add(o, "instances", list);
    print(o, out);
}
