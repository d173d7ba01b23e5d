#include "vrrpd/metrics.h"

#include <string.h>

static void family(const char *name, const char *type, const char *help, struct buf *out)
{
    buf_printf(out, "# TYPE %s %s\n# HELP %s %s\n", name, type, name, help);
}

/* Label values: backslash, quote and newline are escaped. */
static void label(const char *key, const char *value, bool first, struct buf *out)
{
    buf_printf(out, "%s%s=\"", first ? "{" : ",", key);
    for (const char *p = value; *p; p++) {
        if (*p == '\\' || *p == '"')
            buf_char(out, '\\');
        if (*p == '\n')
            buf_str(out, "\\n");
        else
            buf_char(out, *p);
    }
    buf_char(out, '"');
}

static void number(uint64_t n, struct buf *out)
{
    buf_printf(out, "} %llu\n", (unsigned long long)n);
}

static void seconds(struct span s, struct buf *out)
{
    buf_printf(out, "} %lld.%06lld\n", (long long)(s.us / 1000000), (long long)(s.us % 1000000));
}

/* ---- one value an instance ---- */

typedef uint64_t value_fn(const struct status_instance *i);

static uint64_t priority(const struct status_instance *i)
{
    return i->priority;
}

static uint64_t base_priority(const struct status_instance *i)
{
    return i->base_priority;
}

static uint64_t addresses_held(const struct status_instance *i)
{
    uint64_t held = 0;

    for (size_t k = 0; k < i->address_count; k++)
        held += i->addresses[k].held;
    return held;
}

static uint64_t notify_retrying(const struct status_instance *i)
{
    return i->notify.retrying;
}

#define COUNTER(NAME, EXPRESSION)                                                                  \
    static uint64_t NAME(const struct status_instance *i)                                          \
    {                                                                                              \
        return EXPRESSION;                                                                         \
    }

COUNTER(adverts_sent, i->counters.adverts_sent)
COUNTER(adverts_heard, i->counters.adverts_heard)
COUNTER(leaving_sent, i->counters.leaving_sent)
COUNTER(leaving_heard, i->counters.leaving_heard)
COUNTER(announced, i->counters.announced)
COUNTER(transitions, i->counters.transitions)
COUNTER(became_active, i->counters.became_active)
COUNTER(conflicts, i->counters.conflicts)
COUNTER(late_timers, i->counters.late_timers)
COUNTER(send_errors, i->send_errors)
COUNTER(addresses_lost, i->addresses_lost)
COUNTER(addresses_restored, i->addresses_restored)
COUNTER(notify_failed, i->notify.failed)
COUNTER(notify_timed_out, i->notify.timed_out)

static const struct {
    const char *name, *help;
    value_fn *value;
    bool counter;
} rows[] = {
    {"vrrpd_priority", "effective priority", priority, false},
    {"vrrpd_base_priority", "configured priority", base_priority, false},
    {"vrrpd_addresses_held", "addresses that are in place", addresses_held, false},
    {"vrrpd_notify_retrying", "hooks that failed and will be run again", notify_retrying, false},
    {"vrrpd_adverts_sent", "adverts sent", adverts_sent, true},
    {"vrrpd_adverts_heard", "valid adverts heard", adverts_heard, true},
    {"vrrpd_leaving_sent", "adverts of priority 0 sent", leaving_sent, true},
    {"vrrpd_leaving_heard", "adverts of priority 0 heard", leaving_heard, true},
    {"vrrpd_announcements", "rounds of gratuitous ARP or NA", announced, true},
    {"vrrpd_transitions", "changes of state", transitions, true},
    {"vrrpd_became_active", "changes to Active", became_active, true},
    {"vrrpd_conflicts", "other Active routers heard while Active", conflicts, true},
    {"vrrpd_late_timers", "timers late by more than an interval", late_timers, true},
    {"vrrpd_send_errors", "adverts that could not be sent", send_errors, true},
    {"vrrpd_addresses_lost", "addresses removed by somebody else", addresses_lost, true},
    {"vrrpd_addresses_restored", "addresses put back", addresses_restored, true},
    {"vrrpd_notify_failures", "hooks that failed", notify_failed, true},
    {"vrrpd_notify_timeouts", "hooks that were killed at their deadline", notify_timed_out, true},
};

static void render_rows(const struct status *s, struct buf *out)
{
    for (size_t r = 0; r < ARRAY_LEN(rows); r++) {
        family(rows[r].name, rows[r].counter ? "counter" : "gauge", rows[r].help, out);
        for (size_t i = 0; i < s->instance_count; i++) {
            buf_printf(out, "%s%s", rows[r].name, rows[r].counter ? "_total" : "");
            label("instance", s->instances[i].name, true, out);
            number(rows[r].value(&s->instances[i]), out);
        }
    }
}

