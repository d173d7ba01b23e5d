/*
 * The timeline, top to bottom:
 *
 *     latency     one stroke a column, fastest to slowest success, logarithmic
 *     lanes       one a server: where it answered
 *     failures    one lane a kind that occurred
 *     time        seconds since the start
 *
 * and over all of it, shaded, the gaps in which nothing succeeded. Requests stand where they were
 * planned, so a request that took long because of an outage stands inside it. Columns are as wide
 * as the probe's interval at least, so that lanes have no holes that mean nothing.
 */
#include "vrrpd/probe/probe_report.h"

#include "common/base/macro.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

enum {
    WIDTH = 1000,
    LEFT = 130,
    RIGHT = 24,
    TOP = 22,
    LATENCY_HEIGHT = 130,
    LANE_HEIGHT = 12,
    LANE_STEP = 18,
    AXIS_HEIGHT = 30,
    COLUMNS_MAX = WIDTH - LEFT - RIGHT,
    TICKS = 10,
    LABEL_WIDTH = 64,
};

struct view {
    const struct probe_stats *s;
    int64_t from_us, to_us; /* since the start */
    unsigned columns;
    struct probe_bucket column[COLUMNS_MAX];
    int64_t floor_us, ceil_us; /* of the latency's axis: powers of ten */
    int height, lanes_top, lanes;
};

static double x_of(const struct view *v, int64_t us)
{
    double x = (double)(us - v->from_us) / (double)(v->to_us - v->from_us) * COLUMNS_MAX;
    return LEFT + MIN(MAX(x, 0.0), (double)COLUMNS_MAX);
}

static double x_of_column(const struct view *v, unsigned i)
{
    return LEFT + (double)i * COLUMNS_MAX / v->columns;
}

static double y_of(const struct view *v, int64_t us)
{
    double range = log10((double)v->ceil_us / (double)v->floor_us);
    double part = us <= v->floor_us ? 0 : log10((double)us / (double)v->floor_us) / range;
    return TOP + LATENCY_HEIGHT * (1 - MIN(part, 1.0));
}

/* --- columns --- */

static unsigned column_count(const struct view *v)
{
    int64_t finest = MAX(v->s->interval.us, v->s->bucket_width.us);
    int64_t n = (v->to_us - v->from_us) / MAX(finest, (int64_t)1);
    return (unsigned)MIN(MAX(n, (int64_t)1), (int64_t)COLUMNS_MAX);
}

static void fill_columns(struct view *v)
{
    v->columns = column_count(v);
    for (unsigned i = 0; i < v->columns; i++)
        v->column[i] = (struct probe_bucket){.fastest_us = UINT32_MAX};
    for (size_t i = 0; i < v->s->bucket_count; i++) {
        int64_t at = (int64_t)i * v->s->bucket_width.us;
        if (at < v->from_us || at >= v->to_us)
            continue;
        int64_t place = (at - v->from_us) * v->columns / (v->to_us - v->from_us);
        probe_bucket_merge(&v->column[place], &v->s->buckets[i]);
    }
}

static void fit_latency(struct view *v)
{
    int64_t slowest = 1, fastest = INT64_MAX;

    for (unsigned i = 0; i < v->columns; i++) {
        const struct probe_bucket *c = &v->column[i];
        if (c->fastest_us == UINT32_MAX)
            continue;
        fastest = MIN(fastest, (int64_t)c->fastest_us);
        slowest = MAX(slowest, (int64_t)c->slowest_us);
    }
    v->floor_us = 10;
    while (v->floor_us * 10 <= fastest && fastest != INT64_MAX)
        v->floor_us *= 10;
    v->ceil_us = v->floor_us * 100;
    while (v->ceil_us < slowest)
        v->ceil_us *= 10;
}

/* --- parts --- */

static void text_at(struct buf *out, const char *class, double x, double y, const char *text)
{
    buf_printf(out, "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\">", class, x, y);
    probe_report_escape(text, out);
    buf_str(out, "</text>\n");
}

static const char *span_label(int64_t us, char text[32])
{
    struct buf b cleanup(buf_fini) = BUF_INIT(0);

    if (us >= 1000000)
        buf_printf(&b, "%g s", (double)us / 1e6);
    else if (us >= 1000)
        buf_printf(&b, "%g ms", (double)us / 1e3);
    else
        buf_printf(&b, "%" PRId64 " µs", us);
    memcpy(text, buf_cstr(&b), MIN(b.len, (size_t)31));
    text[MIN(b.len, (size_t)31)] = '\0';
    return text;
}

static void draw_latency(const struct view *v, struct buf *out)
{
    char label[32];

    for (int64_t us = v->floor_us; us <= v->ceil_us; us *= 10) {
        double y = y_of(v, us);
        buf_printf(out, "<path class=\"grid\" d=\"M%d,%.1fH%d\"/>\n", LEFT, y, WIDTH - RIGHT);
        text_at(out, "side", LEFT - 8, y + 4, span_label(us, label));
    }
    buf_str(out, "<path class=\"latency\" d=\"");
    for (unsigned i = 0; i < v->columns; i++) {
        const struct probe_bucket *c = &v->column[i];
        if (c->fastest_us == UINT32_MAX)
            continue;
        double x = (x_of_column(v, i) + x_of_column(v, i + 1)) / 2;
        buf_printf(out, "M%.1f,%.1fV%.1f", x, y_of(v, c->fastest_us) + 1,
                   y_of(v, c->slowest_us) - 1);
    }
    buf_str(out, "\"/>\n");
}

