/*
 * Everything here is bounded. Latencies go into a histogram whose classes grow with the value (64
 * to a doubling, hence 2 %). The course of the run is kept in equal buckets; when they are used up,
 * neighbours are merged and the width doubles. Gaps are found as outcomes arrive.
 */
#include "vrrpd/probe/probe_stats.h"

#include "common/base/macro.h"

#include <stdio.h>
#include <string.h>

enum { SUB_BITS = 6, SUB = 1 << SUB_BITS, FIRST_WIDTH_US = 1000 };

const char *probe_kind_name(enum probe_kind kind)
{
    static const char *const names[PROBE_KINDS] = {
        [PROBE_OK] = "ok",
        [PROBE_REFUSED] = "refused",
        [PROBE_RESET] = "reset",
        [PROBE_TIMEOUT] = "timeout",
        [PROBE_NO_ROUTE] = "no-route",
        [PROBE_BAD_REPLY] = "bad-reply",
        [PROBE_HTTP_5XX] = "http-5xx",
        [PROBE_NOT_SENT] = "not-sent",
    };
    return names[kind];
}

void probe_stats_init(struct probe_stats *s, struct mono start, struct span interval)
{
    memset(s, 0, sizeof(*s));
    s->start = s->end = start;
    s->interval = interval;
    s->last_ok = MONO_NEVER;
    s->bucket_width = span_us(FIRST_WIDTH_US);
}

/* --- latency --- */

/* Values below SUB have a class each; above, each doubling has SUB classes. */
static size_t class_of(uint64_t us)
{
    if (us < SUB)
        return us;
    unsigned exp = 63u - (unsigned)__builtin_clzll(us);
    unsigned shift = exp - SUB_BITS;
    size_t class = ((size_t)shift + 1) * SUB + (size_t)((us >> shift) & (SUB - 1));
    return MIN(class, (size_t)PROBE_HISTOGRAM - 1);
}

/* The greatest value of a class. */
static uint64_t class_top(size_t class)
{
    if (class < SUB)
        return class;
    unsigned shift = (unsigned)(class / SUB) - 1;
    uint64_t first = ((uint64_t)SUB + class % SUB) << shift;
    return first + (UINT64_C(1) << shift) - 1;
}

struct span probe_stats_percentile(const struct probe_stats *s, double percent)
{
    uint64_t wanted = (uint64_t)((double)s->kinds[PROBE_OK] * percent / 100.0 + 0.999999);
    uint64_t seen = 0;

    for (size_t i = 0; i < PROBE_HISTOGRAM; i++) {
        seen += s->histogram[i];
        if (s->histogram[i] && seen >= wanted) {
            int64_t top = (int64_t)class_top(i);
            return span_us(MIN(top, s->slowest.us));
        }
    }
    return s->slowest;
}

/* --- gaps --- */

static int64_t gap_us(const struct probe_gap *g)
{
    return g->to.us - g->from.us;
}

/* Keeps the list sorted, longest first. */
static void gap_add(struct probe_stats *s, struct probe_gap gap)
{
    size_t at = s->gap_count;

    while (at > 0 && gap_us(&s->gaps[at - 1]) < gap_us(&gap))
        at--;
    if (at == PROBE_GAPS)
        return;
    if (s->gap_count < PROBE_GAPS)
        s->gap_count++;
    memmove(&s->gaps[at + 1], &s->gaps[at], (s->gap_count - at - 1) * sizeof(gap));
    s->gaps[at] = gap;
}

static void success_at(struct probe_stats *s, struct mono now)
{
    bool first = mono_is_never(s->last_ok);
    struct mono from = first ? s->start : s->last_ok;

    if (mono_before(from, now))
        gap_add(s, (struct probe_gap){.from = from, .to = now, .first = first});
    if (first || mono_before(s->last_ok, now))
        s->last_ok = now;
}

struct probe_gap probe_stats_longest(const struct probe_stats *s)
{
    return s->gap_count ? s->gaps[0] : (struct probe_gap){.from = s->start, .to = s->start};
}

/* --- servers --- */

