/*
 * The outcome of a run in words and as JSON. Pure.
 */
#pragma once

#include "common/base/buf.h"
#include "vrrpd/probe/probe_stats.h"

/* What was asked, for all renderers. */
struct probe_subject {
    const char *target; /* "192.0.2.10:80" */
    const char *path;
    struct span interval;
    uint64_t events_lost; /* lines of --events that nobody took */
};

/* A few lines for a terminal. */
void probe_summary_text(const struct probe_stats *s, const struct probe_subject *subject,
                        struct buf *out);

/* One line, one object:
 *
 *   target, path, interval_ms, duration_ms, requests, ok, failed
 *   failures      {kind: count}, kinds that occurred
 *   longest_gap   {ms, from_ms, to_ms, open}: the longest time without a success, since the start;
 *                 open: it had not ended
 *   gaps          the longest ones, that object each, longest first
 *   latency_ms    {p50, p90, p99, p99_9, max} of successes, from the planned instant
 *   servers       {name: successes}
 *   statuses      {code: replies}
 *   late_ms       how late the prober itself was at worst
 *   events_lost
 */
void probe_summary_json(const struct probe_stats *s, const struct probe_subject *subject,
                        struct buf *out);

/* One line for one result:
 * {"t_ms":1204.0,"took_ms":0.41,"kind":"ok","status":200,"server":"web-01"}, t_ms being the planned
 * instant since the start. */
void probe_event_json(const struct probe_result *r, struct mono start, struct buf *out);