/* ---- the rest ---- */

static void render_states(const struct status *s, struct buf *out)
{
    static const char *const states[] = {"Active", "Backup", "Fault", "Initialize", "Stopped"};

    family("vrrpd_state", "stateset", "state of the instance", out);
    for (size_t i = 0; i < s->instance_count; i++) {
        for (size_t k = 0; k < ARRAY_LEN(states); k++) {
            buf_str(out, "vrrpd_state");
            label("instance", s->instances[i].name, true, out);
            label("vrrpd_state", states[k], false, out);
            number(strcmp(s->instances[i].state, states[k]) == 0, out);
        }
    }
    family("vrrpd_state_seconds", "gauge", "how long it has been in its state", out);
    for (size_t i = 0; i < s->instance_count; i++) {
        buf_str(out, "vrrpd_state_seconds");
        label("instance", s->instances[i].name, true, out);
        seconds(s->instances[i].since, out);
    }
}

static void render_trackers(const struct status *s, struct buf *out)
{
    family("vrrpd_tracker_ok", "gauge", "1 while the tracker is well", out);
    for (size_t i = 0; i < s->instance_count; i++) {
        for (size_t k = 0; k < s->instances[i].tracker_count; k++) {
            const struct track_snapshot *t = &s->instances[i].trackers[k].snapshot;
            buf_str(out, "vrrpd_tracker_ok");
            label("instance", s->instances[i].name, true, out);
            label("tracker", t->name, false, out);
            label("type", track_type_name(t->type), false, out);
            number(t->state == TRACK_OK, out);
        }
    }
}

static void rejects(const char *key, const char *name, const uint64_t *counts, struct buf *out)
{
    for (int k = PACKET_OK + 1; k < PACKET_OUTCOMES; k++) {
        buf_str(out, "vrrpd_rejected_total");
        label(key, name, true, out);
        label("reason", packet_outcome_name(k), false, out);
        number(counts[k], out);
    }
}

static void render_rejects(const struct status *s, struct buf *out)
{
    family("vrrpd_rejected", "counter", "adverts that were discarded", out);
    for (size_t i = 0; i < s->instance_count; i++)
        rejects("instance", s->instances[i].name, s->instances[i].rejects, out);
    for (size_t w = 0; w < s->wire_count; w++)
        rejects(s->wires[w].family == AF_INET6 ? "interface6" : "interface", s->wires[w].interface,
                s->wires[w].rejects, out);
}

static void render_daemon(const struct status *s, struct buf *out)
{
    const struct {
        const char *name, *type, *help;
        uint64_t value;
    } all[] = {
        {"vrrpd_maintenance", "gauge", "1 while in maintenance", s->maintenance},
        {"vrrpd_reloads", "counter", "reloads", s->reloads},
        {"vrrpd_reloads_failed", "counter", "reloads that were refused", s->reloads_failed},
        {"vrrpd_netlink_failed", "counter", "netlink requests that failed", s->netlink_failed},
        {"vrrpd_netlink_overruns", "counter", "netlink answers that were lost",
         s->netlink_overruns},
        {"vrrpd_link_resyncs", "counter", "link messages lost, read anew", s->link_resyncs},
        {"vrrpd_log_dropped", "counter", "log lines that were dropped", s->log_dropped},
    };
    for (size_t k = 0; k < ARRAY_LEN(all); k++) {
        family(all[k].name, all[k].type, all[k].help, out);
        buf_printf(out, "%s%s %llu\n", all[k].name, all[k].type[0] == 'c' ? "_total" : "",
                   (unsigned long long)all[k].value);
    }
    family("vrrpd_build", "info", "version of vrrpd", out);
    buf_str(out, "vrrpd_build_info");
    label("version", s->version, true, out);
    label("node", s->node, false, out);
    number(1, out);
    family("vrrpd_uptime_seconds", "gauge", "how long vrrpd has run", out);
    buf_printf(out, "vrrpd_uptime_seconds %lld.%06lld\n", (long long)(s->uptime.us / 1000000),
               (long long)(s->uptime.us % 1000000));
}

void metrics_render(const struct status *s, struct buf *out)
{
    render_daemon(s, out);
    render_states(s, out);
    render_rows(s, out);
    render_trackers(s, out);
    render_rejects(s, out);
    buf_str(out, "# EOF\n");
}