static void copy_name(char out[PROBE_SERVER_NAME], const char *name)
{
    size_t n = 0;

    for (; name[n] && n < PROBE_SERVER_NAME - 1; n++)
        out[n] = name[n] >= ' ' && name[n] <= '~' ? name[n] : '?';
    out[n] = '\0';
}

/* Its place in the table; `server_count` may grow. PROBE_SERVERS if the table is full. */
static size_t server_place(struct probe_stats *s, const char *name)
{
    char clean[PROBE_SERVER_NAME];

    copy_name(clean, name && *name ? name : "(no name)");
    for (size_t i = 0; i < s->server_count; i++)
        if (strcmp(s->servers[i].name, clean) == 0)
            return i;
    if (s->server_count == PROBE_SERVERS)
        return PROBE_SERVERS;
    memcpy(s->servers[s->server_count].name, clean, sizeof(clean));
    return s->server_count++;
}

/* --- the course --- */

static const struct probe_bucket empty_bucket = {.fastest_us = UINT32_MAX};

void probe_bucket_merge(struct probe_bucket *into, const struct probe_bucket *b)
{
    for (size_t i = 0; i < PROBE_LANES; i++)
        into->lane[i] += b->lane[i];
    for (size_t i = 0; i < PROBE_KINDS; i++)
        into->failed[i] += b->failed[i];
    into->fastest_us = MIN(into->fastest_us, b->fastest_us);
    into->slowest_us = MAX(into->slowest_us, b->slowest_us);
}

static void buckets_halve(struct probe_stats *s)
{
    size_t half = (s->bucket_count + 1) / 2;

    for (size_t i = 0; i < half; i++) {
        struct probe_bucket b = s->buckets[2 * i];
        if (2 * i + 1 < s->bucket_count)
            probe_bucket_merge(&b, &s->buckets[2 * i + 1]);
        s->buckets[i] = b;
    }
    s->bucket_count = half;
    s->bucket_width.us *= 2;
}

static struct probe_bucket *bucket_of(struct probe_stats *s, struct mono at)
{
    int64_t since = MAX(at.us - s->start.us, 0);

    while (since / s->bucket_width.us >= PROBE_BUCKETS)
        buckets_halve(s);
    size_t i = (size_t)(since / s->bucket_width.us);
    while (s->bucket_count <= i)
        s->buckets[s->bucket_count++] = empty_bucket;
    return &s->buckets[i];
}

/* --- --- */

static void add_success(struct probe_stats *s, const struct probe_result *r,
                        struct probe_bucket *bucket)
{
    int64_t took = MAX(r->done.us - r->planned.us, 0);
    size_t place = server_place(s, r->server);
    uint32_t us = (uint32_t)MIN(took, (int64_t)UINT32_MAX - 1);

    s->histogram[class_of((uint64_t)took)]++;
    s->slowest.us = MAX(s->slowest.us, took);
    if (place < PROBE_SERVERS)
        s->servers[place].ok++;
    else
        s->server_more++;
    bucket->lane[MIN(place, (size_t)PROBE_LANES - 1)]++;
    bucket->fastest_us = MIN(bucket->fastest_us, us);
    bucket->slowest_us = MAX(bucket->slowest_us, us);
    success_at(s, r->done);
}

void probe_stats_add(struct probe_stats *s, const struct probe_result *r)
{
    struct probe_bucket *bucket = bucket_of(s, r->planned);

    s->requests++;
    s->kinds[r->kind]++;
    if (r->status > 0 && r->status < PROBE_STATUSES)
        s->statuses[r->status]++;
    if (r->kind == PROBE_OK) {
        add_success(s, r, bucket);
    } else {
        s->failed++;
        bucket->failed[r->kind]++;
    }
}

void probe_stats_late(struct probe_stats *s, struct span late)
{
    s->late_max.us = MAX(s->late_max.us, late.us);
}

void probe_stats_end(struct probe_stats *s, struct mono end)
{
    bool never = mono_is_never(s->last_ok);
    struct mono from = never ? s->start : s->last_ok;

    s->end = end;
    if (mono_before(from, end))
        gap_add(s, (struct probe_gap){.from = from, .to = end, .first = never, .open = true});
}
