#include "vrrpd/probe/probe_summary.h"

#include "common/base/macro.h"
#include "common/base/parse.h"

#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

static const struct percentile {
    const char *key, *label;
    double percent;
} percentiles[] = {
    {"p50", "p50", 50},       {"p90", "p90", 90},  {"p99", "p99", 99},
    {"p99_9", "p99.9", 99.9}, {"max", "max", 100},
};

static double ms(int64_t us)
{
    return (double)us / 1000.0;
}

/* --- text --- */

static void text_failures(const struct probe_stats *s, struct buf *out)
{
    const char *sep = " (";

    if (!s->failed)
        return;
    for (size_t i = 1; i < PROBE_KINDS; i++) {
        if (!s->kinds[i])
            continue;
        buf_printf(out, "%s%s %" PRIu64, sep, probe_kind_name((enum probe_kind)i), s->kinds[i]);
        sep = ", ";
    }
    buf_char(out, ')');
}

static void text_gap(const struct probe_stats *s, struct buf *out)
{
    struct probe_gap g = probe_stats_longest(s);
    double from = (double)(g.from.us - s->start.us) / 1e6;
    double to = (double)(g.to.us - s->start.us) / 1e6;

    buf_printf(out, "  longest gap   %.1f ms", ms(g.to.us - g.from.us));
    if (g.open)
        buf_printf(out, ", from %.3f s on: still so at the end\n", from);
    else
        buf_printf(out, ", from %.3f s to %.3f s\n", from, to);
}

static void text_latency(const struct probe_stats *s, struct buf *out)
{
    if (!s->kinds[PROBE_OK])
        return;
    buf_str(out, "  latency      ");
    for (size_t i = 0; i < ARRAY_LEN(percentiles); i++)
        buf_printf(out, " %s %.2f ms", percentiles[i].label,
                   ms(probe_stats_percentile(s, percentiles[i].percent).us));
    buf_char(out, '\n');
}

static void text_servers(const struct probe_stats *s, struct buf *out)
{
    if (!s->server_count)
        return;
    buf_str(out, "  served by    ");
    for (size_t i = 0; i < s->server_count; i++)
        buf_printf(out, "%s %s %" PRIu64, i ? "," : "", s->servers[i].name, s->servers[i].ok);
    if (s->server_more)
        buf_printf(out, ", others %" PRIu64, s->server_more);
    buf_char(out, '\n');
}

void probe_summary_text(const struct probe_stats *s, const struct probe_subject *subject,
                        struct buf *out)
{
    char interval[PARSE_SPAN_MAX];

    buf_printf(out, "http://%s%s, a new connection every %s for %.2f s\n", subject->target,
               subject->path, span_format(subject->interval, interval),
               (double)(s->end.us - s->start.us) / 1e6);
    buf_printf(out, "  requests      %" PRIu64 ", failed %" PRIu64, s->requests, s->failed);
    text_failures(s, out);
    buf_char(out, '\n');
    text_gap(s, out);
    text_latency(s, out);
    text_servers(s, out);
    if (s->late_max.us > MAX(subject->interval.us, (int64_t)10000))
        buf_printf(out,
                   "  note          the prober itself was up to %.1f ms late: this machine is "
                   "busy, and gaps of that length may be its own\n",
                   ms(s->late_max.us));
    if (subject->events_lost)
        buf_printf(out,
                   "  note          %" PRIu64 " event lines were dropped: the reader was slow\n",
                   subject->events_lost);
}

/* --- JSON --- */

/* Milliseconds to the microsecond, without the noise of binary fractions. */
static struct json_object *json_ms(int64_t us)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRId64 ".%03" PRId64, us / 1000, us % 1000);
    return json_object_new_double_s(ms(us), text);
}

static void put(struct json_object *o, const char *key, struct json_object *value)
{
    json_object_object_add(o, key, value);
}

static void put_count(struct json_object *o, const char *key, uint64_t n)
{
    put(o, key, json_object_new_int64((int64_t)n));
}

static struct json_object *json_gap(const struct probe_stats *s, struct probe_gap g)
{
    struct json_object *o = json_object_new_object();

    put(o, "ms", json_ms(g.to.us - g.from.us));
    put(o, "from_ms", json_ms(g.from.us - s->start.us));
    put(o, "to_ms", json_ms(g.to.us - s->start.us));
    put(o, "open", json_object_new_boolean(g.open));
    return o;
}

static struct json_object *json_gaps(const struct probe_stats *s)
{
    struct json_object *list = json_object_new_array();

    for (size_t i = 0; i < s->gap_count; i++)
        json_object_array_add(list, json_gap(s, s->gaps[i]));
    return list;
}

static struct json_object *json_failures(const struct probe_stats *s)
{
    struct json_object *o = json_object_new_object();

    for (size_t i = 1; i < PROBE_KINDS; i++)
        if (s->kinds[i])
            put_count(o, probe_kind_name((enum probe_kind)i), s->kinds[i]);
    return o;
}

static struct json_object *json_latency(const struct probe_stats *s)
{
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; i < ARRAY_LEN(percentiles); i++)
        put(o, percentiles[i].key, json_ms(probe_stats_percentile(s, percentiles[i].percent).us));
    return o;
}

static struct json_object *json_servers(const struct probe_stats *s)
{
    struct json_object *o = json_object_new_object();

    for (size_t i = 0; i < s->server_count; i++)
        put_count(o, s->servers[i].name, s->servers[i].ok);
    if (s->server_more)
        put_count(o, "(others)", s->server_more);
    return o;
}

static struct json_object *json_statuses(const struct probe_stats *s)
{
    struct json_object *o = json_object_new_object();
    char code[16];

    for (int i = 0; i < PROBE_STATUSES; i++) {
        if (!s->statuses[i])
            continue;
        snprintf(code, sizeof(code), "%d", i);
        put_count(o, code, s->statuses[i]);
    }
    return o;
}

static void add_line(struct json_object *o, struct buf *out)
{
    buf_str(out, json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN |
                                                       JSON_C_TO_STRING_NOSLASHESCAPE));
    buf_char(out, '\n');
    json_object_put(o);
}

void probe_summary_json(const struct probe_stats *s, const struct probe_subject *subject,
                        struct buf *out)
{
    struct json_object *o = json_object_new_object();

    put(o, "target", json_object_new_string(subject->target));
    put(o, "path", json_object_new_string(subject->path));
    put(o, "interval_ms", json_ms(subject->interval.us));
    put(o, "duration_ms", json_ms(s->end.us - s->start.us));
    put_count(o, "requests", s->requests);
    put_count(o, "ok", s->kinds[PROBE_OK]);
    put_count(o, "failed", s->failed);
    put(o, "failures", json_failures(s));
    put(o, "longest_gap", json_gap(s, probe_stats_longest(s)));
    put(o, "gaps", json_gaps(s));
    put(o, "latency_ms", json_latency(s));
    put(o, "servers", json_servers(s));
    put(o, "statuses", json_statuses(s));
    put(o, "late_ms", json_ms(s->late_max.us));
    put_count(o, "events_lost", subject->events_lost);
    add_line(o, out);
}

void probe_event_json(const struct probe_result *r, struct mono start, struct buf *out)
{
    struct json_object *o = json_object_new_object();

    put(o, "t_ms", json_ms(r->planned.us - start.us));
    put(o, "took_ms", json_ms(r->done.us - r->planned.us));
    put(o, "kind", json_object_new_string(probe_kind_name(r->kind)));
    put(o, "status", json_object_new_int(r->status));
    put(o, "server", json_object_new_string(r->server ? r->server : ""));
    add_line(o, out);
}