static uint32_t lane_count(const struct probe_bucket *c, bool failure, size_t which)
{
    return failure ? c->failed[which] : c->lane[which];
}

/* One lane: neighbouring columns become one bar. */
static void draw_lane(struct view *v, const char *label, bool failure, size_t which,
                      struct buf *out)
{
    double y = v->lanes_top + v->lanes++ * LANE_STEP;

    text_at(out, "side", LEFT - 8, y + LANE_HEIGHT - 2, label);
    buf_printf(out, "<path class=\"%s%zu\" d=\"", failure ? "bad k" : "lane l", which);
    for (unsigned i = 0; i < v->columns; i++) {
        if (!lane_count(&v->column[i], failure, which))
            continue;
        unsigned end = i;
        while (end < v->columns && lane_count(&v->column[end], failure, which))
            end++;
        double x = x_of_column(v, i);
        buf_printf(out, "M%.1f,%.1fH%.1fV%.1fH%.1fZ", x, y, MAX(x_of_column(v, end), x + 1),
                   y + LANE_HEIGHT, x);
        i = end;
    }
    buf_str(out, "\"/>\n");
}

static const char *lane_label(const struct probe_stats *s, size_t lane)
{
    bool shared = lane == PROBE_LANES - 1 && s->server_count > PROBE_LANES;
    return shared ? "other servers" : s->servers[lane].name;
}

static size_t server_lanes(const struct probe_stats *s)
{
    return MIN(s->server_count, (size_t)PROBE_LANES);
}

static size_t failure_lanes(const struct probe_stats *s)
{
    size_t n = 0;

    for (size_t i = 1; i < PROBE_KINDS; i++)
        n += s->kinds[i] > 0;
    return n;
}

static void draw_lanes(struct view *v, struct buf *out)
{
    for (size_t i = 0; i < server_lanes(v->s); i++)
        draw_lane(v, lane_label(v->s, i), false, i, out);
    for (size_t i = 1; i < PROBE_KINDS; i++)
        if (v->s->kinds[i])
            draw_lane(v, probe_kind_name((enum probe_kind)i), true, i, out);
}

/* A step of 1, 2 or 5 times a power of ten that gives about TICKS of them. */
static int64_t tick_step(int64_t range_us)
{
    static const int64_t factors[] = {1, 2, 5};

    for (int64_t power = 1;; power *= 10)
        for (size_t i = 0; i < ARRAY_LEN(factors); i++)
            if (range_us / (factors[i] * power) <= TICKS)
                return factors[i] * power;
}

static void draw_axis(const struct view *v, struct buf *out)
{
    int64_t step = tick_step(v->to_us - v->from_us);
    int bottom = v->height - AXIS_HEIGHT;
    char label[32];

    for (int64_t us = (v->from_us + step - 1) / step * step; us <= v->to_us; us += step) {
        double x = x_of(v, us);
        buf_printf(out, "<path class=\"grid\" d=\"M%.1f,%dV%d\"/>\n", x, TOP, bottom);
        text_at(out, "tick", x, bottom + 18, us ? span_label(us, label) : "0");
    }
}

/* A gap is worth shading when several requests in a row had no success. */
static bool gap_shows(const struct probe_stats *s, const struct probe_gap *g)
{
    return g->to.us - g->from.us >= MAX(5 * s->interval.us, (int64_t)5000);
}

/* Labels of shorter gaps give way to those of longer ones. */
static bool label_fits(const double *taken, size_t n, double x)
{
    for (size_t i = 0; i < n; i++)
        if (fabs(taken[i] - x) < LABEL_WIDTH)
            return false;
    return true;
}

static void draw_gaps(const struct view *v, struct buf *out)
{
    int64_t start = v->s->start.us;
    double labels[PROBE_GAPS];
    size_t label_count = 0;

    for (size_t i = 0; i < v->s->gap_count; i++) {
        const struct probe_gap *g = &v->s->gaps[i];
        int64_t from = g->from.us - start, to = g->to.us - start;
        if (!gap_shows(v->s, g) || to < v->from_us || from > v->to_us)
            continue;
        double x = x_of(v, from), width = MAX(x_of(v, to) - x, 1.5), middle = x + width / 2;
        buf_printf(out, "<rect class=\"gap\" x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\"/>\n",
                   x, TOP, width, v->height - AXIS_HEIGHT - TOP);
        if (!label_fits(labels, label_count, middle))
            continue;
        buf_printf(out, "<text class=\"gaptext\" x=\"%.1f\" y=\"%d\">%.0f ms</text>\n", middle,
                   TOP - 7, (double)(to - from) / 1000);
        labels[label_count++] = middle;
    }
}

void probe_report_svg(const struct probe_stats *s, struct mono from, struct mono to,
                      struct buf *out)
{
    struct view v = {
        .s = s,
        .from_us = from.us - s->start.us,
        .to_us = MAX(to.us, from.us + 1) - s->start.us,
        .lanes_top = TOP + LATENCY_HEIGHT + 14,
    };
    int lanes = (int)(server_lanes(s) + failure_lanes(s));

    v.height = v.lanes_top + lanes * LANE_STEP + 4 + AXIS_HEIGHT;
    fill_columns(&v);
    fit_latency(&v);
    buf_printf(out,
               "<svg viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"latency, servers and failures "
               "over time\">\n",
               WIDTH, v.height);
    draw_axis(&v, out);
    draw_latency(&v, out);
    draw_lanes(&v, out);
    draw_gaps(&v, out);
    buf_str(out, "</svg>\n");
}
