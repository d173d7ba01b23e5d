#include "vrrpd/probe/probe_report.h"

#include "common/base/macro.h"
#include "common/base/parse.h"

#include <inttypes.h>
#include <string.h>

/* Colours that can be told apart by most eyes, one set a scheme. */
static const char sheet[] =
    ":root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--dim:#656d76;--line:#d8dee4;"
    "--gap:#cf222e;--latency:#57606a;--l0:#0969da;--l1:#8250df;--l2:#1a7f37;--l3:#bc4c00;"
    "--l4:#0598bc;--l5:#bf3989;--l6:#6e7781;--l7:#4d2d00;--bad:#cf222e}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#0d1117;--fg:#e6edf3;--dim:#8b949e;"
    "--line:#30363d;--gap:#f85149;--latency:#8b949e;--l0:#58a6ff;--l1:#bc8cff;--l2:#3fb950;"
    "--l3:#f0883e;--l4:#39c5cf;--l5:#f778ba;--l6:#b1bac4;--l7:#d29922;--bad:#f85149}}\n"
    "body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;margin:2rem auto;"
    "max-width:1040px;padding:0 1rem}\n"
    "h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .5rem}p{margin:.2rem 0;"
    "color:var(--dim)}\n"
    ".figures{display:flex;flex-wrap:wrap;gap:.8rem 2.2rem;margin:1.2rem 0}\n"
    ".figures div{font-size:.85rem;color:var(--dim)}.figures b{display:block;font-size:1.5rem;"
    "color:var(--fg);font-variant-numeric:tabular-nums}.figures .alarm b{color:var(--gap)}\n"
    "table{border-collapse:collapse}td,th{padding:.15rem 1.2rem .15rem 0;text-align:right;"
    "font-variant-numeric:tabular-nums}td:first-child,th:first-child{text-align:left}"
    "th{color:var(--dim);font-weight:normal}\n"
    "svg{width:100%;height:auto;display:block}svg text{font:11px system-ui,sans-serif;"
    "fill:var(--dim)}svg .side{text-anchor:end}svg .tick,svg .gaptext{text-anchor:middle}"
    "svg .gaptext{fill:var(--gap);font-weight:bold;font-size:13px}\n"
    "svg .grid{stroke:var(--line);stroke-width:1;fill:none}"
    "svg .latency{stroke:var(--latency);stroke-width:1.4;fill:none}"
    "svg .gap{fill:var(--gap);fill-opacity:.16}svg .bad{fill:var(--bad)}\n"
    "svg .l0{fill:var(--l0)}svg .l1{fill:var(--l1)}svg .l2{fill:var(--l2)}svg .l3{fill:var(--l3)}"
    "svg .l4{fill:var(--l4)}svg .l5{fill:var(--l5)}svg .l6{fill:var(--l6)}svg "
    ".l7{fill:var(--l7)}\n";

void probe_report_escape(const char *text, struct buf *out)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            buf_str(out, "&amp;");
            break;
        case '<':
            buf_str(out, "&lt;");
            break;
        case '>':
            buf_str(out, "&gt;");
            break;
        case '"':
            buf_str(out, "&quot;");
            break;
        case '\'':
            buf_str(out, "&#39;");
            break;
        default:
            buf_char(out, *text);
        }
    }
}

static double ms(int64_t us)
{
    return (double)us / 1000.0;
}

static void figure(struct buf *out, bool alarm, const char *label, const char *fmt, ...)
    printf_like(4, 5);

static void figure(struct buf *out, bool alarm, const char *label, const char *fmt, ...)
{
    va_list ap;

    buf_printf(out, "<div%s><b>", alarm ? " class=\"alarm\"" : "");
    va_start(ap, fmt);
    buf_vprintf(out, fmt, ap);
    va_end(ap);
    buf_printf(out, "</b>%s</div>\n", label);
}

static void figures(const struct probe_stats *s, struct buf *out)
{
    struct probe_gap g = probe_stats_longest(s);
    int64_t gap = g.to.us - g.from.us;
    bool outage = gap >= MAX(5 * s->interval.us, (int64_t)5000);

    buf_str(out, "<div class=\"figures\">\n");
    figure(out, outage, g.open ? "longest gap, not over at the end" : "longest gap", "%.1f ms",
           ms(gap));
    figure(out, false, "requests", "%" PRIu64, s->requests);
    figure(out, s->failed > 0, "failed", "%" PRIu64, s->failed);
    figure(out, false, "median", "%.2f ms", ms(probe_stats_percentile(s, 50).us));
    figure(out, false, "99 %", "%.2f ms", ms(probe_stats_percentile(s, 99).us));
    figure(out, false, "slowest success", "%.2f ms", ms(s->slowest.us));
    buf_str(out, "</div>\n");
}

