/*
 * What a run of requests amounts to: counts, gaps, percentiles, who answered, and the course of it.
 * Pure, and of fixed size whatever the length of the run.
 *
 * Each request has a planned instant, from which its latency is measured. A prober that waits for
 * a slow answer before it asks again sees one bad request where clients saw a hundred (coordinated
 * omission); this one does not wait, and what it could not send counts as a request too.
 */
#pragma once

#include "common/base/mono.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum probe_kind {
    PROBE_OK,        /* a complete reply below 500 */
    PROBE_REFUSED,   /* nobody listens there */
    PROBE_RESET,     /* cut in the middle */
    PROBE_TIMEOUT,   /* no complete reply in time */
    PROBE_NO_ROUTE,  /* no way to the host, or nobody has the address */
    PROBE_BAD_REPLY, /* not HTTP, or ended too early */
    PROBE_HTTP_5XX,  /* a complete reply that says 5xx */
    PROBE_NOT_SENT,  /* the prober could not: its own limits or machine, not the service */
};
#define PROBE_KINDS 8

/* "ok", "refused", "reset", "timeout", "no-route", "bad-reply", "http-5xx", "not-sent" */
const char *probe_kind_name(enum probe_kind kind);

struct probe_result {
    struct mono planned; /* when it was to be sent */
    struct mono done;    /* when its outcome was known */
    enum probe_kind kind;
    int status;         /* HTTP status; 0 without a reply */
    const char *server; /* who answered, as the reply says; NULL or "" if it does not */
};

/* A time without a success. */
struct probe_gap {
    struct mono from, to;
    bool first; /* nothing had succeeded before: `from` is the start */
    bool open;  /* nothing succeeded after: `to` is the end */
};

#define PROBE_SERVER_NAME 48
struct probe_server {
    char name[PROBE_SERVER_NAME]; /* printable; cut if longer */
    uint64_t ok;
};

/* A stretch of the run: what became of the requests planned in it. */
#define PROBE_LANES 8 /* servers told apart over time; `servers` counts more */
struct probe_bucket {
    uint32_t lane[PROBE_LANES];   /* successes by server; the last lane is also "any other" */
    uint32_t failed[PROBE_KINDS]; /* failures by kind */
    uint32_t fastest_us;          /* successes; UINT32_MAX if none */
    uint32_t slowest_us;
};

/* Adds what happened in `b` to `into`. */
void probe_bucket_merge(struct probe_bucket *into, const struct probe_bucket *b);

#define PROBE_BUCKETS   4096
#define PROBE_SERVERS   64
#define PROBE_GAPS      8
#define PROBE_HISTOGRAM 2304
#define PROBE_STATUSES  600

/* About 600 KB: not for the stack. Members are to be read only. */
struct probe_stats {
    struct mono start, end;
    struct span interval;
    uint64_t requests, failed;
    uint64_t kinds[PROBE_KINDS];
    uint64_t statuses[PROBE_STATUSES];

    struct mono last_ok;               /* MONO_NEVER before the first */
    struct probe_gap gaps[PROBE_GAPS]; /* the longest ones, longest first */
    size_t gap_count;

    uint64_t histogram[PROBE_HISTOGRAM]; /* successes; probe_stats_percentile() */
    struct span slowest;                 /* success */
    struct span late_max;                /* how late the prober itself sent */

    struct probe_server servers[PROBE_SERVERS];
    size_t server_count;
    uint64_t server_more; /* successes of servers that found no place in the table */

    struct probe_bucket buckets[PROBE_BUCKETS];
    size_t bucket_count;
    struct span bucket_width;
};

/* Empties; `start` is the instant of the first planned request. */
void probe_stats_init(struct probe_stats *s, struct mono start, struct span interval);

/* In the order in which outcomes became known. */
void probe_stats_add(struct probe_stats *s, const struct probe_result *r);

/* The prober sent a request so late. */
void probe_stats_late(struct probe_stats *s, struct span late);

/* To be called once, at the end: closes the last gap. */
void probe_stats_end(struct probe_stats *s, struct mono end);

/* The longest time without a success, which a run without any success is as a whole. Zero before
 * probe_stats_end(). */
struct probe_gap probe_stats_longest(const struct probe_stats *s);

/* The latency that `percent` (0 to 100) of the successes did not exceed, to within 2 %; 0 if there
 * were none. */
struct span probe_stats_percentile(const struct probe_stats *s, double percent);
