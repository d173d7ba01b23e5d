#include "lb/core/count.h"

const char *const count_names[COUNT_N] = {
    [COUNT_SESSIONS] = "sessions",
    [COUNT_PICKED] = "picked",
    [COUNT_BYTES_IN] = "bytes_in",
    [COUNT_BYTES_OUT] = "bytes_out",
    [COUNT_CONNECTS] = "connects",
    [COUNT_REUSES] = "reuses",
    [COUNT_CONN_ERRORS] = "connection_errors",
    [COUNT_RESP_ERRORS] = "response_errors",
    [COUNT_RETRIES] = "retries",
    [COUNT_REDISPATCHES] = "redispatches",
    [COUNT_CLI_ABORTS] = "client_aborts",
    [COUNT_SRV_ABORTS] = "server_aborts",
    [COUNT_DENIED_REQ] = "denied_requests",
    [COUNT_DENIED_RESP] = "denied_responses",
    [COUNT_DENIED_CONN] = "denied_connections",
    [COUNT_DENIED_SESS] = "denied_sessions",
    [COUNT_BAD_REQ] = "bad_requests",
    [COUNT_INTERCEPTED] = "intercepted",
    [COUNT_REQUESTS] = "requests",
    [COUNT_RESP_1XX] = "responses_1xx",
    [COUNT_RESP_2XX] = "responses_2xx",
    [COUNT_RESP_3XX] = "responses_3xx",
    [COUNT_RESP_4XX] = "responses_4xx",
    [COUNT_RESP_5XX] = "responses_5xx",
    [COUNT_RESP_OTHER] = "responses_other",
    [COUNT_QUEUED] = "queued",
    [COUNT_QUEUE_US] = "queue_us",
    [COUNT_CONNECT_US] = "connect_us",
    [COUNT_RESPONSE_US] = "response_us",
    [COUNT_TOTAL_US] = "total_us",
    [COUNT_QUEUE_MAX_US] = "queue_max_us",
    [COUNT_CONNECT_MAX_US] = "connect_max_us",
    [COUNT_RESPONSE_MAX_US] = "response_max_us",
    [COUNT_TOTAL_MAX_US] = "total_max_us",
    [COUNT_LAST_US] = "last_us",
};

static const struct count *block(const struct count *first, size_t stride, unsigned i)
{
    return (const struct count *)((const char *)first + i * stride);
}

uint64_t count_read(const struct count *first, size_t stride, unsigned n,
                    const struct count *cleared, enum count_id id)
{
    uint64_t sum = 0, most = 0;

    for (unsigned i = 0; i < n; i++) {
        uint64_t v = count_get(block(first, stride, i), id);
        sum += v;
        most = v > most ? v : most;
    }
    return id >= COUNT_SUMS ? most : sum - (cleared ? count_get(cleared, id) : 0);
}

void count_clear(struct count *first, size_t stride, unsigned n, struct count *cleared)
{
    for (unsigned id = 0; id < COUNT_SUMS; id++)
        count_add(cleared, id, count_read(first, stride, n, cleared, id));
    count_clear_peaks(first, stride, n);
}

/* A worker that writes at the same moment may bring an old peak back. */
void count_clear_peaks(struct count *first, size_t stride, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        for (unsigned id = COUNT_SUMS; id < COUNT_LAST_US; id++)
            atomic_store_explicit(&((struct count *)block(first, stride, i))->v[id], 0,
                                  memory_order_relaxed);
}