static void count_row(struct buf *out, const char *name, uint64_t n, uint64_t all)
{
    buf_str(out, "<tr><td>");
    probe_report_escape(name, out);
    buf_printf(out, "</td><td>%" PRIu64 "</td><td>%.2f %%</td></tr>\n", n,
               all ? 100.0 * (double)n / (double)all : 0.0);
}

static void outcome_table(const struct probe_stats *s, struct buf *out)
{
    buf_str(out, "<h2>Outcomes</h2>\n<table><tr><th>outcome</th><th>requests</th><th></th></tr>\n");
    for (size_t i = 0; i < PROBE_KINDS; i++)
        if (s->kinds[i])
            count_row(out, probe_kind_name((enum probe_kind)i), s->kinds[i], s->requests);
    buf_str(out, "</table>\n");
}

static void server_table(const struct probe_stats *s, struct buf *out)
{
    if (!s->server_count)
        return;
    buf_str(out, "<h2>Served by</h2>\n<table><tr><th>server</th><th>requests</th><th></th></tr>\n");
    for (size_t i = 0; i < s->server_count; i++)
        count_row(out, s->servers[i].name, s->servers[i].ok, s->kinds[PROBE_OK]);
    if (s->server_more)
        count_row(out, "(others)", s->server_more, s->kinds[PROBE_OK]);
    buf_str(out, "</table>\n");
}

static void gap_table(const struct probe_stats *s, struct buf *out)
{
    buf_str(out, "<h2>Longest times without a success</h2>\n"
                 "<table><tr><th>length</th><th>from</th><th>to</th></tr>\n");
    for (size_t i = 0; i < s->gap_count; i++) {
        const struct probe_gap *g = &s->gaps[i];
        buf_printf(out, "<tr><td>%.1f ms</td><td>%.3f s</td><td>%.3f s%s</td></tr>\n",
                   ms(g->to.us - g->from.us), (double)(g->from.us - s->start.us) / 1e6,
                   (double)(g->to.us - s->start.us) / 1e6, g->open ? " (the end)" : "");
    }
    buf_str(out, "</table>\n");
}

/* The longest gap with as much again on either side, when the whole run hardly shows it. */
static void closer_look(const struct probe_stats *s, struct buf *out)
{
    struct probe_gap g = probe_stats_longest(s);
    int64_t gap = g.to.us - g.from.us, run = s->end.us - s->start.us;
    int64_t margin = MAX(gap, MAX(20 * s->interval.us, 20 * s->bucket_width.us));

    if (gap < 5 * s->interval.us || gap + 2 * margin > run / 2)
        return;
    struct mono from = {MAX(g.from.us - margin, s->start.us)};
    struct mono to = {MIN(g.to.us + margin, s->end.us)};
    buf_str(out, "<h2>The longest gap, closer</h2>\n");
    probe_report_svg(s, from, to, out);
}

static void heading(const struct probe_stats *s, const struct probe_subject *subject,
                    struct buf *out)
{
    char interval[PARSE_SPAN_MAX];

    buf_str(out, "<h1>http://");
    probe_report_escape(subject->target, out);
    probe_report_escape(subject->path, out);
    buf_printf(out,
               "</h1>\n<p>A new connection and a GET every %s for %.1f s, whatever became of those "
               "before. Latency counts from the planned instant.</p>\n",
               span_format(subject->interval, interval), (double)(s->end.us - s->start.us) / 1e6);
    if (s->late_max.us > MAX(subject->interval.us, (int64_t)10000))
        buf_printf(out,
                   "<p>The prober itself was up to %.1f ms late: its machine was busy, and gaps of "
                   "that length may be its own.</p>\n",
                   ms(s->late_max.us));
}

void probe_report(const struct probe_stats *s, const struct probe_subject *subject, struct buf *out)
{
    buf_str(out, "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width\">\n<title>probe of ");
    probe_report_escape(subject->target, out);
    buf_printf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", sheet);
    heading(s, subject, out);
    figures(s, out);
    buf_str(out, "<h2>Timeline</h2>\n");
    probe_report_svg(s, s->start, s->end, out);
    closer_look(s, out);
    outcome_table(s, out);
    server_table(s, out);
    gap_table(s, out);
    buf_str(out, "</body>\n</html>\n");
}
