/*
 * Counters: one block a worker, summed on read.
 *
 * Only the owning worker writes a block, with plain relaxed loads and stores (no locked
 * instruction); any thread may read. A sum is therefore never torn and never goes back, but the
 * counters of one sum need not belong to the same instant. The last few are no sums but peaks: of
 * these the highest of all workers counts, and whoever reads may set them back.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CACHE_LINE 64

/* Names in `count_names`; the comment gives the column of "show stat". */
enum count_id {
    COUNT_SESSIONS,     /* stot: requests or connections that were given to it */
    COUNT_PICKED,       /* lbtot: of these, chosen by the balancing algorithm */
    COUNT_BYTES_IN,     /* bin: from the client */
    COUNT_BYTES_OUT,    /* bout: towards the client */
    COUNT_CONNECTS,     /* connect: connections opened to the server */
    COUNT_REUSES,       /* reuse: requests on a connection that was there already */
    COUNT_CONN_ERRORS,  /* econ */
    COUNT_RESP_ERRORS,  /* eresp */
    COUNT_RETRIES,      /* wretr */
    COUNT_REDISPATCHES, /* wredis */
    COUNT_CLI_ABORTS,   /* cli_abrt */
    COUNT_SRV_ABORTS,   /* srv_abrt */
    COUNT_DENIED_REQ,   /* dreq */
    COUNT_DENIED_RESP,  /* dresp */
    COUNT_DENIED_CONN,  /* dcon: connections refused by a rule */
    COUNT_DENIED_SESS,  /* dses: sessions refused by a rule */
    COUNT_BAD_REQ,      /* ereq: requests that were not understood, or never became whole */
    COUNT_INTERCEPTED,  /* intercepted: answered here, by rules or the statistics page */
    COUNT_REQUESTS,     /* req_tot */
    COUNT_RESP_1XX,     /* hrsp_1xx; the six follow each other */
    COUNT_RESP_2XX,
    COUNT_RESP_3XX,
    COUNT_RESP_4XX,
    COUNT_RESP_5XX,
    COUNT_RESP_OTHER,
    COUNT_QUEUED,      /* had to wait for a slot */
    COUNT_QUEUE_US,    /* sums of times in microseconds: waited */
    COUNT_CONNECT_US,  /* until the connection stood */
    COUNT_RESPONSE_US, /* until the response head was there */
    COUNT_TOTAL_US,    /* whole */
    COUNT_SUMS,        /* the peaks begin */
    COUNT_QUEUE_MAX_US = COUNT_SUMS,
    COUNT_CONNECT_MAX_US,
    COUNT_RESPONSE_MAX_US,
    COUNT_TOTAL_MAX_US,
    COUNT_LAST_US, /* when the last session began, on the monotonic clock */
    COUNT_N
};

struct count {
    _Alignas(CACHE_LINE) _Atomic uint64_t v[COUNT_N];
};

extern const char *const count_names[COUNT_N];

/* Owner only. */
static inline void count_add(struct count *c, enum count_id id, uint64_t n)
{
    uint64_t v = atomic_load_explicit(&c->v[id], memory_order_relaxed);
    atomic_store_explicit(&c->v[id], v + n, memory_order_relaxed);
}

/* Owner only, for the peaks. */
static inline void count_most(struct count *c, enum count_id id, uint64_t v)
{
    if (v > atomic_load_explicit(&c->v[id], memory_order_relaxed))
        atomic_store_explicit(&c->v[id], v, memory_order_relaxed);
}

/* Owner only: a time, into its sum and its peak. */
static inline void count_time(struct count *c, enum count_id sum, uint64_t us)
{
    count_add(c, sum, us);
    count_most(c, sum - COUNT_QUEUE_US + COUNT_QUEUE_MAX_US, us);
}

/* Any thread. */
static inline uint64_t count_get(const struct count *c, enum count_id id)
{
    return atomic_load_explicit(&c->v[id], memory_order_relaxed);
}

/* Any thread: raises the peak in `max` to `v`. */
static inline void count_peak(_Atomic uint32_t *max, uint32_t v)
{
    uint32_t seen = atomic_load_explicit(max, memory_order_relaxed);
    while (seen < v && !atomic_compare_exchange_weak_explicit(max, &seen, v, memory_order_relaxed,
                                                              memory_order_relaxed))
        ;
}

/* Any thread: one counter of several blocks that lie `stride` bytes apart, without what was there
 * when they were last cleared (NULL: never). */
uint64_t count_read(const struct count *first, size_t stride, unsigned n,
                    const struct count *cleared, enum count_id id);

/* Any one thread: what was counted so far counts no more; the peaks begin anew. */
void count_clear(struct count *first, size_t stride, unsigned n, struct count *cleared);
void count_clear_peaks(struct count *first, size_t stride, unsigned n);
